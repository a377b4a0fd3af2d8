"""Questions that are asked a thousand times a second: put into the database's own words once, then only asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Select

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


class _Form(msgspec.Struct, frozen=True):
    """One statement as one kind of database has it."""

    sql: str
    fixed: dict[str, Any]
    """The values that stand in the statement itself."""
    places: tuple[str, ...] | None
    """The order of the values where they have no names."""
