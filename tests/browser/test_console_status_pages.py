"""A status page made, filled and spoken on in the console of the running program, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.browser.test_answer_page import fits
from tests.cli.program import Server

pytestmark = pytest.mark.browser

PARTS = ("", "/structure", "/design", "/settings", "/reports", "/reports/new", "/reports/1", "/subscribers")
PASSWORD = "correct horse battery"


async def signed_in(page: Page, server: Server) -> None:
    await page.goto(f"http://127.0.0.1:{server.port}/sign-in")
    await page.fill("#email", "ana@example.com")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"http://127.0.0.1:{server.port}/")


async def press(page: Page, name: str) -> None:
    """Go to a button or a link by the tabulator alone, and press it."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await page.evaluate("name => document.activeElement?.textContent.trim() === name", name):
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached by the keyboard")


async def test_from_nothing_to_a_report_that_everybody_reads(
    chromium: Browser, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    server = Server(
        tmp_path / "data", TOCSIN_ADMIN_EMAIL="ana@example.com", TOCSIN_ADMIN_PASSWORD=PASSWORD, TOCSIN_FIRST_TEAM="Ops"
    )
    with server:
        origin = f"http://127.0.0.1:{server.port}"
        context = await chromium.new_context(viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        troubles: list[str] = []
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await signed_in(page, server)

        await page.goto(f"{origin}/status-pages")
        await press(page, "Make a status page")
        await page.wait_for_url("**/status-pages/new")
        await page.focus("#f-company_name")
        await page.keyboard.type("Äcme & Co")
        assert await page.input_value("#f-subdomain") == "acme-co"
        await press(page, "Make the page")
        await page.wait_for_url("**/structure")
        await press(page, "Add to the page")
        await page.wait_for_url("**/structure/add")
        await page.focus("#f-public_name")
        await page.keyboard.type("Shop")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/structure")
        assert await page.locator("li[data-id] a.title").all_inner_texts() == ["Shop"]

        await press(page, "Report an incident")
        await page.wait_for_url("**/reports/new")
        await page.focus("#f-title")
        await page.keyboard.type("Shop is slow")
        await page.keyboard.press("Tab")
        await page.keyboard.type("We are **looking** into it.")
        await page.select_option("#status-1", "degraded")
        shown = page.frame_locator("iframe[data-preview]:not(.waits)")
        await shown.get_by_text("Shop is slow").first.wait_for()
        assert await shown.locator(".reports strong", has_text="looking").count() == 1
        await page.get_by_text("No subscriber will be told").wait_for()
        await press(page, "Publish")
        await page.wait_for_url("**/reports/1")

        reader = await (await chromium.new_context(viewport={"width": 360, "height": 740})).new_page()
        await wait_until(lambda: server.ask("/status/acme-co")[0] == 200)
        await reader.goto(f"{origin}/status/acme-co")
        await reader.get_by_text("Shop is slow").first.wait_for()
        assert troubles == []

        for width in (1440, 360):
            await page.set_viewport_size({"width": width, "height": 800})
            for part in (
                "",
                "/structure",
                "/design",
                "/settings",
                "/reports",
                "/reports/new",
                "/reports/1",
                "/subscribers",
            ):
                await page.goto(f"{origin}/status-pages/1{part}")
                assert await fits(page), (width, part)
                found = await Axe().run(page)
                assert found.violations_count == 0, (width, part, found.generate_report())
        assert troubles == []


async def test_without_javascript_a_line_moves_and_a_report_says_who_will_be_told(
    chromium: Browser, tmp_path: Path
) -> None:
    server = Server(
        tmp_path / "data", TOCSIN_ADMIN_EMAIL="ana@example.com", TOCSIN_ADMIN_PASSWORD=PASSWORD, TOCSIN_FIRST_TEAM="Ops"
    )
    with server:
        body: dict[str, Any] = {"subdomain": "acme", "timezone": "UTC", "company_name": "Acme"}
        server.ask("/api/v2/status-pages", "POST", body, token=server.token)
        for name in ("Shop", "Search"):
            line = {"resource_type": "ManuallyTrackedItem", "public_name": name}
            server.ask("/api/v2/status-pages/1/resources", "POST", line, token=server.token)
        context = await chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
        page = await context.new_page()
        await signed_in(page, server)
        await page.goto(f"http://127.0.0.1:{server.port}/status-pages/1/structure")
        await page.get_by_role("button", name="Move Search up").click()
        assert await page.locator("li[data-id] a.title").all_inner_texts() == ["Search", "Shop"]
        await page.goto(f"http://127.0.0.1:{server.port}/status-pages/1/reports/new")
        await page.fill("#f-title", "Shop is slow")
        await page.fill("#f-message", "We look into it.")
        await page.get_by_role("button", name="Try it out").click()
        await page.frame_locator("iframe[data-preview]").get_by_text("Shop is slow").first.wait_for()
        await page.get_by_role("button", name="Who will be told?").click()
        assert "No subscriber will be told" in await page.inner_text("#told")
        assert await page.input_value("#f-title") == "Shop is slow"
