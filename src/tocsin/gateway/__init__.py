"""The door: every call, from wherever it comes, is recognised, judged, written down and only then done."""

from tocsin.gateway.door import Door, Reply
from tocsin.gateway.identity import Actor, Credential

__all__ = ["Actor", "Credential", "Door", "Reply"]
