"""Keeps "in ten minutes" ten minutes when the machine's clock is set back: what is due moves back with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, ColumnElement, Table, Text, insert, select, type_coerce, update

from tocsin.storage.database import Tx
from tocsin.storage.tables import Instant, metadata

TOLERANCE = timedelta(seconds=2)
"""Smaller steps are the daily work of a time service, and cost nobody more than this."""
_ONE = "now"

clock_marks = Table(
    "clock_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at", Instant, nullable=False),
)
"""One row: the latest instant that a clock here has shown."""


class _Moving(msgspec.Struct, frozen=True):
    columns: tuple[Column[Any], ...]
    topic: str
    concerned: Callable[[datetime], ColumnElement[bool]]


_moving: list[_Moving] = []


def moves_with_the_clock(
    *columns: Column[Any], topic: str, concerned: Callable[[datetime], ColumnElement[bool]]
) -> None:
    """Declare columns of one table that hold instants at which something is due, to be moved together.

    `concerned(now)` says which rows are still waiting; `topic` is rung for whoever does what is due.
    """
    _moving.append(_Moving(columns, topic, concerned))


def shift(tx: Tx, by: timedelta) -> int:
    """The clock was set back by that much: everything that waits is due as much earlier. Returns how many rows moved.

    Whatever was written between the step and its discovery moves too, and is due too early: better so than too late.
    """
    milliseconds = by // timedelta(milliseconds=1)
    if milliseconds % 1000 == 0:
        # Pages of one plan lie whole seconds apart, and the same person's at the same instant counts as planned: moved
        # by whole seconds, a coming page could fall on one that was sent.
        milliseconds += 1
    moved = 0
    for each in _moving:
        values = {column.name: type_coerce(column, BigInteger) - milliseconds for column in each.columns}
        changed = tx.execute(update(each.columns[0].table).where(each.concerned(tx.now)).values(values)).rowcount
        if changed:
            tx.ring(each.topic)
        moved += changed
    return moved


def resume(tx: Tx) -> tuple[timedelta, int] | None:
    """At the start: if the clock stands before what it showed in an earlier life, `shift` by that much.

    Returns (by how much, rows moved), None when all is well. How long nobody ran is unknown, so this is the least.
    """
    seen: datetime | None = tx.execute(select(clock_marks.c.seen_at).where(clock_marks.c.name == _ONE)).scalar()
    mark(tx)
    if seen is None or seen - tx.now <= TOLERANCE:
        return None
    return seen - tx.now, shift(tx, seen - tx.now)


def mark(tx: Tx) -> None:
    """Note what the clock shows."""
    changed = tx.execute(update(clock_marks).where(clock_marks.c.name == _ONE).values(seen_at=tx.now))
    if not changed.rowcount:
        tx.execute(insert(clock_marks).values(name=_ONE, seen_at=tx.now))


def moving() -> Iterator[str]:
    """What moves, as `table.column`."""
    for each in _moving:
        for column in each.columns:
            yield f"{column.table.name}.{column.name}"
