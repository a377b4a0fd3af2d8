"""Brings a database's tables up to this version of Tocsin, forward only."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tocsin.storage.database import Database

ADVISORY_LOCK = 0x746F6373696E
"""The number of the lock that migrating takes on PostgreSQL ("tocsin" in ASCII)."""
LOCK_TIMEOUT_MINUTES = 10
"""How long another process that migrates, or a table that is in use, is waited for."""


def migrate(database: Database) -> list[str]:
    """Apply every migration that is missing, each in one transaction. Returns the revisions that were applied."""
    config = _config()
    with database.engine.connect() as connection:
        if database.dialect == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            _alone_and_without_haste(connection)
        before = MigrationContext.configure(connection).get_current_revision()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if database.dialect == "sqlite":
            connection.connection.driver_connection.commit()  # type: ignore[union-attr]
        connection.commit()
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    known.reverse()
    return known[known.index(before) + 1 :] if before in known else known


def current(database: Database) -> str | None:
    """The revision at which this database stands; None when it is empty."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision that this version of Tocsin needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _alone_and_without_haste(connection: Connection) -> None:
    """For this transaction: one process migrates while others wait for it, and a large table may take its time."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MINUTES}min'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
