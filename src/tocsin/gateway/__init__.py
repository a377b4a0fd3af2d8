"""The door: every call, from wherever it comes, is recognised, judged, written down and only then done."""

from tocsin.gateway.door import Door
from tocsin.gateway.identity import Actor, Credential
from tocsin.gateway.request import Reply

__all__ = ["Actor", "Credential", "Door", "Reply"]
