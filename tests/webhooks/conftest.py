"""The cast of these tests: Alice's team, a real HTTP server that receives, and the real network on the way to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from tests.kernel.servers import HttpServer, LoopThread, loop_thread
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.storage import Database, Tx, events
from tocsin.webhooks import actions
from tocsin.webhooks.model import Delivery, Webhook
from tocsin.webhooks.worker import FanOut, WebhookDeliveries

BASE_URL = "https://tocsin.example"


class Receiver:
    """A real server on loopback, and what it was told."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server

    def url(self, path: str = "/in") -> str:
        return self.server.url(path)

    def heard(self, path: str = "/in") -> list[tuple[dict[str, str], Any]]:
        """(headers, JSON body) of each request to a path, in order."""
        found = [each for each in self.server.requests if each[0].split(" ")[1] == path]
        return [(headers, json.loads(body) if body else None) for _, headers, body in found]

    def told(self, path: str = "/in") -> list[str]:
        """Which events, of which incident, a path was told: `started 1`."""
        return [f"{body['event']} {body['data']['id']}" for _, body in self.heard(path)]


class Ops(msgspec.Struct):
    """A team with webhooks, and how to make things happen to it."""

    database: Database
    clock: FakeClock
    net: RealNet
    receiver: Receiver
    team_id: int
    other_team_id: int

    def workers(self, alone: bool = True) -> tuple[FanOut, WebhookDeliveries]:
        sending = WebhookDeliveries(self.database, self.clock, self.net, base_url=BASE_URL, alone=alone)
        return FanOut(self.database, self.clock), sending

    async def webhook(self, path: str = "/in", **attributes: Any) -> int:
        given = {"url": self.receiver.url(path), "trigger_type": "incident_change", **attributes}
        made: Webhook = await self.database.write(actions.create, self.team_id, given)
        return made.id

    async def happen(self, *names: str, incident: int = 1, team_id: int | None = None) -> None:
        """Events of an incident, each in a transaction of its own."""
        for name in names:
            await self.database.write(self.record, name, incident, team_id or self.team_id)

    def record(self, tx: Tx, name: str, incident: int, team_id: int) -> int:
        then = {"name": f"Incident {incident}", "cause": "Status 503", "started_at": tx.now}
        return events.record(
            tx, f"incident.{name}", team_id=team_id, resource_type="incident", resource_id=incident, incident=then
        )

    async def work(self, sending: WebhookDeliveries | None = None) -> None:
        """Let everything that is due be handed on and sent, until nothing more is."""
        fan_out, fresh = self.workers()
        sending = sending or fresh
        await fan_out.run_once()
        for _ in range(200):
            await sending.run_once()
            if not sending.in_flight:
                return
            await sending.drain()
        raise AssertionError("it never came to rest")

    async def pass_time(self, sending: WebhookDeliveries, *, seconds: int, step: int = 1) -> None:
        for _ in range(0, seconds, step):
            self.clock.wind(seconds=step)
            await self.work(sending)

    async def log(self, webhook_id: int) -> list[Delivery]:
        """All messages of a webhook, oldest first, each with all its attempts."""

        def read(tx: Tx) -> list[Delivery]:
            webhook = actions.find(tx, webhook_id, None)
            found, _ = actions.list_deliveries(tx, webhook, None, page=1, per_page=1000)
            return [actions.find_delivery(tx, webhook, each.id) for each in reversed(found)]

        return await self.database.read(read)

    async def states(self, webhook_id: int) -> list[str]:
        return [delivery.state.value for delivery in await self.log(webhook_id)]


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    with loop_thread() as thread:
        yield thread


@pytest.fixture
def receiver(loop: LoopThread) -> Iterator[Receiver]:
    server = HttpServer(loop)
    server.answer("/in", 200, b"ok")
    yield Receiver(server)
    server.close()


@pytest.fixture(scope="session")
def net() -> Iterator[RealNet]:
    net = RealNet(SystemClock())
    net.start()
    yield net
    net.stop()


async def _ops(database: Database, clock: FakeClock, net: RealNet, receiver: Receiver) -> Ops:
    def found(tx: Tx) -> tuple[int, int]:
        return accounts.ensure_team(tx, "Ops").id, accounts.ensure_team(tx, "Charlie's").id

    mine, other = await database.write(found)
    return Ops(database, clock, net, receiver, mine, other)


@pytest.fixture
async def ops(database: Database, clock: FakeClock, net: RealNet, receiver: Receiver) -> AsyncIterator[Ops]:
    yield await _ops(database, clock, net, receiver)
    await asyncio.sleep(0)


@pytest.fixture
async def sqlite_ops(sqlite_database: Database, clock: FakeClock, net: RealNet, receiver: Receiver) -> Ops:
    return await _ops(sqlite_database, clock, net, receiver)


@pytest.fixture
async def postgres_ops(postgres_database: Database, clock: FakeClock, net: RealNet, receiver: Receiver) -> Ops:
    return await _ops(postgres_database, clock, net, receiver)
