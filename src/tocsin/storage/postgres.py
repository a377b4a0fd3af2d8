"""The database to grow with: PostgreSQL, a few threads, one serialisable transaction each."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock
from tocsin.kernel.vault import Vault
from tocsin.storage.bus import Bus
from tocsin.storage.database import Tx, translated

T = TypeVar("T")

READERS = 4
WRITERS = 4
"""Threads, each with at most one connection."""
ATTEMPTS = 20
"""Tries of one function before a serialisation failure is handed to the caller."""
RIVALS = 2
"""Tries of one function beside the other writers; after those it has the database to itself. A storm makes every
outage read what the others write, and rivals would defeat each other until their tries are used up."""
_RETRYABLE = frozenset({"40001", "40P01"})
"""serialization_failure and deadlock_detected (PostgreSQL appendix A)."""
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 30_000


class PostgresBackend:
    """Two small pools of threads; writes run SERIALIZABLE and are run again when PostgreSQL asks for it."""

    def __init__(self, url: str, clock: Clock, bus: Bus, vault: Vault) -> None:
        self.engine = create_engine(
            _psycopg(url),
            pool_size=READERS + WRITERS,
            max_overflow=1,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=4000",
            },
        )
        self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writing = self.engine.execution_options(isolation_level="SERIALIZABLE")
        self._clock = clock
        self._bus = bus
        self._vault = vault
        self._gate = _Gate(WRITERS)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="db-write")

    def submit_read(self, work: Callable[[Tx], T]) -> Future[T]:
        return self._readers.submit(self._read, work)

    def submit_write(self, work: Callable[[Tx], T]) -> Future[T]:
        return self._writers.submit(self._write, work)

    def close(self) -> None:
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()

    def _read(self, work: Callable[[Tx], T]) -> T:
        try:
            with self._reading.connect() as connection, connection.begin():
                return work(Tx(connection, self._clock.now(), self._vault))
        except DBAPIError as error:
            raise translated(error) from error

    def _write(self, work: Callable[[Tx], T]) -> T:
        for attempt in range(ATTEMPTS):
            committing = False
            try:
                with (
                    self._gate.passed(alone=attempt >= RIVALS),
                    self._writing.connect() as connection,
                    connection.begin() as transaction,
                ):
                    tx = Tx(connection, self._clock.now(), self._vault)
                    answer = work(tx)
                    committing = True
                    transaction.commit()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in _RETRYABLE and attempt < ATTEMPTS - 1:
                    time.sleep(random.uniform(0, 0.005 * (attempt + 1)))  # noqa: S311 - spreads rivals, hides nothing
                    continue
                raise translated(error, committing=committing) from error
            for topic in tx.rings:
                self._bus.ring(topic)
            return answer
        raise AssertionError("unreachable")


class _Gate:
    """Lets all writers work beside each other, or one of them alone."""

    def __init__(self, writers: int) -> None:
        self._writers = writers
        self._free = threading.Semaphore(writers)
        self._turn = threading.Lock()

    @contextmanager
    def passed(self, *, alone: bool) -> Iterator[None]:
        """Wait for a place; `alone` takes all of them, one at a time, so that two who want all never hold half each."""
        places = self._writers if alone else 1
        with self._turn:
            for _ in range(places):
                self._free.acquire()
        try:
            yield
        finally:
            self._free.release(places)


def _psycopg(url: str) -> str:
    return "postgresql+psycopg://" + url.split("://", 1)[1]
