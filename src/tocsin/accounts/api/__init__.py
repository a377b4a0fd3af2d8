"""Teams, their people and where those are signed in, on the wire."""

from collections.abc import Iterator

from tocsin.accounts.api import people, sessions, tokens
from tocsin.accounts.api.people import INVITATION, MEMBER, RESOURCES, SendInvitation
from tocsin.registry import Operation


def operations(send: SendInvitation) -> Iterator[Operation]:
    """What can be done with people in teams; `send` brings an invitation to its person."""
    yield from people.operations(send)
    yield from sessions.OPERATIONS
    yield from tokens.TOKEN_OPERATIONS


__all__ = ["INVITATION", "MEMBER", "RESOURCES", "SendInvitation", "operations"]
