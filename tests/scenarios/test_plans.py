"""An agent looks before it acts: what it has planned is done once, and only if it would still come to the same."""

from __future__ import annotations

from typing import Any

from tests.scenarios.test_an_agent_asks import hired
from tests.world import World
from tocsin.gateway import plans

INCIDENT = {"summary": "The shop is closed", "name": "Shop", "email": True}


async def plan(world: World, operation: str, arguments: dict[str, Any], token: str = "ops") -> dict[str, Any]:
    answer = await world.api("POST", "/v2/plans", {"operation": operation, "arguments": arguments}, token)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def apply(world: World, planned: dict[str, Any], token: str = "ops") -> Any:
    answer = await world.api("POST", f"/v2/plans/{planned['plan_id']}/apply", {}, token)
    await world.settle()
    return answer


async def test_what_was_planned_is_done_once(world: World) -> None:
    await world.on_call("alice")
    planned = await plan(world, "create_incident", INCIDENT)
    assert [who["recipient"] for who in planned["preview"]["wakes_now"]] == ["Alice Archer"]
    await world.settle()
    assert world.new_mails() == []
    for token in ("charlie", "global"):
        assert (await apply(world, planned, token)).status_code == 404, "only who has planned it"
    done = await apply(world, planned)
    assert done.status_code == 200, done.text
    assert (done.json()["operation"], done.json()["status"]) == ("incidents.create", 201)
    assert done.json()["body"]["data"]["attributes"]["cause"] == "The shop is closed"
    assert [to for to, _ in world.new_mails()] == ["alice"]
    again = await apply(world, planned)
    assert (again.status_code, again.json()["errors"]) == (409, "This plan was applied already: make another one")


async def test_it_is_refused_when_somebody_else_is_on_call_by_now(world: World) -> None:
    await world.on_call("alice")
    planned = await plan(world, "incidents.create", INCIDENT)
    await world.on_call("bob")
    moved = await apply(world, planned)
    assert moved.status_code == 409
    assert "now: pages Bob Builder by email now" in moved.json()["errors"]
    assert "no longer: pages Alice Archer by email now" in moved.json()["errors"]
    assert world.new_mails() == []


async def test_it_is_refused_when_the_thing_is_another_or_the_time_is_over(world: World) -> None:
    monitor = await world.monitor("shop")
    planned = await plan(world, "monitors.update", {"id": monitor, "pronounceable_name": "Shop"})
    late = await plan(world, "delete_monitor", {"id": monitor})
    await world.api("PATCH", f"/v2/monitors/{monitor}", {"check_frequency": 60})
    assert "check_frequency is another" in (await apply(world, planned)).json()["errors"]
    world.clock.wind(minutes=16)
    assert "fifteen minutes" in (await apply(world, late)).json()["errors"]
    gone = await apply(world, await plan(world, "delete_monitor", {"id": monitor}))
    assert (gone.json()["status"], gone.json()["body"]) == (204, None)
    assert gone.headers["x-undo-id"] == str(gone.json()["undo_id"])


async def test_a_plan_gives_no_rights(world: World) -> None:
    await hired(world)
    refused = await world.api("POST", "/v2/plans", {"operation": "delete_monitor", "arguments": {"id": 1}}, "bot")
    assert refused.status_code == 403
    planned = await plan(world, "create_incident", INCIDENT, "bot")
    asked = await apply(world, planned, "bot")
    assert asked.status_code == 202, "what needs a person's approval needs it here too"
    assert (await world.api("GET", "/v3/incidents")).json()["data"] == []
    approved = await world.api("POST", f"/v2/approvals/{asked.json()['approval_id']}/approve", {})
    assert approved.status_code in (200, 403), approved.text


async def test_what_reads_or_is_nothing_cannot_be_planned(world: World) -> None:
    for operation in ("monitors.list", "plans.create", "no_such_tool"):
        answer = await world.api("POST", "/v2/plans", {"operation": operation, "arguments": {}})
        assert answer.status_code == 422
        assert "operation" in answer.json()["errors"]


async def test_who_plans_without_end_fills_no_disk(world: World) -> None:
    made = [await plan(world, "create_incident", INCIDENT) for _ in range(plans.MAX_KEPT + 2)]
    assert [(await apply(world, one)).status_code for one in made[:2]] == [404, 404], "the oldest are forgotten"
    assert (await apply(world, made[2])).status_code == 200
