"""The facts of the incidents of an older Tocsin are where the new one looks for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, column, insert, inspect, table

from tests.postgres import PostgresServer
from tests.time import FakeClock
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Filter
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.vault import Vault
from tocsin.metadata import actions
from tocsin.metadata.model import Metadata, Value, Wanted
from tocsin.storage import Database, MemoryBus, open_database
from tocsin.storage.migrate import _config, migrate

INCIDENTS = 1_203
"""More than are moved with one statement."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def empty(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock, vault: Vault) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path / 'old.db'}", clock, MemoryBus(), vault)
        yield opened
        opened.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.create(name)
    opened = open_database(server.url(name), clock, MemoryBus(), vault)
    yield opened
    opened.close()
    server.drop(name)


def as_of(database: Database, revision: str) -> None:
    """Migrate up to there, as the Tocsin of that time did."""
    config = _config()
    with database.engine.connect() as connection:
        if database.dialect == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if database.dialect == "sqlite":
            connection.connection.driver_connection.commit()  # type: ignore[union-attr]
        connection.commit()


def populate(connection: Connection, began_at: int) -> None:
    """One team with many incidents: each has a code, the third a person and two teams as well."""

    def put(name: str, rows: list[dict[str, Any]]) -> None:
        connection.execute(insert(table(name, *(column(each) for each in rows[0]))), rows)

    put("teams", [{"id": 1, "name": "Ops", "created_at": began_at}])
    put("incidents", [
        {"id": 2 * id, "team_id": 1, "kind": "manual", "name": "Shop", "cause": "Down", "status": "Started",
         "started_at": began_at, "withdrawn": False, "paging": "{}", "has_response": False}
        for id in range(1, INCIDENTS + 1)
    ])  # fmt: skip
    nothing: dict[str, Any] = {"value": None, "item_id": None, "name": None, "email": None}
    put("incident_metadata", [
        {**nothing, "incident_id": 2 * id, "key": "Code", "type": "String", "value": str(id % 100)}
        for id in range(1, INCIDENTS + 1)
    ] + [
        {**nothing, "incident_id": 6, "key": "Team", "type": "String", "value": "Zahlungen \u00fc"},
        {**nothing, "incident_id": 6, "key": "Lead", "type": "User", "item_id": 9, "name": "Al",
         "email": "AL@x.example"},
        {**nothing, "incident_id": 6, "key": "Team", "type": "String", "value": "Shop \"1\"\n\x1b\x7f"},
        {**nothing, "incident_id": 999_999, "key": "Team", "type": "String", "value": "of nothing"},
    ])  # fmt: skip
    connection.commit()


@pytest.mark.slow
async def test_facts_are_moved_over_in_their_order_and_found_again(empty: Database, clock: FakeClock) -> None:
    as_of(empty, "0005")
    with empty.engine.connect() as connection:
        populate(connection, to_milliseconds(clock.now()))
    assert "0006" in migrate(empty)
    assert "incident_metadata" not in inspect(empty.engine).get_table_names()
    found = (await empty.read(actions.of, "Incident", [6]))[6]
    assert list(found) == ["Code", "Team", "Lead"]
    assert found["Team"] == [Value(value="Zahlungen \u00fc"), Value(value='Shop "1"\n\x1b\x7f')]
    assert found["Lead"] == [Value(type="User", item_id=9, name="Al", email="AL@x.example")]
    (_, total) = await empty.read(actions.page, Wanted(), page=1, per_page=10)
    assert total == INCIDENTS + 2
    (first, *_), _ = await empty.read(actions.page, Wanted(owner_type="Incident", owner_id=2), page=1, per_page=10)
    assert (first.created_at, first.updated_at, first.team_id) == (clock.now(), clock.now(), 1)

    async def having(wanted: Metadata) -> list[int]:
        page, total = await empty.read(incidents.page, Filter(metadata=wanted), page=1, per_page=50)
        assert total == len(page)
        return [incident.id for incident in page]

    assert await having({"Team": [Value(value='Shop "1"\n\x1b\x7f')]}) == [6]
    assert await having({"Lead": [Value(type="User", email="al@X.example")]}) == [6]
    assert await having({"Lead": [Value(type="User", item_id=9, name="Al")]}) == [6]
    assert await having({"Lead": [Value(type="User", item_id=9, name="Bo")]}) == []
    assert len(await having({"Code": [Value(value="7")]})) == 12
    assert await having({"Code": [Value(value="3")], "Team": []}) == [6]
