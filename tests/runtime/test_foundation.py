"""What stands before anything runs: a database is never opened with a key that is not its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tocsin.runtime.data_directory import KEY_FILE, KeyLost
from tocsin.runtime.foundation import foundation
from tocsin.runtime.settings import Settings, load
from tocsin.storage.migrate import migrate


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    given = {"data": str(tmp_path / "data")}
    if request.param == "sqlite":
        yield load(given, {}, tmp_path)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.create(name)
    yield load(given | {"database_url": server.url(name)}, {}, tmp_path)
    server.drop(name)


@pytest.mark.slow
def test_no_key_is_made_beside_a_database_that_has_lost_its_own(settings: Settings) -> None:
    with foundation(settings) as ground:
        sealed = ground.vault.seal("hunter2")
        migrate(ground.database)
    file = settings.data / KEY_FILE
    kept = file.rename(settings.data / "elsewhere")
    with pytest.raises(KeyLost, match="Put the file back from a backup"), foundation(settings):
        pass
    assert not file.exists()
    kept.rename(file)
    with foundation(settings) as ground:
        assert ground.vault.open(sealed) == "hunter2"


@pytest.mark.slow
def test_a_start_that_ended_before_there_were_tables_begins_anew(settings: Settings) -> None:
    with foundation(settings):
        pass
    (settings.data / KEY_FILE).unlink()
    with foundation(settings):
        pass
    assert (settings.data / KEY_FILE).exists()


@pytest.mark.slow
def test_somebody_who_writes_a_new_key_by_hand_goes_on(settings: Settings) -> None:
    with foundation(settings) as ground:
        migrate(ground.database)
    (settings.data / KEY_FILE).write_text("k" * 40)
    with foundation(settings) as ground:
        assert ground.key == "k" * 40
