"""Stories in which telephones ring: a key takes an outage on, a text does too, and what does not ring is no silence."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.notify.channels.twilio import Twilio, twilio_server
from tests.world import BASE_URL, World

ALICE, BOB = "+420777000001", "+420777000002"


@pytest.fixture
async def twilio(world: World) -> AsyncIterator[Twilio]:
    """Alice and Bob have proven their numbers; Bob is on call, and Alice comes after him."""
    async with twilio_server(world.twilio, BASE_URL) as server:
        world.providers = server.providers
        world.crash()
        await world.installed()
        for name, number in (("alice", ALICE), ("bob", BOB)):
            await proven(world, server, name, number)
        await world.on_call("bob")
        server.new()
        yield server


async def proven(world: World, twilio: Twilio, name: str, number: str) -> None:
    path = f"/v2/users/{name}@example.com/contact-methods"
    made = (await world.api("POST", path, {"kind": "phone", "address": number})).json()["data"]
    await world.settle()
    code = re.search(r"\b\d{6}\b", twilio.texts[-1].body)
    assert code
    answer = await world.api("POST", f"{path}/{made['id']}/verify", {"code": code[0]})
    assert answer.json()["data"]["attributes"]["verified"] is True


async def told(world: World, incident: int) -> str:
    """The timeline in one text."""
    items = (await world.api("GET", f"/v3/incidents/{incident}/timeline")).json()["data"]
    return "\n".join(f"{data['title']}: {data.get('content', '')}" for data in map(_data, items))


def _data(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["attributes"]["data"]
    return found


async def outage(world: World, *, wait: int = 300, **ways: bool) -> int:
    switches = {"call": False, "sms": False, "email": False, "push": False, **ways}
    return await world.outage("shop", team_wait=wait, **switches)


@pytest.mark.slow
async def test_bobs_phone_rings_he_presses_one_and_nobody_else_is_paged(world: World, twilio: Twilio) -> None:
    incident = await outage(world, call=True)
    assert twilio.new() == [("call", BOB)]
    phone = twilio.calls[0]
    assert "shop.example.com is down. The cause: Status 503." in await phone.pick_up()
    assert await phone.press("1") == "Thank you. You have it. Nobody else will be alerted. Goodbye."
    await phone.hang_up()
    shown = await world.incident(incident)
    assert (shown["status"], shown["acknowledged_by"]) == ("Acknowledged", "Bob Builder")
    await world.fast_forward(minutes=10)
    assert twilio.new() == []
    story = await told(world, incident)
    assert "accepted by Twilio: queued (CA" in story
    assert "Bob Builder acknowledged the incident through this phone call" in story
    (said,) = [line for line in await world.audit_log() if "acknowledged an incident" in line]
    assert said.startswith("Bob Builder acknowledged an incident")
    assert "through a phone call: allowed" in said


@pytest.mark.slow
async def test_key_two_passes_it_on_at_once(world: World, twilio: Twilio) -> None:
    incident = await outage(world, call=True, wait=3600)
    assert await twilio.calls[0].press("2") == "The next person is being alerted now. Goodbye."
    await world.fast_forward(seconds=2)
    assert twilio.new() == [("call", BOB), ("call", ALICE)]
    assert (await world.incident(incident))["status"] == "Started"
    assert "Bob Builder passed it on." in await told(world, incident)
    theirs = twilio.calls[1]
    assert "Nobody else is planned to be alerted. Press 1 to acknowledge." in await theirs.press("2")
    assert "that key does nothing" in await theirs.press("7")
    assert await theirs.press("1") == "Thank you. You have it. Nobody else will be alerted. Goodbye."
    assert (await world.incident(incident))["acknowledged_by"] == "Alice Archer"
    again = await twilio.repeat()
    assert "Alice Archer has it already: shop.example.com. Goodbye." in again, "told twice, done once"


@pytest.mark.slow
@pytest.mark.parametrize("why", ["refused", "busy", "mailbox"])
async def test_a_call_that_does_not_reach_him_becomes_a_text_message_at_once(
    world: World, twilio: Twilio, why: str
) -> None:
    steps = [{"channel": "call", "after_seconds": 0}, {"channel": "sms", "after_seconds": 600}]
    rule = await world.api("POST", "/v2/users/bob@example.com/notification-rules", {"steps": steps})
    assert rule.status_code == 201, rule.text
    if why == "refused":
        twilio.refuse(BOB, 21215, "Geo-Permission configuration is not permitting call", only="Calls")
    incident = await outage(world, call=True, sms=True, wait=3600)
    if why != "refused":
        assert twilio.new() == [("call", BOB)]
        await (twilio.calls[0].mailbox() if why == "mailbox" else twilio.calls[0].ring_out(why))
    assert twilio.new() == [("sms", BOB)]
    text = twilio.texts[-1]
    assert await twilio.write(BOB, text.code) == "You have it: shop.example.com. Nobody else will be alerted."
    assert (await world.incident(incident))["acknowledged_by"] == "Bob Builder"
    words = {"refused": "Geo-Permission", "busy": "the line was busy", "mailbox": "a machine picked up"}[why]
    assert words in await told(world, incident)


@pytest.mark.slow
async def test_while_twilio_is_down_he_is_mailed_and_when_it_is_back_his_phone_rings(
    world: World, twilio: Twilio
) -> None:
    twilio.answers = [(503, {})] * 5
    incident = await outage(world, call=True, wait=3600)
    await world.fast_forward(seconds=15)
    assert [to for to, _ in world.new_mails()] == ["bob"]
    await world.fast_forward(minutes=3)
    assert twilio.new() == [("call", BOB)], "a mail wakes nobody at night"
    await twilio.calls[0].press("1")
    assert world.new_mails() == [], "and nothing else was sent meanwhile"
    assert (await world.incident(incident))["acknowledged_by"] == "Bob Builder"


@pytest.mark.slow
async def test_a_text_is_answered_with_its_code_once_and_again(world: World, twilio: Twilio) -> None:
    incident = await outage(world, sms=True)
    text = twilio.texts[-1]
    await text.arrive()
    assert await twilio.write("+15550001111", text.code) == "Sorry, that matches no alert.", "a stranger with the code"
    assert await twilio.write(ALICE, text.code) == "Sorry, that matches no alert.", "it is not hers"
    wrong = f"{(int(text.code) + 1) % 10_000:04d}"
    assert await twilio.write(BOB, wrong) == "Sorry, that matches no alert."
    assert await twilio.write(BOB, "what is this?") == (
        "Sorry, this was not understood. Reply with the code of an alert to acknowledge it."
    )
    assert await twilio.write(BOB, "STOP") == "", "the carrier answers that itself"
    assert (await world.incident(incident))["status"] == "Started"
    assert await twilio.write(BOB, " Ok ") == "You have it: shop.example.com. Nobody else will be alerted."
    assert await twilio.write(BOB, f"ack {text.code}") == "Bob Builder has it already: shop.example.com."
    assert await twilio.write(BOB, f"RESOLVE {text.code}") == "Resolved: shop.example.com."
    assert await twilio.write(BOB, text.code) == "shop.example.com is resolved already, by Bob Builder."
    assert "Twilio: delivered" in await told(world, incident)


@pytest.mark.slow
async def test_what_twilio_has_not_signed_changes_nothing(world: World, twilio: Twilio) -> None:
    incident = await outage(world, call=True)
    phone = twilio.calls[0]
    await phone.pick_up()
    keys = re.search(r'action="([^"]+)"', phone.form["Twiml"])
    assert keys
    assert (await twilio.tell(keys[1], {"Digits": "1"}, token="guessed"))[0] == 403
    status, _ = await world.twilio(keys[1], b"Digits=1", {"content-type": "application/x-www-form-urlencoded"})
    assert status == 403
    forged = re.sub(r"-[0-9a-f]{32}", "-" + "0" * 32, keys[1])
    assert "not known any more" in (await twilio.tell(forged, {"Digits": "1"}))[1]
    assert (await world.incident(incident))["status"] == "Started"
    assert (await twilio.tell(phone.form["StatusCallback"] + "0", {"CallStatus": "busy"}))[0] == 404


@pytest.mark.slow
async def test_a_call_of_which_nothing_is_heard_again_counts_as_not_received(world: World, twilio: Twilio) -> None:
    await outage(world, call=True, wait=3600)
    assert twilio.new() == [("call", BOB)]
    await world.fast_forward(minutes=4)
    assert world.new_mails()[0][0] == "bob", "by another way, and not into silence"
