"""A person makes an agent by the table, watches it be refused, approves one call, and reads all of it, in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.cli.program import Server

EMAIL, PASSWORD = "ann@example.com", "correct horse battery staple"
SHOP = {"summary": "Nobody can pay", "name": "Shop", "email": True}


def tool(server: Server, token: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool over MCP, as the agent."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    headers = {"Authorization": f"Bearer {token}", "MCP-Protocol-Version": "2025-11-25"}
    answer = httpx.post(f"http://127.0.0.1:{server.port}/mcp", json=call, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


async def made_by_the_table(page: Page, base: str) -> str:
    """Sign in, make an agent that reads incidents and asks before it pages; returns its token."""
    await page.goto(f"{base}/sign-in")
    await page.fill("#email", EMAIL)
    await page.fill("#password", PASSWORD)
    await page.click("form button")
    await page.goto(f"{base}/agents/new")
    await page.fill("#f-name", "Triage-bot")
    await page.check("input[name=level_incidents][value=read]")
    await page.check("input[name=switch_page][value=ask]")
    await page.click("text=Make the agent")
    await page.click("form button:has-text('Make a token')")
    token = await page.locator(".code code", has_text=re.compile(r"^agt_")).first.text_content()
    assert token is not None
    return token


@pytest.mark.browser
@pytest.mark.slow
async def test_from_the_table_to_a_page_that_was_approved(tmp_path: Path, chromium: Browser) -> None:
    who = {"TOCSIN_ADMIN_EMAIL": EMAIL, "TOCSIN_ADMIN_PASSWORD": PASSWORD, "TOCSIN_FIRST_TEAM": "Core"}
    with Server(tmp_path / "data", **who) as server:
        base = f"http://127.0.0.1:{server.port}"
        page = await chromium.new_page(viewport={"width": 1280, "height": 900})
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        token = await made_by_the_table(page, base)

        refused = tool(server, token, "monitors", {})
        assert refused["isError"]
        assert "Monitors is off, read is needed" in str(refused["content"])
        assert server.ask("/api/v2/monitors", token=token)[0] == 403

        await page.goto(f"{base}/approvals")
        await page.wait_for_selector("text=Nothing waits")
        asked = tool(server, token, "create_incident", SHOP)
        assert asked["structuredContent"]["status"] == "pending_approval"
        await page.wait_for_selector("text=Triage-bot wants to report an incident by hand")  # by itself
        assert (await page.locator(".side .count").text_content() or "").startswith("1")
        assert "Nobody can pay" in await page.inner_text("article")
        await page.click("text=Approve: exactly this, once")
        await page.wait_for_selector("text=may do exactly this, once, within the next 15 minutes")
        assert not tool(server, token, "create_incident", SHOP).get("isError")
        assert tool(server, token, "create_incident", SHOP)["structuredContent"]["status"] == "pending_approval"

        await page.goto(f"{base}/agents/log")
        for sentence in ("denied, Monitors is off", "Paging people must be approved", "allowed, approved by"):
            assert await page.locator(f"#log >> text={sentence}").count() > 0, sentence
        rows = page.locator("#log li")
        before = await rows.count()
        tool(server, token, "incidents", {})
        await page.wait_for_function("count => document.querySelectorAll('#log li').length > count", arg=before)

        await page.goto(f"{base}/agents")
        await page.click("text=Suspend all agents")
        await page.wait_for_selector("text=none does anything now")
        assert "is suspended" in str(tool(server, token, "incidents", {})["content"])
        assert faults == []
        await page.close()
