"""The shelf of what must be looked at: pages that should have been accepted, or received, by now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from tocsin.notify.model import Kind, State
from tocsin.notify.store.reading import ACCEPTED
from tocsin.notify.store.tables import deliveries, delivery_events, page_breaches
from tocsin.storage import Tx

Rows = Sequence[Row[Any]]


def to_look_at(tx: Tx, limit: int) -> list[tuple[int, datetime]]:
    """(id, watch_at) of the pages whose time to be looked at has come, the oldest first."""
    column = deliveries.c
    due = select(column.id, column.watch_at).where(column.watch_at <= tx.now).order_by(column.watch_at, column.id)
    return [(row.id, row.watch_at) for row in tx.execute(due.limit(limit))]


def next_look(tx: Tx) -> datetime | None:
    """When the next page is to be looked at."""
    found: datetime | None = tx.execute(select(func.min(deliveries.c.watch_at))).scalar_one()
    return found


def claim_look(tx: Tx, delivery_id: int, watch_at: datetime) -> bool:
    """Whether it is ours to look at this page: each look is one caller's only."""
    column = deliveries.c
    mine = update(deliveries).where(column.id == delivery_id, column.watch_at == watch_at).values(watch_at=None)
    return tx.execute(mine).rowcount == 1


def set_state(tx: Tx, delivery_id: int, state: State) -> None:
    """Nothing else about it changes."""
    tx.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(state=state))


def pages_of(tx: Tx, incident_id: int, user_id: int, limit: int) -> Rows:
    """One person's open pages of an incident, in the order in which they were planned."""
    column = deliveries.c
    mine = select(column.id, column.channel, column.address, column.state, column.attempts, column.due_at,
                  column.in_flight)  # fmt: skip
    mine = mine.where(column.incident_id == incident_id, column.user_id == user_id, column.target_id == 0)
    mine = mine.where(column.kind == Kind.PAGE, column.open.is_(True))
    return tx.execute(mine.order_by(column.planned_at, column.id).limit(limit)).all()


def make_due(tx: Tx, ids: Collection[int]) -> None:
    """These leave at once."""
    tx.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(due_at=tx.now))


def any_accepted(tx: Tx, incident_id: int) -> bool:
    """Whether a provider has taken an open page of this incident, or a digest in which one stands."""
    column = deliveries.c
    taken = column.state.in_((*ACCEPTED, State.UNDELIVERED))
    digests = select(column.id).where(column.kind == Kind.DIGEST, column.state.in_(ACCEPTED))
    mine = select(column.id).where(
        column.incident_id == incident_id, column.kind == Kind.PAGE, column.open.is_(True),
        taken | column.digest_id.in_(digests),
    )  # fmt: skip
    return tx.execute(mine.limit(1)).first() is not None


def first_planned(tx: Tx, incident_id: int) -> datetime | None:
    """For when the first open page of this incident was planned."""
    column = deliveries.c
    mine = select(func.min(column.planned_at)).where(
        column.incident_id == incident_id, column.kind == Kind.PAGE, column.open.is_(True)
    )
    found: datetime | None = tx.execute(mine).scalar_one()
    return found


def newest_line(tx: Tx, delivery_id: int) -> Row[Any] | None:
    """The newest line in the ledger of a delivery."""
    event = delivery_events.c
    return tx.execute(
        select(delivery_events).where(event.delivery_id == delivery_id).order_by(event.id.desc()).limit(1)
    ).first()


def breach(tx: Tx, incident_id: int) -> Row[Any] | None:
    """The breach that is recorded of an incident."""
    return tx.execute(select(page_breaches).where(page_breaches.c.incident_id == incident_id)).first()


def add_breach(tx: Tx, **values: Any) -> int:
    """Record one; returns its id."""
    return tx.insert(insert(page_breaches).values(**values))


def count_breaches(tx: Tx) -> int:
    """How many are recorded."""
    return int(tx.execute(select(func.count()).select_from(page_breaches)).scalar_one())
