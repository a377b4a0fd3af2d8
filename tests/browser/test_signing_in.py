"""The front door in a real browser: the first person sets Tocsin up, signs in, and reads a page for members."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.cli.program import Server, tocsin

pytestmark = pytest.mark.browser
EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as started:
        yield started


async def accessible(page: Page) -> None:
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert over <= 0


async def test_from_the_printed_address_to_a_page_for_members(
    chromium: Browser, server: Server, tmp_path: Path
) -> None:
    root = f"http://127.0.0.1:{server.port}"
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=True)
    page = await context.new_page()
    found = re.search(r"http://\S+/set-up/\S+", server.output)
    assert found, server.output
    await page.goto(found[0])
    await accessible(page)
    await page.get_by_label("Your name").fill("Ada Lovelace")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("Name of your team").fill("Platform")
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url(f"{root}/")
    await page.goto(f"{root}/me/security")
    await accessible(page)
    await page.get_by_role("button", name="Set up an authenticator").click()
    await page.get_by_role("img", name="QR code").wait_for()
    await accessible(page)

    body = {"subdomain": "acme", "timezone": "Prague", "company_name": "Acme", "require_sso": True}
    status, made = server.ask("/api/v2/status-pages", "POST", body, token=server.token)
    assert status == 201, made
    reader = await (await chromium.new_context()).new_page()
    await reader.goto(f"{root}/status/acme")
    await reader.get_by_role("link", name="Sign in with your account").click()
    await accessible(reader)
    await reader.get_by_label("E-mail address").fill(EMAIL)
    await reader.get_by_label("Password").fill(PASSWORD)
    await reader.get_by_role("button", name="Sign in", exact=True).click()
    await reader.wait_for_url(re.compile("/status/acme"))
    assert "for members" not in await reader.inner_text("main")

    told = tocsin(
        "user", "reset-password", "--email", EMAIL, "--password-stdin", "--data", str(server.data), cwd=tmp_path,
        input="a better password\n",
    )  # fmt: skip
    assert "2 sessions ended" in told.stdout, told
    await page.goto(f"{root}/me/security")
    assert "/sign-in" in page.url
