"""How much the audit log takes: entries per second, durable, sealed and verified, without losing one; CPU per entry.

    python bench/audit.py [--entries 5000]

Each entry is a transaction of its own, sixty-four of them under way at once, as when as many agents call; the sealing
worker runs beside them. SQLite on disk, and PostgreSQL, when it is installed, without fsync. Nothing is asserted
but that none is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.postgres import PostgresServer

from tocsin.gateway.audit import Entry, write
from tocsin.gateway.audit.sealing import Sealing
from tocsin.gateway.audit.verifying import verify
from tocsin.gateway.identity import Actor
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.registry import Operation, Route
from tocsin.storage import Database, MemoryBus, open_database
from tocsin.storage.migrate import migrate

AT_ONCE = 64
BOT = Actor(kind="agent", id=1, name="Triage-bot", team_ids=(1,))
READ = Operation(
    name="incidents.get", routes=(Route("GET", "/incidents/{id}"),), area="incidents", level="read",
    input=type(None), handler=lambda *_: None, doc="Get an incident.", deed="read an incident",  # type: ignore[arg-type]
)  # fmt: skip


def entry(number: int) -> Entry:
    return Entry(
        actor=BOT, operation=READ, surface="mcp", request_id=f"{number:032}", outcome="allowed",
        reason="has read on Incidents", target=f"incident {number}", target_name="API down", team_id=1,
        team_name="Core", owner_name="Ana", client_name="bench/1", rule="grant 1", arguments={"id": number},
    )  # fmt: skip


async def run(database: Database, entries: int) -> tuple[float, float, float, float]:
    """(durable per second, sealed per second, CPU us per entry written and sealed, verified per second)."""
    sealing, places = Sealing(database, SystemClock()), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await database.write(write, entry(number))

    cpu, began = time.process_time(), time.perf_counter()
    written = asyncio.gather(*(one(number) for number in range(entries)))
    while not written.done():
        await sealing.run_once()
        await asyncio.sleep(0.2)
    await written
    durable = time.perf_counter() - began
    while sealing.sealed < entries:
        await sealing.run_once()
    sealed, used = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    verdict = await asyncio.to_thread(verify, database)
    assert verdict.all_findings == []
    assert verdict.walks[0].entries == entries, "an entry was lost"
    return entries / durable, entries / sealed, used / entries * 1e6, entries / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5_000)
    entries = parser.parse_args().entries
    table = Table("database", "durable/s", "sealed/s", "CPU us/entry", "verified/s")
    postgres = PostgresServer.start()
    with tempfile.TemporaryDirectory() as folder:
        urls = {"SQLite": f"sqlite:///{folder}/tocsin.db"}
        if postgres is not None:
            postgres.create("bench")
            urls["PostgreSQL"] = postgres.url("bench")
        for name, url in urls.items():
            database = open_database(
                url, SystemClock(), MemoryBus(), Vault("a key for this benchmark alone, of length")
            )
            migrate(database)
            figures = asyncio.run(run(database, entries))
            table.add_row(name, *(f"{figure:,.0f}" for figure in figures))
            database.close()
    if postgres is not None:
        postgres.stop()
    Console().print(table)


if __name__ == "__main__":
    main()
