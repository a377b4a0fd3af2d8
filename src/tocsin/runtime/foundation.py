"""What stands before anything runs: the settings, the secret key and the open database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tocsin.kernel.clock import Clock, SystemClock
from tocsin.kernel.vault import Vault
from tocsin.runtime.data_directory import KEY_FILE, KeyLost, prepare, secret_key
from tocsin.runtime.settings import Settings
from tocsin.storage import Bus, Database, MemoryBus, open_database
from tocsin.storage.migrate import current


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
    """Open the data directory and the database (not migrated), and close it again. Raises KeyLost."""
    data = prepare(settings.data)
    file = data / KEY_FILE
    # Asked again behind the database: another process may be making both at this moment, the key first.
    if not settings.secret_key and not file.exists() and _in_use(settings) and not file.exists():
        raise KeyLost(file)
    key = secret_key(data, settings.secret_key)
    clock, bus, vault = SystemClock(), MemoryBus(), Vault(key)
    database = open_database(settings.storage_url, clock, bus, vault)
    try:
        yield Foundation(settings, clock, bus, vault, database, key)
    finally:
        database.close()


def _in_use(settings: Settings) -> bool:
    """Whether the database has been migrated before."""
    sqlite = settings.storage_url.startswith("sqlite:///")
    if sqlite and not Path(settings.storage_url.removeprefix("sqlite:///")).exists():
        return False
    database = open_database(settings.storage_url, SystemClock(), MemoryBus(), Vault(Vault.new_key()))
    try:
        return current(database) is not None
    finally:
        database.close()
