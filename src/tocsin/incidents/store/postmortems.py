"""The shelf of post-mortems: one text for each incident."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, Text, delete, insert, select, update

from tocsin.incidents.model import Postmortem
from tocsin.storage import Tx
from tocsin.storage.tables import Id, Instant, metadata

incident_postmortems = Table(
    "incident_postmortems",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False, unique=True),
    Column("content", Text, nullable=False),
    Column("edited_by", Text, nullable=False),
    Column("edited_by_user_id", Id, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)


def find(tx: Tx, incident_id: int) -> Postmortem | None:
    """The one of an incident."""
    table = incident_postmortems
    row = tx.execute(select(table).where(table.c.incident_id == incident_id)).first()
    return None if row is None else Postmortem(**row._mapping)


def add(tx: Tx, incident_id: int, values: dict[str, Any]) -> None:
    """Insert it."""
    made = {"incident_id": incident_id, "created_at": tx.now, "updated_at": tx.now}
    tx.execute(insert(incident_postmortems).values(**made, **values))


def change(tx: Tx, id: int, seen: datetime, now: datetime, values: dict[str, Any]) -> bool:
    """Replace it if it still is as it was seen; False when somebody was faster."""
    column = incident_postmortems.c
    same = update(incident_postmortems).where(column.id == id, column.updated_at == seen)
    return tx.execute(same.values(updated_at=now, **values)).rowcount == 1


def remove(tx: Tx, incident_id: int) -> None:
    """Delete it."""
    tx.execute(delete(incident_postmortems).where(incident_postmortems.c.incident_id == incident_id))
