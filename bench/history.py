"""How many bytes a day of one monitor takes on disk, while every check is kept and after it is rolled up (SQLite)."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tocsin.kernel.clock import SystemClock, to_milliseconds
from tocsin.kernel.vault import Vault
from tocsin.monitors.actions import packing
from tocsin.monitors.model import Sample
from tocsin.monitors.store import samples as shelf
from tocsin.storage import Database, MemoryBus, Tx, open_database
from tocsin.storage.migrate import migrate

MONITORS = 40
DAY = to_milliseconds(datetime(2026, 3, 2, tzinfo=UTC))


def main() -> None:
    print(f"{'check every':>12} {'checks/day':>11} {'packed':>10} {'rolled up':>10}   bytes per monitor and day")
    for frequency in (30, 180):
        with tempfile.TemporaryDirectory() as folder:
            database = open_database(
                f"sqlite:///{Path(folder) / 'tocsin.db'}", SystemClock(), MemoryBus(), Vault("x" * 40)
            )
            migrate(database)
            empty = size(database)
            for monitor in range(1, MONITORS + 1):
                database.submit_write(fill, monitor, frequency).result()
            packed = (size(database) - empty) / MONITORS
            while database.submit_write(packing.roll_up, DAY + shelf.DAY_MS, 500).result():
                pass
            rolled = (size(database) - empty) / MONITORS
            print(f"{frequency:>10} s {86_400 // frequency:>11} {packed:>10,.0f} {rolled:>10,.0f}")
            database.close()


def fill(tx: Tx, monitor: int, frequency: int) -> None:
    """A day of checks that take as long as real ones do: a steady network, some noise, now and then a slow one."""
    chance = random.Random(monitor)
    for hour in range(24):
        start = DAY + hour * shelf.HOUR_MS
        found = []
        for beat in range(3600 // frequency):
            lookup = chance.expovariate(1 / 0.0004)
            connect = chance.gauss(0.031, 0.002)
            handshake = chance.gauss(0.040, 0.003)
            transfer = chance.lognormvariate(-2.1, 0.15)
            at = start + beat * frequency * 1000 + chance.randrange(4)
            found.append(
                Sample(monitor, "eu", at, lookup + connect + handshake + transfer, lookup, connect, handshake, transfer)
            )
        shelf.save_hour(tx, shelf.Packed(monitor, start, "eu", 1, shelf.pack_hour(start, found)), None)


def size(database: Database) -> int:
    """Bytes of the file after it is squeezed."""
    connection = database.engine.connect()
    connection.exec_driver_sql("VACUUM")
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.close()
    return int(pages) * 4096


if __name__ == "__main__":
    main()
