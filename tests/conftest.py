"""What every test may ask for: a clock that can be wound, and a migrated database of either kind."""

from __future__ import annotations

import gc
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import Dialect

from tests.bell import Bell
from tests.postgres import PostgresServer
from tests.time import FakeClock
from tocsin.kernel.clock import Clock
from tocsin.kernel.vault import Vault
from tocsin.storage import Bus, Database, MemoryBus, open_database
from tocsin.storage.migrate import migrate

settings.register_profile("tocsin", deadline=None)  # how long a thing takes is no question for a test
settings.load_profile("tocsin")

structlog.configure(  # as it does by itself but for the frames' variables: drawing them took seconds per traceback
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

REQUIRE_ALL = os.environ.get("TOCSIN_TEST_REQUIRE_ALL") == "1"
"""Set by `.ci/run`: there, a missing part fails instead of skipping."""

gc.disable()  # what is imported and collected stays: looking through it again and again took a third of the run


def pytest_collection_finish() -> None:
    """From here on only what the tests themselves make is looked through."""
    gc.freeze()
    gc.enable()


_dialects: dict[str, Dialect] = {}
_compiled: dict[object, object] = {}


def opened(url: str, clock: Clock, bus: Bus, vault: Vault) -> Database:
    """A database of a test's own that knows the statements which earlier tests had compiled, as a server that has run
    for a while does. Compiling them anew for each test was most of the run."""
    return experienced(open_database(url, clock, bus, vault))


def experienced(database: Database) -> Database:
    """The database, knowing the statements that earlier ones had compiled."""
    engine = database.engine
    if engine.dialect.name not in _dialects:
        with engine.connect():  # it learns which version it speaks to
            _dialects[engine.dialect.name] = engine.dialect
    engine.dialect = _dialects[engine.dialect.name]
    engine.update_execution_options(compiled_cache=_compiled)
    return database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bus() -> Bell:
    return Bell()


@pytest.fixture
def vault() -> Vault:
    return Vault("a key for tests alone, of enough characters")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, copied for each test: migrating anew for each would be most of the run."""
    path = tmp_path_factory.mktemp("template") / "tocsin.db"
    database = open_database(f"sqlite:///{path}", FakeClock(), MemoryBus(), Vault("x" * 40))
    migrate(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL on loopback, with one migrated template database."""
    server = PostgresServer.start()
    if server is None:
        if REQUIRE_ALL:
            pytest.fail("PostgreSQL is not installed, and this run must not skip anything")
        pytest.skip("PostgreSQL is not installed")
    try:
        server.create("template_tocsin")
        database = open_database(server.url("template_tocsin"), FakeClock(), MemoryBus(), Vault("x" * 40))
        migrate(database)
        database.close()
        yield server
    finally:
        server.stop()


@pytest.fixture
def sqlite_database(
    tmp_path: Path, sqlite_template: Path, clock: FakeClock, bus: MemoryBus, vault: Vault
) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    shutil.copy(sqlite_template, path)
    database = opened(f"sqlite:///{path}", clock, bus, vault)
    yield database
    database.close()


@pytest.fixture
def postgres_database(postgres: PostgresServer, clock: FakeClock, bus: MemoryBus, vault: Vault) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create(name, template="template_tocsin")
    database = opened(postgres.url(name), clock, bus, vault)
    yield database
    database.close()
    postgres.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated, empty database: every test that takes this runs on both kinds (`make check` on SQLite alone)."""
    fixture = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(fixture)
    return found
