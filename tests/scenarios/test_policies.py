"""Escalation policies, told as stories: who is called, in which order, and what is said when something is amiss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.world import World

DOWN = "[Tocsin] Down: shop.example.com (Status 503)"


async def made(world: World, path: str, **attributes: Any) -> int:
    """Make something through the API; returns its id."""
    answer = await world.api("POST", path, attributes)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["id"])


async def policy(world: World, *steps: dict[str, Any], **attributes: Any) -> int:
    """A policy whose steps page by e-mail unless they say otherwise."""
    return await made(world, "/v3/policies", name=attributes.pop("name", "Days"), steps=list(steps), **attributes)


def calls(*members: dict[str, Any] | str, after: int = 0) -> dict[str, Any]:
    """A step that calls people: `calls("current_on_call", after=300)`."""
    given = [{"type": member} if isinstance(member, str) else member for member in members]
    return {"type": "escalation", "wait_before": after, "step_members": given}


BOB = {"type": "user", "email": "bob@example.com"}


async def later(world: World, **time: float) -> None:
    """So much later, without living through every second of it."""
    world.clock.wind(timedelta(**time))
    await world.settle()


async def titles(world: World, incident: int) -> list[str]:
    """The titles of an incident's story, the oldest first."""
    answer = await world.api("GET", f"/v3/incidents/{incident}/timeline")
    return [str(item["attributes"]["data"]["title"]) for item in reversed(answer.json()["data"])]


async def story(world: World, incident: int) -> str:
    """Everything that an incident's timeline says."""
    return (await world.api("GET", f"/v3/incidents/{incident}/timeline")).text


async def coming(world: World, incident: int) -> list[str]:
    """Who is to be paged next, how and when."""
    answer = await world.api("GET", f"/v3/incidents/{incident}/coming-pages")
    assert answer.status_code == 200, answer.text
    return [page["attributes"]["summary"] for page in answer.json()["data"]]


async def test_a_page_that_is_ignored_goes_to_the_second_person_as_was_said_beforehand_and_across_a_crash(
    world: World,
) -> None:
    await world.on_call("alice")
    severity = await made(world, "/v2/urgencies", name="High", call=False, sms=False, email=True, push=False)
    first, second = calls("current_on_call"), calls(BOB, after=300)
    id = await policy(world, *({**step, "urgency_id": severity} for step in (first, second)))
    incident = await world.outage("shop", policy_id=id)
    assert (await world.incident(incident))["escalation_policy_id"] == str(id)
    assert world.new_mails() == [("alice", DOWN)]
    (said,) = await coming(world, incident)
    assert said.startswith("Bob Builder by e-mail in 4 minutes")
    await world.fast_forward(minutes=3)
    world.crash()
    assert world.new_mails() == []
    await world.fast_forward(minutes=2)
    assert world.new_mails() == [("bob", DOWN)]
    assert await coming(world, incident) == []
    await later(world, hours=1)
    assert world.new_mails() == []


@pytest.mark.slow
async def test_nobody_answers_so_it_is_repeated_and_then_another_policy_takes_over(world: World) -> None:
    await world.on_call("alice")
    last = await policy(world, calls(BOB), name="Last resort")
    id = await policy(world, calls("current_on_call"), repeat_count=2, repeat_delay=60, fallback_policy_id=last)
    incident = await world.outage("shop", policy_id=id)
    assert [(await coming(world, incident))[-1].split(" by ")[0]] == ["Bob Builder"]
    await world.fast_forward(minutes=2, seconds=30)
    assert [to for to, _ in world.new_mails()] == ["alice"] * 3
    await world.fast_forward(minutes=1)
    assert [to for to, _ in world.new_mails()] == ["bob"]
    await world.answer(world.mail_to("bob@example.com")[0])
    assert [to for to, _ in world.new_mails()] == ["alice"], "she is told that Bob is on it"


@pytest.mark.slow
async def test_with_nobody_on_call_the_whole_team_is_alerted_at_once_and_told_why(world: World) -> None:
    incident = await world.outage("shop", policy_id=await policy(world, calls("current_on_call")))
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"]
    assert "Nobody is on call" in await titles(world, incident)


@pytest.mark.slow
async def test_a_silent_policy_collects_and_says_so(world: World) -> None:
    incident = await world.outage("shop", policy_id=await policy(world, name="Quiet"))
    await later(world, minutes=10)
    assert world.new_mails() == []
    assert "it collects, and alerts nobody" in await story(world, incident)


@pytest.mark.slow
async def test_editing_or_deleting_a_policy_changes_no_page_in_flight(world: World) -> None:
    await world.on_call("alice")
    id = await policy(world, calls("current_on_call"), calls(BOB, after=300))
    await world.outage("shop", policy_id=id)
    assert (await world.api("PATCH", f"/v3/policies/{id}", {"steps": []})).status_code == 200
    assert (await world.api("DELETE", f"/v3/policies/{id}")).status_code == 204
    world.new_mails()
    await world.fast_forward(minutes=5)
    assert world.new_mails() == [("bob", DOWN)]


async def test_a_policy_that_is_gone_alerts_everybody(world: World) -> None:
    id = await policy(world, calls(BOB))
    await world.api("DELETE", f"/v3/policies/{id}")
    answer = await world.api("POST", "/v3/incidents", {"name": "Fire", "policy_id": str(id)})
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"], answer.text


@pytest.mark.slow
async def test_by_night_and_by_what_the_incident_says_other_policies_take_over(world: World) -> None:
    bobs = await policy(world, calls(BOB), name="Bob alone")
    everybody = await policy(world, calls("entire_team"), name="All hands")
    by_night = {
        "type": "time_branching", "timezone": "UTC", "days": ["mon"], "time_from": "22:00", "time_to": "06:00",
        "policy_id": everybody,
    }  # fmt: skip
    by_tier = {"type": "metadata_branching", "metadata_key": "Tier", "policy_metadata_key": "Plan",
               "metadata_values": [{"type": "String", "value": "gold"}]}  # fmt: skip
    id = await policy(world, by_night, by_tier, calls({"type": "user", "email": "alice@example.com"}))

    async def reported(**metadata: Any) -> list[str]:
        answer = await world.api("POST", "/v3/incidents", {"name": "Fire", "policy_id": id, "metadata": metadata})
        assert answer.status_code == 201, answer.text
        await world.settle()
        return [to for to, _ in world.new_mails()]

    plan = [{"type": "Policy", "item_id": bobs}]
    assert await reported(Tier="silver", Plan=plan) == ["alice"]
    assert await reported(Tier="gold", Plan=plan) == ["bob"]
    assert await reported(Tier="gold") == ["alice"], "it names no policy, so this one goes on"
    await later(world, hours=10, minutes=30)  # Monday, 22:30
    assert await reported(Tier="silver") == ["alice", "bob"]


@pytest.mark.slow
async def test_whom_a_step_calls_by_metadata(world: World) -> None:
    step = calls({"type": "incident_metadata", "metadata_key": "Owner"})
    id = await policy(world, step)

    async def reported(owner: Any) -> list[str]:
        facts = {} if owner is None else {"Owner": [owner]}
        await world.api("POST", "/v3/incidents", {"name": "Fire", "policy_id": id, "metadata": facts})
        await world.settle()
        return [to for to, _ in world.new_mails()]

    assert await reported({"type": "User", "email": "bob@example.com"}) == ["bob"]
    assert await reported({"type": "String", "value": "bob@example.com"}) == ["bob"]
    assert await reported({"type": "Team", "name": "Ops"}) == ["alice", "bob"]
    assert await reported(None) == ["alice", "bob"], "better too many than nobody"
    chained = await policy(world, calls(BOB), name="Bob alone")
    assert await reported({"type": "Policy", "item_id": chained}) == ["bob"]


@pytest.mark.slow
async def test_instructions_are_posted_filled_in_and_reminded_of_until_they_are_done(world: World) -> None:
    steps = [
        {"type": "instructions", "wait_before": 0, "instructions_comment": "- [ ] check {Region}\n- [x] breathe",
         "instructions_reminder_enabled": True, "instructions_reminder_interval_hours": 1},
        calls(BOB),
    ]  # fmt: skip
    id = await policy(world, *steps, repeat_count=3, repeat_delay=600)
    answer = await world.api("POST", "/v3/incidents", {"name": "Fire", "policy_id": id, "metadata": {"Region": "eu"}})
    incident = int(answer.json()["data"]["id"])
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["bob"]
    (comment,) = (await world.api("GET", f"/v2/incidents/{incident}/comments")).json()["data"]
    assert comment["attributes"]["content"] == "- [ ] check eu\n- [x] breathe"
    await world.answer(world.mail_to("bob@example.com")[0])
    await later(world, hours=1)
    assert world.new_mails() == [("bob", "[Tocsin] Fire: 1 of 2 steps of the instructions are open")]
    done = {"content": "- [x] check eu\n- [x] breathe"}
    path = f"/v2/incidents/{incident}/comments/{comment['id']}"
    assert (await world.api("PATCH", path, done)).status_code == 200
    await later(world, hours=1)
    await later(world, hours=1)
    assert world.new_mails() == []
    assert len((await world.api("GET", f"/v2/incidents/{incident}/comments")).json()["data"]) == 1


@pytest.mark.slow
async def test_escalating_to_a_policy_replaces_what_would_still_have_come(world: World) -> None:
    await world.on_call("alice")
    bobs = await policy(world, calls(BOB, after=120), name="Bob alone")
    incident = await world.outage("shop", team_wait=60)
    await world.answer(world.mail_to("alice@example.com")[0])
    world.new_mails()
    body = {"escalation_type": "Policy", "policy_id": str(bobs)}
    answer = await world.api("POST", f"/v3/incidents/{incident}/escalate", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["attributes"]["status"] == "Started", "somebody else is to take it on"
    await world.fast_forward(minutes=2, seconds=5)
    assert world.new_mails() == [("bob", DOWN)]
    await world.answer(world.mail_to("bob@example.com")[-1])
    assert (await world.incident(incident))["acknowledged_by"] == "Bob Builder"


async def test_escalating_to_a_schedule_pages_whoever_is_on_call_by_it(world: World) -> None:
    await world.on_call("bob")
    calendar = (await world.api("GET", "/v2/on-calls/default")).json()["data"]["id"]
    answer = await world.api("POST", "/v3/incidents", {"name": "Fire", "email": False, "push": False})
    incident = answer.json()["data"]["id"]
    body = {"escalation_type": "Schedule", "schedule_id": calendar, "email": True}
    assert (await world.api("POST", f"/v3/incidents/{incident}/escalate", body)).status_code == 200
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["bob"]


@pytest.mark.slow
async def test_a_step_calls_a_webhook_once_and_other_webhooks_are_left_to_the_policy(world: World) -> None:
    for name in ("called", "other", "alone"):
        world.net.site(f"{name}.example.com").up()
    hooks = {
        name: await made(
            world,
            "/v2/outgoing-webhooks",
            url=f"https://{name}.example.com/in",
            trigger_type="incident_change",
            notify_alongside_primary_responder=name != "alone",
        )
        for name in ("called", "other", "alone")
    }

    async def deliveries(name: str) -> list[str]:
        answer = await world.api("GET", f"/v2/outgoing-webhooks/{hooks[name]}/deliveries")
        assert answer.status_code == 200, answer.text
        return sorted(each["attributes"]["event"] for each in answer.json()["data"])

    step = calls(BOB, {"type": "webhook", "id": hooks["called"]})
    id = await policy(world, step, repeat_count=1, repeat_delay=60)
    incident = await world.outage("shop", policy_id=id)
    await world.fast_forward(minutes=2)
    assert (await deliveries("called"), await deliveries("other")) == (["incident.started"], [])
    await world.api("POST", f"/v3/incidents/{incident}/resolve")
    await world.settle()
    assert await deliveries("other") == ["incident.resolved"]
    await world.outage("docs")
    assert await deliveries("alone") == ["incident.resolved"]
    assert await deliveries("other") == ["incident.resolved", "incident.started"]
