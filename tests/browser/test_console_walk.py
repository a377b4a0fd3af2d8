"""Every page of the console to which a link leads: readable by all, narrow enough, safe from what people type."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.browser.furnished import ADMIN, PASSWORD, Furnished
from tests.cli.program import Server

pytestmark = pytest.mark.browser

MAX_KINDS = 200
"""Different pages in one walk: more would mean that it runs in circles."""
MAX_BYTES = 100 * 1024
"""Of a page with all that it brings, as it is transferred."""
ELSEWHERE = re.compile(
    r"/(status|docs|api|assets|answer|join|push|approve|llms\.txt|readyz|healthz|metrics)(/|$)|\.(csv|md|ics|json|ndjson)$"
)
"""What is no page of the console."""
LOUD = ("error", "warning")
"""What a browser says is wrong; its advice about forms that are not for signing in is none."""
ROOMS = {
    "/", "/incidents", "/monitors", "/heartbeats", "/on-call", "/policies", "/status-pages", "/integrations",
    "/webhooks", "/agents", "/approvals", "/team", "/audit", "/trash", "/me",
}  # fmt: skip
"""Where a walk must have been."""


@pytest.fixture
async def furnished(tmp_path: Path) -> AsyncIterator[Furnished]:
    settings = {"TOCSIN_ADMIN_EMAIL": ADMIN, "TOCSIN_ADMIN_PASSWORD": PASSWORD, "TOCSIN_LOG_FORMAT": "json"}
    with Server(tmp_path / "data", **settings) as server:
        yield Furnished(server).furnish()


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (360, 740, "dark")])
async def test_everybody_can_use_every_page(
    chromium: Browser, furnished: Furnished, width: int, height: int, scheme: str
) -> None:
    context = await chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(f"{page.url}: {message.text}") if message.type in LOUD else None
    )
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    await sign_in(page, furnished.base)
    seen: dict[str, str] = {}
    waiting = deque(["/"])
    while waiting and len(seen) < MAX_KINDS:
        path = waiting.popleft()
        if kind_of(path) in seen:
            continue
        seen[kind_of(path)] = path
        complaints += await look_at(page, furnished.base, path)
        waiting.extend(await links_of(page, furnished.base))
    assert not complaints, "\n".join(complaints)
    assert len(seen) < MAX_KINDS, sorted(seen)
    assert set(seen) >= ROOMS, ROOMS - set(seen)


async def look_at(page: Page, base: str, path: str) -> list[str]:
    """What is wrong with a page."""
    answer = await page.goto(base + path, wait_until="load")
    assert answer is not None
    wrong = []
    if answer.status != 200:
        return [f"{path}: status {answer.status}"]
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append(f"{path}: wider than the screen")
    if await page.evaluate("window.pwned !== undefined || document.querySelector('script:not([src])') !== null"):
        wrong.append(f"{path}: what somebody typed has become a script")
    if await page.evaluate("document.querySelectorAll('h1').length") != 1:
        wrong.append(f"{path}: not one h1")
    size = await page.evaluate(
        "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )
    if size > MAX_BYTES:
        wrong.append(f"{path}: {size:,.0f} bytes")
    found = await Axe().run(page)
    wrong += [
        f"{path}: {one['id']} at {[node['target'] for node in one['nodes'][:3]]}"
        for one in found.response["violations"]
    ]
    return wrong


async def links_of(page: Page, base: str) -> list[str]:
    """To which pages of the console it leads."""
    addresses: list[str] = await page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href)")
    parts = [urlsplit(address) for address in addresses if address.startswith(base + "/")]
    return [part.path + (f"?{part.query}" if part.query else "") for part in parts if not ELSEWHERE.search(part.path)]


def kind_of(path: str) -> str:
    """Pages that differ only in what they are about, or in how a list is narrowed, are of one kind."""
    return re.sub(r"/\d+(?=/|$)", "/N", urlsplit(path).path)


async def sign_in(page: Page, base: str) -> None:
    """As somebody at the keyboard does it."""
    await page.goto(f"{base}/sign-in")
    await page.fill("input[name=email]", ADMIN)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button.primary")
    await page.wait_for_url(f"{base}/")
