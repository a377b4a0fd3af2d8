"""The links in our messages: each is good for one person, one incident, and a few deeds."""

from __future__ import annotations

import msgspec

from tocsin.gateway.identity import About, Credential
from tocsin.notify import actions as notify
from tocsin.storage import Database

ANSWERS = frozenset({"incidents.get", "incidents.acknowledge", "incidents.resolve"})
"""What whoever holds an answer link may do, and only as the person to whom it was sent."""


class OpenedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that proved to be ours."""

    incident_id: int
    credential: Credential


async def open_link(database: Database, token: str, client_address: str | None) -> OpenedLink | None:
    """What an answer link opens; None when it is not ours (or what it was about is gone)."""
    link = await database.read(notify.verify_answer, token)
    if link is None:
        return None
    credential = Credential(
        user_id=link.user_id,
        through="e-mail link",
        only=ANSWERS,
        about=About(team_id=link.team_id, id=link.incident_id),
        client_address=client_address,
    )
    return OpenedLink(incident_id=link.incident_id, credential=credential)
