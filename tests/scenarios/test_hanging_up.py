"""Stories in which a phone still rings, or somebody still listens, when another person has taken the outage on."""

from __future__ import annotations

import re

import pytest

from tests.notify.channels.twilio import Twilio
from tests.scenarios.test_phone import ALICE, BOB, outage, told, twilio
from tests.world import World
from tocsin.notify.channels import call

__all__ = ["twilio"]


async def ringing(world: World, twilio: Twilio) -> int:
    """The shop is down, and Bob's phone rings; he has a mail as well."""
    incident = await outage(world, call=True, email=True, wait=3600)
    assert twilio.new() == [("call", BOB)]
    return incident


async def hung_up(world: World, incident: int) -> list[str]:
    """What became of each call that was to end, as the pages say."""
    pages = (await world.api("GET", f"/v3/incidents/{incident}/pages")).json()["data"]
    found = [page["attributes"] for page in pages]
    return [f"{page['state']}: {page['reason']}" for page in found if page["kind"] == "call_off"]


async def alice_acknowledges(world: World, incident: int) -> None:
    answer = await world.api("POST", f"/v3/incidents/{incident}/acknowledge", {"acknowledged_by": "alice@example.com"})
    assert answer.status_code == 200, answer.text
    await world.settle()


@pytest.mark.slow
async def test_a_phone_that_rings_falls_silent_and_the_story_says_why(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    await alice_acknowledges(world, incident)
    (phone,) = twilio.calls
    assert (phone.state, phone.heard) == ("canceled", [])
    said = (
        "Call to Bob Builder (+420777000002) hung up before anybody picked up: Alice Archer acknowledged the incident."
    )
    assert f"Call ended: {said}" in await told(world, incident)
    await phone.report()
    await world.fast_forward(minutes=20)
    assert twilio.new() == [], "that Twilio says that it was cancelled is no reason to try another way"
    assert twilio.changes == [(phone.sid, "Twiml"), (phone.sid, "canceled")]
    await world.api("POST", f"/v3/incidents/{incident}/resolve", {})
    await world.settle()
    assert len(twilio.changes) == 2, "once"


@pytest.mark.slow
async def test_whoever_listens_hears_who_has_it_instead_of_a_dead_line(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    (phone,) = twilio.calls
    await phone.pick_up()
    await alice_acknowledges(world, incident)
    assert phone.heard[-1] == "Alice Archer acknowledged the incident. Goodbye."
    assert (phone.state, twilio.changes) == ("completed", [(phone.sid, "Twiml")])
    await phone.report()
    assert await hung_up(world, incident) == [
        "sent: interrupted with the words “Alice Archer acknowledged the incident”"
    ]


@pytest.mark.slow
async def test_when_it_is_resolved_the_phone_is_silent_too_and_says_by_whom(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    await world.api("POST", f"/v3/incidents/{incident}/resolve", {"resolved_by": "alice@example.com"})
    await world.settle()
    assert twilio.calls[0].state == "canceled"
    assert await hung_up(world, incident) == [
        "sent: hung up before anybody picked up: Alice Archer resolved the incident"
    ]


@pytest.mark.slow
async def test_the_call_through_which_the_answer_came_is_heard_to_the_end(world: World, twilio: Twilio) -> None:
    incident = await outage(world, call=True, wait=30)
    await world.fast_forward(seconds=31)
    assert twilio.new() == [("call", BOB), ("call", ALICE)]
    bobs, alices = twilio.calls
    await alices.pick_up()
    assert await bobs.press("1") == "Thank you. You have it. Nobody else will be alerted. Goodbye."
    await world.fast_forward(minutes=6)
    assert (bobs.state, bobs.heard[-1]) == (
        "in-progress",
        "Thank you. You have it. Nobody else will be alerted. Goodbye.",
    )
    assert alices.heard[-1] == "Bob Builder acknowledged the incident. Goodbye."
    assert twilio.changes == [(alices.sid, "Twiml")]
    assert len(await hung_up(world, incident)) == 1, "of his own call nobody planned anything"


@pytest.mark.slow
async def test_who_answers_by_mail_silences_his_own_phone(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    await world.answer(world.mail_to("bob@example.com")[-1])
    assert twilio.calls[0].state == "canceled"
    assert "hung up before anybody picked up: Bob Builder acknowledged" in await told(world, incident)


@pytest.mark.slow
async def test_killed_between_the_answer_and_the_hanging_up_it_is_hung_up_by_the_next_process(
    world: World, twilio: Twilio
) -> None:
    incident = await ringing(world, twilio)
    await world.api("POST", f"/v3/incidents/{incident}/acknowledge", {})
    assert twilio.calls[0].state == "queued", "the answer is committed, and nothing has left"
    world.crash()
    await world.fast_forward(seconds=2)
    assert twilio.calls[0].state == "canceled"
    assert len(await hung_up(world, incident)) == 1


@pytest.mark.slow
async def test_while_twilio_is_down_it_is_tried_again_within_seconds(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    world.new_mails()
    twilio.answers = [(503, {}), (429, {})]
    await alice_acknowledges(world, incident)
    assert twilio.calls[0].state == "queued"
    await world.fast_forward(seconds=11)
    assert twilio.calls[0].state == "canceled"
    story = await told(world, incident)
    assert "Call not ended yet: Call to Bob Builder (+420777000002) not hung up yet: Twilio answered 503" in story
    assert [subject for _, subject in world.new_mails() if "Down" in subject] == [], "no page was lost"


@pytest.mark.slow
async def test_what_cannot_be_hung_up_for_minutes_has_ended_by_itself(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    twilio.answers = [(503, {})] * 50
    await alice_acknowledges(world, incident)
    await world.fast_forward(minutes=15)
    (line,) = await hung_up(world, incident)
    assert line.startswith("given_up: not possible within 5 min; the last reason: Twilio answered 503")
    assert 5 <= len(twilio.changes) <= 8


@pytest.mark.slow
async def test_a_call_that_is_over_is_left_alone(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    (phone,) = twilio.calls
    await phone.ring_out()
    await alice_acknowledges(world, incident)
    assert (twilio.changes, await hung_up(world, incident)) == ([], [])


@pytest.mark.slow
async def test_a_call_that_was_listened_to_and_left_was_over_already(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    (phone,) = twilio.calls
    await phone.pick_up()
    await phone.hang_up()
    await alice_acknowledges(world, incident)
    assert await hung_up(world, incident) == [f"sent: {call.OVER}"]


@pytest.mark.slow
async def test_a_call_that_waits_at_twilio_for_minutes_does_not_ring_any_more(world: World, twilio: Twilio) -> None:
    incident = await ringing(world, twilio)
    await world.fast_forward(minutes=5)
    assert re.search("did not arrive: there was no word of its arrival in time", await told(world, incident))
    await alice_acknowledges(world, incident)
    assert twilio.calls[0].state == "canceled"
