"""Every write can be rehearsed: it is judged, answered and undone, and nothing is left of it but a line in the log."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.bell import Bell
from tests.rest.clients import Clients
from tests.wire import examples
from tests.wire.test_everybody import ANSWERED
from tocsin.gateway.audit import audit_entries
from tocsin.registry import Operation, Route
from tocsin.storage import Database, Tx, metadata

WRITES = [each for each in ANSWERED if not each.values[1].reads and each.values[1].name != "plans.apply"]
"""A plan is rehearsed, and judged, as what it plans: see the stories of plans."""


def _everything(tx: Tx) -> dict[str, Any]:
    return {
        table.name: tx.execute(select(table).order_by(*table.primary_key.columns)).all()
        for table in metadata.sorted_tables
        if table is not audit_entries
    }


def _last_entry(tx: Tx) -> Any:
    return tx.execute(select(audit_entries).order_by(audit_entries.c.id.desc()).limit(1)).one()


def rehearsal(address: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}dry_run=true"


@pytest.mark.parametrize(("route", "operation"), WRITES)
async def test_of_a_dry_run_nothing_is_left_but_its_entry_in_the_log(
    at: Clients, database: Database, bus: Bell, route: Route, operation: Operation
) -> None:
    address = await examples.address(at.alice, route)
    if operation.name == "incidents.reopen":
        await at.alice.post(address.replace("/reopen", "/resolve"))
    before = await database.read(_everything)
    rings = bus.rings
    body = examples.body(operation, route)
    key = {"Idempotency-Key": "a rehearsal"}
    answer = await at.alice.request(route.method, rehearsal(address), json=body, headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["dry_run"] is True
    assert answer.json()["would"]["status"] == operation.success
    assert "idempotency-replayed" not in answer.headers
    assert await database.read(_everything) == before
    assert bus.rings == rings, "nobody is sent to look for what is not there"
    entry = await database.read(_last_entry)
    assert (entry.operation, entry.outcome) == (operation.name, "allowed")
    assert "previewed" in entry.sentence
    assert entry.arguments["dry_run"] in (True, "true")

    done = await at.alice.request(route.method, address, json=body, headers=key)
    assert done.status_code == operation.success, "what was rehearsed can be done, with the same key"
    assert "idempotency-replayed" not in done.headers


async def test_what_could_not_be_done_cannot_be_rehearsed(at: Clients) -> None:
    for client, status in ((at.alice, 404), (at.nobody, 401)):
        answer = await client.delete("/api/v2/monitors/999?dry_run=true")
        assert answer.status_code == status
    answer = await at.alice.post("/api/v2/monitors?dry_run=true", json={"url": "nonsense", "colour": "red"})
    assert answer.status_code == 422


async def test_a_rehearsal_that_says_neither_yes_nor_no_does_nothing(at: Clients, database: Database) -> None:
    made = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com"})
    id = made.json()["data"]["id"]
    before = await database.read(_everything)
    for answer in (
        await at.alice.delete(f"/api/v2/monitors/{id}?dry_run=perhaps"),
        await at.alice.patch(f"/api/v2/monitors/{id}?dry_run=perhaps", json={"paused": True}),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"] == {"dry_run": ["must be true or false"]}
    assert (await at.nobody.delete(f"/api/v2/monitors/{id}?dry_run=perhaps")).status_code == 401
    assert await database.read(_everything) == before
    assert (await at.alice.delete(f"/api/v2/monitors/{id}?dry_run=false")).status_code == 204
