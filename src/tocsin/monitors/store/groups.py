"""Monitor groups on the shelf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tocsin.monitors.model import MonitorGroup
from tocsin.monitors.store.tables import groups
from tocsin.storage import Tx


def insert_group(tx: Tx, *, team_id: int, name: str, sort_index: int | None, paused: bool) -> int:
    return tx.insert(
        insert(groups).values(
            team_id=team_id, name=name, sort_index=sort_index, paused=paused, created_at=tx.now, updated_at=tx.now
        )
    )


def update_group(tx: Tx, id: int, *, name: str, sort_index: int | None, paused: bool) -> None:
    tx.execute(
        update(groups)
        .where(groups.c.id == id)
        .values(name=name, sort_index=sort_index, paused=paused, updated_at=tx.now)
    )


def delete_group(tx: Tx, id: int) -> None:
    tx.execute(delete(groups).where(groups.c.id == id))


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> MonitorGroup | None:
    """The group if it exists and belongs to one of the teams (None = whichever). `team_name` is left empty."""
    statement = select(groups).where(groups.c.id == id)
    if team_ids is not None:
        statement = statement.where(groups.c.team_id.in_(team_ids))
    row = tx.execute(statement).first()
    return None if row is None else _group(row)


def page(
    tx: Tx, *, team_ids: tuple[int, ...] | None, page: int, per_page: int, ids: Sequence[int] | None = None
) -> tuple[list[MonitorGroup], int]:
    """One page by id ascending, and how many there are in all. `ids`: of these alone."""
    conditions = [] if team_ids is None else [groups.c.team_id.in_(team_ids)]
    if ids is not None:
        conditions.append(groups.c.id.in_(ids))
    total = tx.execute(select(func.count()).select_from(groups).where(*conditions)).scalar_one()
    rows = tx.execute(
        select(groups).where(*conditions).order_by(groups.c.id).limit(per_page).offset((page - 1) * per_page)
    )
    return [_group(row) for row in rows], int(total)


def _group(row: Any) -> MonitorGroup:
    return MonitorGroup(
        id=row.id, team_id=row.team_id, team_name="", name=row.name, sort_index=row.sort_index,
        paused=bool(row.paused), created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip
