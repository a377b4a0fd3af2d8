"""Questions that go the short way give the same answers, see their own transaction, and fail in the same words."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import BigInteger, bindparam, column, func, select, table, type_coerce
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import to_milliseconds
from tocsin.storage import Database, Prepared, PreparedInsert, Tx
from tocsin.storage.events import events, record

NAMED = Prepared(
    select(events.c.name, type_coerce(events.c.at, BigInteger), func.coalesce(events.c.team_id, 7))
    .where(events.c.name == bindparam("name"))
    .order_by(events.c.id)
    .limit(bindparam("rows"))
)
NOWHERE = Prepared(
    select(column("secret")).select_from(table("no_such_table")).where(column("secret") == bindparam("s"))
)


async def test_rows_are_tuples_with_instants_as_milliseconds(database: Database) -> None:
    def work(tx: Tx) -> None:
        for name in ("a", "b", "a", "a"):
            record(tx, name, team_id=None, resource_type="test", resource_id=1)
        expected = [("a", to_milliseconds(tx.now), 7)] * 2
        assert [tuple(row) for row in NAMED.rows(tx, {"name": "a", "rows": 2})] == expected

    await database.write(work)

    def later(tx: Tx) -> None:
        assert len(NAMED.rows(tx, {"name": "a", "rows": 9})) == 3
        assert NAMED.first(tx, {"name": "b", "rows": 1})[0] == "b"
        assert NAMED.first(tx, {"name": "c", "rows": 1}) is None

    await database.read(later)


async def test_a_failure_is_the_databases_and_names_no_values(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        await database.read(lambda tx: NOWHERE.rows(tx, {"s": "hunter2"}))
    assert "no_such_table" in str(caught.value)
    assert "hunter2" not in str(caught.value) or database.dialect == "postgresql"
    await database.read(lambda tx: NAMED.rows(tx, {"name": "a", "rows": 1}))


async def test_a_reader_sees_one_moment(database: Database) -> None:
    await database.write(lambda tx: record(tx, "a", team_id=None, resource_type="test", resource_id=1))

    def work(tx: Tx) -> None:
        before = len(NAMED.rows(tx, {"name": "a", "rows": 9}))
        more = database.submit_write(lambda other: record(other, "a", team_id=None, resource_type="t", resource_id=2))
        more.result(timeout=10)
        assert len(NAMED.rows(tx, {"name": "a", "rows": 9})) == before == 1

    await database.read(work)


EVENT = PreparedInsert(
    events, ["at", "name", "team_id", "resource_type", "resource_id", "data"]
)  # fmt: skip


async def test_a_row_that_goes_the_short_way_is_the_same_row(database: Database) -> None:
    def fail(tx: Tx, values: dict[str, Any]) -> None:
        with tx.savepoint():
            EVENT.run(tx, {**values, "name": "undone"})
            EVENT.run(tx, {**values, "name": None})

    def work(tx: Tx) -> None:
        values = {"at": tx.now, "team_id": None, "resource_type": "test", "resource_id": 1, "data": {"to": ["ö", 1]}}
        EVENT.run(tx, {**values, "name": "short"})
        with pytest.raises(DBAPIError):
            fail(tx, values)
        tx.execute(events.insert(), {**values, "name": "long"})

    await database.write(work)

    def later(tx: Tx) -> None:
        short, long = tx.execute(select(events).order_by(events.c.id)).all()
        assert (short.name, long.name) == ("short", "long")
        assert (short.at, short.team_id, short.data) == (long.at, long.team_id, long.data)

    await database.read(later)
