"""Pages are looked at when they should have arrived: what came too late is recorded, what never came is left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from tocsin.notify import rules
from tocsin.notify.actions import calling_off
from tocsin.notify.actions.failing_over import GivenUp, fail_over
from tocsin.notify.actions.planning import DELIVERIES_TOPIC
from tocsin.notify.actions.recording import line
from tocsin.notify.model import Breach, DeliveryEvent, Receipt, State
from tocsin.notify.store import arriving, reading
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx, events

MAX_LOOKS = 100
"""Pages that one transaction looks at."""


def receipt(tx: Tx, delivery_id: int, receipt: Receipt, detail: str, at: datetime | None = None) -> State | None:
    """Write down what became known of a message after it was handed over; returns its new state, None when that says
    nothing new, however often it is told.

    `detail`: in words, e.g. `Twilio: the call was answered`. `at`: when it happened, by the provider's word. What
    follows from UNDELIVERED (see `fail_over`) is done by the worker at once.
    """
    row = shelf.get(tx, delivery_id)
    if row is None:
        return None
    state = rules.received(State(row.state), receipt)
    if state is None:
        return None
    watch_at = tx.now if state is State.UNDELIVERED and row.open else None
    shelf.change(tx, delivery_id, state=state, due_at=None, in_flight=False, watch_at=watch_at)
    shelf.append(tx, [line(tx, delivery_id, state, row.attempts, detail, at)])
    if state is State.ACKNOWLEDGED:
        calling_off.answered(tx, row, detail)
    tx.ring(DELIVERIES_TOPIC)
    return state


def look_after(tx: Tx, given_up: GivenUp | None = None) -> datetime | None:
    """Look at the pages whose time has come; returns when the next ones are to be looked at.

    `given_up`: called with the incident when nothing is left that could reach somebody.
    """
    for id, watch_at in arriving.to_look_at(tx, MAX_LOOKS):
        if not arriving.claim_look(tx, id, watch_at):
            continue
        row = shelf.get(tx, id)
        assert row is not None  # we have just changed it
        if row.state == State.SENT:
            arriving.set_state(tx, id, State.UNDELIVERED)
            shelf.append(tx, [line(tx, id, State.UNDELIVERED, row.attempts, rules.SILENCE)])
            fail_over(tx, row, given_up)
        elif row.state == State.UNDELIVERED:
            fail_over(tx, row, given_up)
        else:
            record_breach(tx, row)
    return arriving.next_look(tx)


def record_breach(tx: Tx, row: Row[Any]) -> None:
    """This page was not accepted in time: unless another one of its incident was, that is a breach, recorded once."""
    if not row.open or arriving.any_accepted(tx, row.incident_id) or arriving.breach(tx, row.incident_id) is not None:
        return
    started_at = arriving.first_planned(tx, row.incident_id) or row.planned_at
    last = arriving.newest_line(tx, row.id)
    why = "" if last is None else rules.sentence(_event(row, last))
    arriving.add_breach(
        tx, incident_id=row.incident_id, team_id=row.team_id, started_at=started_at, recorded_at=tx.now, why=why
    )
    events.record(
        tx, "page.late", team_id=row.team_id, resource_type="incident", resource_id=row.incident_id, why=why
    )  # fmt: skip


def breach(tx: Tx, incident_id: int) -> Breach | None:
    """That nobody had accepted a page of this incident in time, if that was so."""
    row = arriving.breach(tx, incident_id)
    if row is None:
        return None
    return Breach(
        incident_id=incident_id,
        started_at=row.started_at,
        recorded_at=row.recorded_at,
        accepted_at=reading.first_acceptance(tx, incident_id, row.started_at),
        why=row.why,
    )


def paging_of(tx: Tx, incident_id: int) -> tuple[datetime | None, datetime | None]:
    """(for when the first page of an incident was planned, when a provider first accepted one)."""
    started_at = reading.first_planned(tx, incident_id)
    return started_at, None if started_at is None else reading.first_acceptance(tx, incident_id, started_at)


def count_breaches(tx: Tx) -> int:
    """How many incidents had a breach, of all that are remembered."""
    return arriving.count_breaches(tx)


def _event(row: Row[Any], last: Row[Any]) -> DeliveryEvent:
    return DeliveryEvent(
        at=last.at, delivery_id=row.id, user_id=row.user_id, recipient=row.recipient, address=row.address,
        channel=row.channel, kind=row.kind, state=last.state, attempt=last.attempt, detail=last.detail,
        target_id=row.target_id,
    )  # fmt: skip
