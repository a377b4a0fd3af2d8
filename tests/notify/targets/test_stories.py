"""A team's places hear of an incident beside its people: from the first page to its end, each in its own way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.notify.channels.services import (
    PAGERDUTY_KEY,
    PUSHOVER_APP,
    PUSHOVER_USER,
    Hook,
    Jira,
    Ntfy,
    PagerDuty,
    Pushover,
)
from tests.notify.channels.web_server import running
from tests.world import World
from tests.world import world as world
from tocsin.notify.channels import ntfy, pagerduty, pushover, webhook

ALL = "/v2/notification-targets"


async def set_up(world: World, kind: str, settings: dict[str, Any], **more: Any) -> int:
    answer = await world.api("POST", ALL, {"kind": kind, "name": f"Our {kind}", "settings": settings, **more})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["id"])


async def deliveries(world: World, target: int) -> list[tuple[str, str]]:
    """(kind, state), oldest first."""
    listed = (await world.api("GET", f"{ALL}/{target}/deliveries")).json()["data"]
    return [(each["attributes"]["kind"], each["attributes"]["state"]) for each in reversed(listed)]


@pytest.mark.slow
async def test_an_outage_is_an_alert_and_an_issue_that_end_with_it(world: World) -> None:
    async with running(PagerDuty()) as duty, running(Jira()) as jira:
        world.providers = {"pagerduty": pagerduty.Settings(us_url=duty.url)}
        world.crash()
        await world.on_call("alice")
        alert = await set_up(world, "pagerduty", {"key": PAGERDUTY_KEY, "severity": "critical"})
        issue = await set_up(
            world, "jira",
            {"site_url": jira.url, "email": "bot@example.com", "api_token": "jira-token", "jira_project_key": "OPS",
             "jira_issue_type_id": "10001", "resolve_transition": "Done"},
        )  # fmt: skip
        silent = await set_up(
            world, "webhook", {"url": "http://127.0.0.1:9/"}, notify_alongside_primary_responder=False
        )  # fmt: skip
        incident = await world.outage("shop")
        assert list(duty.alerts.values()) == ["triggered"]
        assert list(jira.issues) == ["OPS-1"]
        await world.answer(world.mail_to("alice@example.com")[0])
        assert list(duty.alerts.values()) == ["acknowledged"]
        assert "Alice Archer has taken on" in jira.comments[0][1]
        world.site("shop").up()
        await world.fast_forward(minutes=5)
        assert (await world.incident(incident))["resolved_at"] is not None
        assert list(duty.alerts.values()) == ["resolved"]
        assert jira.moved == [("OPS-1", "31")]
        told = [("page", "sent"), ("acknowledged", "sent"), ("resolved", "sent")]
        assert await deliveries(world, alert) == told
        assert await deliveries(world, issue) == told
        assert await deliveries(world, silent) == []
        await world.close()


@pytest.mark.slow
async def test_a_place_is_tried_out_by_a_real_message_and_one_that_is_gone_says_so(world: World) -> None:
    async with running(Hook()) as hook:
        world.providers = {"webhook": webhook.Settings()}
        world.crash()
        target = await set_up(world, "webhook", {"url": f"{hook.url}/in"})
        asked = await world.api("POST", f"{ALL}/{target}/test")
        await world.settle()
        assert [body["data"]["headline"] for body in hook.bodies] == ["This is a test of Our webhook"]
        assert hook.bodies[0]["data"]["delivery_id"] == int(asked.json()["data"]["id"])
        assert await deliveries(world, target) == [("notice", "sent")]
        hook.answers = [(410, b"", {})]
        await world.fast_forward(seconds=1)
        await world.api("POST", f"{ALL}/{target}/test")
        await world.settle()
        assert await deliveries(world, target) == [("notice", "sent"), ("notice", "given_up")]
        shown = (await world.api("GET", f"{ALL}/{target}")).json()["data"]["attributes"]
        assert shown["status"] == "account_inactive"
        await world.api("POST", f"{ALL}/{target}/test")
        await world.api("DELETE", f"{ALL}/{target}")
        await world.settle()
        assert len(hook.bodies) == 1
        await world.close()


@pytest.mark.slow
async def test_a_critical_outage_stops_ringing_when_somebody_has_taken_it_on(world: World) -> None:
    async with running(Pushover()) as service:
        world.providers = {"pushover": pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url, callbacks=True)}
        world.crash()
        await world.on_call("alice")
        await set_up(world, "pushover", {"user_key": PUSHOVER_USER})
        await world.outage("shop", critical_alert=True)
        assert len(service.ringing) == 1
        await world.answer(world.mail_to("alice@example.com")[0])
        assert service.ringing == set()
        incident = await world.outage("blog", critical_alert=True)
        callback = service.messages[-1]["callback"]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await world.call_back(callback[:-1] + "0", b"acknowledged=1", form)).status_code == 404
        assert (await world.call_back(callback, b"acknowledged=0", form)).status_code == 400
        assert (await world.incident(incident))["acknowledged_at"] is None
        for _ in range(2):  # it is told twice as well
            assert (await world.call_back(callback, b"acknowledged=1&receipt=r", form)).status_code == 200
        assert (await world.incident(incident))["acknowledged_by"] == "Somebody in Our pushover"
        await world.close()


@pytest.mark.slow
async def test_the_button_of_an_ntfy_message_acknowledges_for_whoever_pressed_it(world: World) -> None:
    async with running(Ntfy()) as server:
        world.providers = {"ntfy": ntfy.Settings()}
        world.crash()
        await world.on_call("alice")
        await set_up(world, "ntfy", {"server": server.url, "topic": "ops"})
        incident = await world.outage("shop")
        button = server.messages[0]["actions"][0]
        assert button["headers"] == {"Content-Type": "application/x-www-form-urlencoded"}
        pressed = await world.browse(button["method"], button["url"], data={"deed": button["body"].partition("=")[2]})
        await world.settle()
        assert pressed.status_code == 303
        assert (await world.incident(incident))["acknowledged_by"] == "Somebody in Our ntfy"
        assert [message["tags"] for message in server.messages] == [["rotating_light"], ["eyes"]]
        await world.close()


@pytest.mark.slow
async def test_a_persons_phone_stops_ringing_although_they_have_answered_by_mail(world: World) -> None:
    async with running(Pushover()) as service:
        world.providers = {"pushover": pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)}
        world.crash()
        await world.installed()
        await world.on_call("alice")
        methods = "/v2/users/alice@example.com/contact-methods"
        refused = await world.api("POST", methods, {"kind": "apprise", "address": "syslog://localhost/"})
        assert "begins with syslog://, which is not accepted here" in refused.text
        made = await world.api("POST", methods, {"kind": "pushover", "address": PUSHOVER_USER, "label": "Phone"})
        assert made.status_code == 201, made.text
        await world.settle()
        code = re.search(r"\b\d{6}\b", service.messages[-1]["title"] + " " + service.messages[-1]["message"])
        assert code
        verified = await world.api("POST", f"{methods}/{made.json()['data']['id']}/verify", {"code": code[0]})
        assert verified.status_code == 200, verified.text
        await world.outage("shop", critical_alert=True, push=True)
        assert len(service.ringing) == 1
        await world.answer(world.mail_to("alice@example.com")[-1])
        assert service.ringing == set()
        await world.close()
