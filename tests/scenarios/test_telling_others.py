"""An outage as another system hears of it: in order, each time as things stood then."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.world import BASE_URL, World
from tocsin.kernel.net import HttpRequest


def bodies(requests: list[HttpRequest]) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in requests]


async def hook(world: World, **attributes: Any) -> str:
    body = {"url": "https://hooks.example.com/in", "trigger_type": "incident_change", **attributes}
    answer = await world.api("POST", "/v2/outgoing-webhooks", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


@pytest.mark.slow
async def test_an_outage_is_told_in_three_messages_each_as_things_stood_then(world: World) -> None:
    await hook(world)
    incident = await world.outage("shop", recovery_period=0)
    await world.api("POST", f"/v3/incidents/{incident}/acknowledge", {"acknowledged_by": "alice@example.com"})
    await world.fast_forward(seconds=5)
    world.site("shop").up()
    await world.fast_forward(seconds=60)
    told = bodies(world.site("hooks").requests)
    assert [each["event"] for each in told] == ["started", "acknowledged", "resolved"]
    started, acknowledged, resolved = (each["data"]["attributes"] for each in told)
    assert list(started) == [
        "name", "url", "http_method", "cause", "started_at", "acknowledged_at", "resolved_at", "response_content",
        "response_url", "screenshot_url",
    ]  # fmt: skip
    assert (started["name"], started["cause"]) == ("shop.example.com", "Status 503")
    assert (started["acknowledged_at"], started["resolved_at"]) == (None, None)
    assert acknowledged["acknowledged_at"] is not None
    assert acknowledged["resolved_at"] is None
    assert resolved["acknowledged_at"] == acknowledged["acknowledged_at"]
    assert resolved["resolved_at"] > resolved["acknowledged_at"]
    assert started["response_url"] == f"{BASE_URL}/api/v3/incidents/{incident}/response"
    assert {each["data"]["id"] for each in told} == {str(incident)}
    monitor = told[0]["data"]["relationships"]["monitor"]["data"]
    assert monitor == {"id": monitor["id"], "type": "monitor"}
    for request in world.site("hooks").requests:
        assert (request.method, dict(request.headers)["Content-Type"]) == ("POST", "application/json")
        assert not request.follow_redirects


@pytest.mark.slow
async def test_a_dead_endpoint_hears_everything_in_order_when_it_is_back_and_nobody_waits_for_it(world: World) -> None:
    await hook(world)
    await hook(world, url="https://other.example.com/in")
    world.site("hooks").refuse()
    incident = await world.outage("shop", recovery_period=0)
    world.new_mails()
    world.site("shop").up()
    await world.fast_forward(minutes=20)
    assert [each["event"] for each in bodies(world.site("other").requests)] == ["started", "resolved"]
    tried = world.site("hooks").requests
    assert {each["event"] for each in bodies(tried)} == {"started"}, "what came later waits for what came first"
    assert len(tried) < 20, "a dead endpoint is left alone for longer and longer"
    tried.clear()
    world.site("hooks").up()
    await world.fast_forward(minutes=15)
    heard = bodies(tried)
    assert [each["event"] for each in heard] == ["started", "resolved"]
    assert heard[0]["data"]["attributes"]["resolved_at"] is None, "though it had been resolved long before"
    assert heard[0]["data"]["id"] == str(incident)


@pytest.mark.slow
async def test_comments_reopening_and_monitors_are_told_to_those_who_asked(world: World) -> None:
    await hook(world, on_incident_started=False, on_incident_comment=True, on_incident_reopened=True)
    await hook(world, url="https://monitors.example.com/in", trigger_type="monitor_change")
    monitor = await world.monitor("shop", name="Shop")
    made = await world.api("POST", "/v3/incidents", {"summary": "Fire"})
    id = made.json()["data"]["id"]
    await world.api("POST", f"/v2/incidents/{id}/comments", {"content": 'It burns\n"really"'})
    await world.api("POST", f"/v3/incidents/{id}/acknowledge", {})
    await world.api("POST", f"/v3/incidents/{id}/resolve", {})
    await world.api("POST", f"/v3/incidents/{id}/reopen", {})
    await world.api("PATCH", f"/v2/monitors/{monitor}", {"paused": True})
    await world.api("PATCH", f"/v2/monitors/{monitor}", {"paused": False, "pronounceable_name": "Store"})
    await world.api("DELETE", f"/v2/monitors/{monitor}")
    await world.settle()
    told = bodies(world.site("hooks").requests)
    assert [each["event"] for each in told] == ["comment", "acknowledged", "resolved", "reopened"]
    assert told[0]["comment"]["content"] == 'It burns\n"really"'
    assert set(told[0]["comment"]) == {"id", "content", "created_at", "author"}
    assert told[0]["data"]["relationships"] == {}
    reopened = told[3]["data"]["attributes"]
    assert (reopened["acknowledged_at"], reopened["resolved_at"]) == (None, None)
    monitors = bodies(world.site("monitors").requests)
    assert [each["event"] for each in monitors] == ["created", "paused", "unpaused", "updated", "deleted"]
    names = [each["data"]["attributes"]["pronounceable_name"] for each in monitors]
    assert names[0] == "Shop"
    assert names[-1] == "Store"
    assert monitors[1]["data"]["attributes"]["paused_at"] is not None
    assert monitors[2]["data"]["attributes"]["paused_at"] is None
    assert list(monitors[0]["data"]["attributes"]) == [
        "url", "pronounceable_name", "monitor_type", "required_keyword", "verify_ssl", "check_frequency", "call", "sms",
        "email", "team_wait", "http_method", "request_timeout", "recovery_period", "request_body", "paused_at",
        "last_checked_at", "created_at", "updated_at", "archived_at",
    ]  # fmt: skip


async def test_nobody_hears_of_what_happened_before_they_asked_or_in_another_team(world: World) -> None:
    await world.api("POST", "/v3/incidents", {"summary": "Before"})
    await hook(world)
    body = {"url": "https://charlie.example.com/in", "trigger_type": "incident_change"}
    assert (await world.api("POST", "/v2/outgoing-webhooks", body, token="charlie")).status_code == 201
    await world.api("POST", "/v3/incidents", {"summary": "After"})
    await world.settle()
    assert [each["data"]["attributes"]["cause"] for each in bodies(world.site("hooks").requests)] == ["After"]
    assert world.site("charlie").requests == []


async def test_a_template_is_filled_in_with_the_incidents_facts(world: World) -> None:
    template = {
        "http_method": "put",
        "auth_username": "ünder",
        "auth_password": "p:äss",
        "headers_template": [{"name": "X-Cause", "value": "$CAUSE"}],
        "body_template": {"text": "$NAME: $METADATA.Team, $RESOLVED_BY", "facts": "$METADATA_ARRAY"},
    }
    await hook(world, custom_webhook_template_attributes=template)
    body = {"summary": "Bad\r\nthing", "name": "Shop", "metadata": {"Team": ["A", "B"]}}
    await world.api("POST", "/v3/incidents", body)
    await world.settle()
    (request,) = world.site("hooks").requests
    assert request.method == "PUT"
    headers = dict(request.headers)
    assert headers["X-Cause"] == "Bad thing"
    assert headers["Authorization"] == "Basic w7xuZGVyOnA6w6Rzcw=="
    filled = json.loads(request.body)
    assert filled["text"] == "Shop: A, B, $RESOLVED_BY"
    assert "Team" in {each["key"] for each in msgspec.json.decode(filled["facts"])}
