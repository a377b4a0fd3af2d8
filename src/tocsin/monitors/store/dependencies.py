"""Which monitors lean on which, on the shelf."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, or_, select

from tocsin.monitors.store.tables import dependencies, monitors
from tocsin.storage import Tx


def of(tx: Tx, monitor_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """What each of them (some hundreds) leans on, in the order in which it was said; those without are left out."""
    found: dict[int, tuple[int, ...]] = {}
    rows = tx.execute(
        select(dependencies.c.monitor_id, dependencies.c.depends_on_id)
        .where(dependencies.c.monitor_id.in_(monitor_ids))
        .order_by(dependencies.c.id)
    )
    for row in rows:
        found[row.monitor_id] = (*found.get(row.monitor_id, ()), row.depends_on_id)
    return found


def put(tx: Tx, monitor_id: int, depends_on: Sequence[int]) -> None:
    """From now on it leans on these and no others."""
    tx.execute(delete(dependencies).where(dependencies.c.monitor_id == monitor_id))
    if depends_on:
        tx.execute(insert(dependencies), [{"monitor_id": monitor_id, "depends_on_id": id} for id in depends_on])


def forget(tx: Tx, monitor_id: int) -> None:
    """It is no more: it leans on nothing, and nothing on it."""
    tx.execute(
        delete(dependencies).where(
            or_(dependencies.c.monitor_id == monitor_id, dependencies.c.depends_on_id == monitor_id)
        )
    )


def in_team(tx: Tx, ids: Sequence[int], team_id: int) -> set[int]:
    """Those of the ids (some hundreds) that are monitors of the team."""
    return set(tx.execute(select(monitors.c.id).where(monitors.c.id.in_(ids), monitors.c.team_id == team_id)).scalars())
