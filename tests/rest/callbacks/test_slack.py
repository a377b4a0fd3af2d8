"""A button pressed in Slack does what it says, once, in the name of whoever pressed it, and for nobody else."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.notify.channels.slack_server import HOOK, signed
from tests.rest.callbacks.conftest import Desk
from tocsin.gateway.links import open_link
from tocsin.gateway.request import Request
from tocsin.kernel.errors import Refused
from tocsin.registry.input import Arguments


async def posted(desk: Desk) -> int:
    """An incident is open and stands in #ops."""
    target = await desk.world.target("slack", "#ops", desk.slack.target)
    incident = await desk.report()
    await desk.page(incident, target)
    return incident


@pytest.mark.slow
async def test_whoever_presses_takes_it_on_under_their_name_in_slack(desk: Desk) -> None:
    incident = await posted(desk)
    (message,) = desk.slack.in_channel()
    assert await desk.slack.press(message, "Acknowledge", "U1") == (200, b"")
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Ann Smith (Slack)"
    assert "Ann Smith (Slack) has taken on Shop" in message.text
    assert list(message.buttons) == ["Resolve"]
    assert len(desk.slack.in_thread(message)) == 1
    assert [line for line in await desk.world.audit_log() if "acknowledged" in line] == [
        f"Ann Smith (Slack) acknowledged an incident (incident {incident} 'Shop') in team Ops through Slack: allowed, "
        "who reads what the team has us post may answer it."
    ]


@pytest.mark.slow
async def test_a_member_whom_slack_knows_by_their_address_is_that_person(desk: Desk) -> None:
    incident = await posted(desk)
    await desk.slack.press(desk.slack.messages[0], "Acknowledge", "U2")
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Alice Archer"
    await desk.slack.press(desk.slack.in_channel()[0], "Resolve", "U2")
    assert (await desk.world.incident(incident))["resolved_by"] == "Alice Archer"
    assert desk.slack.in_channel()[0].buttons == {}


@pytest.mark.slow
async def test_who_comes_second_is_told_who_was_first(desk: Desk) -> None:
    await posted(desk)
    (message,) = desk.slack.in_channel()
    before = dict(message.buttons)
    await desk.slack.press(message, "Acknowledge", "U1")
    message.form["blocks"].append({"type": "actions", "elements": [
        {"action_id": "acknowledge", "text": {"text": "Acknowledge"}, "value": before["Acknowledge"]}]})  # fmt: skip
    assert await desk.slack.press(message, "Acknowledge", "U2") == (200, b"")
    (said,) = desk.slack.said_to["U2"]
    assert said["text"] == "Ann Smith (Slack) has it already: Shop."
    assert said["replace_original"] is False


@pytest.mark.slow
async def test_nothing_is_believed_that_slack_has_not_signed_just_now(desk: Desk) -> None:
    incident = await posted(desk)
    (message,) = desk.slack.in_channel()
    now = desk.slack.now()
    assert (await desk.slack.press(message, "Acknowledge", secret="another app's secret"))[0] == 401
    assert (await desk.slack.press(message, "Acknowledge", at=now - 301))[0] == 401, "somebody's recording"
    action = {"action_id": "acknowledge", "value": message.buttons["Acknowledge"]}
    body = urlencode({"payload": json.dumps({"actions": [action]})}).encode()
    assert desk.slack.reach is not None
    for headers in ({}, signed(body + b"&x=1", str(int(now))), signed(body, "yesterday"), signed(body, "9" * 400)):
        assert (await desk.slack.reach(body, headers))[0] == 401
    assert (await desk.world.incident(incident))["acknowledged_at"] is None


@pytest.mark.slow
async def test_what_is_no_message_of_slacks_is_refused_and_breaks_nothing(desk: Desk) -> None:
    assert desk.slack.reach is not None
    for body in (
        b"", b"payload=", b"payload=%7B", b"payload=[1]", b"payload=%7B%22actions%22:[1]%7D", b"\xff\xfe=1",
        b"command=/x", b"payload=" + b"[" * 50_000, b"x" * 300_000, b"&".join([b"a=1"] * 1_000),
    ):  # fmt: skip
        status, _ = await desk.slack.reach(body, signed(body, str(int(desk.slack.now()))))
        assert status in (200, 400, 401, 413), body[:20]
    assert await desk.world.incidents() == []


@pytest.mark.slow
async def test_a_button_of_another_apps_message_is_not_taken_for_ours(desk: Desk) -> None:
    await posted(desk)
    (message,) = desk.slack.in_channel()
    message.form["blocks"][-1]["elements"][0]["value"] = "1-" + "0" * 32
    status, _ = await desk.slack.press(message, "Acknowledge")
    assert status == 401


@pytest.mark.slow
async def test_a_member_reports_an_incident_with_a_command(desk: Desk) -> None:
    await desk.world.target("slack", "#ops", desk.slack.target)
    said = await desk.slack.command("The shop takes no orders")
    (incident,) = await desk.world.incidents()
    assert said == {
        "response_type": "in_channel",
        "text": f"Incident {incident['id']} is open: The shop takes no orders",
    }
    assert incident["attributes"]["name"] == "The shop takes no orders"
    stranger = await desk.slack.command("Me too", user="U1")
    assert "Tocsin does not know you" in stranger["text"]
    elsewhere = await desk.slack.command("Here too", channel="C9")
    assert "not connected" in elsewhere["text"]
    assert "/incident" in (await desk.slack.command(" "))["text"]
    assert len(await desk.world.incidents()) == 1


@pytest.mark.slow
async def test_the_same_command_brought_twice_is_one_incident(desk: Desk) -> None:
    await desk.world.target("slack", "#ops", desk.slack.target)
    first = await desk.slack.command("The shop takes no orders")
    again = await desk.slack.command("The shop takes no orders")
    assert first["response_type"] == "in_channel"
    assert again == {"response_type": "ephemeral", "text": "The incident was opened already."}
    assert len(await desk.world.incidents()) == 1


@pytest.mark.slow
async def test_a_link_that_was_posted_is_answered_by_whoever_reads_it_there(desk: Desk) -> None:
    target = await desk.world.target("slack", "#ops", {"webhook_url": desk.slack.url + HOOK})
    incident = await desk.report()
    await desk.page(incident, target)
    url = desk.slack.messages[0].text.partition("<")[2].partition("|")[0]
    assert (await desk.world.browse("GET", url)).status_code == 200
    assert (await desk.world.incident(incident))["acknowledged_at"] is None, "to look is not to answer"
    assert (await desk.world.browse("POST", url, data={"deed": "acknowledge"})).status_code == 303
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Somebody in #ops"
    assert [line for line in await desk.world.audit_log() if "acknowledged" in line] == [
        f"Somebody in #ops acknowledged an incident (incident {incident} 'Shop') in team Ops through a posted "
        "link: allowed, who reads what the team has us post may answer it."
    ]


async def test_whoever_answers_as_a_guest_can_do_nothing_else(desk: Desk) -> None:
    incident = await posted(desk)
    token = desk.slack.messages[0].buttons["Acknowledge"]
    link = await open_link(desk.world.database, token, None, said_by="Ann\x00\n\u202e(Slack) " + "x" * 200)
    assert link is not None
    assert link.credential.guest is not None
    assert len(link.credential.guest) == 100
    door = desk.world.door
    other = await desk.report()
    for name, id in (("incidents.delete", incident), ("incidents.acknowledge", other), ("monitors.list", incident)):
        operation = door.catalogue[name]
        with pytest.raises(Refused):
            await door.call(
                Request(
                    operation=operation, route=operation.routes[0], credential=link.credential, surface="slack",
                    arguments=Arguments(path={"id": str(id)}), base_url="",
                )
            )  # fmt: skip
