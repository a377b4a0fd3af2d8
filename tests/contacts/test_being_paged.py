"""Bob is paged as he has said, in the order and at the times that he has said, and critical alerts do not ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.notify.channels.twilio import Twilio, twilio_server
from tests.scenarios.test_phone import BOB, proven
from tests.world import BASE_URL, World

BOBS = "/v2/users/bob@example.com"
WAYS = {"call": True, "sms": True, "email": False, "push": False, "team_wait": 86_400}


@pytest.fixture
async def twilio(world: World) -> AsyncIterator[Twilio]:
    """Bob has proven his number and is on call."""
    async with twilio_server(world.twilio, BASE_URL) as server:
        world.providers = server.providers
        world.crash()
        await world.installed()
        await proven(world, server, "bob", BOB)
        await world.on_call("bob")
        server.new()
        world.new_mails()
        yield server


async def say(world: World, what: str, **attributes: Any) -> None:
    answer = await world.api("POST", f"{BOBS}/{what}", attributes)
    assert answer.status_code == 201, answer.text


def bobs_mails(world: World) -> int:
    return sum(to == "bob" for to, _ in world.new_mails())


@pytest.mark.slow
async def test_first_a_text_then_a_call_and_no_call_once_somebody_has_it(world: World, twilio: Twilio) -> None:
    await say(world, "notification-rules", steps=[{"channel": "sms"}, {"channel": "call", "after_seconds": 120}])
    await world.outage("shop", **WAYS)
    assert twilio.new() == [("sms", BOB)]
    await twilio.texts[-1].arrive()  # one that does not arrive is not waited for
    await world.fast_forward(seconds=60)
    assert twilio.new() == []
    await world.fast_forward(seconds=60)
    assert twilio.new() == [("call", BOB)]

    second = await world.outage("blog", **WAYS)
    assert twilio.new() == [("sms", BOB)]
    await world.api("POST", f"/v3/incidents/{second}/acknowledge")
    await world.fast_forward(minutes=5)
    assert twilio.new() == [("sms", BOB)], "that somebody has it"


@pytest.mark.slow
async def test_in_quiet_hours_a_mail_alone_unless_it_is_critical(world: World, twilio: Twilio) -> None:
    await say(world, "quiet-hours", timezone="Europe/Prague", time_from="22:00", time_to="07:00")
    world.clock.wind(timedelta(hours=10))  # 23:00 in Prague
    await world.outage("shop", **WAYS)
    assert twilio.new() == []
    assert bobs_mails(world) == 1
    await world.outage("blog", **WAYS, critical_alert=True)
    assert sorted(twilio.new()) == [("call", BOB), ("sms", BOB)]


@pytest.mark.slow
async def test_that_a_critical_alert_does_not_ask_is_foreseen_by_a_policy_too(world: World, twilio: Twilio) -> None:
    await say(world, "quiet-hours", timezone="Europe/Prague", time_from="22:00", time_to="07:00")
    world.clock.wind(timedelta(hours=10))
    steps = [{"type": "escalation", "wait_before": 60, "step_members": [{"type": "current_on_call"}]}]
    policy = (await world.api("POST", "/v3/policies", {"name": "P", "steps": steps})).json()["data"]["id"]
    incident = await world.outage("shop", **WAYS, critical_alert=True, policy_id=policy)
    coming = (await world.api("GET", f"/v3/incidents/{incident}/coming-pages")).json()["data"]
    (monitor,) = (await world.api("GET", "/v2/monitors")).json()["data"]
    said = (await world.api("GET", f"/v2/on-calls/simulate?monitor_id={monitor['id']}")).json()
    await world.fast_forward(seconds=61)
    assert sorted(channel for channel, _ in twilio.new()) == ["call", "sms"]
    assert sorted(each["attributes"]["channel"] for each in coming) == ["call", "sms"]
    assert sorted(each["channel"] for each in said["pages"]) == ["call", "sms"]


@pytest.mark.slow
async def test_a_number_that_was_deleted_is_never_called_again(world: World, twilio: Twilio) -> None:
    await say(world, "notification-rules", steps=[{"channel": "call"}])
    (phone,) = [
        each for each in (await world.api("GET", f"{BOBS}/contact-methods")).json()["data"] if each["id"] != "0"
    ]
    gone = await world.api("DELETE", f"{BOBS}/contact-methods/{phone['id']}")
    assert gone.status_code == 204
    await world.outage("shop", **WAYS)
    assert twilio.new() == []
    assert bobs_mails(world) == 1
