"""What was said beforehand is what happens: an outage is played through, and then it comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.letters import Mail
from tests.world import World
from tocsin.kernel.clock import to_wire


async def made(world: World, path: str, **sent: Any) -> int:
    answer = await world.api("POST", f"/{path}", sent)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["id"])


async def simulated(world: World, **query: Any) -> dict[str, Any]:
    said = "&".join(f"{name}={value}" for name, value in query.items())
    answer = await world.api("GET", f"/v2/on-calls/simulate?{said}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pages(world: World) -> list[Mail]:
    """The mails that wake somebody, without those that say who is on call."""
    return [mail for mail in world.mails() if "Down" in mail.subject]


async def two_take_turns(world: World) -> int:
    """Alice and Bob are on call for an hour each; after five minutes everybody is called. Returns the policy."""
    rotation = {
        "users": ["alice@example.com", "bob@example.com"], "rotation_length": 1, "rotation_interval": "hour",
        "start_rotations_at": to_wire(world.clock.now()),
        "end_rotations_at": to_wire(world.clock.now() + timedelta(days=2)),
    }  # fmt: skip
    answer = await world.api("POST", "/v2/on-calls/default/rotation", rotation)
    assert answer.status_code == 201, answer.text
    urgency = await made(world, "v2/urgencies", name="High", email=True, call=True)
    members = [{"type": "current_on_call"}]
    return await made(world, "v3/policies", name="Standard", steps=[
        {"type": "escalation", "wait_before": 0, "urgency_id": urgency, "step_members": members},
        {"type": "escalation", "wait_before": 300, "urgency_id": urgency, "step_members": [{"type": "entire_team"}]},
    ])  # fmt: skip


@pytest.mark.slow
async def test_what_was_simulated_is_what_happens(world: World) -> None:
    policy = await two_take_turns(world)
    monitor = await world.monitor("shop", policy_id=policy, name="Shop", confirmation_period=0)
    at = world.clock.now() + timedelta(minutes=70)
    said = await simulated(world, monitor_id=monitor, at=to_wire(at))
    told = [(page["minute"], page["recipient"], page["channel"], page["outcome"]) for page in said["pages"]]
    assert told == [
        (0, "Bob Builder", "email", "delivered"),
        (5, "Alice Archer", "email", "delivered"),
        (5, "Bob Builder", "email", "delivered"),
    ]
    assert said["subject"] == "Shop"
    assert said["first_answer"] == said["pages"][0]
    assert not pages(world), "nothing was sent"
    assert not await world.incidents(), "nothing was opened"

    await world.fast_forward(minutes=70)
    world.site("shop").down()
    await world.fast_forward(minutes=6)
    began = min(mail.message["Date"].datetime for mail in pages(world))
    happened = [
        (round((mail.message["Date"].datetime - began).total_seconds() / 60), mail.to.partition("@")[0])
        for mail in pages(world)
    ]
    assert sorted(happened) == sorted((minute, name.partition(" ")[0].lower()) for minute, name, _, _ in told)


async def test_who_is_away_is_paged_and_cannot_answer(world: World) -> None:
    policy = await two_take_turns(world)
    said = await simulated(world, policy_id=policy, away="alice@example.com")
    assert [(page["recipient"], page["outcome"]) for page in said["pages"]] == [
        ("Alice Archer", "away"), ("Alice Archer", "away"), ("Bob Builder", "delivered"),
    ]  # fmt: skip
    first = said["first_answer"]
    assert (first["recipient"], first["minute"], first["step"]) == ("Bob Builder", 5, 2)


async def test_when_nothing_arrives_the_next_people_are_called_at_once_and_nobody_is_said_aloud(world: World) -> None:
    policy = await two_take_turns(world)
    said = await simulated(world, policy_id=policy, down="email,call")
    assert said["first_answer"] is None
    assert {page["outcome"] for page in said["pages"]} == {"failed"}
    assert [(page["recipient"], round(page["minute"])) for page in said["pages"]] == [
        ("Alice Archer", 0), ("Alice Archer", 0), ("Bob Builder", 0),
    ]  # fmt: skip
    assert any("alerted early" in remark["content"] for remark in said["remarks"])


async def test_when_the_plan_calls_nobody_else_the_rest_of_the_team_is_said_beforehand(world: World) -> None:
    await two_take_turns(world)
    members = [{"type": "current_on_call"}]
    policy = await made(world, "v3/policies", name="One", steps=[{"type": "escalation", "step_members": members}])
    said = await simulated(world, policy_id=policy, down="email")
    assert [page["recipient"] for page in said["pages"]] == ["Alice Archer", "Bob Builder"]
    assert said["remarks"][-1]["content"].endswith("NOBODY would know of it.")


async def test_nobody_on_call_is_said_beforehand(world: World) -> None:
    policy = await two_take_turns(world)
    said = await simulated(world, policy_id=policy, at=to_wire(world.clock.now() + timedelta(days=3)))
    assert [page["recipient"] for page in said["pages"][:2]] == ["Alice Archer", "Bob Builder"]
    assert said["remarks"][0]["content"] == "Nobody is on call, so the whole team is alerted."


async def test_a_question_that_makes_no_sense_says_what_is_wrong(world: World) -> None:
    policy = await two_take_turns(world)
    for query, field in (
        ("", "base"),
        (f"policy_id={policy}&monitor_id=1", "base"),
        (f"policy_id={policy}&at=tomorrow", "at"),
        (f"policy_id={policy}&at=1970-01-01", "at"),
        (f"policy_id={policy}&away=charlie@example.com", "away"),
    ):
        answer = await world.api("GET", f"/v2/on-calls/simulate?{query}")
        assert (answer.status_code, list(answer.json()["errors"])) == (422, [field]), query
    foreign = await world.api("GET", f"/v2/on-calls/simulate?policy_id={policy}", token="charlie")
    assert foreign.status_code == 404


@pytest.mark.slow
async def test_what_would_cost_a_page_is_listed_until_it_is_mended(world: World) -> None:
    async def codes() -> set[tuple[str, str]]:
        answer = await world.api("GET", "/v2/on-calls/warnings?per_page=250")
        found = [each["attributes"] for each in answer.json()["data"]]
        return {(each["code"], each["resource_type"]) for each in found}

    empty = await made(world, "v3/policies", name="Empty", steps=[{"type": "escalation", "step_members": []}])
    monitor = await world.monitor("shop", paused=True)
    await world.monitor("docs", policy_id=empty)
    await world.monitor("blog")
    assert await codes() >= {("empty_step", "policy"), ("no_policy", "monitor"), ("no_verified_phone", "user")}
    assert ("long_paused", "monitor") not in await codes()
    world.clock.wind(timedelta(days=8))
    assert ("long_paused", "monitor") in await codes()
    await world.api("PATCH", f"/v2/monitors/{monitor}", {"paused": False})
    assert ("long_paused", "monitor") not in await codes()
    await world.api("DELETE", f"/v3/policies/{empty}")
    assert ("policy_gone", "monitor") in await codes()
    assert ("empty_step", "policy") not in await codes()
    foreign = await world.api("GET", "/v2/on-calls/warnings", token="charlie")
    assert {each["attributes"]["team_name"] for each in foreign.json()["data"]} == {"Charlie's team"}
