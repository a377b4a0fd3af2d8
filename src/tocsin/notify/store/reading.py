"""The shelf as it is looked at afterwards: the ledger, who was reached, how many stand where."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, select

from tocsin.notify.model import Kind, State
from tocsin.notify.store.tables import deliveries, delivery_events
from tocsin.storage import Tx

Rows = Sequence[Row[Any]]
ACCEPTED = (State.SENT, State.DELIVERED, State.SEEN, State.ACKNOWLEDGED)
"""A provider took it, and has not said since that it did not arrive."""


def ledger(tx: Tx, incident_id: int, limit: int) -> Rows:
    """The newest ledger lines of an incident, newest first."""
    column, event = deliveries.c, delivery_events.c
    statement = (
        select(
            event.at, event.delivery_id, event.state, event.attempt, event.detail,
            column.user_id, column.recipient, column.address, column.channel, column.kind,
            column.target_id,
        )
        .join(deliveries, column.id == event.delivery_id)
        .where(column.incident_id == incident_id)
        .order_by(event.id.desc())
        .limit(limit)
    )  # fmt: skip
    return tx.execute(statement).all()


def reached(tx: Tx, incident_id: int) -> Rows:
    """(user_id, channel, address, target_id, endpoint) of all whose page was accepted, or may have been."""
    column = deliveries.c
    whom = (column.user_id, column.channel, column.address, column.target_id, column.endpoint)
    newest = select(func.max(column.id)).where(
        column.incident_id == incident_id,
        column.kind == Kind.PAGE,
        column.state.in_(ACCEPTED) | column.in_flight,
    )
    ids = newest.group_by(column.user_id, column.channel, column.address, column.target_id, column.distinct_key)
    return tx.execute(select(*whom).where(column.id.in_(ids)).order_by(column.id)).all()


def waiting(tx: Tx, incident_id: int, limit: int) -> Rows:
    """The pages of an incident that are planned for later than now and were never tried, in order of time."""
    column = deliveries.c
    mine = (column.incident_id == incident_id, column.kind == Kind.PAGE, column.state == State.QUEUED)
    later = select(deliveries).where(*mine, column.due_at > tx.now, column.attempts == 0)
    return tx.execute(later.order_by(column.due_at, column.id).limit(limit)).all()


def told(user_id: int, incident_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether that person was paged about the incident whose id stands in this column of another query."""
    column = deliveries.c
    mine = and_(column.incident_id == incident_id, column.user_id == user_id, column.kind == Kind.PAGE)
    return exists().where(mine)


def messages(tx: Tx, incident_id: int, *, offset: int, limit: int) -> tuple[Rows, int]:
    """The messages about an incident in the order in which they were planned, and how many there are in all."""
    column = deliveries.c
    mine = column.incident_id == incident_id
    total = int(tx.execute(select(func.count()).select_from(deliveries).where(mine)).scalar_one())
    some = select(deliveries).where(mine).order_by(column.planned_at, column.id).offset(offset).limit(limit)
    return tx.execute(some).all(), total


def lines_of(tx: Tx, ids: Collection[int], limit: int) -> Rows:
    """(delivery_id, at, state, detail) of the ledger lines of these deliveries, the oldest first."""
    event = delivery_events.c
    lines = select(event.delivery_id, event.at, event.state, event.detail).where(event.delivery_id.in_(ids))
    return tx.execute(lines.order_by(event.id).limit(limit)).all()


def newest_line(tx: Tx) -> int:
    """The id of the last line of the ledger; 0 when nobody was ever told anything."""
    return tx.execute(select(func.max(delivery_events.c.id))).scalar() or 0


def moved_since(tx: Tx, line_id: int, states: Collection[str], limit: int) -> Rows:
    """The deliveries with a later line of the ledger that says one of these states, and what that line says."""
    event = delivery_events.c
    moved = select(deliveries, event.state.label("became")).join(deliveries, deliveries.c.id == event.delivery_id)
    return tx.execute(
        moved.where(event.id > line_id, event.state.in_(states)).order_by(event.id).limit(limit)
    ).all()  # fmt: skip


def first_planned(tx: Tx, incident_id: int) -> datetime | None:
    """For when the first page of this incident was planned, ever."""
    column = deliveries.c
    mine = column.incident_id == incident_id
    found: datetime | None = tx.execute(
        select(func.min(column.planned_at)).where(mine, column.kind == Kind.PAGE)
    ).scalar_one()
    return found


def first_acceptance(tx: Tx, incident_id: int, since: datetime) -> datetime | None:
    """When a provider first took a page of an incident that was planned since then, or a receipt told so."""
    column, event = deliveries.c, delivery_events.c
    lines = (
        select(func.min(event.at))
        .join(deliveries, column.id == event.delivery_id)
        .where(column.incident_id == incident_id, column.kind == Kind.PAGE, column.planned_at >= since)
        .where(event.state.in_(ACCEPTED))
    )
    found: datetime | None = tx.execute(lines).scalar_one()
    return found


def cancelled_now(tx: Tx, incident_id: int) -> Rows:
    """(user_id, channel, address, target_id, endpoint) of the due pages that this transaction has cancelled."""
    column, event = deliveries.c, delivery_events.c
    whom = select(column.user_id, column.channel, column.address, column.target_id, column.endpoint)
    mine = whom.join(delivery_events, event.delivery_id == column.id).where(
        column.incident_id == incident_id,
        column.kind == Kind.PAGE,
        column.state == State.CANCELLED,
        column.planned_at <= tx.now,
        event.state == State.CANCELLED,
        event.at == tx.now,
    )
    return tx.execute(mine.order_by(event.id)).all()


def count_by_state(tx: Tx, since: datetime) -> dict[str, int]:
    """How many deliveries stand in each state, of those planned since then and those that are unfinished."""
    column = deliveries.c
    counted: dict[str, int] = {}
    for these in (column.planned_at >= since, (column.planned_at < since) & column.due_at.is_not(None)):
        statement = select(column.state, func.count().label("number")).where(these).group_by(column.state)
        for row in tx.execute(statement):
            counted[row.state] = counted.get(row.state, 0) + row.number
    return counted
