"""What tests of the public pages share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pages.reading import Public
from tests.time import FakeClock
from tocsin.kernel.vault import Vault
from tocsin.storage import Database


@pytest.fixture
async def public(sqlite_database: Database, clock: FakeClock, vault: Vault) -> AsyncIterator[Public]:
    public = Public(sqlite_database, clock, vault)
    yield public
    await public.pages.close()
