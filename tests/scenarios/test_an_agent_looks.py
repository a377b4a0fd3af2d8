"""An agent that may only look gets in nowhere by looking: passwords, ping addresses and alarm addresses stay hidden."""

from __future__ import annotations

from typing import Any

from tests.scenarios.test_an_agent_asks import hired
from tests.world import World

READS = {"monitors": "read", "heartbeats": "read", "integrations": "read", "incidents": "read", "policies": "read"}
WRITES = dict.fromkeys(READS, "write")


async def _made(world: World) -> None:
    shop = {"url": "https://shop.example.com", "auth_username": "ann", "auth_password": "hunter2", "policy_id": None}
    headers = [{"name": "Authorization", "value": "Bearer hunter2"}]
    assert (await world.api("POST", "/v2/monitors", {**shop, "request_headers": headers})).status_code == 201
    assert (await world.api("POST", "/v2/heartbeats", {"name": "Backup", "period": 60, "grace": 0})).status_code == 201
    hook = {"name": "Grafana", "call": False}
    assert (await world.api("POST", "/v2/grafana-integrations", hook)).status_code == 201
    assert (await world.api("POST", "/v2/policies", {"name": "Night", "steps": []})).status_code == 201


async def _seen(world: World, token: str) -> dict[str, Any]:
    def first(answer: Any) -> dict[str, Any]:
        found: dict[str, Any] = answer.json()["data"][0]["attributes"]
        return found

    monitor = first(await world.api("GET", "/v2/monitors", token=token))
    return {
        "password": monitor["auth_password"],
        "header": monitor["request_headers"][0]["value"],
        "ping": first(await world.api("GET", "/v2/heartbeats", token=token))["url"],
        "alarm": first(await world.api("GET", "/v2/grafana-integrations", token=token))["webhook_url"],
        "policy": first(await world.api("GET", "/v2/policies", token=token))["incident_token"],
    }


async def test_who_may_only_look_sees_that_secrets_are_set_and_not_what_they_are(world: World) -> None:
    await _made(world)
    whole = await _seen(world, "ops")
    assert (whole["password"], whole["header"]) == ("hunter2", "Bearer hunter2")
    await hired(world, levels=READS)
    assert set((await _seen(world, "bot")).values()) == {"[hidden]"}


async def test_who_may_write_sees_what_it_may_change_and_no_address_that_pages_unless_it_may_page(world: World) -> None:
    await _made(world)
    whole = await _seen(world, "ops")
    await hired(world, levels=WRITES, switches={"page": "ask"})
    seen = await _seen(world, "bot")
    assert {name for name, value in seen.items() if value == "[hidden]"} == {"alarm", "policy"}
    await hired(world, name="Pager-bot", levels=WRITES, switches={"page": "on"})
    assert await _seen(world, "bot") == whole


async def test_what_an_incident_carries_of_its_monitor_is_hidden_as_well(world: World) -> None:
    await _made(world)
    world.net.site("shop.example.com").down()
    await world.fast_forward(minutes=10)
    await hired(world, levels=READS)
    (incident,) = (await world.api("GET", "/v3/incidents", token="bot")).json()["data"]
    whole = (await world.api("GET", f"/v3/incidents/{incident['id']}", token="bot")).json()
    assert [each["attributes"]["auth_password"] for each in whole["included"]] == ["[hidden]"]


async def test_an_alarm_address_is_made_only_by_who_may_page(world: World) -> None:
    await hired(world, levels=WRITES, switches={})
    refused = await world.api("POST", "/v2/grafana-integrations", {"name": "Mine"}, "bot")
    assert refused.json()["errors"] == "You may not do this: Page people is off."
    await hired(world, name="Ask-bot", levels=WRITES, switches={"page": "ask"})
    asked = await world.api("POST", "/v2/grafana-integrations", {"name": "Mine"}, "bot")
    assert asked.status_code == 202
    await world.api("POST", f"/v2/approvals/{asked.json()['approval_id']}/approve")
    made = await world.api("POST", "/v2/grafana-integrations", {"name": "Mine"}, "bot")
    assert made.status_code == 201
    assert made.json()["data"]["attributes"]["webhook_url"] != "[hidden]", "a person has approved just this"


async def test_nobody_is_silenced_for_good_by_who_may_only_acknowledge(world: World) -> None:
    await hired(world, levels={"incidents": "write"}, switches={"acknowledge": "on"})
    ids = [
        (await world.api("POST", "/v3/incidents", {"summary": name, "name": name})).json()["data"]["id"]
        for name in ("One", "Two")
    ]
    refused = await world.api("POST", f"/v3/incidents/{ids[0]}/merge", {"incident_ids": [int(ids[1])]}, "bot")
    assert refused.json()["errors"] == "You may not do this: Resolve is off."


async def test_nobody_is_answered_for_in_the_rota_by_an_agent(world: World) -> None:
    await hired(world, levels={"on_call": "full"}, switches={"notify": "on"})
    for deed in ("accept", "decline", "cancel"):
        refused = await world.api("POST", f"/v2/on-calls/default/cover-requests/1/{deed}", {}, "bot")
        assert refused.status_code == 403
        assert "is for people alone" in refused.json()["errors"]


async def test_how_people_are_reached_is_seen_by_who_may_read_the_team(world: World) -> None:
    body = {"summary": "The shop is closed", "name": "Shop"}
    incident = (await world.api("POST", "/v3/incidents", body)).json()["data"]["id"]
    await world.settle()
    for name, levels, seen in (
        ("One", {"incidents": "read"}, {"[hidden]"}),
        ("Two", {"incidents": "read", "team": "read"}, {"alice@example.com", "bob@example.com"}),
    ):
        await hired(world, name=name, levels=levels)
        pages = (await world.api("GET", f"/v3/incidents/{incident}/pages", token="bot")).json()["data"]
        assert {page["attributes"]["address"] for page in pages} == seen
        dry = await world.api("POST", "/v3/incidents?dry_run=true", body, "bot")
        assert {alert["address"] for alert in dry.json()["wakes_now"]} == seen
