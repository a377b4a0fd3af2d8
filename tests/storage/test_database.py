"""A transaction is all or nothing, durable when it returns, and a neighbour's failure is not yours."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, insert, select

from tests.time import FakeClock
from tocsin.kernel.errors import Conflict
from tocsin.storage import Database, MemoryBus, Tx, metadata
from tocsin.storage.events import events, record
from tocsin.storage.migrate import current, head, migrate


def note(tx: Tx, name: str) -> None:
    record(tx, name, team_id=None, resource_type="test", resource_id=1)


def note_then_fail(tx: Tx, name: str) -> None:
    note(tx, name)
    raise Conflict("no")


def names(tx: Tx) -> list[str]:
    return [row.name for row in tx.execute(select(events.c.name).order_by(events.c.id))]


async def test_what_is_written_is_read_back(database: Database) -> None:
    await database.write(note, "first")
    assert await database.read(names) == ["first"]


async def test_a_failing_function_undoes_only_itself(database: Database) -> None:
    work = [database.write(note, "a"), database.write(note_then_fail, "b"), database.write(note, "c")]
    answers = await asyncio.gather(*work, return_exceptions=True)
    assert isinstance(answers[1], Conflict)
    assert sorted(await database.read(names)) == ["a", "c"]


async def test_a_part_can_fail_alone(database: Database) -> None:
    def work(tx: Tx) -> None:
        note(tx, "kept")
        with pytest.raises(Conflict), tx.savepoint():
            note_then_fail(tx, "undone")
        note(tx, "kept too")

    await database.write(work)
    assert await database.read(names) == ["kept", "kept too"]


async def test_many_writers_at_once_all_get_through(database: Database) -> None:
    def add_one(tx: Tx) -> None:
        count = tx.execute(select(func.count()).select_from(events)).scalar_one()
        note(tx, f"n{count}")

    await asyncio.gather(*(database.write(add_one) for _ in range(30)))
    assert sorted(await database.read(names)) == sorted(f"n{i}" for i in range(30))


async def test_a_doorbell_rings_after_the_commit_and_only_then(database: Database, bus: MemoryBus) -> None:
    with pytest.raises(Conflict):
        await database.write(note_then_fail, "never")
    assert await bus.wait("events", 0.01) is False
    await database.write(note, "once")
    assert await bus.wait("events", 5) is True


async def test_every_instant_of_a_transaction_is_the_same_one(database: Database, clock: FakeClock) -> None:
    def work(tx: Tx) -> None:
        note(tx, "a")
        clock.wind(seconds=5)
        note(tx, "b")

    await database.write(work)
    rows = await database.read(lambda tx: [row.at for row in tx.execute(select(events.c.at))])
    assert rows[0] == rows[1]


async def test_a_reader_sees_one_moment(database: Database) -> None:
    await database.write(note, "a")

    def twice(tx: Tx) -> tuple[int, int]:
        first = len(names(tx))
        database.submit_write(note, "b").result(timeout=10)
        return first, len(names(tx))

    assert await database.read(twice) == (1, 1)


@pytest.mark.slow
def test_a_migrated_database_has_exactly_the_declared_tables(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    import tocsin.runtime.wiring  # noqa: F401 - imports every concept, so that every table is declared

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert current(database) == head()
    assert migrate(database) == []


async def test_inserting_gives_the_id(database: Database, clock: FakeClock) -> None:
    values = {"at": clock.now(), "team_id": None, "name": "x", "resource_type": "t", "resource_id": 1, "data": {}}
    first = await database.write(lambda tx: tx.insert(insert(events).values(**values)))
    second = await database.write(lambda tx: tx.insert(insert(events).values(**values)))
    assert second > first
