"""What happened, row by row: everything that must be told to others later is read from here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Index, Table, Text, and_, delete, insert, not_, select

from tocsin.storage.database import Tx
from tocsin.storage.tables import Id, Instant, Json, metadata

EVENTS_TOPIC = "events"
"""Rung after every commit that recorded an event."""
KEPT_FOR = timedelta(days=400)
"""As long as the audit log: a year, and the month in which somebody asks about it."""

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("team_id", Id, nullable=True),
    Column("name", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Id, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_events_resource", "resource_type", "resource_id", "id"),
    Index("ix_events_at", "at"),
    sqlite_autoincrement=True,
)


def record(tx: Tx, name: str, *, team_id: int | None, resource_type: str, resource_id: int, **data: Any) -> None:
    """Write down that `name` (e.g. `incident.started`) happened, in the transaction of its cause."""
    tx.execute(
        insert(events).values(
            at=tx.now, team_id=team_id, name=name, resource_type=resource_type, resource_id=resource_id, data=data
        )
    )
    tx.ring(EVENTS_TOPIC)


def record_all(tx: Tx, name: str, *, resource_type: str, happened: Iterable[tuple[int | None, int]]) -> None:
    """`record` for many at once, without data: `happened` says to whom, as (team id, resource id)."""
    rows: list[dict[str, Any]] = [
        {"at": tx.now, "team_id": team_id, "name": name, "resource_type": resource_type, "resource_id": id, "data": {}}
        for team_id, id in happened
    ]
    if rows:
        tx.execute(insert(events), rows)
        tx.ring(EVENTS_TOPIC)


def prune(tx: Tx, *, at_most: int, spared_type: str, spared_ids: Collection[int]) -> int:
    """Delete a bounded number of events past their time; returns how many. Those of the spared resources stay."""
    spared = and_(events.c.resource_type == spared_type, events.c.resource_id.in_(spared_ids))
    old = select(events.c.id).where(events.c.at < tx.now - KEPT_FOR, not_(spared))
    ids = list(tx.execute(old.order_by(events.c.at).limit(at_most)).scalars())
    if ids:
        tx.execute(delete(events).where(events.c.id.in_(ids)))
    return len(ids)
