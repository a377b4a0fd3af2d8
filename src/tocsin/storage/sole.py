"""Lets one Tocsin at a time watch with a database: two would check everything twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.storage.database import Database

SERVING_LOCK = 0x746F6373696F
"""The number of the advisory lock that a serving process holds on PostgreSQL as long as its connection lives."""


@contextmanager
def sole_server(database: Database) -> Iterator[bool]:
    """Whether nobody else serves from this database, and a claim on it for as long as the block lasts.

    On SQLite the lock on the data directory says the same. On PostgreSQL the claim ends with its connection, so that a
    killed process leaves none behind; one that lost its connection keeps serving without it.
    """
    if database.dialect == "sqlite":
        yield True
        return
    connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        yield bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({SERVING_LOCK})").scalar_one())
    finally:
        connection.invalidate()
        connection.close()
