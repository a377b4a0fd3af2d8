"""A database whose process dies at a chosen statement: what was not committed by then never happened.

`fate.seal(database)` counts every statement and every commit of the writing thread. At the chosen one the process is
dead: the open transaction is lost, and whatever it still tries fails, until the same file is opened anew.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from sqlalchemy import event

from tocsin.storage import Database

WRITER = "db-write"
"""The name of the thread that writes: what is only read can die anywhere without a difference."""


class Fate:
    """When the process dies. `None` = it lives for ever, and only counts its steps."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.steps = 0
        self.dead = False
        self._armed = False

    def seal(self, database: Database) -> None:
        """Let this database, freshly opened and never used, share the fate."""
        factory = _mortal(self)

        @event.listens_for(database.engine, "do_connect")
        def _connect(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> None:
            options["factory"] = factory

    def arm(self) -> None:
        """From now on steps are counted."""
        self._armed = True

    def step(self) -> None:
        """One more statement or commit; the last one kills."""
        if self.dead:
            raise sqlite3.OperationalError("the process is dead")
        if not self._armed or threading.current_thread().name != WRITER:
            return
        self.steps += 1
        if self.steps == self.dies_at:
            self.dead = True
            raise sqlite3.OperationalError("the process is killed")


def _mortal(fate: Fate) -> type[sqlite3.Connection]:
    class MortalCursor(sqlite3.Cursor):
        def execute(self, *args: Any) -> Any:
            fate.step()
            return super().execute(*args)

        def executemany(self, *args: Any) -> Any:
            fate.step()
            return super().executemany(*args)

    class Mortal(sqlite3.Connection):
        """A connection that dies with its process. `rollback` works on: a dead process's file forgets by itself."""

        def cursor(self, *args: Any, **kwargs: Any) -> Any:
            return super().cursor(MortalCursor)

        def execute(self, *args: Any) -> Any:
            fate.step()
            return super().execute(*args)

        def commit(self) -> None:
            fate.step()
            super().commit()
            fate.step()  # on disk, but nobody hears of it

    return Mortal
