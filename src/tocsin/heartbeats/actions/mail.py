"""Pings by e-mail: a job that can only send mail writes to its heartbeat's token."""

from __future__ import annotations

from datetime import datetime

from tocsin.heartbeats.actions.pinging import record
from tocsin.heartbeats.model import Kind, Ping, Settings
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.inbound.model import ReceivedMail
from tocsin.kernel.text import cut
from tocsin.storage import Tx

METHOD = "EMAIL"
MAX_BODY_BYTES = 100_000
"""Of a mail's text, kept with the incident of a failure."""


def takes_mail(tx: Tx, token: str) -> bool:
    """Whether a heartbeat has this token: asked before a mail's content is sent."""
    return bool(shelf.ids_of_tokens(tx, [token.lower()]))


def receive_mail(tx: Tx, token: str, mail: ReceivedMail, now: datetime, base_url: str = "") -> bool:
    """A mail to `token@…` is a ping; False when no heartbeat has that token (capitals do not matter).

    A mail whose subject or text contains the failure keyword reports a failure. When a success keyword is set, any
    other mail must contain it, or it is kept and means nothing.
    """
    found = shelf.ids_of_tokens(tx, [token.lower()])
    if not found:
        return False
    (id,) = found.values()
    heartbeat = shelf.find(tx, id)
    if heartbeat is None:
        return False
    text = f"{mail.subject}\n\n{mail.text}".encode(errors="replace")
    ping = Ping(
        heartbeat_id=id,
        kind=meaning(heartbeat.settings, mail),
        method=METHOD,
        user_agent=mail.sender[:200],
        body=cut(text, MAX_BODY_BYTES),
    )
    record(tx, [ping], base_url)
    return True


def meaning(settings: Settings, mail: ReceivedMail) -> Kind:
    """What a mail says about the job."""
    said = f"{mail.subject}\n{mail.text}".casefold()
    if settings.failure_keyword and settings.failure_keyword.casefold() in said:
        return Kind.FAIL
    if settings.success_keyword and settings.success_keyword.casefold() not in said:
        return Kind.LOG
    return Kind.SUCCESS
