"""Which tools there are for whom, by which names, and that what a list shows is what a call does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp.conftest import House
from tests.mcp.test_server import sentences
from tocsin.mcp.aliases import current
from tocsin.mcp.offer import Offer, hints
from tocsin.registry import Catalogue

pytestmark = pytest.mark.slow

CONTRACT: dict[str, set[str]] = {
    "monitors": {"page", "per_page", "pronounceable_name", "team_id", "url"},
    "monitor": {"id"},
    "monitor_response_times": {"id"},
    "monitor_availability": {"id", "from", "to"},
    "create_monitor": {"url", "check_frequency", "regions", "request_headers", "team_id", "verify_ssl", "monitor_type"},
    "heartbeats": {"page", "per_page", "team_id"},
    "heartbeat_availability": {"id", "from", "to"},
    "incidents": {"from", "to", "resolved", "acknowledged", "monitor_id", "heartbeat_id", "metadata", "team_id"},
    "incident": {"id"},
    "incident_timeline": {"id"},
    "incident_comments": {"incident_id"},
    "create_incident": {"summary", "team_id", "description", "requester_email", "policy_id", "metadata", "team_wait"},
    "acknowledge_incident": {"id", "acknowledged_by"},
    "resolve_incident": {"id", "resolved_by"},
    "reopen_incident": {"id", "reopened_by"},
    "escalate_incident": {"id", "escalation_type", "policy_id", "schedule_id", "team_id", "team_name", "user_email"},
    "available_incident_escalation_policies": {"id", "search", "type"},
    "create_incident_comment": {"incident_id", "content"},
    "on_calls": {"page", "per_page", "team_id"},
    "on_call": {"id", "date"},
    "on_call_events": {"id"},
    "on_call_event": {"calendar_id", "event_id"},
    "on_call_rotation": {"id"},
    "escalation_policies": {"page", "per_page", "team_id"},
    "escalation_policy": {"id"},
    "severities": {"page", "per_page", "team_id"},
    "severity": {"id"},
    "status_pages": {"page", "per_page"},
    "status_page": {"id"},
    "status_page_resources": {"status_page_id", "page", "per_page"},
    "status_page_reports": {"status_page_id", "page", "per_page", "team_id"},
    "status_page_report_updates": {"report_id", "status_page_id", "page", "per_page"},
    "status_page_report_update": {"report_id", "status_page_id", "update_id"},
    "create_status_page_report": {"message", "status_page_id", "team_id", "title", "notify_subscribers", "report_type"},
    "create_status_page_report_update": {"affected_resources", "report_id", "status_page_id", "message"},
}
"""Better Stack's names and arguments for what we have (contract, MCP, 1.2)."""


async def test_tools_and_arguments_go_by_the_names_of_the_contract(house: House) -> None:
    async with house.agent() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    for name, arguments in CONTRACT.items():
        assert name in tools, name
        assert arguments <= set(tools[name].input_schema["properties"]), name


async def test_the_list_is_all_that_the_door_permits_and_comes_in_order(house: House) -> None:
    async with house.agent() as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
    operations = {operation.tool for operation in house.catalogue if operation.routes}
    assert set(listed) - operations == {"situation", "available_incident_escalation_policies"}
    assert operations <= set(listed)
    assert listed == sorted(listed)


async def test_every_tool_says_what_it_does_and_takes_only_what_it_says(house: House) -> None:
    async with house.agent() as client:
        for tool in (await client.list_tools()).tools:
            assert tool.description, tool.name
            assert tool.title
            assert tool.annotations is not None
            assert tool.annotations.destructive_hint is not None
            assert tool.input_schema["additionalProperties"] is False
            assert "$ref" not in str(tool.input_schema), tool.name
            for name, schema in tool.input_schema["properties"].items():
                assert isinstance(schema, dict), (tool.name, name)


def test_hints_are_honest(catalogue: Catalogue) -> None:
    for operation in catalogue:
        found = hints(operation)
        assert found["readOnlyHint"] == (operation.level == "read")
        if operation.level == "full" or operation.switch in ("delete", "page", "notify", "publish"):
            assert found["destructiveHint"], operation.name
    assert hints(catalogue["incidents.acknowledge"])["destructiveHint"] is False
    assert hints(catalogue["incidents.create"])["openWorldHint"] is True


def test_a_tool_that_takes_an_id_says_which_tool_yields_it(catalogue: Catalogue) -> None:
    offer = Offer(catalogue)
    assert "`id` comes from `monitors`." in offer.tool(catalogue["monitors.get"])["description"]
    assert "`incident_id` comes from `incidents`." in offer.tool(catalogue["incident_comments.list"])["description"]
    described = offer.tool(catalogue["status_updates.list"])["description"]
    assert "`report_id` comes from `status_page_reports`." in described


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"x_mcp_tools_only": "monitors, monitor"}, {"monitor", "monitors"}),
        ({"x_mcp_tools_only": "uptime_list_monitors_tool"}, {"monitors"}),
        ({"x_mcp_tools_only": "monitors, incident", "x_mcp_tools_except": "monitors"}, {"incident"}),
        ({"x_mcp_tools_only": ""}, set()),
        ({"x_mcp_tools_only": "root_access"}, set()),
        ({"x_mcp_toolset": "metadata", "x_mcp_tools_only": "metadata, monitors"}, {"metadata"}),
    ],
)
async def test_headers_only_ever_take_away(house: House, headers: dict[str, str], left: set[str]) -> None:
    async with house.agent(**headers) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == left


async def test_a_toolset_is_the_tools_of_its_areas(house: House) -> None:
    async with house.agent(x_mcp_toolset="incidents") as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
    areas = {operation.tool: operation.area for operation in house.catalogue}
    assert {areas.get(name, "incidents") for name in listed} == {"incidents"}
    assert {"incident", "situation"} <= listed


async def test_what_was_left_out_is_refused_in_a_call_too_and_on_record(house: House) -> None:
    async with house.agent(x_mcp_tools_except="uptime_create_monitor_tool, situation") as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert not {"create_monitor", "situation"} & listed
        for name, arguments in (("create_monitor", {"url": "https://example.com"}), ("situation", {})):
            refused = await client.call_tool(name, arguments)
            assert refused.structured_content["error"] == "denied"
    assert (await house.at.alice.get("/api/v2/monitors")).json()["data"] == []
    kept = await house.database.read(sentences)
    assert ["left out" in each and "through MCP: denied" in each for each in kept] == [True, True]


@pytest.mark.parametrize(
    ("older", "name"),
    [
        ("uptime_list_monitors_tool", "monitors"),
        ("uptime_get_monitor_tool", "monitor"),
        ("uptime_get_incident_timeline_tool", "incident_timeline"),
        ("uptime_acknowledge_incident_tool", "acknowledge_incident"),
        ("uptime_list_status_pages_tool", "status_pages"),
        ("monitors", "monitors"),
    ],
)
def test_older_names_still_lead_to_the_tool(older: str, name: str, catalogue: Catalogue) -> None:
    assert current(older) == name
    assert catalogue.tool(name) is not None


async def test_an_older_name_can_be_called(house: House) -> None:
    async with house.agent() as client:
        answer = await client.call_tool("uptime_list_monitors_tool", {})
        assert answer.structured_content["total"] == 0


async def test_a_team_is_named_by_its_id_and_no_other_teams(house: House) -> None:
    everyone = house.at.tokens["global"]
    async with house.agent(everyone) as client:
        without: Any = await client.call_tool("create_monitor", {"url": "https://example.com"})
        assert without.structured_content["error"] == "invalid"
        made = await client.call_tool("create_monitor", {"url": "https://example.com", "team_id": 2})
        assert made.structured_content["team_name"] == "Charlie's team"
        for team_id, total in ((1, 0), (2, 1)):
            listed = await client.call_tool("monitors", {"team_id": team_id})
            assert listed.structured_content["total"] == total
    async with house.agent() as client:
        assert (await client.call_tool("monitors", {"team_id": 2})).structured_content["total"] == 0
        foreign = await client.call_tool("create_monitor", {"url": "https://example.com", "team_id": 2})
        assert foreign.structured_content["fields"] == {"team_id": ["doesn't exist"]}


async def test_teams_are_those_that_the_token_reaches(house: House) -> None:
    for token, names in ((house.alice, ["Alice's team"]), (house.charlie, ["Charlie's team"])):
        async with house.agent(token) as client:
            answer = await client.call_tool("teams", {})
            assert [each["name"] for each in answer.structured_content["items"]] == names
    async with house.agent(house.at.tokens["global"]) as client:
        found = await client.call_tool("teams", {"search": "char"})
        assert [each["id"] for each in found.structured_content["items"]] == [2]
