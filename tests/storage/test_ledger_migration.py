"""The table of messages is built anew on SQLite: nothing of it is lost, and no number is ever given twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from tests.time import FakeClock
from tocsin.kernel.vault import Vault
from tocsin.storage import MemoryBus, open_database
from tocsin.storage.migrate import _config, migrate

ROW = (
    "INSERT INTO deliveries (id, team_id, incident_id, user_id, recipient, channel, address, kind, urgency, notice, "
    "planned_at, state, attempts, in_flight, due_at) VALUES "
    "(:id, 1, 25, 1, 'Ann', 'email', 'ann@example.com', 'page', 0, '{}', :id, 'queued', 0, 0, 5)"
)


@pytest.mark.slow
def test_messages_and_their_ledger_are_kept_and_numbers_go_on(tmp_path: Path, clock: FakeClock) -> None:
    database = open_database(f"sqlite:///{tmp_path}/tocsin.db", clock, MemoryBus(), Vault(Vault.new_key()))
    config = _config()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "0015")
        connection.execute(text("INSERT INTO teams (id, name, created_at) VALUES (1, 'Ops', 0)"))
        for id in (7, 8, 90):
            connection.execute(text(ROW), {"id": id})
            connection.execute(
                text(
                    "INSERT INTO delivery_events (delivery_id, at, state, attempt, detail) "
                    "VALUES (:id, 1, 'queued', 0, '')"
                ),
                {"id": id},
            )
        connection.execute(text("DELETE FROM delivery_events WHERE delivery_id = 90"))
        connection.execute(text("DELETE FROM deliveries WHERE id = 90"))
        connection.connection.driver_connection.commit()  # type: ignore[union-attr]
        connection.commit()
    assert "0016" in migrate(database)
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, due_at, open, target_id, watch_at FROM deliveries ORDER BY id"))
        assert [tuple(row) for row in rows] == [(7, 5, 1, 0, None), (8, 5, 1, 0, None)]
        assert connection.execute(text("SELECT delivery_id FROM delivery_events ORDER BY id")).scalars().all() == [7, 8]
        connection.execute(text(ROW.replace(":id, 1, 25", "NULL, 1, 25")), {"id": 1})
        assert connection.execute(text("SELECT max(id) FROM deliveries")).scalar_one() == 91
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        connection.rollback()
    database.close()
