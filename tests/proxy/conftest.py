"""A stage of two real Tocsins."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conftest import opened
from tests.proxy.stage import Behind, Stage, served
from tests.world import World, world
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, MemoryBus

__all__ = ["world"]


@pytest.fixture
def database_behind(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    copy = tmp_path / "behind.db"
    shutil.copy(sqlite_template, copy)
    database = opened(f"sqlite:///{copy}", SystemClock(), MemoryBus(), Vault("another key for tests, long enough"))
    yield database
    database.close()


@pytest.fixture
async def stage(world: World, tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(world, tmp_path / "upstream.token")
    yield stage
    await stage.close()


@pytest.fixture
async def behind(stage: Stage, database_behind: Database) -> AsyncIterator[Behind]:
    """Another Tocsin, behind the door of the first."""
    other = Behind(database_behind)
    await other.people()
    async with served(other) as port:
        await stage.stand_before(f"http://127.0.0.1:{port}", other.token)
        yield other
        await stage.close()
