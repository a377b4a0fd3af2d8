"""The shelf of errands: instructions that are to be written into incidents, and reminded of until they are done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, UniqueConstraint, delete, insert, select, update

from tocsin.escalation.model import Errand, Instructions
from tocsin.storage import Tx
from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id, Instant, Json, metadata

escalation_errands = Table(
    "escalation_errands",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("policy_id", Id, nullable=False),
    Column("step", Id, nullable=False),
    Column("instructions", Json, nullable=False),
    Column("comment_id", Id, nullable=True),
    Column("due_at", Instant, nullable=True),
    UniqueConstraint("incident_id", "policy_id", "step"),
    sqlite_autoincrement=True,
)
"""Instructions that plans have come to; each is given once, however often its policy is repeated."""
_DUE = escalation_errands.c.due_at.is_not(None)
Index("ix_escalation_errands_due_at", escalation_errands.c.due_at, sqlite_where=_DUE, postgresql_where=_DUE)
moves_with_the_clock(escalation_errands.c.due_at, topic="errands", concerned=lambda now: _DUE)


def assign(tx: Tx, incident_id: int, policy_id: int, step: int, instructions: Instructions) -> bool:
    """Let these instructions be written now. False when the same step has given them already."""
    column = escalation_errands.c
    same = (column.incident_id == incident_id, column.policy_id == policy_id, column.step == step)
    if tx.execute(select(column.id).where(*same)).first() is not None:
        return False
    values = {"incident_id": incident_id, "policy_id": policy_id, "step": step, "instructions": instructions}
    tx.execute(insert(escalation_errands).values(due_at=tx.now, **values))
    return True


def find(tx: Tx, id: int) -> Errand | None:
    """The errand with that id."""
    row = tx.execute(select(escalation_errands).where(escalation_errands.c.id == id)).first()
    return None if row is None else _errand(row)


def due(tx: Tx, now: datetime, limit: int) -> list[int]:
    """Ids of what is to be written or looked at by now, the longest waiting first."""
    column = escalation_errands.c
    return list(
        tx.execute(select(column.id).where(column.due_at <= now).order_by(column.due_at).limit(limit)).scalars()
    )


def earliest(tx: Tx) -> datetime | None:
    """When the next of them is due."""
    column = escalation_errands.c.due_at
    found: datetime | None = tx.execute(select(column).where(_DUE).order_by(column).limit(1)).scalar()
    return found


def claim(tx: Tx, seen: Errand, *, due_at: datetime | None, comment_id: int | None) -> bool:
    """Go on from what we saw; False when another worker was there first."""
    column = escalation_errands.c
    mine = update(escalation_errands).where(column.id == seen.id, column.due_at == seen.due_at)
    return tx.execute(mine.values(due_at=due_at, comment_id=comment_id)).rowcount == 1


def write_down(tx: Tx, id: int, comment_id: int) -> None:
    """Note where the instructions were written."""
    tx.execute(update(escalation_errands).where(escalation_errands.c.id == id).values(comment_id=comment_id))


def forget(tx: Tx, incident_id: int) -> None:
    """Delete the errands of an incident."""
    tx.execute(delete(escalation_errands).where(escalation_errands.c.incident_id == incident_id))


def _errand(row: Any) -> Errand:
    return Errand(
        id=row.id,
        incident_id=row.incident_id,
        instructions=msgspec.convert(row.instructions, Instructions),
        comment_id=row.comment_id,
        due_at=row.due_at,
    )
