"""What telling other systems costs, and whether a page waits for it.

    python bench/webhooks.py [--events 1000] [--webhooks 10] [--pages 200]

A storm of incidents is handed on to webhooks and delivered to a bare HTTP listener in a process of its own, while pages
are planned one after the other (an incident, its escalation and its first message in one commit). Reference for a page:
the same without a storm. Reference for a delivery: the same requests by the same network, without rows, leases or log.
The database is SQLite on disk with every commit flushed. Nothing is asserted.
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
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Kind, Opening
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, MemoryBus, Tx, open_database
from tocsin.storage.migrate import migrate
from tocsin.webhooks import actions
from tocsin.webhooks.worker import FanOut, WebhookDeliveries, requests

BASE_URL = "https://tocsin.example"
COUNT_EVERY_SECONDS = 0.5
PAUSE_SECONDS = 0.01
"""Between two pages: outages come one after the other, not as a flood of their own."""


class Listener(asyncio.Protocol):
    """Says 200 to every request, and closes, as our checks' connections are closed."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if len(body) >= length:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            self.transport.close()


def serve(ready: Any) -> None:
    """Listen until killed."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Listener, "127.0.0.1", 0, backlog=1024)
        ready.put(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(main())


class Bench:
    """One team with webhooks, and the two workers that tell them."""

    def __init__(self, database: Database, bus: MemoryBus, net: RealNet, port: int) -> None:
        self.database = database
        self.bus = bus
        self.net = net
        self.port = port
        self.team_id = 0
        self.fan_out = FanOut(database, SystemClock())
        self.sending = WebhookDeliveries(database, SystemClock(), net, base_url=BASE_URL, alone=True)

    async def prepare(self, webhooks: int) -> None:
        """Found the team, and half of its webhooks with a template."""

        def found(tx: Tx) -> int:
            team = accounts.ensure_team(tx, "Ops")
            accounts.join(tx, team.id, accounts.create_user(tx, email="a@x.example", name="Ann", password=None).id)
            for number in range(webhooks):
                template = {"body_template": {"text": "$NAME: $CAUSE", "id": "$INCIDENT_ID"}} if number % 2 else None
                given = {"url": f"http://127.0.0.1:{self.port}/{number}", "trigger_type": "incident_change"}
                actions.create(tx, team.id, {**given, "custom_webhook_template_attributes": template})
            return team.id

        self.team_id = await self.database.write(found)

    def storm(self, tx: Tx, number: int, team_id: int) -> None:
        for count in range(number):
            self.open(tx, f"Site {count}", team_id)

    def open(self, tx: Tx, name: str, team_id: int) -> None:
        incidents.open(
            tx,
            Opening(team_id=team_id, owner_type=None, owner_id=None, kind=Kind.MANUAL, name=name, cause="Status 503",
                    paging=Paging(), confirmed=True),
            BASE_URL,
        )  # fmt: skip

    async def tell(self, total: int) -> None:
        """Look whenever there may be something, until `total` messages are delivered."""
        counted_at = 0.0
        while True:
            if time.perf_counter() > counted_at + COUNT_EVERY_SECONDS:  # counting is the bench's, not the product's
                if (await self.database.read(actions.states))["delivered"] >= total:
                    return
                counted_at = time.perf_counter()
            await self.sending.run_once()
            await self.bus.wait(actions.TOPIC, COUNT_EVERY_SECONDS)

    async def hand_on(self) -> None:
        while (await self.database.read(actions.waiting_events, 1))[0]:
            await self.fan_out.run_once()

    async def pages(self, number: int, team_id: int, until: asyncio.Task[Any] | None = None) -> list[float]:
        """Milliseconds until each of so many pages was durable."""
        waits = []
        for count in range(number):
            began = time.perf_counter()
            await self.database.write(self.open, f"Page {count}", team_id)
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE_SECONDS)
            if until is not None and until.done():
                break
        return waits

    async def bare(self, number: int) -> None:
        """The reference: as many requests with nothing around them."""
        webhook = await self.database.read(lambda tx: actions.find(tx, 1, None))
        (delivery,) = (
            await self.database.read(lambda tx: actions.list_deliveries(tx, webhook, None, page=1, per_page=1))
        )[0]
        again = await self.database.write(lambda tx: actions.replay(tx, webhook, delivery.id))
        (message,) = await self.database.write(actions.claim, 1, 1, BASE_URL)
        assert message.delivery_id == again.id
        turns = asyncio.Semaphore(40)

        async def one() -> None:
            async with turns:
                await self.net.fetch(requests.request(message))

        await asyncio.gather(*(one() for _ in range(number)))


async def measure(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process)"""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


async def run(port: int, events: int, webhooks: int, pages: int) -> Table:
    """All rows of the table."""
    bus = MemoryBus()
    net = RealNet(SystemClock())
    net.start()
    total = events * webhooks
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bench.db", SystemClock(), bus, Vault(Vault.new_key()))
        migrate(database)
        bench = Bench(database, bus, net, port)
        await bench.prepare(webhooks)
        other = (await database.write(lambda tx: accounts.ensure_team(tx, "Others"))).id
        calm = await bench.pages(pages, other)
        await bench.hand_on()
        await database.write(bench.storm, events, bench.team_id)
        handed_on = await measure(bench.hand_on)
        telling = asyncio.create_task(measure(lambda: bench.tell(total)))
        stormy = await bench.pages(1_000_000, other, telling)
        told = await telling
        await bench.sending.drain()
        bare = await measure(lambda: bench.bare(min(total, 2_000)))
        database.close()
    net.stop()
    return table(calm, stormy, handed_on, told, (bare, min(total, 2_000)), events, total)


def table(
    calm: list[float], stormy: list[float], handed_on: tuple[float, float], told: tuple[float, float],
    bare: tuple[tuple[float, float], int], events: int, total: int,
) -> Table:  # fmt: skip
    found = Table(title=f"{events} events, {total} messages to webhooks (SQLite, loopback, no TLS)")
    for heading in ("what", "wall", "CPU each", "each/s"):
        found.add_column(heading, justify="left" if heading == "what" else "right")
    for what, waits in (("a page is durable, calm", calm), ("a page is durable, in the storm", stormy)):
        found.add_row(
            what, f"p50 {median(waits):.1f} ms, p99 {quantiles(waits, n=100)[98]:.1f} ms", "", f"n={len(waits)}"
        )
    for what, (wall, cpu), number in (
        ("hand on, per message", handed_on, total),
        ("deliver (with the pages beside it)", told, total),
        ("bare requests", *bare),
    ):
        found.add_row(what, f"{wall:.2f} s", f"{cpu / number * 1e6:.0f} us", f"{number / wall:,.0f}")
    return found


def main() -> None:
    """Start the listener, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--webhooks", type=int, default=10)
    parser.add_argument("--pages", type=int, default=200)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    ready: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
    server.start()
    try:
        port = ready.get(timeout=10)
        Console().print(asyncio.run(run(port, options.events, options.webhooks, options.pages)))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
