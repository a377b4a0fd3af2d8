"""What agents of everybody get at a page's `/mcp`: what the page shows, and of a page that is not theirs nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.mcp.agents import ENVELOPE
from tests.pages.reading import ACME, Public
from tocsin.status_pages.model import ReportType

pytestmark = pytest.mark.slow

HEADERS = {"accept": "application/json, text/event-stream"}
MODERN = {"mcp-protocol-version": "2026-07-28"}


async def ask(public: Public, method: str, path: str = f"{ACME}/mcp", **more: Any) -> httpx.Response:
    """One bare request of the newer revision; `name` is the tool's, the rest goes to `Public.ask`."""
    params: dict[str, Any] = {"_meta": ENVELOPE}
    headers = {**HEADERS, **MODERN, "mcp-method": method, **more.pop("headers", {})}
    if "name" in more:
        params |= {"name": more.pop("name"), "arguments": more.pop("arguments", {})}
        headers["mcp-name"] = params["name"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await public.ask(path, "POST", json=body, headers=headers, **more)


async def told(public: Public, tool: str) -> tuple[dict[str, Any], str]:
    answer = await ask(public, "tools/call", name=tool)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    return result["structuredContent"], result["content"][0]["text"]


async def test_anybodys_agent_is_told_what_the_page_shows(public: Public) -> None:
    page = await public.open()
    shop = await public.resource(page, widget_type="history")
    now = public.clock.now()
    report = await public.report(page, {shop: "downtime"}, now)
    await public.ring()
    structured, text = await told(public, "status")
    assert structured["state"] == "downtime"
    assert [each["name"] for section in structured["sections"] for each in section["resources"]] == ["Shop"]
    assert structured["going_on"][0]["url"] == f"https://tocsin.example{ACME}/incidents/{report}"
    assert "- Shop: Down" in text
    incidents, _ = await told(public, "incidents")
    assert [each["over"] for each in incidents["incidents"]] == [False]
    assert incidents["incidents"][0]["affected"] == [{"name": "Shop", "status": "downtime"}]
    maintenance, words = await told(public, "maintenance")
    assert maintenance["maintenance"] == []
    assert words.endswith("None.")
    history, _ = await told(public, "history")
    assert history["resources"][0]["name"] == "Shop"
    assert len(history["resources"][0]["days"]) > 1


async def test_the_tools_only_read_and_there_are_no_others(public: Public) -> None:
    await public.open()
    listed = (await ask(public, "tools/list")).json()["result"]
    assert [each["name"] for each in listed["tools"]] == ["status", "incidents", "maintenance", "history"]
    assert all(each["annotations"]["readOnlyHint"] for each in listed["tools"])
    for name, arguments in (("monitors", {}), ("status", {"id": 1})):
        answer = (await ask(public, "tools/call", name=name, arguments=arguments)).json()
        assert answer["error"]["code"] == -32602


async def test_clients_that_shake_hands_are_answered_too_and_at_a_domain_of_the_pages_own(public: Public) -> None:
    await public.open(custom_domain="status.acme.com")
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "status", "arguments": {}}}
    for path, host in ((f"{ACME}/mcp", "tocsin.example"), ("/mcp", "status.acme.com"), ("/mcp", "acme.tocsin.example")):
        met = await public.ask(path, "POST", host=host, json=hello, headers=HEADERS)
        assert met.json()["result"]["protocolVersion"] == "2025-11-25"
        headers = {**HEADERS, "mcp-protocol-version": "2025-11-25"}
        answer = await public.ask(path, "POST", host=host, json=call, headers=headers)
        assert answer.json()["result"]["structuredContent"]["url"] == "https://status.acme.com"


async def test_an_answer_is_drawn_once_for_all_until_the_page_changes(public: Public) -> None:
    page = await public.open()
    await told(public, "status")
    drawn, readings = public.pages.cache.drawn, public.readings
    for _ in range(5):
        await told(public, "status")
    assert (public.pages.cache.drawn, public.readings) == (drawn, readings)
    await public.change(page, announcement="We are moving.")
    structured, _ = await told(public, "status")
    assert structured["announcement"] == "We are moving."


async def test_what_is_not_for_everybody_is_not_for_their_agents(public: Public) -> None:
    page = await public.open(published=False)
    hidden, nobody = await ask(public, "tools/list"), await ask(public, "tools/list", "/status/nobody/mcp")
    assert hidden.status_code == nobody.status_code == 404
    assert hidden.content == nobody.content
    for closed in (
        {"password": "swordfish", "password_enabled": True},
        {"password_enabled": False, "ip_allowlist": ["198.51.100.0/24"]},
    ):
        await public.change(page, published=True, **closed)
        refused = await ask(public, "tools/call", name="status")
        page_itself = await public.ask(f"{ACME}/index.json")
        assert refused.status_code == page_itself.status_code == 403
        assert refused.content == page_itself.content
        assert "access-control-allow-origin" not in refused.headers
    public.address = "198.51.100.7"
    inside = await ask(public, "tools/call", name="status", headers={"origin": "https://evil.example"})
    assert inside.status_code == 200
    assert "access-control-allow-origin" not in inside.headers, "no page elsewhere reads it through who is inside"
    assert inside.headers["cache-control"] == "private, no-store"


async def test_other_methods_and_too_much_are_turned_away(public: Public) -> None:
    await public.open()
    got = await public.ask(f"{ACME}/mcp")
    assert (got.status_code, got.headers["allow"]) == (405, "POST, OPTIONS")
    asked = await public.ask(f"{ACME}/mcp", "OPTIONS")
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    large = await public.ask(f"{ACME}/mcp", "POST", content=b"x" * 40_000, headers=HEADERS)
    assert large.status_code == 413
    broken = await public.ask(
        f"{ACME}/mcp", "POST", content=b"[" * 20_000, headers={**HEADERS, "content-type": "application/json"}
    )
    assert broken.status_code == 400


async def test_a_report_over_or_to_come_is_told_as_such(public: Public) -> None:
    page = await public.open()
    shop = await public.resource(page)
    begins = public.clock.now() + timedelta(days=1)
    ends = begins + timedelta(hours=1)
    await public.report(page, {shop: "maintenance"}, begins, ends, kind=ReportType.MAINTENANCE)
    await public.ring()
    structured, text = await told(public, "maintenance")
    assert [each["over"] for each in structured["maintenance"]] == [False]
    assert "/maintenance/" in text
    assert (await told(public, "status"))[0]["going_on"] == []
