"""Layers on the shelf, from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update

from tocsin.oncall.model import Layer, Restriction
from tocsin.oncall.store.tables import calendars, layers
from tocsin.storage import Tx


def of_calendar(tx: Tx, calendar_id: int) -> list[Layer]:
    """A calendar's layers, the lowest first."""
    statement = select(layers).where(layers.c.calendar_id == calendar_id)
    return [_layer(row) for row in tx.execute(statement.order_by(layers.c.position, layers.c.id))]


def zones(tx: Tx, team_id: int) -> list[tuple[tuple[int, ...], str]]:
    """(people, time zone) of all layers of a team's calendars, in order."""
    column = layers.c
    mine = select(column.user_ids, column.timezone).join(calendars, calendars.c.id == column.calendar_id)
    found = tx.execute(mine.where(calendars.c.team_id == team_id).order_by(column.id))
    return [(tuple(row.user_ids), row.timezone) for row in found]


def add(tx: Tx, layer: Layer) -> int:
    """Insert a layer; returns its id."""
    return tx.insert(insert(layers).values(calendar_id=layer.calendar_id, **_values(layer)))


def change(tx: Tx, layer: Layer) -> None:
    """Replace what a layer says."""
    tx.execute(update(layers).where(layers.c.id == layer.id).values(**_values(layer)))


def place(tx: Tx, ids: Sequence[int]) -> None:
    """Give the layers the positions 1, 2, … in this order."""
    for position, id in enumerate(ids, 1):
        tx.execute(update(layers).where(layers.c.id == id, layers.c.position != position).values(position=position))


def remove(tx: Tx, id: int) -> None:
    """Delete a layer."""
    tx.execute(delete(layers).where(layers.c.id == id))


def forget(tx: Tx, calendar_id: int) -> None:
    """Delete all layers of a calendar."""
    tx.execute(delete(layers).where(layers.c.calendar_id == calendar_id))


def _values(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name, "position": layer.position, "user_ids": list(layer.user_ids),
        "rotation_length": layer.rotation_length, "rotation_interval": layer.rotation_interval,
        "handoff_time": layer.handoff_time, "timezone": layer.timezone, "starts_at": layer.starts_at,
        "ends_at": layer.ends_at, "restrictions": list(layer.restrictions),
    }  # fmt: skip


def _layer(row: Any) -> Layer:
    return Layer(
        id=row.id, calendar_id=row.calendar_id, name=row.name, position=row.position, user_ids=tuple(row.user_ids),
        rotation_length=row.rotation_length, rotation_interval=row.rotation_interval, handoff_time=row.handoff_time,
        timezone=row.timezone, starts_at=row.starts_at, ends_at=row.ends_at,
        restrictions=tuple(msgspec.convert(row.restrictions, list[Restriction])),
    )  # fmt: skip
