"""What is planned in a calendar on the shelf: its rotation, its events, and what was read from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from tocsin.oncall.model import Event, Rotation, Stretch
from tocsin.oncall.store.tables import imported, on_call_events, rotations
from tocsin.storage import Tx

_EVENTS = on_call_events.c
ROWS_AT_ONCE = 500
"""Rows of one INSERT: databases limit the parameters of a statement."""


def rotation(tx: Tx, calendar_id: int) -> Rotation | None:
    """What the calendar's events were last made from."""
    row = tx.execute(select(rotations).where(rotations.c.calendar_id == calendar_id)).first()
    if row is None:
        return None
    return Rotation(
        calendar_id=row.calendar_id, user_ids=tuple(row.user_ids), rotation_length=row.rotation_length,
        rotation_interval=row.rotation_interval, start_rotations_at=row.start_rotations_at,
        end_rotations_at=row.end_rotations_at,
    )  # fmt: skip


def put_rotation(tx: Tx, given: Rotation) -> None:
    """Replace the calendar's rotation."""
    values = {
        "user_ids": list(given.user_ids), "rotation_length": given.rotation_length,
        "rotation_interval": given.rotation_interval, "start_rotations_at": given.start_rotations_at,
        "end_rotations_at": given.end_rotations_at,
    }  # fmt: skip
    changed = tx.execute(update(rotations).where(rotations.c.calendar_id == given.calendar_id).values(**values))
    if not changed.rowcount:
        tx.execute(insert(rotations).values(calendar_id=given.calendar_id, **values))


def forget_rotation(tx: Tx, calendar_id: int) -> None:
    """The calendar has none any more; its events stay."""
    tx.execute(delete(rotations).where(rotations.c.calendar_id == calendar_id))


def events(tx: Tx, calendar_id: int) -> list[Event]:
    """All events, past and future, in order of time."""
    statement = select(on_call_events).where(_EVENTS.calendar_id == calendar_id)
    return [_event(row) for row in tx.execute(statement.order_by(_EVENTS.starts_at, _EVENTS.id))]


def event(tx: Tx, calendar_id: int, id: int) -> Event | None:
    """One event of the calendar."""
    row = tx.execute(select(on_call_events).where(_EVENTS.calendar_id == calendar_id, _EVENTS.id == id)).first()
    return None if row is None else _event(row)


def overlapping(tx: Tx, calendar_id: int, start: datetime, end: datetime, override: bool | None = None) -> list[Event]:
    """Events of which a part lies within [start, end)."""
    statement = select(on_call_events).where(*_within(_EVENTS, calendar_id, start, end))
    if override is not None:
        statement = statement.where(_EVENTS.override.is_(override))
    return [_event(row) for row in tx.execute(statement.order_by(_EVENTS.starts_at, _EVENTS.id))]


def count_events(tx: Tx, calendar_id: int, since: datetime) -> int:
    """How many events end after `since`."""
    coming = _EVENTS.calendar_id == calendar_id, _EVENTS.ends_at > since
    return int(tx.execute(select(func.count()).select_from(on_call_events).where(*coming)).scalar_one())


def forget_history(tx: Tx, calendar_id: int, before: datetime) -> None:
    """Delete the events that ended before that."""
    tx.execute(delete(on_call_events).where(_EVENTS.calendar_id == calendar_id, _EVENTS.ends_at < before))


def add_event(tx: Tx, calendar_id: int, stretch: Stretch, override: bool) -> int:
    """Insert one event; returns its id."""
    return tx.insert(insert(on_call_events).values(**_row(calendar_id, stretch, override)))


def add_events(tx: Tx, calendar_id: int, stretches: Iterable[tuple[Stretch, bool]]) -> None:
    """Insert many events, given as (stretch, whether it overrides)."""
    rows = [_row(calendar_id, stretch, override) for stretch, override in stretches]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        tx.execute(insert(on_call_events), rows[start : start + ROWS_AT_ONCE])


def change_event(tx: Tx, id: int, stretch: Stretch, override: bool) -> None:
    """Replace what an event says."""
    row = _row(0, stretch, override)
    del row["calendar_id"]
    tx.execute(update(on_call_events).where(_EVENTS.id == id).values(**row))


def remove_events(tx: Tx, ids: Collection[int]) -> None:
    """Delete events by id."""
    listed = list(ids)
    for start in range(0, len(listed), ROWS_AT_ONCE):
        tx.execute(delete(on_call_events).where(_EVENTS.id.in_(listed[start : start + ROWS_AT_ONCE])))


def remove_from(tx: Tx, calendar_id: int, since: datetime) -> None:
    """Delete the events that start at `since` or later."""
    tx.execute(delete(on_call_events).where(_EVENTS.calendar_id == calendar_id, _EVENTS.starts_at >= since))


def imported_within(tx: Tx, calendar_id: int, start: datetime, end: datetime) -> list[Stretch]:
    """What other calendars say about [start, end)."""
    return [_stretch(row) for row in tx.execute(select(imported).where(*_within(imported.c, calendar_id, start, end)))]


def imported_of(tx: Tx, import_id: int) -> list[Stretch]:
    """What one other calendar says, in order of time."""
    statement = select(imported).where(imported.c.import_id == import_id).order_by(imported.c.id)
    return [_stretch(row) for row in tx.execute(statement)]


def replace_imported(tx: Tx, calendar_id: int, import_id: int, stretches: Iterable[Stretch]) -> None:
    """What one other calendar says now takes the place of what it said before."""
    tx.execute(delete(imported).where(imported.c.import_id == import_id))
    rows = [
        {
            "import_id": import_id, "calendar_id": calendar_id, "starts_at": each.starts_at, "ends_at": each.ends_at,
            "user_ids": list(each.user_ids),
        }
        for each in stretches
    ]  # fmt: skip
    for start in range(0, len(rows), ROWS_AT_ONCE):
        tx.execute(insert(imported), rows[start : start + ROWS_AT_ONCE])


def count_imported(tx: Tx, import_ids: Collection[int]) -> dict[int, int]:
    """How many stretches each other calendar has."""
    column = imported.c.import_id
    counted = select(column, func.count().label("number")).where(column.in_(list(import_ids))).group_by(column)
    return {row.import_id: int(row.number) for row in tx.execute(counted)}


def forget(tx: Tx, calendar_id: int) -> None:
    """Delete everything that is planned in a calendar."""
    for table in (rotations, on_call_events, imported):
        tx.execute(delete(table).where(table.c.calendar_id == calendar_id))


def _within(columns: Any, calendar_id: int, start: datetime, end: datetime) -> list[ColumnElement[bool]]:
    return [columns.calendar_id == calendar_id, columns.ends_at > start, columns.starts_at < end]


def _row(calendar_id: int, stretch: Stretch, override: bool) -> dict[str, Any]:
    return {
        "calendar_id": calendar_id, "starts_at": stretch.starts_at, "ends_at": stretch.ends_at,
        "user_ids": list(stretch.user_ids), "override": override,
    }  # fmt: skip


def _event(row: Any) -> Event:
    return Event(
        id=row.id, calendar_id=row.calendar_id, starts_at=row.starts_at, ends_at=row.ends_at,
        user_ids=tuple(row.user_ids), override=bool(row.override),
    )  # fmt: skip


def _stretch(row: Any) -> Stretch:
    return Stretch(id=row.id, starts_at=row.starts_at, ends_at=row.ends_at, user_ids=tuple(row.user_ids))
