"""The same through MCP: tools are done at the other house, in the same shapes, by the same rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp.client.client import Client

from tests.mcp.agents import MODES, agent
from tests.proxy.stage import Behind, Stage, served
from tocsin.kernel.clock import SystemClock
from tocsin.mcp import Mcp

REPORT = {"summary": "The shop is closed", "name": "Shop"}


@asynccontextmanager
async def bot(stage: Stage, mode: str = "2026-07-28") -> AsyncIterator[Client]:
    mcp = Mcp(stage.world.door, SystemClock())
    try:
        async with (
            served(mcp) as port,
            agent(f"http://127.0.0.1:{port}/mcp", stage.world.tokens["bot"], mode) as client,
        ):
            yield client
    finally:
        await mcp.close()


async def said(client: Client, tool: str, **arguments: Any) -> tuple[dict[str, Any], bool]:
    result = await client.call_tool(tool, arguments)
    assert result.structured_content is not None
    return result.structured_content, bool(result.is_error)


@pytest.mark.parametrize("mode", MODES)
async def test_tools_read_and_write_there_and_refuse_as_the_api_does(stage: Stage, behind: Behind, mode: str) -> None:
    await stage.hired()
    for number in range(3):
        await behind.api("POST", "/v2/monitors", {"url": f"https://{number}.example.com", "pronounceable_name": "Shop"})
    incident = (await behind.api("POST", "/v3/incidents", REPORT)).json()["data"]["id"]
    async with bot(stage, mode) as client:
        found, wrong = await said(client, "monitors", per_page=2)
        assert not wrong
        assert [each["pronounceable_name"] for each in found["items"]] == ["Shop", "Shop"]
        assert (found["page"], found["per_page"], found["next_page"]) == (1, 2, 2)
        rest, _ = await said(client, "monitors", per_page=2, page=2)
        assert (len(rest["items"]), rest["page"], rest["next_page"], rest["total"]) == (1, 2, None, 3)

        took, wrong = await said(client, "acknowledge_incident", id=int(incident))
        assert (took["id"], took["status"], wrong) == (int(incident), "Acknowledged", False)
        assert "cause" in took["untrusted"]["fields"]

        refused, wrong = await said(client, "delete_monitor", id=1)
        assert (refused["error"], wrong) == ("denied", True)
        missing, wrong = await said(client, "monitor", id=4711)
        assert (missing["error"], missing["message"], wrong) == (
            "not_found", "Resource type monitor with id = 4711 was not found", True,
        )  # fmt: skip
        other, wrong = await said(client, "monitors", team_id=7)
        assert (other["error"], wrong) == ("invalid", True)

        asked, wrong = await said(client, "create_incident", **REPORT)
        assert (asked["status"], wrong) == ("pending_approval", False)
        approved = await stage.world.api("POST", f"/v2/approvals/{asked['approval_id']}/approve")
        assert approved.status_code == 200
        opened, wrong = await said(client, "create_incident", **REPORT)
        assert (opened["name"], wrong) == ("Shop", False)
    assert sum(method == "POST" for method, _, _ in behind.asked) == 2
    assert len((await behind.api("GET", "/v3/incidents")).json()["data"]) == 2


async def test_what_is_broken_there_is_told_by_the_composite_too(stage: Stage, behind: Behind) -> None:
    await stage.hired(levels={"incidents": "read", "monitors": "read", "on_call": "read"})
    await behind.api("POST", "/v3/incidents", REPORT)
    async with bot(stage) as client:
        found, wrong = await said(client, "situation")
    assert not wrong
    assert [each["name"] for each in found["broken"]] == ["Shop"]


async def test_a_list_of_tools_is_what_is_granted_and_what_the_other_house_has(stage: Stage, behind: Behind) -> None:
    await stage.hired(levels={"incidents": "read"}, switches={})
    async with bot(stage) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"incidents", "incident", "incident_timeline", "whoami", "request_access", "approvals"} <= names
    assert not {"monitors", "delete_incident", "acknowledge_incident"} & names
    assert not {"incident_pages", "incident_coming_pages", "incident_screenshot"} & names
