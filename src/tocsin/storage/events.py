"""What happened, row by row: everything that must be told to others later is read from here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text, and_, delete, insert, not_, select, update

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
    Column("due_at", Instant, nullable=True),
    Index("ix_events_resource", "resource_type", "resource_id", "id"),
    Index("ix_events_at", "at"),
    Index(
        "ix_events_due",
        "id",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    sqlite_autoincrement=True,
)
"""`due_at`: since when it is to be handed on to whoever outside has asked for it; NULL = that was done.

A mark on every row, not "all up to this id": on PostgreSQL a lower id may become visible after a higher one.
"""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `data` is what its cause wrote down about it, as it was at that instant."""

    id: int
    at: datetime
    team_id: int | None
    name: str
    resource_type: str
    resource_id: int
    data: dict[str, Any]


def record(tx: Tx, name: str, *, team_id: int | None, resource_type: str, resource_id: int, **data: Any) -> int:
    """Write down that `name` (e.g. `incident.started`) happened, in the transaction of its cause; returns its id."""
    tx.ring(EVENTS_TOPIC)
    return tx.insert(
        insert(events).values(
            at=tx.now,
            team_id=team_id,
            name=name,
            resource_type=resource_type,
            resource_id=resource_id,
            data=data,
            due_at=tx.now,
        )
    )


def record_all(
    tx: Tx, name: str, *, resource_type: str, happened: Iterable[tuple[int | None, int, Mapping[str, Any]]]
) -> None:
    """`record` for many at once: `happened` says to whom and what, as (team id, resource id, data)."""
    rows: list[dict[str, Any]] = [
        {
            "at": tx.now,
            "team_id": team_id,
            "name": name,
            "resource_type": resource_type,
            "resource_id": id,
            "data": data,
            "due_at": tx.now,
        }
        for team_id, id, data in happened
    ]
    if rows:
        tx.execute(insert(events), rows)
        tx.ring(EVENTS_TOPIC)


def due(tx: Tx, limit: int) -> list[int]:
    """The ids of events that are still to be handed on, in order."""
    column = events.c
    return list(
        tx.execute(select(column.id).where(column.due_at.is_not(None)).order_by(column.id).limit(limit)).scalars()
    )


def take(tx: Tx, ids: Collection[int]) -> list[Event]:
    """Mark these events as handed on and return them in order: each is given to one caller only."""
    column = events.c
    mine = update(events).where(column.id.in_(ids), column.due_at.is_not(None)).values(due_at=None).returning(column.id)
    return sorted(find(tx, list(tx.execute(mine).scalars())).values(), key=lambda event: event.id)


def find(tx: Tx, ids: Collection[int]) -> dict[int, Event]:
    """Events by id; what is forgotten already is left out."""
    if not ids:
        return {}
    column = events.c
    statement = (
        select(column.id, column.at, column.team_id, column.name, column.resource_type, column.resource_id, column.data)
        .where(column.id.in_(ids))
        .order_by(column.id)
    )
    return {row.id: Event(**row._mapping) for row in tx.execute(statement)}


def latest(tx: Tx, names: Collection[str], *, resource_type: str, resource_id: int) -> Event | None:
    """The newest event of these names about a resource."""
    column = events.c
    about = (column.resource_type == resource_type, column.resource_id == resource_id, column.name.in_(names))
    id = tx.execute(select(column.id).where(*about).order_by(column.id.desc()).limit(1)).scalar()
    return None if id is None else find(tx, [id])[id]


def turns(
    tx: Tx, names: Collection[str], *, resource_type: str, resource_ids: Sequence[int], since: datetime, limit: int
) -> list[tuple[int, datetime, str]]:
    """(resource id, instant, name) of the newest such events about some hundreds of resources, in order."""
    column = events.c
    mine = (column.resource_type == resource_type, column.resource_id.in_(resource_ids), column.name.in_(names))
    newest = select(column.resource_id, column.at, column.name).where(*mine, column.at >= since)
    rows = tx.execute(newest.order_by(column.id.desc()).limit(limit)).all()
    return [(row.resource_id, row.at, row.name) for row in reversed(rows)]


def newest(tx: Tx) -> int:
    """The id of the last event; 0 when nothing has happened yet."""
    return tx.execute(select(events.c.id).order_by(events.c.id.desc()).limit(1)).scalar() or 0


def since(tx: Tx, id: int, limit: int) -> list[Event]:
    """What has happened after the event `id`, in order."""
    column = events.c
    after = select(column.id).where(column.id > id).order_by(column.id).limit(limit)
    return list(find(tx, list(tx.execute(after).scalars())).values())


def oldest_due(tx: Tx) -> datetime | None:
    """Since when the first event waits to be handed on; None when none does."""
    column = events.c
    first = select(column.due_at).where(column.due_at.is_not(None)).order_by(column.id).limit(1)
    found: datetime | None = tx.execute(first).scalar()
    return found


def prune(tx: Tx, *, at_most: int, spared_type: str, spared_ids: Collection[int]) -> int:
    """Delete a bounded number of events past their time; returns how many. Those of the spared resources stay."""
    spared = and_(events.c.resource_type == spared_type, events.c.resource_id.in_(spared_ids))
    old = select(events.c.id).where(events.c.at < tx.now - KEPT_FOR, not_(spared))
    ids = list(tx.execute(old.order_by(events.c.at).limit(at_most)).scalars())
    if ids:
        tx.execute(delete(events).where(events.c.id.in_(ids)))
    return len(ids)
