"""What an agent was granted decides what it is shown and what it can do, here as through the API."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.mcp.agents import MODES, post
from tests.mcp.conftest import House
from tests.mcp.test_server import sentences
from tests.wire import examples
from tocsin.registry import Operation

pytestmark = pytest.mark.slow

AREAS = (
    "monitors", "monitor_groups", "heartbeats", "incidents", "on_call", "policies", "status_pages", "metadata",
    "integrations", "webhooks", "team",
)  # fmt: skip
EVERYTHING = dict.fromkeys(AREAS, "full") | {"team": "read"}
"""As much as an agent can be granted at all."""
ACTS = ("acknowledge", "resolve", "page", "publish", "notify", "delete")
NOBODY_THERE = "999999"


async def hired(house: House, **what: Any) -> str:
    """An agent of Alice's team; returns its token."""
    body = {"name": "Triage-bot", "owner_email": "alice@tocsin.example", "requests_per_minute": 6000, **what}
    made = await house.at.alice.post("/api/v2/agents", json=body)
    assert made.status_code == 201, made.text
    token = await house.at.alice.post(f"/api/v2/agents/{made.json()['data']['id']}/tokens", json={})
    return str(token.json()["token"])


def by_rest(answer: httpx.Response) -> str:
    if answer.status_code == 202 and answer.json().get("status") == "pending_approval":
        return "asked"
    return {403: "denied", 401: "unknown"}.get(answer.status_code, "let through")


def by_mcp(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    found = answer.json()["result"]["structuredContent"]
    if found.get("status") == "pending_approval":
        return "asked"
    return "denied" if found.get("error") == "denied" else "let through"


def arguments_of(operation: Operation) -> dict[str, Any]:
    """The example's body, about records that nobody has."""
    route = operation.routes[0]
    body = examples.BODIES.get(operation.name, {}) if route.method not in ("GET", "DELETE") else {}
    sent = {operation.list_field: body} if isinstance(body, list) and operation.list_field else dict(body)
    return {**sent, **dict.fromkeys(route.path_parameters, NOBODY_THERE)}


async def decided(house: House, token: str, operation: Operation) -> tuple[str, str]:
    """What REST and MCP say to the same call."""
    route = operation.routes[0]
    address = re.sub(r"{\w+}", NOBODY_THERE, route.path)
    body = examples.BODIES.get(operation.name, {}) if route.method not in ("GET", "DELETE") else None
    headers = {"authorization": f"Bearer {token}"}
    rest = await house.at.nobody.request(route.method, address, json=body, headers=headers)
    params = {"name": operation.tool, "arguments": arguments_of(operation)}
    return by_rest(rest), by_mcp(await post(f"{house.url}/mcp", "tools/call", params, **headers))


@pytest.mark.parametrize(
    "granted",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"levels": EVERYTHING}, id="every level and no act"),
        pytest.param({"levels": EVERYTHING, "switches": dict.fromkeys(ACTS, "ask")}, id="everything, and must ask"),
        pytest.param({"levels": EVERYTHING, "switches": dict.fromkeys(ACTS, "on")}, id="everything"),
    ],
)
@pytest.mark.timeout(400)
async def test_mcp_and_rest_decide_alike_and_a_list_shows_what_a_call_allows(
    house: House, granted: dict[str, Any]
) -> None:
    token = await hired(house, **granted)
    async with house.agent(token) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
    seen = set()
    for operation in house.catalogue:
        if not operation.routes:
            continue
        rest, mcp = await decided(house, token, operation)
        assert rest == mcp, operation.name
        if operation.tool not in listed:
            assert mcp == "denied", operation.name
        elif operation.acts is None and operation.name != "plans.create":
            # What is harmless with some arguments and not with others is listed; so is planning, which every agent may:
            # what it plans is judged by itself.
            assert mcp != "denied", operation.name
        seen.add(mcp)
    assert "denied" in seen, "no agent is ever let at tokens, members and grants"


@pytest.mark.parametrize("mode", MODES)
async def test_a_refusal_names_the_right_that_is_missing_and_is_on_record(house: House, mode: str) -> None:
    token = await hired(house, levels={"incidents": "read"}, switches={"acknowledge": "on"})
    await house.at.alice.post("/api/v3/incidents", json={"summary": "It is broken"})
    async with house.agent(token, mode) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert {"incident", "acknowledge_incident", "whoami", "request_access"} <= listed
        assert not {"delete_incident", "monitors", "situation", "create_agent_token"} & listed
        took = await client.call_tool("acknowledge_incident", {"id": 1})
        assert took.structured_content["acknowledged_by"] == "Triage-bot (an agent)"
        refused = await client.call_tool("delete_incident", {"id": 1})
        assert refused.is_error
        assert refused.structured_content["error"] == "denied"
        assert refused.structured_content["message"] == "You may not do this: Incidents is at read, full is needed."
    kept = await house.database.read(sentences)
    assert "Triage-bot" in kept[-1]
    assert kept[-1].endswith("through MCP: denied, Incidents is at read, full is needed.")


async def test_a_composite_has_no_powers_that_its_operations_lack(house: House) -> None:
    token = await hired(house, levels={"incidents": "read", "monitors": "read"})
    async with house.agent(token) as client:
        assert "situation" not in {tool.name for tool in (await client.list_tools()).tools}
        refused = await client.call_tool("situation", {})
        assert refused.structured_content["error"] == "denied"
        assert "On call" in refused.structured_content["message"]
    assert "through MCP: denied" in (await house.database.read(sentences))[-1]
    wider = await hired(house, name="Wider-bot", levels=dict.fromkeys(("incidents", "monitors", "on_call"), "read"))
    async with house.agent(wider) as client:
        assert "situation" in {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("situation", {})
        assert not answer.is_error
        assert answer.content[0].text.startswith("Nothing is broken.")


async def test_what_a_person_must_approve_is_an_answer_and_is_done_once_when_called_again(house: House) -> None:
    token = await hired(house, levels={"incidents": "write"}, switches={"page": "ask"})
    call = {"summary": "The shop is closed"}
    async with house.agent(token) as client:
        await client.list_tools()
        asked = await client.call_tool("create_incident", call)
        assert not asked.is_error
        assert asked.structured_content["status"] == "pending_approval"
        assert "Repeat this very call once it is approved." in asked.content[0].text
        approval = asked.structured_content["approval_id"]
        assert (await house.at.alice.post(f"/api/v2/approvals/{approval}/approve")).status_code == 200
        other = await client.call_tool("create_incident", {"summary": "Something else"})
        assert other.structured_content["status"] == "pending_approval"
        done = await client.call_tool("create_incident", call)
        assert done.structured_content["id"] == 1
        again = await client.call_tool("create_incident", call)
        assert again.structured_content["status"] == "pending_approval"


async def test_headers_cannot_give_an_agent_what_it_was_not_granted(house: House) -> None:
    token = await hired(house, levels={"incidents": "read"})
    async with house.agent(token, x_mcp_tools_only="create_incident, incident", x_mcp_toolset="incidents") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["incident"]
        refused = await client.call_tool("create_incident", {"summary": "It is broken"})
        assert refused.structured_content["error"] == "denied"


async def test_a_suspended_agent_is_shown_nothing_and_a_revoked_token_is_nobodys(house: House) -> None:
    token = await hired(house, levels=dict.fromkeys(AREAS, "read"))
    await house.at.alice.post("/api/v2/agents/1/suspend", json={})
    async with house.agent(token) as client:
        assert (await client.list_tools()).tools == []
        refused = await client.call_tool("monitors", {})
        assert "suspended" in refused.structured_content["message"]
    assert (await house.at.alice.delete("/api/v2/agents/1/tokens/1")).status_code == 204
    answer = await post(f"{house.url}/mcp", "tools/list", authorization=f"Bearer {token}")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_nothing_of_another_teams_is_seen_or_changed(house: House) -> None:
    await house.at.alice.post("/api/v3/incidents", json={"summary": "It is broken"})
    await house.at.alice.post("/api/v2/monitors", json={"url": "https://example.com"})
    async with house.agent(house.charlie) as client:
        for tool, arguments in (
            ("incident", {"id": 1}),
            ("acknowledge_incident", {"id": 1}),
            ("incident_timeline", {"id": 1}),
            ("monitor", {"id": 1}),
            ("delete_monitor", {"id": 1}),
            ("available_incident_escalation_policies", {"id": 1}),
        ):
            assert (await client.call_tool(tool, arguments)).structured_content["error"] == "not_found", tool
        assert (await client.call_tool("incidents", {})).structured_content["items"] == []
        assert (await client.call_tool("situation", {})).structured_content["broken"] == []
