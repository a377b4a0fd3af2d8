"""An agent says that it is on it: people sleep on for a while, confirm it, or are woken again when nobody does."""

from __future__ import annotations

import pytest

from tests.scenarios.test_an_agent_asks import hired
from tests.world import World

BOT = "Triage-bot (an agent)"


async def titles(world: World, incident: int) -> list[str]:
    items = (await world.api("GET", f"/v3/incidents/{incident}/timeline")).json()["data"]
    return [str(item["attributes"]["data"]["title"]) for item in items]


async def acknowledged(world: World, incident: int, token: str = "bot") -> int:
    answer = await world.api("POST", f"/v3/incidents/{incident}/acknowledge", token=token)
    await world.settle()
    return answer.status_code


async def test_nobody_confirms_and_alice_is_woken_again(world: World) -> None:
    await hired(world)
    await world.on_call("alice")
    incident = await world.outage("shop", team_wait=180)
    assert world.new_mails() == [("alice", "[Tocsin] Down: shop.example.com (Status 503)")]
    assert await acknowledged(world, incident) == 200
    (told,) = world.mail_to("alice@example.com")[1:]
    assert told.subject == f"[Tocsin] Acknowledged: shop.example.com (by {BOT})"
    assert "it is no person: unless one acknowledges it too until" in told.text
    assert await acknowledged(world, incident) == 409, "a lease is not renewed"
    coming = (await world.api("GET", f"/v3/incidents/{incident}/coming-pages")).json()["data"]
    assert [page["attributes"]["summary"].split(" by ")[0] for page in coming] == ["Alice Archer", "Bob Builder"]
    assert 890 <= coming[0]["attributes"]["seconds_left"] <= 900

    world.new_mails()
    world.crash()
    await world.fast_forward(minutes=14, seconds=50)
    assert world.new_mails() == []
    await world.fast_forward(seconds=20)
    assert world.new_mails() == [("alice", "[Tocsin] Down: shop.example.com (Status 503)")]
    assert f"Nobody confirmed that {BOT} has it: people are paged again" in await titles(world, incident)
    await world.fast_forward(minutes=3)
    assert world.new_mails() == [("bob", "[Tocsin] Down: shop.example.com (Status 503)")]
    shown = await world.incident(incident)
    assert (shown["status"], shown["acknowledged_at"], shown["acknowledged_by"]) == ("Started", None, None)


async def test_alice_confirms_by_the_link_in_the_mail_that_tells_of_the_agent(world: World) -> None:
    await hired(world)
    await world.on_call("alice")
    incident = await world.outage("shop", team_wait=180)
    assert await acknowledged(world, incident) == 200
    page, told = world.mail_to("alice@example.com")
    for mail in (page, told):
        shown = await world.browse("GET", mail.answer_url)
        assert f"{BOT} has acknowledged this, and it is no person." in shown.text
        assert "people are paged again" in shown.text
        assert "Acknowledge: I have it" in shown.text
    world.new_mails()
    await world.answer(told)
    shown = await world.browse("GET", page.answer_url)
    assert "Acknowledge: I have it" not in shown.text
    assert "no person" not in shown.text
    assert (await world.incident(incident))["acknowledged_by"] == "Alice Archer"
    await world.fast_forward(hours=1)
    assert world.new_mails() == [], "nobody is paged again"
    assert await acknowledged(world, incident) == 409
    assert await acknowledged(world, incident, "ops") == 409


async def test_the_teams_token_takes_over_what_only_an_agent_has(world: World) -> None:
    await hired(world)
    incident = await world.outage("shop")
    before = set((await world.api("GET", f"/v3/incidents/{incident}")).json()["data"]["attributes"])
    assert await acknowledged(world, incident) == 200
    named = {"acknowledged_by": "bob@example.com"}
    answer = await world.api("POST", f"/v2/incidents/{incident}/acknowledge", named)
    assert answer.status_code == 200
    after = answer.json()["data"]["attributes"]
    assert after["acknowledged_by"] == "Bob Builder"
    assert set(after) == before, "no attribute that Better Stack does not have"


@pytest.mark.parametrize("lease", [None, 60])
async def test_how_long_a_lease_lasts_is_the_owners_to_say(world: World, lease: int | None) -> None:
    await hired(world, acknowledgement_lease_seconds=lease)
    incident = await world.outage("shop")
    assert await acknowledged(world, incident) == 200
    world.new_mails()
    await world.fast_forward(seconds=65)
    assert bool(world.new_mails()) is (lease is not None)


async def test_a_program_in_a_loop_is_told_that_a_person_is_needed(world: World) -> None:
    await hired(world, acknowledgement_lease_seconds=60)
    await world.on_call("alice")
    incident = await world.outage("shop", team_wait=180)
    statuses = []
    for _ in range(40):
        statuses.append(await acknowledged(world, incident))
        await world.fast_forward(seconds=10)
    assert statuses.count(200) == 3
    assert ("bob", "[Tocsin] Down: shop.example.com (Status 503)") in world.new_mails()
    answer = await world.api("POST", f"/v3/incidents/{incident}/acknowledge", token="bot")
    assert answer.json()["errors"].endswith("so only a person can acknowledge it now")


async def test_before_it_acknowledges_it_can_see_who_is_woken_if_nobody_confirms(world: World) -> None:
    await hired(world)
    incident = await world.outage("shop")
    seen = await world.api("POST", f"/v3/incidents/{incident}/acknowledge?dry_run=true", token="bot")
    assert seen.status_code == 200, seen.text
    assert {alert["recipient"] for alert in seen.json()["wakes_next"]} == {"Alice Archer", "Bob Builder"}
    assert (await world.incident(incident))["status"] == "Started"
