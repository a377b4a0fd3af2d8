"""Whatever is deleted can be had back, as it was, by whoever may see it: for every deletion that there is."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import Clients
from tests.wire import examples
from tests.wire.test_everybody import ROUTES
from tocsin.gateway.trash import MOVING, STORIES, THINGS
from tocsin.registry import Operation, Route
from tocsin.storage import Database, Tx, metadata

FINAL = ("trash.delete", "team_members.delete")
"""Deletions that are meant for good. Tokens, agents and grants are revoked, not deleted; so is the invitation that the
example of a member is."""
DELETIONS = [
    each
    for each in ROUTES
    if "delete" in each.values[1].acts_of({}) and each.values[1].area != "agents" and each.values[1].name not in FINAL
]


def _things(tx: Tx) -> dict[str, Any]:
    """All rows of what people set up, but for the columns that move by themselves."""
    return {
        name: sorted(
            [
                {column: value for column, value in row._mapping.items() if column not in MOVING}
                for row in tx.execute(select(metadata.tables[name]))
            ],
            key=repr,
        )
        for name in sorted(THINGS | STORIES)
        if name not in ("incident_changes", "observation_gaps", "escalation_notes")
    }


@pytest.mark.parametrize(("route", "operation"), DELETIONS)
async def test_every_deletion_can_be_taken_back(
    at: Clients, database: Database, route: Route, operation: Operation
) -> None:
    address = await examples.address(at.alice, route)
    if operation.name == "catalog_records.replace_all":
        await at.alice.post(address.removesuffix("/batch"), json={"attributes": []})
    if operation.name == "on_call_events.replace":
        await at.alice.post(address, json=examples.BODIES["on_call_events.create"])
    if operation.name == "status_updates.delete":  # a report cannot be without any
        await at.alice.post(address.rpartition("/")[0], json=examples.BODIES["status_updates.create"])
    before = await database.read(_things)
    shown = await at.alice.get(address)

    answer = await at.alice.request(route.method, address, json=examples.body(operation, route))
    assert answer.status_code == operation.success, answer.text
    undo_id = answer.headers["x-undo-id"]
    assert await database.read(_things) != before
    (item, *_) = (await at.alice.get("/api/v2/trash")).json()["data"]
    assert item["id"] == undo_id
    assert item["attributes"]["operation"] == operation.name
    assert item["attributes"]["not_kept"] == []

    for stranger, status in ((at.charlie, 404), (at.nobody, 401)):
        assert (await stranger.post(f"/api/v2/trash/{undo_id}/restore")).status_code == status
    assert (await at.charlie.get("/api/v2/trash")).json()["data"] == []

    back = await at.alice.post(f"/api/v2/trash/{undo_id}/restore")
    assert back.status_code == 200, back.text
    assert back.json()["data"]["attributes"]["left_as_changed"] == []
    assert await database.read(_things) == before
    again = await at.alice.get(address)
    assert again.status_code == shown.status_code
    if shown.status_code == 200:
        assert _lasting(again.json()) == _lasting(shown.json())
    assert (await at.alice.get("/api/v2/trash")).json()["data"] == []
    twice = await at.alice.post(f"/api/v2/trash/{undo_id}/restore")
    assert twice.status_code == 409
    assert "restored already" in twice.json()["errors"]


def _lasting(body: Any) -> Any:
    """An answer without the times that move."""
    if isinstance(body, dict):
        return {name: _lasting(value) for name, value in body.items() if name not in ("updated_at",)}
    return [_lasting(value) for value in body] if isinstance(body, list) else body
