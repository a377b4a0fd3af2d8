"""An agent that is granted some things only: what a list shows it is exactly what it gets by asking for one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.scenarios.test_an_agent_asks import hired
from tests.world import World
from tocsin.gateway import Credential

NONE_OF_THEM = "You may not do this: it is granted for some things only, and this is none of them."
LISTED = {
    "monitors": "/v2/monitors",
    "groups": "/v2/monitor-groups",
    "heartbeats": "/v2/heartbeats",
    "incidents": "/v3/incidents",
}


async def stage(world: World) -> dict[str, list[str]]:
    """Groups with monitors, some of staging; heartbeats; incidents about each of them and about nothing."""
    found: dict[str, list[str]] = {name: [] for name in LISTED}
    for name in ("Web", "Mail"):
        made = await world.api("POST", "/v2/monitor-groups", {"name": name})
        found["groups"].append(made.json()["data"]["id"])
    for number in range(6):
        more: dict[str, Any] = {"metadata": {"env": "staging" if number % 2 else "production"}}
        if number < 4:
            more["monitor_group_id"] = int(found["groups"][number // 2])
        monitor = await world.monitor(f"site{number}", **more)
        found["monitors"].append(str(monitor))
    await world.fast_forward(seconds=35)
    for number in range(6):
        world.site(f"site{number}").down()
    await world.fast_forward(seconds=40)
    for env in ("staging", "production"):
        made = await world.api("POST", "/v2/heartbeats", {"name": env, "period": 60, "grace": 10})
        found["heartbeats"].append(made.json()["data"]["id"])
        fact = {"owner_type": "Heartbeat", "owner_id": found["heartbeats"][-1], "key": "env", "values": [_text(env)]}
        assert (await world.api("POST", "/v3/metadata", fact)).status_code in (200, 201)
        body = {"summary": "Said by hand", "name": env, "metadata": {"env": env}}
        assert (await world.api("POST", "/v3/incidents", body)).status_code == 201
    found["incidents"] = [incident["id"] for incident in await world.incidents()]
    assert len(found["incidents"]) == 8
    return found


def _text(value: str) -> dict[str, str]:
    return {"type": "String", "value": value}


async def listed(world: World, path: str) -> tuple[list[str], int] | None:
    """(ids, how many there are in all), two on a page; None = refused."""
    ids: list[str] = []
    for page in range(1, 9):
        answer = await world.api("GET", f"{path}?page={page}&per_page=2", token="bot")
        if answer.status_code == 403:
            return None
        ids += [each["id"] for each in answer.json()["data"]]
        if answer.json()["pagination"]["next"] is None:
            break
    return ids, len(ids)


NARROWED: list[dict[str, Any]] = [
    {"metadata": {"env": "staging"}},
    {"monitor_ids": [0, 3]},
    {"monitor_group_ids": [0]},
    {"monitor_ids": [5], "monitor_group_ids": [1]},
    {"monitor_group_ids": [1], "metadata": {"env": "staging"}},
    {"metadata": {"env": "nowhere"}},
]


def _grant(stage: dict[str, list[str]], narrowed: dict[str, Any], levels: dict[str, str]) -> dict[str, Any]:
    grant: dict[str, Any] = {"levels": levels, **narrowed}
    for field, name in (("monitor_ids", "monitors"), ("monitor_group_ids", "groups")):
        if field in grant:
            grant[field] = [int(stage[name][place]) for place in grant[field]]
    return grant


@pytest.mark.slow
async def test_what_a_list_shows_is_exactly_what_a_call_by_id_allows(world: World) -> None:
    there = await stage(world)
    areas = ("monitors", "monitor_groups", "heartbeats", "incidents")
    agent = await hired(world, levels={}, switches={})
    chance = random.Random(6)
    for _ in range(14):
        grants = [
            _grant(there, chance.choice(NARROWED), {area: "read" for area in areas if chance.random() < 0.8})
            for _ in range(chance.choice([1, 1, 2]))
        ]
        made = [await world.api("POST", f"/v2/agents/{agent}/grants", grant) for grant in grants]
        assert all(each.status_code == 201 for each in made), [each.text for each in made]
        for name, path in LISTED.items():
            got = [id for id in there[name] if (await world.api("GET", f"{path}/{id}", token="bot")).status_code == 200]
            shown = await listed(world, path)
            assert sorted(shown[0] if shown else [], key=int) == sorted(got, key=int), (name, grants)
        for id in there["incidents"]:
            answer = await world.api("GET", f"/v3/incidents/{id}", token="bot")
            for beside in answer.json().get("included", []) if answer.status_code == 200 else []:
                again = await world.api("GET", f"/v2/{beside['type']}s/{beside['id']}", token="bot")
                assert again.status_code == 200, "nothing is read beside an incident that could not be asked for"
        for each in made:
            await world.api("DELETE", f"/v2/agents/{agent}/grants/{each.json()['data']['id']}")


async def test_it_acts_on_staging_and_is_told_that_the_rest_is_none_of_its_business(world: World) -> None:
    there = await stage(world)
    await hired(
        world,
        levels={"incidents": "read", "monitors": "write"},
        switches={"acknowledge": "on"},
        metadata={"env": "staging"},
    )
    answers = {}
    for incident in await world.incidents():
        answer = await world.api("POST", f"/v3/incidents/{incident['id']}/acknowledge", token="bot")
        assert (answer.status_code == 200) or answer.json()["errors"] == NONE_OF_THEM
        answers[incident["id"]] = answer.status_code
    assert sorted(answers.values()) == [200] * 4 + [403] * 4
    mine, other = there["monitors"][1], there["monitors"][0]
    paused = {"paused": True}
    assert (await world.api("PATCH", f"/v2/monitors/{mine}", paused, "bot")).status_code == 200
    assert (await world.api("PATCH", f"/v2/monitors/{other}", paused, "bot")).json()["errors"] == NONE_OF_THEM
    assert (await world.api("GET", "/v2/monitors/999999", token="bot")).json()["errors"] == NONE_OF_THEM
    out = {"metadata": {"env": "production"}}
    assert (await world.api("PATCH", f"/v2/monitors/{mine}", out, "bot")).status_code == 403, "nor does it leave it"
    new = {"url": "https://new.example.com", "metadata": {"env": "staging"}}
    assert (await world.api("POST", "/v2/monitors", new, "bot")).status_code == 403
    assert (await world.api("GET", "/v2/policies", token="bot")).status_code == 403


async def test_a_monitor_is_moved_only_from_where_to_where_the_agent_may(world: World) -> None:
    there = await stage(world)
    web, mail = (int(id) for id in there["groups"])
    agent = await hired(world, levels={"monitors": "write"}, switches={}, monitor_group_ids=[web])

    async def moved(monitor: str, group: int | None) -> int:
        answer = await world.api("PATCH", f"/v2/monitors/{monitor}", {"monitor_group_id": group}, "bot")
        return answer.status_code

    assert await moved(there["monitors"][0], mail) == 403
    assert await moved(there["monitors"][0], None) == 403
    assert await moved(there["monitors"][2], web) == 403
    both = {"levels": {"monitors": "write"}, "monitor_group_ids": [web, mail]}
    await world.api("POST", f"/v2/agents/{agent}/grants", both)
    assert await moved(there["monitors"][0], mail) == 200
    made = {"url": "https://new.example.com", "monitor_group_id": web}
    assert (await world.api("POST", "/v2/monitors", made, "bot")).status_code == 201
    assert (await world.api("POST", "/v2/monitors", {"url": "https://b.example.com"}, "bot")).status_code == 403


async def test_what_cannot_be_narrowed_is_neither_offered_nor_allowed(world: World) -> None:
    await stage(world)
    levels = {"monitors": "full", "incidents": "full", "metadata": "full", "policies": "read", "status_pages": "read"}
    await hired(world, levels=levels, switches={}, metadata={"env": "staging"})
    _, offered = await world.door.permitted(Credential(token=world.tokens["bot"]))
    names = {operation.name for operation in offered}
    assert {"monitors.list", "monitors.get", "monitors.update", "incidents.list", "incident_comments.create"} <= names
    assert not {"metadata.list", "policies.list", "status_pages.list", "incidents.children", "incidents.create"} & names
    for path in ("/v3/metadata", "/v2/policies", "/v2/status-pages"):
        refused = await world.api("GET", path, token="bot")
        assert refused.json()["errors"] == NONE_OF_THEM, path
