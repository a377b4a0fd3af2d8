"""The manual says what the API does."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from tests.rest.clients import ALICES_TEAM, Clients, clients
from tests.rest.kites import Sky
from tests.rest.manual import try_out
from tocsin.registry import Catalogue
from tocsin.rest.openapi import document
from tocsin.storage import Database


@pytest.fixture
async def at(sqlite_database: Database) -> Clients:
    return await clients(sqlite_database, Sky().operations)


@pytest.mark.slow
def test_whatever_the_manual_allows_or_forbids_is_answered_as_it_says(at: Clients) -> None:
    found = try_out(at.api, at.tokens[ALICES_TEAM], examples=10, skip=frozenset({"kites.launch"}))
    assert found["kites.create"] >= {201, 422}
    assert found["kites.get"] >= {404}


async def test_the_manual_needs_no_token(at: Clients) -> None:
    manual = await at.nobody.get("/api/openapi.json")
    assert (manual.status_code, manual.json()["openapi"]) == (200, "3.1.0")


def test_every_reference_in_the_manual_leads_somewhere_and_every_schema_is_valid() -> None:
    manual = document(Catalogue(Sky().operations))
    pending: list[Any] = [manual]
    references = set()
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            references |= {item["$ref"]} if isinstance(item.get("$ref"), str) else set()
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    for reference in references:
        found: Any = manual
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for schema in manual["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    assert len(references) > 10


def test_what_the_code_notes_for_its_own_readers_is_not_told_to_callers() -> None:
    manual = document(Catalogue(Sky().operations))
    assert manual["components"]["schemas"]["KiteAttributes"]["description"] == "A kite."


def test_operations_are_named_once_and_say_what_they_need() -> None:
    manual = document(Catalogue(Sky().operations))
    found = [operation for path in manual["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in found]
    assert len(names) == len(set(names)) == len(Sky().operations)
    create = manual["paths"]["/api/v2/kites"]["post"]
    assert create["description"] == "Needs the right to **write** kites. Records the event `kite.created`."
    assert create["requestBody"]["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "tail": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "length": {"type": "integer", "default": 10},
            "team_name": {"type": "string", "description": "The team that will own it; required from a global token."},
        },
        "additionalProperties": False,
        "required": ["name"],
    }
