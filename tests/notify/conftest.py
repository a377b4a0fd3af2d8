"""The cast of these tests: Alice and Bob of team Ops, and an outage of their shop."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.notify import actions
from tocsin.notify.model import Notice
from tocsin.storage import Database, MemoryBus, Tx, events


class Ops(msgspec.Struct):
    """Who there is, and how to page them in a test."""

    database: Database
    clock: FakeClock
    bus: MemoryBus
    team_id: int
    alice: int
    bob: int

    async def page(self, *, incident_id: int = 25, kind: str = "page", **more: object) -> int:
        """Queue a message to Alice (or another) planned now, and return its id."""
        notice = self.notice(incident_id=incident_id, kind=kind)
        arguments = {"address": "alice@example.com", "channel": "email", "planned_at": self.clock.now()} | more
        arguments.setdefault("user_id", self.alice)
        id = await self.database.write(lambda tx: actions.queue(tx, notice, **arguments))  # type: ignore[arg-type]
        assert id is not None
        return id

    def notice(self, *, incident_id: int = 25, kind: str = "page") -> Notice:
        return Notice(
            kind=kind,
            incident_id=incident_id,
            team_id=self.team_id,
            subject="[Tocsin] Down: shop.example.com (Status 503)",
            headline="shop.example.com is down",
            cause="Status 503",
            facts=[("Response code", "503")],
            url=f"https://tocsin.example/incidents/{incident_id}",
            thread_key=f"incident-{incident_id}",
            actions=("acknowledge",) if kind == "page" else (),
        )

    async def state(self, delivery_id: int) -> str:
        """The newest state in the ledger."""
        return (await self.log(delivery_id))[-1][0]

    async def failure(self, delivery_id: int) -> str:
        """Why the newest attempt failed."""
        state, detail = (await self.log(delivery_id))[-1]
        assert state == "failed"
        return detail

    async def events(self) -> list[str]:
        """The names of the events that were recorded."""
        return await self.database.read(lambda tx: [row.name for row in tx.execute(select(events.events))])

    async def log(self, delivery_id: int, incident_id: int = 25) -> list[tuple[str, str]]:
        lines = await self.database.read(actions.log, incident_id)
        return [(line.state, line.detail) for line in lines if line.delivery_id == delivery_id]


@pytest.fixture
async def ops(database: Database, clock: FakeClock, bus: MemoryBus) -> Ops:
    return await _ops(database, clock, bus)


@pytest.fixture
async def sqlite_ops(sqlite_database: Database, clock: FakeClock, bus: MemoryBus) -> Ops:
    return await _ops(sqlite_database, clock, bus)


async def _ops(database: Database, clock: FakeClock, bus: MemoryBus) -> Ops:
    def found(tx: Tx) -> tuple[int, int, int]:
        team = accounts.ensure_team(tx, "Ops")
        alice = accounts.create_user(tx, email="alice@example.com", name="Alice Ångström", password=None)
        bob = accounts.create_user(tx, email="bob@example.com", name="Bob", password=None)
        accounts.join(tx, team.id, alice.id)
        accounts.join(tx, team.id, bob.id)
        return team.id, alice.id, bob.id

    team_id, alice, bob = await database.write(found)
    return Ops(database=database, clock=clock, bus=bus, team_id=team_id, alice=alice, bob=bob)
