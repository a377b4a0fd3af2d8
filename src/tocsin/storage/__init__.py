"""Where everything that must not be forgotten is written down: SQLite by default, PostgreSQL to scale."""

from tocsin.storage.bus import Bus, MemoryBus
from tocsin.storage.database import Database, Tx, open_database
from tocsin.storage.prepared import Prepared, PreparedInsert
from tocsin.storage.tables import Instant, Json, metadata

__all__ = [
    "Bus",
    "Database",
    "Instant",
    "Json",
    "MemoryBus",
    "Prepared",
    "PreparedInsert",
    "Tx",
    "metadata",
    "open_database",
]
