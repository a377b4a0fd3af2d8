"""A full disk, a held lock, a PostgreSQL that went away: callers hear it clearly and nothing is half-written."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tests.mortal import Fate
from tests.postgres import PostgresServer
from tests.time import FakeClock
from tocsin.kernel.errors import Unavailable
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, MemoryBus, Tx, open_database
from tocsin.storage.events import events, record
from tocsin.storage.migrate import current, head, migrate


def note(tx: Tx, name: str) -> None:
    record(tx, name, team_id=None, resource_type="test", resource_id=1)


def fill(tx: Tx) -> None:
    note(tx, "before the flood")
    row = {"at": tx.now, "team_id": None, "name": "x", "resource_type": "t", "resource_id": 1, "data": "x" * 50_000}
    tx.execute(insert(events), [row] * 200)


def count(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(events)).scalar_one())


async def test_a_full_disk_is_said_and_leaves_nothing_half_written(sqlite_database: Database) -> None:
    await sqlite_database.write(note, "kept")
    await sqlite_database.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=200"))
    with pytest.raises(Unavailable, match="full"):
        await sqlite_database.write(fill)
    assert await sqlite_database.read(count) == 1
    await sqlite_database.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=100000"))
    await sqlite_database.write(fill)
    assert await sqlite_database.read(count) == 202


async def test_a_neighbour_in_the_same_group_is_written_all_the_same(sqlite_database: Database) -> None:
    await sqlite_database.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=200"))
    work = [sqlite_database.write(note, "a"), sqlite_database.write(fill), sqlite_database.write(note, "b")]
    answers = await asyncio.gather(*work, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), Unavailable, type(None)]
    written = await sqlite_database.read(lambda tx: [row.name for row in tx.execute(select(events.c.name))])
    assert sorted(written) == ["a", "b"]


async def test_a_commit_that_fails_is_known_for_the_databases_fault(
    tmp_path: Path, sqlite_template: Path, clock: FakeClock, bus: MemoryBus, vault: Vault
) -> None:
    shutil.copy(sqlite_template, tmp_path / "tocsin.db")
    database = open_database(f"sqlite:///{tmp_path / 'tocsin.db'}", clock, bus, vault)
    fate = Fate()
    fate.seal(database)
    await database.write(note, "kept")
    fate.arm()
    await database.write(note, "kept")
    fate.dies_at = 2 * fate.steps - 1  # the same again up to its commit, which is two steps: before it and after it
    with pytest.raises(DBAPIError, match="COMMIT"):
        await database.write(note, "lost")
    database.close()
    again = open_database(f"sqlite:///{tmp_path / 'tocsin.db'}", clock, bus, vault)
    assert await again.read(count) == 2
    again.close()


@pytest.mark.slow
async def test_a_lock_held_too_long_by_another_program_is_said(sqlite_database: Database) -> None:
    other = sqlite3.connect(sqlite_database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(sqlite_database.write(note, "too late"))
    assert await sqlite_database.read(count) == 0, "readers go on"
    with pytest.raises(Unavailable, match="locked"):
        await waiting
    other.execute("ROLLBACK")
    await sqlite_database.write(note, "now")
    assert await sqlite_database.read(count) == 1


async def test_a_lock_held_for_a_moment_is_waited_for(sqlite_database: Database) -> None:
    other = sqlite3.connect(sqlite_database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(sqlite_database.write(note, "patient"))
    await asyncio.sleep(0.2)
    other.execute("ROLLBACK")
    await waiting
    assert await sqlite_database.read(count) == 1


@pytest.mark.slow
async def test_lost_connections_to_postgres_are_replaced(postgres_database: Database, postgres: PostgresServer) -> None:
    await postgres_database.write(note, "before")
    name = postgres_database.url.rpartition("/")[2]
    postgres.hang_up(name)
    for _ in range(10):
        try:
            await postgres_database.write(note, "after")
            break
        except Unavailable:
            continue
    assert await postgres_database.read(count) == 2


async def test_a_postgres_that_is_not_there_is_said(clock: FakeClock, bus: MemoryBus, vault: Vault) -> None:
    database = open_database("postgresql://tocsin@127.0.0.1:1/none", clock, bus, vault)
    with pytest.raises(Unavailable, match="Nothing was written"):
        await database.write(note, "x")
    with pytest.raises(Unavailable):
        await database.read(count)
    database.close()


@pytest.mark.parametrize(
    "wait", ["SET LOCAL lock_timeout = '20ms'", "SET LOCAL statement_timeout = '20ms'"], ids=["lock", "statement"]
)
async def test_a_table_that_postgres_cannot_have_in_time_is_worth_another_try(
    postgres_database: Database, wait: str
) -> None:
    def hurry(tx: Tx) -> None:
        tx.connection.exec_driver_sql(wait)
        note(tx, "hurried")

    with postgres_database.engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="timeout"):
            await postgres_database.write(hurry)
        other.rollback()
    await postgres_database.write(hurry)
    assert await postgres_database.read(count) == 1


async def test_a_connection_that_ends_during_the_commit_is_not_called_unwritten(postgres_database: Database) -> None:
    def die_at_the_commit(tx: Tx) -> None:
        for statement in (
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION die()",
        ):
            tx.connection.exec_driver_sql(statement)

    await postgres_database.write(die_at_the_commit)
    with pytest.raises(Unavailable, match=r"may have been, or not.*Idempotency-Key"):
        await postgres_database.write(note, "perhaps")
    await postgres_database.write(lambda tx: tx.connection.exec_driver_sql("DROP TRIGGER die ON events"))
    await postgres_database.write(note, "surely")


async def test_a_connection_of_sqlite_that_broke_is_replaced(sqlite_database: Database) -> None:
    def breaks(tx: Tx) -> None:
        driver = tx.connection.connection.driver_connection
        assert driver is not None
        driver.close()

    with pytest.raises(Exception, match="closed"):
        await sqlite_database.write(breaks)
    await sqlite_database.write(note, "after")
    assert await sqlite_database.read(count) == 1


@pytest.mark.slow
def test_two_processes_that_migrate_at_once_do_it_one_after_the_other(
    postgres: PostgresServer, clock: FakeClock, bus: MemoryBus, vault: Vault
) -> None:
    postgres.create("migrated_twice")
    databases = [open_database(postgres.url("migrated_twice"), clock, bus, vault) for _ in range(2)]
    try:
        with ThreadPoolExecutor(2) as threads:
            applied = list(threads.map(migrate, databases))
        assert [] in applied
        assert current(databases[0]) == head()
        assert max(applied, key=len)[-1] == head()
    finally:
        for database in databases:
            database.close()
        postgres.drop("migrated_twice")


@pytest.mark.slow
def test_migrating_postgres_is_not_bound_to_the_time_of_a_statement(
    postgres: PostgresServer, clock: FakeClock, bus: MemoryBus, vault: Vault
) -> None:
    postgres.create("migrated_slowly")
    database = open_database(postgres.url("migrated_slowly"), clock, bus, vault)
    seen: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def look(connection: Connection, cursor: Any, statement: str, *rest: object) -> None:
        if statement.lstrip().startswith("CREATE TABLE"):
            seen.append(cursor.connection.execute("SHOW statement_timeout").fetchone()[0])

    try:
        migrate(database)
        assert set(seen) == {"0"}
    finally:
        database.close()
        postgres.drop("migrated_slowly")


async def test_a_mistake_of_our_own_is_not_called_passing(postgres_database: Database) -> None:
    with pytest.raises(ProgrammingError):
        await postgres_database.write(lambda tx: tx.connection.exec_driver_sql("SELECT connection FROM nowhere"))
