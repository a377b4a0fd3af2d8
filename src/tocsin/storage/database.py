"""How anything is read or written: a plain function on a database thread, all of it or nothing of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError, Unavailable
from tocsin.kernel.vault import Vault
from tocsin.storage.bus import Bus
from tocsin.storage.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")


class Tx:
    """One transaction: a connection, the one instant at which it all happens, and the doorbells to ring after it.

    Actions receive it and cannot await, so no call to the outside can ever sit inside a transaction. On PostgreSQL a
    function may be run again after a serialisation failure: it must change nothing but the database.
    """

    __slots__ = ("_depth", "_driver", "connection", "dialect", "journal", "now", "rings", "vault")

    def __init__(
        self, connection: Connection, now: datetime, vault: Vault, driver: sqlite3.Connection | None = None
    ) -> None:
        """`driver`: the bare connection below, where there is a short way to it."""
        self.connection = connection
        self.dialect = connection.dialect.name
        self._driver = driver
        self.now = now
        self.vault = vault
        self.rings: set[str] = set()
        self.journal: Journal | None = None
        """Is told of every statement before it is run, while something is to be undoable."""
        self._depth = 0

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one SQLAlchemy Core statement (a list of parameters runs it for each)."""
        if self.journal is not None:
            self.journal.note(self, statement, parameters)
        return self.connection.execute(statement, parameters)

    def rows(self, sql: str, parameters: Any) -> list[Any]:
        """Run a SELECT in the driver's own words and return its rows as tuples: see `storage.prepared`."""
        if self._driver is None:
            return list(self.connection.exec_driver_sql(sql, parameters).all())
        try:
            return self._driver.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise DBAPIError.instance(sql, parameters, error, sqlite3.Error, hide_parameters=True) from error

    def run(self, sql: str, parameters: Any) -> None:
        """Run a statement in the driver's own words, past the journal: for what is nothing that could be undone."""
        if self._driver is None:
            self.connection.exec_driver_sql(sql, parameters)
            return
        try:
            self._driver.execute(sql, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(sql, parameters, error, sqlite3.Error, hide_parameters=True) from error

    def insert(self, statement: Executable, parameters: Any = None) -> int:
        """Run an INSERT of one row and return the id that the database gave it."""
        key = self.execute(statement, parameters).inserted_primary_key
        assert key is not None
        return int(key[0])

    def ring(self, topic: str) -> None:
        """Ring `topic` on the bus once this transaction is durable."""
        self.rings.add(topic)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that can fail alone: an exception undoes what was done inside, and goes on up."""
        self._depth += 1
        name = f"part_{self._depth}"
        rings = set(self.rings)
        self._say(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self.rings = rings
            with suppress(DBAPIError):  # a database that gave everything up has no savepoint left: the cause counts
                self._say(f"ROLLBACK TO SAVEPOINT {name}")
                self._say(f"RELEASE SAVEPOINT {name}")
            raise
        else:
            self._say(f"RELEASE SAVEPOINT {name}")
        finally:
            self._depth -= 1

    def _say(self, sql: str) -> None:
        if self._driver is None:
            self.connection.exec_driver_sql(sql)
        else:
            self.run(sql, ())


class Backend(Protocol):
    """What differs between SQLite and PostgreSQL."""

    engine: Engine

    def submit_read(self, work: Callable[[Tx], T]) -> Future[T]: ...
    def submit_write(self, work: Callable[[Tx], T]) -> Future[T]: ...
    def close(self) -> None: ...


class Database:
    """Runs transactions. `read` sees one consistent snapshot; `write` has returned only when it is durable."""

    def __init__(self, backend: Backend, url: str) -> None:
        self.backend = backend
        self.url = url

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, for migrations and backups only."""
        return self.backend.engine

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.backend.engine.dialect.name

    async def read(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(tx, …)` on a reading thread. Raises what `work` raises, or `Unavailable`."""
        return await asyncio.wrap_future(self.submit_read(work, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(tx, …)`; all of it is on disk when this returns, none if this raises (but see Unavailable)."""
        return await asyncio.wrap_future(self.submit_write(work, *args, **kwargs))

    def submit_read(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """`read` for callers that are not on an event loop: returns a future of the answer."""
        return self.backend.submit_read(lambda tx: work(tx, *args, **kwargs))

    def submit_write(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """`write` for callers that are not on an event loop: the future is done when the commit is."""
        return self.backend.submit_write(lambda tx: work(tx, *args, **kwargs))

    def close(self) -> None:
        """Finish what is queued, then let go of the files and connections."""
        self.backend.close()


def open_database(url: str, clock: Clock, bus: Bus, vault: Vault) -> Database:
    """Open `sqlite:///path` or `postgresql://…`. Does not migrate: see `storage.migrate`."""
    from tocsin.storage.postgres import PostgresBackend
    from tocsin.storage.sqlite import SqliteBackend

    if url.startswith("sqlite"):
        return Database(SqliteBackend(url, clock, bus, vault), url)
    if url.startswith(("postgresql", "postgres:")):
        return Database(PostgresBackend(url, clock, bus, vault), url)
    raise ValueError(f"Unknown database URL '{url.split(':', 1)[0]}:…': use sqlite:///FILE or postgresql://…")


def translated(error: BaseException, *, committing: bool = False) -> BaseException:
    """A driver's complaint that the caller may retry becomes `Unavailable`; anything else stays what it is.

    `committing`: COMMIT had been sent. Whoever then loses the connection cannot know whether it was done.
    """
    if isinstance(error, TocsinError) or not isinstance(error, DBAPIError):
        return error
    words = str(error.orig).strip().splitlines()[0] if error.orig else "the database did not answer"
    if error.connection_invalidated or _passing(error.orig, words.lower()):
        outcome = _UNKNOWN_OUTCOME if committing and error.connection_invalidated else "Nothing was written; try again."
        answer = Unavailable(f"The database cannot take this just now ({words}). {outcome}")
        answer.__cause__ = error
        return answer
    return error


_UNKNOWN_OUTCOME = (
    "The connection ended while it was being written: it may have been, or not. Try again with the same "
    "Idempotency-Key, or look before you do."
)
_PASSING_STATES = ("08", "25006", "40", "53", "55P03", "57014", "57P", "58")
"""How the SQLSTATE of a failure begins that says nothing about the statement: no connection, a server that only reads,
rivals, no resources, a lock or a statement that took too long, the server stops or starts, its disk
(PostgreSQL appendix A)."""
_PASSING_WORDS = ("locked", "disk is full", "full", "readonly", "read-only", "disk i/o", "unable to open", "connection",
                  "shutting down", "terminating", "could not write", "no space")  # fmt: skip
"""What SQLite, and a driver that never reached its server, say instead."""


def _passing(complaint: BaseException | None, words: str) -> bool:
    state: str | None = getattr(complaint, "sqlstate", None)
    if state is not None:  # the server's own verdict; its words come in the operator's language
        return state.startswith(_PASSING_STATES)
    return any(sign in words for sign in _PASSING_WORDS)
