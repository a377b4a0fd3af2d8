"""Takes a deletion back: puts every row where it was, or says why that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, UniqueConstraint, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tocsin.gateway import trash
from tocsin.gateway.trash import Item
from tocsin.heartbeats import actions as heartbeats
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import Conflict
from tocsin.monitors import actions as monitors
from tocsin.oncall import actions as oncall
from tocsin.registry.operation import singular
from tocsin.status_pages import actions as status_pages
from tocsin.storage import Tx, events, metadata
from tocsin.storage.journal import Kept, Row, same, unpacked

ROWS_AT_ONCE = 500
"""Values per INSERT, and ids per question."""
CHECKED_ROWS = 200
"""Rows of one table that are asked about one by one, so that a clash can be named; of more, the database says it."""
MAX_NAMED = 20
"""Things that are named as changed since."""

LOOSE = {
    "heartbeats": {"heartbeat_group_id": "heartbeat_groups"},
    "monitors": {"monitor_group_id": "monitor_groups"},
    "status_pages": {"status_page_group_id": "status_page_groups"},
}
"""Columns that point to a group without the database's watching: of a group that is gone meanwhile, it is in none."""

_NOTHING = Kept()
HANGING = {"catalog_records": (("catalog_terms", "record_id"),)}
"""What goes with a row that was put in place of a deleted one."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    item: Item
    left: tuple[str, ...] = ()
    """What was changed since the deletion and was left as it is now, e.g. `monitor 12 (monitor_group_id)`."""
    lacking: tuple[str, ...] = ()
    """What does not come back, because it was too much to keep."""


def restore(tx: Tx, item: Item, by: str, base_url: str) -> Restored:
    """Undo a deletion, all of it or nothing. Raises Conflict, which says what stands in the way."""
    if item.restored_at is not None:
        raise Conflict(f"It was restored already, by {item.restored_by}")
    if item.expires_at <= tx.now:
        raise Conflict("It was deleted more than thirty days ago, and is gone for good")
    kept = _opened(tx, item)
    try:
        with tx.savepoint():
            _take_out(tx, kept)
            _put_in(tx, kept)
            left = [*_put_back(tx, kept)]
    except IntegrityError as error:
        raise Conflict("Something else has taken its place since: it cannot be restored beside that") from error
    _begin_anew(tx, item, kept, by, base_url)
    tx.execute(
        update(trash.trash).where(trash.trash.c.id == item.id).values(restored_at=tx.now, restored_by=by, journal=None)
    )
    events.record(
        tx, f"{item.resource_type}.restored", team_id=item.team_id, resource_type=item.resource_type,
        resource_id=int(item.resource_id) if item.resource_id and item.resource_id.isdigit() else 0, called=item.name,
        by=by,
    )  # fmt: skip
    return Restored(item=trash.find(tx, item.id), left=tuple(left[:MAX_NAMED]), lacking=item.lacking)


def _opened(tx: Tx, item: Item) -> Kept:
    sealed = tx.execute(select(trash.trash.c.journal).where(trash.trash.c.id == item.id)).scalar_one()
    try:
        kept = unpacked(tx.vault.open_bytes(sealed))
    except ValueError as error:
        raise Conflict(f"What was kept cannot be opened: {error}") from error
    for name, rows in kept.deleted.items():
        table = metadata.tables.get(name)
        if table is None or any(column not in table.c for column in rows[0]):
            raise Conflict("It was deleted under an older version of Tocsin, whose tables were different")
    return kept


def _take_out(tx: Tx, kept: Kept) -> None:
    """What was put in place of the deleted goes, if it is still as it was then."""
    for name, rows in kept.inserted.items():
        table = metadata.tables[name]
        for row in rows:
            now = tx.execute(select(table).where(same(table, row))).first()
            if now is not None and dict(now._mapping) != row:
                raise Conflict(f"What was put in its place has been changed since ({_called(table, row)})")
            for other, column in HANGING.get(name, ()):
                tx.execute(delete(metadata.tables[other]).where(metadata.tables[other].c[column] == row["id"]))
            tx.execute(delete(table).where(same(table, row)))


def _put_in(tx: Tx, kept: Kept) -> None:
    for table in metadata.sorted_tables:
        rows = kept.deleted.get(table.name)
        if not rows:
            continue
        if table.name == "monitor_dependencies":
            rows = _whole(tx, rows)
        rows = [_tied(tx, table, row, kept) for row in rows]
        if len(rows) <= CHECKED_ROWS:
            for row in rows:
                _check_free(tx, table, row)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            tx.execute(insert(table), rows[start : start + ROWS_AT_ONCE])


def _tied(tx: Tx, table: Table, row: Row, kept: Kept) -> Row:
    """The row as it can stand now. Raises Conflict when what it belongs to is gone."""
    loose = LOOSE.get(table.name, {})
    owners = {key.parent.name: key.column.table.name for key in table.foreign_keys} | loose
    for name, owner in owners.items():
        if row.get(name) is None or any(each["id"] == row[name] for each in kept.deleted.get(owner, ())):
            continue
        other = metadata.tables[owner]
        if tx.execute(select(other.c.id).where(other.c.id == row[name])).first() is None:
            if not (name in loose or table.c[name].nullable):
                raise Conflict(f"What it belongs to is gone: {_noun(other)} {row[name]}. Restore that first")
            row = {**row, name: None}
    return row


def _whole(tx: Tx, rows: Sequence[Row]) -> list[Row]:
    """Of what leans on each other, the pairs of which both are there: monitors come first in the order of tables."""
    table = metadata.tables["monitors"]
    ids = {row[name] for row in rows for name in ("monitor_id", "depends_on_id")}
    there = set(tx.execute(select(table.c.id).where(table.c.id.in_(ids))).scalars())
    return [row for row in rows if row["monitor_id"] in there and row["depends_on_id"] in there]


def _check_free(tx: Tx, table: Table, row: Row) -> None:
    """Raises Conflict, with names, when another row stands where this one is to stand."""
    if tx.execute(select(*table.primary_key.columns).where(same(table, row))).first() is not None:
        raise Conflict(f"{_called(table, row)} is there again")
    for names in _unique(table):
        if any(row[name] is None for name in names):
            continue
        clash = select(*table.primary_key.columns).where(*(table.c[name] == row[name] for name in names))
        if tx.execute(clash.limit(1)).first() is not None:
            raise Conflict(f"Another {_noun(table)} has the same {' and '.join(names)} now")


def _unique(table: Table) -> Iterable[list[str]]:
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield [column.name for column in constraint.columns]


def _put_back(tx: Tx, kept: Kept) -> Iterable[str]:
    """Gives changed rows their old values where they still hold what the deletion left; yields what does not."""
    for name, changes in kept.changed.items():
        table = metadata.tables[name]
        for change in changes:
            now = tx.execute(select(table).where(same(table, change.key))).first()
            if now is None:
                yield f"{_called(table, change.key)} (gone)"
                continue
            moved = [column for column in change.after if now._mapping[column] != change.after[column]]
            values = {column: value for column, value in change.before.items() if column not in moved}
            if values:
                tx.execute(update(table).where(same(table, change.key)).values(**_tied(tx, table, values, _NOTHING)))
            if moved:
                yield f"{_called(table, change.key)} ({', '.join(moved)})"


def _called(table: Table, row: Mapping[str, Any]) -> str:
    return f"{_noun(table)} {'/'.join(str(row[column.name]) for column in table.primary_key.columns)}"


def _noun(table: Table) -> str:
    return singular(table.name).replace("_", " ")


# --- What follows -----------------------------------------------------------------------------------------------------


def _begin_anew(tx: Tx, item: Item, kept: Kept, by: str, base_url: str) -> None:
    """Whoever watches, plans and pages must know of it, and begins where that is safe."""

    def ids(name: str, column: str = "id") -> list[int]:
        return sorted({row[column] for row in kept.deleted.get(name, ())})

    monitors.returned(tx, ids("monitors"), item.deleted_at, base_url)
    heartbeats.returned(tx, ids("heartbeats"))
    for id in ids("incidents"):
        incidents.returned(tx, id, by, base_url)
    calendars = set(ids("on_call_calendars"))
    for name in _DUTY:
        calendars.update(ids(name, "calendar_id"))
    for id in sorted(calendars):
        oncall.moved(tx, oncall.find(tx, id))
    status_pages.returned(tx, ids("status_updates"))


_DUTY = ("on_call_layers", "on_call_events", "on_call_imported_events", "on_call_imports", "on_call_rotations")
"""What decides who is on call."""
