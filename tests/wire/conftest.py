"""The whole API, as every client meets it: all operations, both databases, a clock that stands still."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
import uvloop
from sqlalchemy import Connection

from tests.conftest import opened
from tests.net import FakeNet
from tests.postgres import PostgresServer
from tests.rest.clients import ALICES_TEAM, BASE, CHARLIES_TEAM, Clients, clients
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.kernel.vault import Vault
from tocsin.monitors.worker import Trials
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database, MemoryBus, Tx, metadata

START_SECONDS = 30.0


def _people(tx: Tx) -> None:
    for team_name, email in (
        (ALICES_TEAM, "alice@tocsin.example"),
        (ALICES_TEAM, "bob@tocsin.example"),
        (CHARLIES_TEAM, "charlie@tocsin.example"),
    ):
        user = accounts.create_user(tx, email=email, name=email.partition("@")[0].title(), password=None)
        accounts.join(tx, accounts.ensure_team(tx, team_name).id, user.id, Role.ADMIN)
        accounts.start_session(tx, user.id, means="password")


@pytest.fixture(scope="session")
def wire_postgres_url(postgres: PostgresServer) -> str:
    """One migrated database for all wire tests: emptying it is much faster than making another for each."""
    postgres.create("wire", template="template_tocsin")
    return postgres.url("wire")


def _empty(connection: Connection) -> None:
    """Make it as it was at first. Few of a hundred tables are used by one test: to empty these, and to wind back the
    numbers that were taken, costs a tenth of emptying all."""
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # whatever refers to whatever goes, too
    some = " UNION ALL ".join(
        f"SELECT '{table.name}' WHERE EXISTS (SELECT FROM {table.name})" for table in metadata.sorted_tables
    )
    for name in connection.exec_driver_sql(some).scalars().all():
        connection.exec_driver_sql(f"DELETE FROM {name}")
    connection.exec_driver_sql(
        "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false)"
        " FROM pg_sequences WHERE last_value IS NOT NULL"
    )


@pytest.fixture
def emptied_postgres_database(
    wire_postgres_url: str, clock: FakeClock, bus: MemoryBus, vault: Vault
) -> Iterator[Database]:
    database = opened(wire_postgres_url, clock, bus, vault)
    with database.engine.begin() as connection:
        _empty(connection)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest) -> Database:
    """SQLite always; PostgreSQL in the whole run."""
    fixture = "sqlite_database" if request.param == "sqlite" else "emptied_postgres_database"
    found: Database = request.getfixturevalue(fixture)
    return found


@pytest.fixture
async def at(database: Database) -> Clients:
    """Everybody who calls; Alice and Bob are in one team, Charlie is in another."""
    await database.write(_people)
    return await clients(database, operations(load({}, {}), Trials(FakeNet(), "eu").run), base_url=BASE)


@pytest.fixture
async def policies(at: Clients) -> None:
    """Two escalation policies of Alice's team, with the ids 1 and 2."""
    for id, name in (("1", "By day"), ("2", "At night")):
        answer = await at.alice.post("/api/v3/policies", json={"name": name})
        assert answer.json()["data"]["id"] == id


@pytest.fixture
def address(at: Clients) -> Iterator[str]:
    """The same API on a real socket on loopback, e.g. `http://127.0.0.1:43121`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(at.api, log_level="error", lifespan="off", access_log=False)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        serving = threading.Thread(target=lambda: uvloop.run(server.serve(sockets=[listener])), daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        serving.join(START_SECONDS)
