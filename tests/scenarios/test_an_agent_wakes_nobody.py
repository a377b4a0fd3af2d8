"""Whatever an agent's deed is called: when it comes to waking people, it must be granted that."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from tests.scenarios.test_an_agent_asks import hired
from tests.world import BASE_URL, World
from tocsin.gateway import Door
from tocsin.registry import Catalogue, Route
from tocsin.rest.app import Api


async def _imported(world: World) -> httpx.Response:
    """What comes of an operation that pages people and was declared as if it only wrote something down."""
    careless = msgspec.structs.replace(
        world.door.catalogue["incidents.create"],
        name="incidents.import", area="monitors", switch=None, acts=None, acts_at_least=frozenset(),
        tool_name="import_incident", routes=(Route("POST", "/api/v2/imports"),),
    )  # fmt: skip
    catalogue = Catalogue([*world.door.catalogue, careless])
    api: Any = Api(Door(world.database, catalogue, world.clock), catalogue, base_url=BASE_URL)
    headers = {"authorization": f"Bearer {world.tokens['bot']}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url=BASE_URL, headers=headers) as client:
        return await client.post("/api/v2/imports", json={"summary": "The shop is closed"})


@pytest.mark.parametrize(("page", "status"), [("off", 403), ("ask", 202), ("on", 201)])
async def test_an_operation_that_was_declared_too_mildly_is_held_to_what_it_does(
    world: World, page: str, status: int
) -> None:
    await hired(world, levels={"monitors": "write", "incidents": "read"}, switches={"page": page})
    answer = await _imported(world)
    assert answer.status_code == status, answer.text
    if page == "off":
        assert answer.json()["errors"] == "You may not do this: Page people is off, and this would do so."
    done = len((await world.api("GET", "/v3/incidents")).json()["data"])
    assert done == (1 if page == "on" else 0)
    left = (await world.api("GET", "/v2/whoami", token="bot")).json()["budgets_left"]["page"]
    assert left == (8 if page == "on" else 10), "and it counts"
