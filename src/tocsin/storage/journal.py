"""Writes down what a deed is about to delete or change, row by row, so that it can be undone."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

import msgspec
from sqlalchemy import ColumnElement, CursorResult, Delete, Executable, Table, Update, and_, func, select

from tocsin.storage.tables import metadata

Row = dict[str, Any]
Key = tuple[Any, ...]

_COMPRESSION = 1
"""zlib's fastest: rows shrink to a fifth all the same."""


class Runs(Protocol):
    """A transaction, as far as a journal needs it."""

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]: ...


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which tables a journal looks at, by name; all others it leaves alone."""

    deleted: Collection[str]
    """Rows of these that are deleted are kept whole."""
    changed: Collection[str] = ()
    """Rows of these that are changed are kept as they were and as they became."""
    replaced: Collection[str] = ()
    """Of these, rows that are inserted by the same deed take the place of those that it deletes."""
    moving: Collection[str] = ()
    """Columns that are no setting and never put back, e.g. `updated_at`."""
    with_: Mapping[str, str] = {}
    """Tables whose rows are worth nothing without those of another: what is dropped of that is dropped of them."""
    max_rows: int = 10_000
    """Of one table: bounds how long a deletion takes that nobody asked to be kept whole."""
    max_bytes: int = 8 * 1024 * 1024
    """Of all tables together, compressed."""


class Change(msgspec.Struct, frozen=True):
    """One row that was changed: only the columns that became something else."""

    key: Row
    before: Row
    after: Row


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a deed has deleted and changed, by table."""

    deleted: dict[str, list[Row]] = {}
    changed: dict[str, list[Change]] = {}
    inserted: dict[str, list[Row]] = {}
    lacking: tuple[str, ...] = ()
    """Tables of which rows were deleted and not kept: they were too many."""

    @property
    def rows(self) -> int:
        """How many rows were deleted and kept."""
        return sum(len(rows) for rows in self.deleted.values())


class Journal:
    """Stands between a transaction and its statements (`Tx.journal`) as long as a deed lasts.

    Nothing here is deleted by the database itself: there is no ON DELETE in our schema (tests/test_tidy.py sees to it).
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._deleted: dict[str, dict[Key, Row]] = {}
        self._before: dict[str, dict[Key, Row]] = {}
        self._newest: dict[str, int] = {}
        self._lacking: set[str] = set()

    def note(self, tx: Runs, statement: Executable, parameters: Any) -> None:
        """Called before each statement."""
        if not isinstance(statement, Delete | Update) or not isinstance(statement.table, Table):
            return
        table, deletes = statement.table, isinstance(statement, Delete)
        if table.name not in (self._scope.deleted if deletes else self._scope.changed):
            return
        if deletes and table.name in self._scope.replaced and table.name not in self._newest:
            self._newest[table.name] = tx.execute(select(func.max(table.c.id))).scalar() or 0
        for values in parameters if isinstance(parameters, list | tuple) else (parameters,):
            self._take(tx, table, statement.whereclause, values, deletes)

    def finish(self, tx: Runs) -> Kept:
        """What there is to keep, now that the deed is done."""
        changed = {
            name: some
            for name, rows in self._before.items()
            if (some := list(self._changes(tx, _table(name), rows.values())))
        }
        deleted = {name: list(rows.values()) for name, rows in self._deleted.items() if rows}
        inserted = {
            name: [_row(row) for row in tx.execute(select(_table(name)).where(_table(name).c.id > newest))]
            for name, newest in self._newest.items()
        }
        kept = Kept(deleted=deleted, changed=changed, inserted={name: rows for name, rows in inserted.items() if rows})
        return self._shortened(kept)

    def _take(
        self, tx: Runs, table: Table, where: ColumnElement[bool] | None, values: Any, deletes: bool
    ) -> None:  # fmt: skip
        if table.name in self._lacking:
            return
        these = select(table) if where is None else select(table).where(where)
        held = (self._deleted if deletes else self._before).setdefault(table.name, {})
        most = self._scope.max_rows - len(held)
        some = these.with_only_columns(*table.primary_key.columns).limit(most + 1).subquery()
        given = values if isinstance(values, Mapping) else {}
        if (tx.execute(select(func.count()).select_from(some), given).scalar() or 0) > most:
            self._lacking.add(table.name)
            held.clear()
            return
        for found in tx.execute(these, given):
            row = _row(found)
            key = _key(table, row)
            if deletes:
                held[key] = row
                self._before.get(table.name, {}).pop(key, None)
            else:
                held.setdefault(key, row)

    def _changes(self, tx: Runs, table: Table, rows: Iterable[Row]) -> Iterable[Change]:
        for before in rows:
            now = tx.execute(select(table).where(same(table, before))).first()
            if now is None:
                continue
            after = _row(now)
            names = [name for name in before if before[name] != after[name] and name not in self._scope.moving]
            if names:
                key = {column.name: before[column.name] for column in table.primary_key.columns}
                yield Change(key, {name: before[name] for name in names}, {name: after[name] for name in names})

    def _shortened(self, kept: Kept) -> Kept:
        """Without the tables that are too long, and without what makes no sense alone."""
        lacking = set(self._lacking)
        sizes = {name: len(packed(rows)) for name, rows in kept.deleted.items()}
        while sum(sizes.values()) > self._scope.max_bytes:
            longest = max(sizes, key=lambda name: sizes[name])
            lacking.add(longest)
            del sizes[longest]
        lacking |= {name for name, other in self._scope.with_.items() if other in lacking}
        deleted = {name: rows for name, rows in kept.deleted.items() if name not in lacking}
        return Kept(
            deleted=deleted, changed=kept.changed, inserted=kept.inserted, lacking=tuple(sorted(map(str, lacking)))
        )  # fmt: skip


def packed(value: Any) -> bytes:
    """As small as it quickly gets."""
    return zlib.compress(msgspec.msgpack.encode(value), _COMPRESSION)


def unpacked(data: bytes) -> Kept:
    """What `packed` has made of a `Kept`."""
    return msgspec.msgpack.decode(zlib.decompress(data), type=Kept)


def same(table: Table, row: Row) -> ColumnElement[bool]:
    """The row with this primary key."""
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


def _table(name: str) -> Table:
    return metadata.tables[name]


def _key(table: Table, row: Row) -> Key:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _row(found: Any) -> Row:
    return {str(name): value for name, value in found._mapping.items()}
