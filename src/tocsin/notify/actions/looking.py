"""What there is to see of messages: what is due, how they stand, and all that happened to those of an incident."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from tocsin.notify import rules
from tocsin.notify.model import DeliveryEvent, Kind, Look, Move, Paged, Place, State
from tocsin.notify.store import arriving, reading
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

MAX_CHANNELS = 50
"""Kinds of channels that a look considers; far more than there are."""
COUNTED = timedelta(days=1)
"""How far back finished deliveries are counted for the metrics, so that a long history costs nothing."""
MAX_LEDGER_LINES = 2_000
"""Lines of one incident that a timeline reads at most: a storm must not make its own incident unreadable."""


def log(tx: Tx, incident_id: int) -> list[DeliveryEvent]:
    """Everything that happened to an incident's messages, oldest first; `rules.sentence` puts a line into words."""
    newest_first = reading.ledger(tx, incident_id, MAX_LEDGER_LINES)
    return [
        DeliveryEvent(
            at=row.at,
            delivery_id=row.delivery_id,
            user_id=row.user_id,
            recipient=row.recipient,
            address=row.address,
            channel=row.channel,
            kind=row.kind,
            state=row.state,
            attempt=row.attempt,
            detail=row.detail,
            target_id=row.target_id,
        )
        for row in reversed(newest_first)
    ]


def paged(tx: Tx, incident_id: int) -> list[Paged]:
    """Everyone, and every place, whose page of this incident was accepted, or may have been: whom to tell more."""
    return [
        Paged(row.user_id, row.channel, row.address, row.target_id, row.endpoint)
        for row in reading.reached(tx, incident_id)
    ]


def waiting(tx: Tx, incident_id: int, limit: int) -> list[tuple[datetime, str, Paged]]:
    """(when, the recipient's name, where to) of the pages that are planned for later, in order of time."""
    return [
        (row.due_at, row.recipient, Paged(row.user_id, row.channel, row.address, row.target_id, row.endpoint))
        for row in reading.waiting(tx, incident_id, limit)
    ]


def newest_line(tx: Tx) -> int:
    """Where the ledger ends now: `moved_since` tells what comes after it."""
    return reading.newest_line(tx)


def moved_since(tx: Tx, line_id: int, limit: int) -> list[Move]:
    """The messages that were planned, or taken back, after this line of the ledger, in order."""
    return [
        Move(
            taken_back=row.became == State.CANCELLED,
            kind=row.kind,
            due_at=row.due_at or row.planned_at,
            incident_id=row.incident_id,
            channel=row.channel,
            recipient=row.recipient,
            address=row.address,
            user_id=row.user_id,
            target_id=row.target_id,
            critical=row.critical,
        )
        for row in reading.moved_since(tx, line_id, (State.QUEUED, State.CANCELLED), limit)
    ]


def taken_back(tx: Tx, incident_id: int) -> list[Paged]:
    """Whoever should have been paged by now, and whose page this very transaction has taken back."""
    return [
        Paged(row.user_id, row.channel, row.address, row.target_id, row.endpoint)
        for row in reading.cancelled_now(tx, incident_id)
    ]


def look(tx: Tx, full: Mapping[str, Collection[Place]] = {}, accepted_at: datetime | None = None) -> Look:
    """What is due now on which channel, and when there is more: a few jumps of an index, however long the queue is.

    `full`: by channel, the places to which nothing more can leave now; what waits for them is not due.
    `accepted_at`: when a provider last took something, as far as the caller knows; what was planned before that and is
    still being tried is the trouble of whoever it goes to.
    """
    due: list[str] = []
    instants: list[datetime] = []
    overdue: list[datetime] = []
    for channel in shelf.channels_waiting(tx, MAX_CHANNELS):
        for urgency in rules.URGENCIES:
            come, coming = shelf.dues(tx, channel, urgency, full.get(channel, ()))
            if come is not None and channel not in due:
                due.append(channel)
            if come is not None and urgency == rules.urgency(Kind.PAGE):
                overdue.append(come)
            if coming is not None:
                instants.append(coming)
    return Look(
        due=tuple(due),
        next_at=min(instants, default=None),
        oldest_page_due_at=min(overdue, default=None),
        watch_at=arriving.next_look(tx),
        oldest_tried_page_at=shelf.oldest_tried(tx, rules.urgency(Kind.PAGE), accepted_at or shelf.newest_accepted(tx)),
    )


def states(tx: Tx) -> dict[str, int]:
    """Deliveries by state, for the metrics: those planned within the last day, and all that are unfinished."""
    found = reading.count_by_state(tx, tx.now - COUNTED)
    return {state.value: found.get(state.value, 0) for state in State}
