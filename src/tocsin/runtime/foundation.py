"""What stands before anything runs: the settings, the secret key and the open database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tocsin.kernel.clock import Clock, SystemClock
from tocsin.kernel.vault import Vault
from tocsin.runtime.data_directory import prepare, secret_key
from tocsin.runtime.settings import Settings
from tocsin.storage import Bus, Database, MemoryBus, open_database


class Foundation(msgspec.Struct, frozen=True):
    """What the command line needs too: the settings, the key and the open database."""

    settings: Settings
    clock: Clock
    bus: Bus
    vault: Vault
    database: Database
    key: str


@contextmanager
def foundation(settings: Settings) -> Iterator[Foundation]:
    """Open the data directory and the database (not migrated), and close it again."""
    data = prepare(settings.data)
    key = secret_key(data, settings.secret_key)
    clock, bus, vault = SystemClock(), MemoryBus(), Vault(key)
    database = open_database(settings.storage_url, clock, bus, vault)
    try:
        yield Foundation(settings, clock, bus, vault, database, key)
    finally:
        database.close()
