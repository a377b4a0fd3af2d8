"""How fast a page leaves: from the row to the mail server's word, one at a time and in a storm.

    python bench/paging.py [--pages 1000] [--singles 100]

The mail server is a bare SMTP listener in a process of its own; the database is SQLite on disk with every commit
flushed. Reference: the same mails handed to the same server by aiosmtplib alone, without database, ledger or leases, at
the same number of connections. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import median, quantiles
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table

from tocsin.accounts import actions as accounts
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.notify import actions
from tocsin.notify.channels import email
from tocsin.notify.model import Message, Notice
from tocsin.notify.worker import Deliveries
from tocsin.storage import Database, MemoryBus, Tx, open_database
from tocsin.storage.migrate import migrate

BASE_URL = "https://tocsin.example"


class Listener(asyncio.Protocol):
    """Says yes to everything, in as few steps as SMTP has."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""
        self.in_data = False
        transport.write(b"220 bench ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            end = self.received.find(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if end < 0:
                return
            line, self.received = self.received[:4].upper(), self.received[end + (5 if self.in_data else 2) :]
            if self.in_data:
                self.in_data = False
                self.transport.write(b"250 2.0.0 Ok\r\n")
            elif line == b"DATA":
                self.in_data = True
                self.transport.write(b"354 go on\r\n")
            elif line == b"QUIT":
                self.transport.write(b"221 bye\r\n")
                self.transport.close()
            else:
                self.transport.write(b"250 Ok\r\n")


def serve(ready: Any) -> None:
    """Listen until killed."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Listener, "127.0.0.1", 0, backlog=1024)
        ready.put(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(main())


class Bench:
    """One team, one person, and a worker whose bell is heard as in the running product."""

    def __init__(self, database: Database, bus: MemoryBus, settings: email.Settings) -> None:
        self.database = database
        self.bus = bus
        self.settings = settings
        self.team_id = self.user_id = 0
        self.worker = Deliveries(
            database, SystemClock(), base_url=BASE_URL, settings={email.KIND: settings}, alone=True
        )

    async def prepare(self) -> None:
        """Found the team."""

        def found(tx: Tx) -> tuple[int, int]:
            team = accounts.ensure_team(tx, "Ops")
            return team.id, accounts.create_user(tx, email="ann@example.com", name="Ann", password=None).id

        self.team_id, self.user_id = await self.database.write(found)

    def queue(self, tx: Tx, first: int, number: int) -> None:
        """Plan pages about as many incidents."""
        for incident_id in range(first, first + number):
            notice = Notice(
                kind="page", incident_id=incident_id, team_id=self.team_id, subject="[Tocsin] Down: shop (Status 503)",
                headline="shop.example.com is down", cause="Status 503", facts=[("Response code", "503")],
                url=f"{BASE_URL}/incidents/{incident_id}", thread_key=f"incident-{incident_id}",
                actions=("acknowledge",),
            )  # fmt: skip
            actions.queue(
                tx, notice, user_id=self.user_id, channel="email", address="ann@example.com", planned_at=tx.now
            )

    async def until_sent(self, total: int) -> None:
        """Look whenever the bell rings, until `total` messages are sent."""
        while (await self.database.read(actions.states))["sent"] < total:
            await self.worker.run_once()
            await self.bus.wait("deliveries", 1)
        await self.worker.drain()

    async def bare(self, number: int) -> None:
        """The reference: the same mails with nothing around them."""
        page = Notice(kind="page", incident_id=1, team_id=1, subject="[Tocsin] Down: shop (Status 503)",
                      headline="shop.example.com is down", cause="Status 503", actions=("acknowledge",))  # fmt: skip
        turns = asyncio.Semaphore(self.settings.connections)

        async def one(id: int) -> None:
            message = Message(delivery_id=id, attempt=1, channel="email", address="ann@example.com", recipient="Ann",
                              notice=page, key=f"delivery-{id}", thread="incident-1", answer_url=BASE_URL,
                              at=SystemClock().now())  # fmt: skip
            async with turns:
                await email.send(message, self.settings)

        await asyncio.gather(*(one(id) for id in range(number)))


async def measure(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process)"""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


async def run(port: int, pages: int, singles: int) -> Table:
    """All rows of the table."""
    bus = MemoryBus()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bench.db", SystemClock(), bus, Vault(Vault.new_key()))
        migrate(database)
        bench = Bench(database, bus, email.settings(f"smtp://127.0.0.1:{port}?from=tocsin@ops.example"))
        await bench.prepare()
        waits = []
        for number in range(singles):
            started = time.perf_counter()
            await database.write(bench.queue, number + 1, 1)
            await bench.until_sent(number + 1)
            waits.append((time.perf_counter() - started) * 1000)
        queued = await measure(lambda: database.write(bench.queue, 1_000_000, pages))
        storm = await measure(lambda: bench.until_sent(singles + pages))
        bare = await measure(lambda: bench.bare(pages))
        database.close()
    table = Table(title="Paging by e-mail (SQLite, loopback, no TLS)")
    for heading in ("what", "per page", "CPU per page", "pages/s", "ratio of CPU to bare SMTP"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    p99 = quantiles(waits, n=100)[98]
    table.add_row("one page, row to ledger", f"p50 {median(waits):.1f} ms, p99 {p99:.1f} ms", "", "", "")
    for what, (wall, cpu) in (("queue", queued), ("storm: claim, send, settle", storm), ("bare aiosmtplib", bare)):
        row = (
            f"{wall / pages * 1e3:.2f} ms",
            f"{cpu / pages * 1e3:.2f} ms",
            f"{pages / wall:,.0f}",
            f"{cpu / bare[1]:.2f}",
        )
        table.add_row(what, *row)
    return table


def main() -> None:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--singles", type=int, default=100)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    ready: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
    server.start()
    try:
        Console().print(asyncio.run(run(ready.get(timeout=10), options.pages, options.singles)))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
