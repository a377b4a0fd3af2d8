"""A page that nobody looks at holds no line to the server, and shows what it missed as soon as somebody does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.cli.program import Server

EMAIL, PASSWORD = "ann@example.com", "correct horse battery staple"
TURN = """(hidden) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""What the browser says when its tab is left or opened; a tab cannot be left where no window is."""


@pytest.mark.browser
@pytest.mark.slow
async def test_a_hidden_page_lets_go_of_its_line_and_catches_up(
    tmp_path: Path, chromium: Browser, wait_until: Callable[..., Any]
) -> None:
    who = {"TOCSIN_ADMIN_EMAIL": EMAIL, "TOCSIN_ADMIN_PASSWORD": PASSWORD, "TOCSIN_FIRST_TEAM": "Core"}
    with Server(tmp_path / "data", **who) as server:
        base = f"http://127.0.0.1:{server.port}"
        page = await chromium.new_page()
        opened: list[str] = []
        ended: list[str] = []
        page.on("request", lambda request: opened.append(request.url) if request.url.endswith("/live") else None)
        page.on("requestfailed", lambda request: ended.append(request.url) if request.url.endswith("/live") else None)
        await page.goto(f"{base}/sign-in")
        await page.fill("#email", EMAIL)
        await page.fill("#password", PASSWORD)
        await page.click("form button")
        await page.wait_for_selector("h1")
        before = len(opened)
        await page.goto(f"{base}/incidents")
        await wait_until(lambda: len(opened) == before + 1)
        await page.evaluate(TURN, True)
        await wait_until(lambda: len(ended) == len(opened))
        lines = len(opened)

        body = {"name": "Shop", "summary": "Nobody can pay", "email": True}
        status, answer = server.ask("/api/v3/incidents", "POST", body, token=server.token)
        assert status == 201, answer
        await page.evaluate(TURN, False)
        await page.wait_for_selector("main >> text=Shop")
        assert len(opened) == lines + 1
