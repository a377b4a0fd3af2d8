"""How fast a page leaves: from the row to the mail server's word, one at a time and in a storm.

    python bench/paging.py [--pages 1000] [--singles 100]
    python bench/paging.py --incidents 1000 [--seconds 60]

The mail server is a bare SMTP listener in a process of its own; the database is SQLite on disk with every commit
flushed. Reference: the same mails handed to the same server by aiosmtplib alone, without database, ledger or leases, at
the same number of connections. Nothing is asserted.

With --incidents: so many incidents of a hundred teams open, evenly spread over that time, while the escalations and the
outbox run as in the product; measured is the time from each incident to the mail server's acceptance, by the ledger.
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
from tocsin.escalation.model import Paging
from tocsin.escalation.worker import Escalations
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author, Kind, Opening
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.notify import actions
from tocsin.notify.channels import email
from tocsin.notify.model import Message, Notice
from tocsin.notify.worker import Deliveries
from tocsin.runtime.loop import Supervisor
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


async def storm(port: int, incidents: int, seconds: float) -> Table:
    """From an incident to the provider's acceptance of its page, while many open at once."""
    bus, clock = MemoryBus(), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bench.db", clock, bus, Vault(Vault.new_key()))
        migrate(database)
        settings = email.settings(f"smtp://127.0.0.1:{port}?from=tocsin@ops.example")
        sender = Deliveries(database, clock, base_url=BASE_URL, settings={email.KIND: settings}, alone=True)
        supervisor = Supervisor([Escalations(database, clock), sender], bus, clock)
        teams = await database.write(_teams)
        supervisor.start()
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(incidents):
            await asyncio.sleep(max(0.0, began + number * seconds / incidents - time.perf_counter()))
            await database.write(_open, teams[number % len(teams)], number)
        while (await database.read(actions.states))["sent"] < incidents:
            await asyncio.sleep(0.1)
        cpu = time.process_time() - cpu
        await sender.drain()
        await supervisor.stop()
        waits = await database.read(_waits)
        database.close()
    table = Table(title=f"{incidents} incidents within {seconds:g} s: from the incident to the provider's acceptance")
    for heading in ("p50", "p99", "worst", "CPU per incident"):
        table.add_column(heading, justify="right")
    p99 = quantiles(waits, n=100)[98]
    worst = f"{max(waits):,.0f} ms"
    table.add_row(f"{median(waits):,.0f} ms", f"{p99:,.0f} ms", worst, f"{cpu / incidents * 1e3:.1f} ms")
    return table


def _teams(tx: Tx) -> list[int]:
    found = []
    for number in range(100):
        team = accounts.ensure_team(tx, f"Team {number}")
        person = accounts.create_user(tx, email=f"ann{number}@example.com", name=f"Ann {number}", password=None)
        accounts.join(tx, team.id, person.id)
        found.append(team.id)
    return found


def _open(tx: Tx, team_id: int, number: int) -> None:
    opening = Opening(team_id=team_id, owner_type=None, owner_id=None, kind=Kind.MANUAL, name=f"Shop {number}",
                      cause="Status 503", paging=Paging(team_wait=0), confirmed=True)  # fmt: skip
    incidents.report(tx, opening, description=None, facts={}, author=Author(name="Ann"), base_url=BASE_URL)


def _waits(tx: Tx) -> list[float]:
    """Milliseconds from each incident to the acceptance of its first page."""
    first = "SELECT min(e.at) FROM delivery_events e JOIN deliveries d ON d.id = e.delivery_id WHERE e.state = 'sent'"
    found = tx.connection.exec_driver_sql(f"SELECT ({first} AND d.incident_id = i.id) - i.started_at FROM incidents i")
    return [float(row[0]) for row in found]


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
    parser.add_argument("--incidents", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    ready: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
    server.start()
    try:
        port = ready.get(timeout=10)
        if options.incidents:
            Console().print(asyncio.run(storm(port, options.incidents, options.seconds)))
        else:
            Console().print(asyncio.run(run(port, options.pages, options.singles)))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
