"""The links in our messages: each is good for one person, one incident, and a few deeds."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.gateway.identity import About, Credential
from tocsin.notify import actions as notify
from tocsin.notify.actions import targets
from tocsin.notify.model import AnswerLink, Receipt
from tocsin.storage import Database, Tx

ANSWERS = frozenset({"incidents.get", "incidents.acknowledge", "incidents.resolve", "incidents.alert_next"})
"""What whoever holds an answer link may do, and only as the person to whom it was sent."""
LINKS = {"email": "e-mail link", "sms": "link in a text message", "push": "link in a notification"}
"""In words, by which link; any other one was posted in a chat or the like."""
POSTED = "posted link"
MAX_GUEST_CHARACTERS = 100
"""Of a name from elsewhere: more is nobody's name."""


class OpenedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that proved to be ours."""

    incident_id: int
    credential: Credential


async def open_link(
    database: Database,
    token: str,
    client_address: str | None,
    *,
    through: str | None = None,
    said_by: str | None = None,
    email: str | None = None,
) -> OpenedLink | None:
    """What an answer link opens; None when it is not ours (or what it was about is gone).

    A page that was sent to a person is answered as that person. One that was posted for a team is answered by whoever
    reads it there: by the member whose address `email` is, if the surface could find that out; else by a guest under
    the name `said_by`, e.g. `Ann (Slack)`, who may do nothing else. `through`: in words, by which way; None = by the
    link itself.
    """
    found = await database.read(_open, token, email)
    if found is None:
        return None
    link, user_id, place = found
    credential = Credential(
        user_id=user_id,
        guest=None if user_id is not None else _guest(said_by or f"Somebody in {place}"),
        through=through or LINKS.get(link.channel, POSTED),
        only=ANSWERS,
        about=About(team_id=link.team_id, id=link.incident_id),
        delivery_id=link.delivery_id,
        client_address=client_address,
    )
    return OpenedLink(incident_id=link.incident_id, credential=credential)


async def opened(database: Database, token: str) -> bool:
    """Note that a person, and not a program that tries links, has looked. False: the link is not ours."""
    return await database.write(_seen, token)


def answered(tx: Tx, credential: Credential, who: str, deed: str) -> None:
    """Note by which message somebody has done something, in the transaction in which it is done.

    `deed`: as operations say it, e.g. `acknowledged an incident`.
    """
    if credential.delivery_id is not None:
        said = f"{who} {deed.replace(' an incident', ' the incident')}"
        notify.receipt(tx, credential.delivery_id, Receipt.ANSWERED, f"{said} through this {credential.through}")


def _seen(tx: Tx, token: str) -> bool:
    link = notify.verify_answer(tx, token)
    if link is None:
        return False
    notify.receipt(tx, link.delivery_id, Receipt.SEEN, "the page behind its link was open before somebody's eyes")
    return True


def _open(tx: Tx, token: str, email: str | None) -> tuple[AnswerLink, int | None, str] | None:
    """The link, which person it makes of its holder (None = that cannot be told), and where it was posted."""
    link = notify.verify_answer(tx, token)
    if link is None:
        return None
    if link.user_id:
        return link, link.user_id, ""
    target = targets.find(tx, link.target_id)
    place = target.name if target is not None else "a place that is gone"
    user = accounts.user_by_email(tx, email) if email else None
    if user is not None and any(member.id == user.id for member in accounts.members(tx, link.team_id)):
        return link, user.id, place
    return link, None, place


def _guest(name: str) -> str:
    """A name that somebody gave themselves elsewhere, as one short line that can be seen and be written down."""
    seen = "".join(character if character.isprintable() else " " for character in name)
    return " ".join(seen.split())[:MAX_GUEST_CHARACTERS]
