"""Messages are handed to senders, and what came of it is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from tocsin.notify import rules
from tocsin.notify.actions import calling_off, holding, targets
from tocsin.notify.actions.arriving import record_breach
from tocsin.notify.actions.composing import endpoint_of, message, parents
from tocsin.notify.actions.failing_over import GivenUp, fail_over, put_off
from tocsin.notify.actions.planning import DELIVERIES_TOPIC
from tocsin.notify.actions.recording import line, writable
from tocsin.notify.model import (
    EVERYTHING,
    UNLIMITED,
    Answer,
    GiveUp,
    Kind,
    Limits,
    Message,
    Retry,
    Sent,
    Share,
    State,
)
from tocsin.notify.store import holding as held
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx, events

Gone = Callable[[Tx, int, str, str], None]
"""What is to follow when an endpoint is dead for good: (person, channel, endpoint)."""


def claim(
    tx: Tx, channel: str, limit: int, base_url: str, limits: Limits = UNLIMITED, share: Share = EVERYTHING
) -> list[Message]:
    """Lease up to `limit` due deliveries of a channel, pages first. What is not settled is sent again.

    Pages of people who have had so many that `limits` holds back the rest are not among them; a digest is, which
    names them. `share`: how many of them may go to one place.
    """
    holding.hold_back(tx, channel, limit, limits)
    lease_until = tx.now + timedelta(seconds=rules.LEASE_SECONDS)
    taken = shelf.take(tx, channel, rules.URGENCIES, limit, lease_until, share)
    shelf.append(tx, [line(tx, row.id, State.SENDING, row.attempts, "") for row in taken])
    held.charge(tx, [row.id for row in taken if row.kind == Kind.PAGE])
    hangs_on = parents(tx, taken)
    claimed = []
    for row in taken:
        if row.kind == Kind.DIGEST:
            ready = holding.digest(tx, row, base_url)
        else:
            ready = message(tx, row, base_url, hangs_on=hangs_on)
        if ready is not None:
            claimed.append(ready)
    return claimed


def wanted(tx: Tx, delivery_id: int, attempt: int) -> bool:
    """Whether a claimed message is still to be sent by whoever made this attempt."""
    row = shelf.get(tx, delivery_id)
    return row is not None and row.state == State.SENDING and row.attempts == attempt


def settle(
    tx: Tx,
    delivery_id: int,
    attempt: int,
    answer: Answer,
    given_up: GivenUp | None = None,
    *,
    gone: Gone | None = None,
    received_within_seconds: float | None = None,
) -> State | None:
    """Write down what a channel answered to an attempt. Returns the new state, None when the answer changes nothing.

    `given_up` is called when this was a page and nothing else will reach its person: whoever planned it must turn to
    somebody else. `gone`: when the address is dead for good. `received_within_seconds`: how long after this a page
    may take to be reported as delivered; None = such reports do not come.
    """
    tx.ring(DELIVERIES_TOPIC)  # a sender has become free, and there may be more to send
    row = shelf.get(tx, delivery_id)
    if row is None:
        return None
    if isinstance(answer, GiveUp) and answer.endpoint_gone and gone is not None and row.user_id:
        gone(tx, row.user_id, row.channel, endpoint_of(tx, row))
    if isinstance(answer, GiveUp) and answer.endpoint_gone and row.target_id:
        targets.retire(tx, row.target_id)
    change = rules.settled(
        State(row.state), row.attempts, delivery_id=delivery_id, attempt=attempt, kind=row.kind,
        planned_at=row.planned_at, answer=answer, now=tx.now, worth=calling_off.worth(row),
    )  # fmt: skip
    name = writable(answer.provider_id) if isinstance(answer, Sent) and answer.provider_id is not None else None
    if name is not None and not row.open:
        calling_off.call_off_late(tx, row, name)
    if change is None:
        unnamed = name is not None and row.provider_id is None  # a receipt was quicker than this note
        if unnamed or (attempt == row.attempts and row.in_flight):  # or a cancelled page, as we now know, never left
            known = {"provider_id": name} if unnamed else {}
            shelf.change(tx, delivery_id, state=row.state, due_at=row.due_at, in_flight=False, **known)
        return None
    detail = writable(change.detail)
    more: dict[str, Any] = {}
    if change.state is State.SENT:
        if row.watch_at is not None and row.watch_at <= tx.now:
            record_breach(tx, row)
        more["watch_at"] = _receipt_due(tx, row, received_within_seconds)
        if name is not None:
            more["provider_id"] = name
    shelf.change(tx, delivery_id, state=change.state, due_at=change.due_at, in_flight=False, **more)
    shelf.append(tx, [line(tx, delivery_id, change.state, attempt, detail)])
    if change.state is State.GIVEN_UP:
        if row.incident_id:
            events.record(
                tx, "delivery.given_up", team_id=row.team_id, resource_type="incident", resource_id=row.incident_id,
                delivery_id=delivery_id, user_id=row.user_id, channel=row.channel, why=detail,
            )  # fmt: skip
        fail_over(tx, row, given_up)
    elif change.state is State.FAILED and isinstance(answer, Retry) and answer.elsewhere:
        fail_over(tx, row, given_up)
    elif change.state is State.FAILED and attempt == 1:
        put_off(tx, row, given_up)
    if row.kind == Kind.DIGEST and change.state is State.SENT:
        holding.told(tx, delivery_id, detail)
    elif row.kind == Kind.DIGEST and change.state is State.GIVEN_UP:
        holding.let_go(tx, delivery_id)
    return change.state


def take_over(tx: Tx) -> int:
    """Make due now what was tried and is unfinished: for a process that is alone, after a crash or a repair."""
    return shelf.hasten(tx)


def _receipt_due(tx: Tx, row: Row[Any], within_seconds: float | None) -> datetime | None:
    if within_seconds is None or row.kind != Kind.PAGE or not row.open or not row.incident_id:
        return None
    return tx.now + timedelta(seconds=within_seconds)
