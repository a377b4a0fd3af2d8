"""How many monitors fared, read at once: each with its pauses, its maintenance and what nobody saw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, or_, select, type_coerce

from tocsin.monitors.model import DAYS, Gap
from tocsin.monitors.store.tables import gaps, monitors, states
from tocsin.storage import Tx


class Window(msgspec.Struct, frozen=True):
    """Of a monitor's settings only its maintenance window."""

    maintenance_from: str | None = None
    maintenance_to: str | None = None
    maintenance_timezone: str | None = "UTC"
    maintenance_days: tuple[str, ...] | None = DAYS


class Outline(msgspec.Struct, frozen=True):
    """A monitor without its settings."""

    id: int
    team_id: int
    group_id: int | None
    created_ms: int
    paused_ms: int | None
    window: Window | None
    """None: it has none."""
    degraded_since_ms: int | None


_NO_WINDOW = Window()


def outlines(tx: Tx, ids: Sequence[int], group_ids: Sequence[int]) -> list[Outline]:
    """Some hundreds of monitors, and those in some hundreds of groups."""
    wanted: list[ColumnElement[bool]] = []
    if ids:
        wanted.append(monitors.c.id.in_(ids))
    if group_ids:
        wanted.append(monitors.c.monitor_group_id.in_(group_ids))
    if not wanted:
        return []
    instants = (type_coerce(column, BigInteger) for column in (monitors.c.created_at, monitors.c.paused_at))
    statement = select(
        monitors.c.id, monitors.c.team_id, monitors.c.monitor_group_id, *instants, monitors.c.settings,
        states.c.degraded_since_ms,
    ).join(states, states.c.monitor_id == monitors.c.id)  # fmt: skip
    rows: Any = tx.execute(statement.where(or_(*wanted)).order_by(monitors.c.id))
    return [
        Outline(id, team_id, group_id, created_ms, paused_ms, _window(settings), degraded_since_ms)
        for id, team_id, group_id, created_ms, paused_ms, settings, degraded_since_ms in rows
    ]


def gaps_of(tx: Tx, ids: Sequence[int], from_ms: int, to_ms: int) -> dict[int | None, list[Gap]]:
    """The stretches of some hundreds of monitors that touch the period, and under None everybody's."""
    found: dict[int | None, list[Gap]] = {}
    for whose in (gaps.c.monitor_id.in_(ids), gaps.c.monitor_id.is_(None)):
        rows: Any = tx.execute(
            select(gaps.c.monitor_id, gaps.c.from_ms, gaps.c.to_ms, gaps.c.reason).where(
                whose, gaps.c.from_ms < to_ms, or_(gaps.c.to_ms.is_(None), gaps.c.to_ms > from_ms)
            )
        ).all()
        for monitor_id, since_ms, until_ms, reason in rows:
            found.setdefault(monitor_id, []).append(Gap(since_ms, until_ms, reason))
    return found


@lru_cache(maxsize=1024)
def _window(settings: str) -> Window | None:
    """Settings that cannot be read hold no window: such a monitor is not checked anyway."""
    if "maintenance_from" not in settings:
        return None
    try:
        found = msgspec.json.decode(settings, type=Window)
    except msgspec.MsgspecError:
        return None
    return None if found == _NO_WINDOW else found
