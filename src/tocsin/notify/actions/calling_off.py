"""What goes on by itself after it was sent (a call rings or speaks, a critical push repeats itself) is called off as
soon as somebody has answered, or nobody is to be alerted any more: nobody is woken for what is taken on.

To call something off is a row in the outbox beside the page itself, written in the transaction of its cause, so that it
is leased, retried and told like every message; `provider_id` is the provider's name for what is to end.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from tocsin.notify import rules
from tocsin.notify.actions.recording import line
from tocsin.notify.channels import called_off_within, goes_on, going_on, keeps_ringing
from tocsin.notify.model import Kind, Notice, State
from tocsin.notify.store import arriving
from tocsin.notify.store import calling_off as live
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

UNNEEDED = "nobody needs to answer any more"
"""Why something is called off that was sent while it was taken back, when nothing says by whom."""


def call_off(tx: Tx, incident_id: int, reason: str) -> int:
    """End what goes on about an incident, before its pages are closed; returns how many of them that concerns.

    Left alone are a call through which its person has answered, and one that did not get through by its provider's
    word. `reason`: in words, e.g. `Bob acknowledged the incident`: what is said to whoever listens.
    """
    channels = going_on()
    number = 0
    for row in live.pages(tx, incident_id, channels):
        if row.tried_at is None or row.tried_at <= tx.now - timedelta(seconds=channels[row.channel]):
            continue
        if row.state == State.UNDELIVERED and not _silent(tx, row.id):
            continue
        number += _end(tx, row, row.provider_id, reason)
    return number


def call_off_late(tx: Tx, row: Row[Any], provider_id: str) -> None:
    """A provider has accepted this message (a row of `deliveries`) as `provider_id`, although it was taken back while
    it was being handed over: if it goes on by itself, end it."""
    if row.kind != Kind.PAGE or not row.incident_id or row.provider_id == provider_id:
        return
    last = arriving.newest_line(tx, row.id)
    told = last is not None and last.state in (State.CANCELLED, State.ACKNOWLEDGED)
    _end(tx, row, provider_id, last.detail if last is not None and told else UNNEEDED)


def answered(tx: Tx, row: Row[Any], how: str) -> None:
    """Its person has answered through this very page, in this transaction. A call is heard to the end; what repeats
    itself is not ended by a press on the button of our own page, also when they only passed it on."""
    if row.provider_id is None:
        return
    if keeps_ringing(row.channel):
        _end(tx, row, row.provider_id, how)
    else:
        live.spare(tx, row.provider_id)


def worth(row: Row[Any]) -> timedelta | None:
    """For how long it is worth trying to call this off (a row of `deliveries`); None = it is something to send."""
    seconds = called_off_within(row.channel) if row.kind == Kind.CALL_OFF else None
    return None if seconds is None else timedelta(seconds=seconds)


def _silent(tx: Tx, delivery_id: int) -> bool:
    """Whether it is only we who believe that it did not get through: it may be waiting at its provider."""
    last = arriving.newest_line(tx, delivery_id)
    return last is not None and last.detail == rules.SILENCE


def _end(tx: Tx, row: Row[Any], provider_id: str, reason: str) -> bool:
    """Plan the end of what the provider calls so, once. False: it does not go on, or its person hears it confirmed."""
    confirmed = row.state == State.ACKNOWLEDGED and not keeps_ringing(row.channel)
    if confirmed or not goes_on(row.channel, provider_id) or live.planned(tx, row.incident_id, provider_id):
        return False
    notice = Notice(
        kind=Kind.CALL_OFF,
        incident_id=row.incident_id,
        team_id=row.team_id,
        subject=f"[Tocsin] {reason}",
        headline=reason[:1].upper() + reason[1:],
        cause="",
        thread_key=f"incident-{row.incident_id}",
    )
    id = shelf.add(
        tx,
        team_id=row.team_id,
        incident_id=row.incident_id,
        user_id=row.user_id,
        recipient=row.recipient,
        target_id=row.target_id,
        channel=row.channel,
        address=row.address,
        endpoint=row.endpoint,
        distinct_key=provider_id,
        kind=Kind.CALL_OFF.value,
        urgency=rules.urgency(Kind.CALL_OFF),
        critical=False,
        notice=notice,
        planned_at=tx.now,
        state=State.QUEUED,
        attempts=0,
        in_flight=False,
        due_at=tx.now,
        watch_at=None,
        code=None,
        provider_id=provider_id,
        open=False,
    )
    shelf.append(tx, [line(tx, id, State.QUEUED, 0, reason)])
    return True
