"""Puts one Tocsin together: the only place that knows every room of the house."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tocsin.gateway.door import Door
from tocsin.gateway.housekeeping import Housekeeping
from tocsin.kernel.clock import Clock, SystemClock
from tocsin.kernel.vault import Vault
from tocsin.registry import Catalogue, Operation
from tocsin.rest.app import Api
from tocsin.runtime import health
from tocsin.runtime.data_directory import prepare, secret_key
from tocsin.runtime.loop import Supervisor, Worker
from tocsin.runtime.metrics import Counts, Metrics
from tocsin.runtime.settings import Settings
from tocsin.runtime.web import App, Pulse, application
from tocsin.storage import Bus, Database, MemoryBus, Tx, open_database

CONCEPTS = ("monitors", "incidents")


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


class House:
    """All parts of a running Tocsin. `start` and `stop` belong to one event loop."""

    def __init__(self, ground: Foundation, base_url: str) -> None:
        """`base_url`: for links in messages; in API answers it stands only when it was set by somebody."""
        self.ground = ground
        self.metrics = Metrics(ground.clock)
        catalogue = Catalogue(operations())
        door = Door(ground.database, catalogue)
        workers: list[Worker] = [Housekeeping(ground.database, ground.clock, door)]
        escalation = importlib.import_module("tocsin.escalation.worker")
        workers.append(escalation.Escalations(ground.database, ground.clock))
        self.supervisor = Supervisor(workers, ground.bus, ground.clock)
        self.metrics.watch(self.supervisor.progress, None, {})
        pulse = Pulse(
            database=ground.database,
            supervisor=self.supervisor,
            metrics=self.metrics,
            clock=ground.clock,
            probe=self._probe_facts,
            count=_counts,
        )
        api = Api(door, catalogue, base_url=ground.settings.base_url or None, message_url=base_url)
        self.app: App = application(pulse, self.metrics, api)

    def start(self) -> None:
        """Begin to check and to page."""
        self.supervisor.start()

    async def stop(self) -> None:
        """Stop checking, then put the workers down."""
        await self.supervisor.stop()

    def _probe_facts(self) -> health.ProbeFacts | None:
        return None


def operations() -> Iterator[Operation]:
    """Everything that can be done here, in the order of the documentation."""
    for concept in CONCEPTS:
        try:
            yield from importlib.import_module(f"tocsin.{concept}.api").OPERATIONS
        except ModuleNotFoundError:
            continue


def _counts(tx: Tx) -> Counts:
    return Counts()
