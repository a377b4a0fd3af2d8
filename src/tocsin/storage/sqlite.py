"""The embedded database: one file, one writing thread that commits many callers' work in one flush to disk."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tocsin.kernel.clock import Clock
from tocsin.kernel.vault import Vault
from tocsin.storage.bus import Bus
from tocsin.storage.database import Tx, translated

T = TypeVar("T")
log = structlog.get_logger()

MAX_GROUP = 512
"""Functions per commit: bounds how long the first of a burst waits for the last."""
READERS = 3
"""Reading threads: WAL lets them run beside the writer; more than a few only fight for the interpreter."""
BUSY_TIMEOUT_SECONDS = 5.0
"""How long a lock held by another process (a backup, the command line) is waited for."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16000",
    "PRAGMA mmap_size=268435456",
    "PRAGMA wal_autocheckpoint=2000",
    "PRAGMA journal_size_limit=67108864",
)

_Job = tuple[Callable[[Tx], Any], Future[Any]]


class SqliteBackend:
    """WAL, `synchronous=FULL`, group commit: each queued function in its own savepoint, one commit for all of them."""

    def __init__(self, url: str, clock: Clock, bus: Bus, vault: Vault) -> None:
        self.engine = _engine(url)
        self._clock = clock
        self._bus = bus
        self._vault = vault
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._closed = False
        self._reading: list[Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        self._writer = threading.Thread(target=self._write_for_ever, name="db-write", daemon=True)
        self._writer.start()

    def submit_read(self, work: Callable[[Tx], T]) -> Future[T]:
        return self._readers.submit(self._read, work)

    def submit_write(self, work: Callable[[Tx], T]) -> Future[T]:
        future: Future[T] = Future()
        if self._closed:
            raise RuntimeError("the database is closed")
        self._jobs.put((work, future))
        return future

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in self._reading:
            connection.close()
        self.engine.dispose()

    def _read(self, work: Callable[[Tx], T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = self.engine.connect()
                self._reading.append(connection)
            driver = _driver(connection)
            driver.execute("BEGIN")  # deferred: it takes no lock yet, so that nothing can be in its way
            try:
                return work(Tx(connection, self._clock.now(), self._vault, driver))
            finally:
                driver.rollback()
                if connection.in_transaction():
                    connection.rollback()
        except DBAPIError as error:
            raise translated(error) from error

    def _write_for_ever(self) -> None:
        connection: Connection | None = None
        open_for_work = True
        while open_for_work:
            job = self._jobs.get()
            group: list[_Job] = []
            while job is not None:
                group.append(job)
                if len(group) >= MAX_GROUP:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            open_for_work = job is not None
            if group:
                try:
                    connection = connection or self.engine.connect()
                    self._commit(connection, group)
                except BaseException as error:  # the file is gone, the disk is full: each caller hears of it
                    log.error("writing failed", error=str(error), callers=len(group))
                    _fail(group, translated(error))
                    if connection is not None:  # it may be what is broken: the next group gets a fresh one
                        _let_go(connection)
                        connection = None
        if connection is not None:
            connection.close()

    def _commit(self, connection: Connection, group: list[_Job]) -> None:
        """Commit a group; when one function made SQLite give everything up, each other gets a commit of its own."""
        live = [(work, future) for work, future in group if future.set_running_or_notify_cancel()]
        try:
            self._commit_group(connection, live)
        except _GaveUp as error:
            log.error("a write was given up", error=str(error.cause), callers=len(live))
            if len(live) == 1:
                _fail(live, translated(error.cause))
                return
            for job in live:
                try:
                    self._commit_group(connection, [job])
                except _GaveUp as own:
                    _fail([job], translated(own.cause))

    def _commit_group(self, connection: Connection, group: list[_Job]) -> None:
        now = self._clock.now()
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        rings: set[str] = set()
        driver = _driver(connection)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for work, future in group:
                tx = Tx(connection, now, self._vault, driver)
                try:
                    with tx.savepoint():
                        answers.append((future, work(tx), None))
                except BaseException as error:
                    if not driver.in_transaction:  # the disk is full: SQLite itself rolled all of it back
                        raise _GaveUp(error) from error
                    answers.append((future, None, translated(error)))
                else:
                    rings |= tx.rings
            _flush(driver)
        except BaseException:
            driver.rollback()
            raise
        finally:
            connection.rollback()  # only SQLAlchemy's own bookkeeping: the driver has nothing open any more
        for future, value, failure in answers:
            if failure is None:
                future.set_result(value)
            else:
                future.set_exception(failure)
        for topic in rings:
            self._bus.ring(topic)


def _flush(driver: sqlite3.Connection) -> None:
    """COMMIT, past SQLAlchemy: what goes wrong still comes in its words, so that callers know it for the database's."""
    try:
        driver.commit()
    except sqlite3.Error as error:
        raise DBAPIError.instance("COMMIT", (), error, sqlite3.Error) from error


class _GaveUp(Exception):
    """SQLite rolled the whole transaction back in the middle of one function."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _fail(group: list[_Job], error: BaseException) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)


def _let_go(connection: Connection) -> None:
    with suppress(Exception):  # what is broken may refuse to be closed too
        connection.invalidate()
    with suppress(Exception):
        connection.close()


def _driver(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def _engine(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",  # BEGIN, SAVEPOINT and COMMIT are ours to say
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def _prepare(driver: sqlite3.Connection, record: object) -> None:
        for pragma in _PRAGMAS:
            driver.execute(pragma)

    return engine
