"""The published manual, tried out on the whole API."""

from __future__ import annotations

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, Clients, clients
from tests.rest.manual import try_out
from tests.wire import examples
from tocsin.registry import Catalogue
from tocsin.rest.openapi import document
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database


@pytest.fixture
async def small(sqlite_database: Database) -> Clients:
    at = await clients(sqlite_database, operations(load({}, {})), base_url=BASE)
    for name in ("monitors", "monitor_groups", "incidents"):
        made = await at.alice.post(f"/api/v2/{name.replace('_', '-')}", json=examples.BODIES[f"{name}.create"])
        assert made.status_code == 201, made.text
    return at


def _in_the_manual() -> dict[str, set[str]]:
    """The operations by area."""
    found: dict[str, set[str]] = {}
    for path in document(Catalogue(operations(load({}, {}))))["paths"].values():
        for each in path.values():
            found.setdefault(each["tags"][0], set()).add(each["operationId"])
    return found


AREAS = _in_the_manual()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("area", AREAS)
def test_no_answer_is_missing_in_the_manual_and_none_is_500(small: Clients, area: str) -> None:
    """One area at a time, so that several workers can share what takes minutes."""
    found = try_out(small.api, small.tokens[ALICES_TEAM], examples=10, area=area)
    assert {name for name, statuses in found.items() if statuses} == AREAS[area]
    if area == "monitors":
        assert found["monitors.list"] >= {200}
        assert found["monitors.create"] & {201, 422}


def test_every_operation_that_takes_a_body_has_an_example() -> None:
    for route, operation in Catalogue(operations(load({}, {}))).routes():
        assert examples.body(operation, route) is not None or route.method in ("GET", "DELETE")
