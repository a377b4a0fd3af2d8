"""Groups of status pages on the shelf."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select, update

from tocsin.status_pages.model import PageGroup
from tocsin.status_pages.store.tables import page_groups
from tocsin.storage import Tx


def insert_group(tx: Tx, *, team_id: int, name: str, sort_index: int | None) -> int:
    return tx.insert(
        insert(page_groups).values(
            team_id=team_id, name=name, sort_index=sort_index, created_at=tx.now, updated_at=tx.now
        )
    )


def update_group(tx: Tx, id: int, *, name: str, sort_index: int | None) -> None:
    tx.execute(
        update(page_groups).where(page_groups.c.id == id).values(name=name, sort_index=sort_index, updated_at=tx.now)
    )


def delete_group(tx: Tx, id: int) -> None:
    tx.execute(delete(page_groups).where(page_groups.c.id == id))


def find(tx: Tx, id: int) -> PageGroup | None:
    """The group with that id. `team_name` is left empty."""
    row = tx.execute(select(page_groups).where(page_groups.c.id == id)).first()
    return None if row is None else PageGroup(**row._mapping)


def page(tx: Tx, team_ids: tuple[int, ...] | None, *, offset: int, limit: int) -> tuple[list[PageGroup], int]:
    """One page of them by id, and how many there are in all."""
    conditions = [] if team_ids is None else [page_groups.c.team_id.in_(team_ids)]
    total: int = tx.execute(select(func.count()).select_from(page_groups).where(*conditions)).scalar_one()
    rows = tx.execute(select(page_groups).where(*conditions).order_by(page_groups.c.id).offset(offset).limit(limit))
    return [PageGroup(**row._mapping) for row in rows], total
