"""What happened, row by row: everything that must be told to others later is read from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Index, Table, Text, insert

from tocsin.storage.database import Tx
from tocsin.storage.tables import Id, Instant, Json, metadata

EVENTS_TOPIC = "events"
"""Rung after every commit that recorded an event."""

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
