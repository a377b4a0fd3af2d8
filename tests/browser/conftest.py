"""A real Chromium, and the real program with an ongoing incident to look at."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.cli.program import Server
from tests.notify.mailserver import Mailbox, mail_server

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("TOCSIN_TEST_REQUIRE_ALL") == "1":
            pytest.fail("Chromium is not installed, and this run must not skip anything")
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


class Outage:
    """A running program and the secret link of its administrator for an ongoing incident."""

    def __init__(self, server: Server, link: str, incident_id: str) -> None:
        self.server = server
        self.link = link
        self.incident_id = incident_id

    def status(self) -> str:
        """The incident's status by the API."""
        path = f"/api/v3/incidents/{self.incident_id}"
        return str(self.server.ask(path, token=self.server.token)[1]["data"]["attributes"]["status"])

    def seen(self) -> str | None:
        """Since when the proof of page says that the administrator has looked."""
        path = f"/api/v3/incidents/{self.incident_id}/pages"
        found: str | None = self.server.ask(path, token=self.server.token)[1]["data"][0]["attributes"]["seen_at"]
        return found


@pytest.fixture
async def outage(tmp_path: Path, wait_until: Callable[..., object]) -> AsyncIterator[Outage]:
    async with mail_server() as mailbox:
        server = Server(tmp_path / "data", "--smtp-url", f"smtp://127.0.0.1:{mailbox.port}?from=tocsin@example.com")
        with server:
            body = {"name": 'Shop <b>"front"</b>', "summary": "Nobody can pay " + "anything " * 20, "email": True}
            status, answer = server.ask("/api/v3/incidents", "POST", body, token=server.token)
            assert status == 201, answer
            await wait_until(lambda: mailbox.mails)
            yield Outage(server, _link(mailbox), answer["data"]["id"])


@pytest.fixture
def wait_until() -> Callable[..., object]:
    import asyncio

    async def wait(found: Callable[[], object], seconds: float = 15) -> None:
        for _ in range(int(seconds * 20)):
            if found():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it did not happen in time")

    return wait


def _link(mailbox: Mailbox) -> str:
    plain = mailbox.mails[0].get_body(("plain",))
    assert plain is not None
    found = re.search(r"http://\S+/answer/\S+", plain.get_content())
    assert found
    return found.group()
