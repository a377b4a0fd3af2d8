"""Calls that still ring or speak are ended as soon as somebody has answered: nobody is woken for what is taken on.

To end a call is a row in the outbox beside the call itself, written in the transaction of its cause, so that it is
leased, retried and told like every message; `provider_id` is the call.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from tocsin.notify import rules
from tocsin.notify.actions.recording import line
from tocsin.notify.channels import calling
from tocsin.notify.model import Kind, Notice, State
from tocsin.notify.store import arriving
from tocsin.notify.store import hanging_up as live
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

UNNEEDED = "nobody needs to answer any more"
"""Why a call is ended that was made while it was taken back, when nothing says by whom."""


def hang_up(tx: Tx, incident_id: int, reason: str) -> int:
    """End the calls about an incident that may be live, before its pages are closed; returns how many those are.

    Left alone are a call through which its person has answered, and one that did not get through by its provider's
    word. `reason`: in words, e.g. `Bob acknowledged the incident`: what is said to whoever listens.
    """
    number = 0
    for channel, seconds in calling().items():
        for row in live.calls(tx, incident_id, channel, tx.now - timedelta(seconds=seconds)):
            if row.state == State.UNDELIVERED and not _silent(tx, row.id):
                continue
            _plan(tx, row, row.provider_id, reason)
            number += 1
    return number


def hang_up_late(tx: Tx, row: Row[Any], provider_id: str) -> None:
    """A provider has accepted this message (a row of `deliveries`) as `provider_id`, although it was taken back while
    it was being handed over: if it is a call, end it."""
    known = row.provider_id == provider_id or row.state == State.ACKNOWLEDGED
    if row.kind != Kind.PAGE or not row.incident_id or row.channel not in calling() or known:
        return
    last = arriving.newest_line(tx, row.id)
    _plan(tx, row, provider_id, last.detail if last is not None and last.state == State.CANCELLED else UNNEEDED)


def spare(tx: Tx, provider_id: str) -> None:
    """The answer came through this very call, in this transaction: its person hears it confirmed to the end."""
    live.spare(tx, provider_id)


def _silent(tx: Tx, delivery_id: int) -> bool:
    """Whether it is only we who believe that it did not get through: it may be waiting at its provider."""
    last = arriving.newest_line(tx, delivery_id)
    return last is not None and last.detail == rules.SILENCE


def _plan(tx: Tx, row: Row[Any], provider_id: str, reason: str) -> None:
    notice = Notice(
        kind=Kind.HANG_UP,
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
        kind=Kind.HANG_UP.value,
        urgency=rules.urgency(Kind.HANG_UP),
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
