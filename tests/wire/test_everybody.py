"""Every operation, drawn from the registry: nobody may, Charlie finds nothing, and neither changes a thing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import Clients
from tests.wire import examples
from tocsin.registry import Catalogue, Operation, Route
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database, Tx, metadata

ROUTES = [
    pytest.param(
        route,
        operation,
        id=f"{operation.name} {route.method} {route.path}",
        marks=[pytest.mark.slow] if examples.repeats(route) else [],
    )
    for route, operation in Catalogue(operations(load({}, {}))).routes()
]


def _everything(tx: Tx) -> dict[str, Any]:
    """All rows of all tables except the audit log, which must grow."""
    return {
        table.name: tx.execute(select(table).order_by(*table.primary_key.columns)).all()
        for table in metadata.sorted_tables
        if table.name != "audit_entries"
    }


async def _try(client: Any, route: Route, operation: Operation, address: str) -> Any:
    return await client.request(route.method, address, json=examples.body(operation, route))


@pytest.mark.slow
@pytest.mark.parametrize(("route", "operation"), ROUTES)
async def test_without_a_token_that_we_know_nothing_is_done(
    at: Clients, database: Database, route: Route, operation: Operation
) -> None:
    address = await examples.address(at.alice, route)
    before = await database.read(_everything)
    for client in (at.nobody, at.stranger):
        answer = await _try(client, route, operation, address)
        assert answer.status_code == 401
        assert answer.json()["errors"].startswith("Invalid Team API token")
    assert await database.read(_everything) == before


@pytest.mark.parametrize(("route", "operation"), [each for each in ROUTES if each.values[0].path_parameters])
async def test_what_is_alices_does_not_exist_for_charlie(
    at: Clients, database: Database, route: Route, operation: Operation
) -> None:
    address = await examples.address(at.alice, route)
    before = await database.read(_everything)
    answer = await _try(at.charlie, route, operation, address)
    assert answer.status_code == 404, answer.text
    assert "was not found" in answer.json()["errors"]
    assert await database.read(_everything) == before


_OF_EVERYBODY = (
    "team_members.list", "roles.list", "teams.list", "incidents.pages", "on_call_warnings.list", "status_updates.list",
    "agent_grants.list", "approvals.list", "audit_log.list", "trash.list",
)  # fmt: skip
"""Charlie is in his own team, and roles are the same everywhere: see test_team_members. His own incidents page him, and
what is to be mended is said of his team: see the story of the time machine. His report has a first update, his agent
its base grant; only agents ask: see the story of an agent that asks. Nobody posts to the audit log,
or to the trash."""
LISTS = [each for each in ROUTES if each.values[1].answer == "list" and each.values[1].name not in _OF_EVERYBODY]


@pytest.mark.parametrize(("route", "operation"), LISTS)
async def test_what_is_alices_is_in_no_list_of_charlies(at: Clients, route: Route, operation: Operation) -> None:
    async def listed(client: Any) -> list[str]:
        return [item["id"] for item in (await client.get(address)).json()["data"]]

    if route.path_parameters:
        address = await examples.address(at.charlie, route)
        assert await listed(at.charlie) == []
        return
    address = route.path
    await examples.prepare(at.alice, address)
    before, theirs = await listed(at.alice), await listed(at.charlie)
    made = await at.alice.post(address, json=examples.creating(operation, route))
    assert made.status_code == 201
    mine = await listed(at.alice)
    assert len(mine) == len(before) + 1
    assert await listed(at.charlie) == theirs, "what was there from the start, such as their own default calendar"
    assert not set(mine) & set(theirs)


_EVIDENCE = ("incidents.response", "incidents.screenshot", "incidents.trace")
_ASKED_FOR_MORE = ("contact_methods.verify", "on_calls.simulate", "access_requests.create")
ANSWERED = [each for each in ROUTES if each.values[1].name not in _EVIDENCE + _ASKED_FOR_MORE]
"""An incident reported by hand has no stored response, no picture and no trace of one; a code is in a mail alone; what
is to fail must be said; only an agent asks for access."""


@pytest.mark.slow
@pytest.mark.parametrize(("route", "operation"), ANSWERED)
async def test_the_owner_may_and_is_answered_as_declared(at: Clients, route: Route, operation: Operation) -> None:
    address = await examples.address(at.alice, route)
    if operation.name == "incidents.reopen":
        await at.alice.post(address.replace("/reopen", "/resolve"))
    answer = await _try(at.alice, route, operation, address)
    assert answer.status_code == operation.success, answer.text
    resource = route.resource or operation.resource
    if operation.answer == "one":
        assert resource is not None
        assert answer.json()["data"]["type"] == resource.type
        assert isinstance(answer.json()["data"]["id"], str)
