"""Questions that are asked a thousand times a second: put into the database's own words once, then only asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, Table, insert

from tocsin.storage.database import Tx


class Prepared:
    """A SELECT that is compiled once for each kind of database, and goes to the driver without a detour.

    For hot paths only. Rows are plain tuples, and values come as the driver has them: an `Instant` is its milliseconds,
    a `Json` its text. Give variable values as `bindparam(name)`.
    """

    __slots__ = ("_compiled", "_statement")

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Form] = {}

    def rows(self, tx: Tx, values: Mapping[str, Any]) -> list[Any]:
        """All rows of the answer."""
        form = self._compiled.get(tx.dialect) or self._compile(tx)
        given = {**form.fixed, **values}
        return tx.rows(form.sql, given if form.places is None else tuple([given[name] for name in form.places]))

    def first(self, tx: Tx, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        found = self.rows(tx, values)
        return found[0] if found else None

    def _compile(self, tx: Tx) -> _Form:
        compiled: Any = self._statement.compile(dialect=tx.connection.dialect)
        places = tuple(compiled.positiontup) if compiled.positional else None
        form = self._compiled[tx.dialect] = _Form(compiled.string, dict(compiled.params), places)
        return form


class PreparedInsert:
    """An INSERT of one row, whose id nobody asks for, that is compiled once for each kind of database.

    For hot paths only, and for tables of which nothing is ever taken back. Values are given as SQLAlchemy takes them,
    by column; each of `columns` must be there.
    """

    __slots__ = ("_columns", "_compiled", "_table")

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table, self._columns = table, tuple(columns)
        self._compiled: dict[str, tuple[_Form, dict[str, Callable[[Any], Any]]]] = {}

    def run(self, tx: Tx, values: Mapping[str, Any]) -> None:
        """Insert it. Raises what the database raises."""
        form, processors = self._compiled.get(tx.dialect) or self._compile(tx)
        given = {name: processors[name](values[name]) if name in processors else values[name] for name in self._columns}
        tx.run(form.sql, given if form.places is None else tuple([given[name] for name in form.places]))

    def _compile(self, tx: Tx) -> tuple[_Form, dict[str, Callable[[Any], Any]]]:
        dialect = tx.connection.dialect
        statement = insert(self._table).inline()
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(self._columns))
        places = tuple(compiled.positiontup) if compiled.positional else None
        processors: dict[str, Callable[[Any], Any]] = {}
        for name in self._columns:
            process = self._table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
            if process is not None:
                processors[name] = process
        made = self._compiled[tx.dialect] = _Form(compiled.string, {}, places), processors
        return made


class _Form(msgspec.Struct, frozen=True):
    """One statement as one kind of database has it."""

    sql: str
    fixed: dict[str, Any]
    """The values that stand in the statement itself."""
    places: tuple[str, ...] | None
    """The order of the values where they have no names."""
