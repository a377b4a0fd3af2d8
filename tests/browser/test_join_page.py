"""Somebody who is invited joins on a phone, without JavaScript, and is told in words what is still missing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.test_answer_page import fits
from tests.cli.program import Server
from tests.notify.mailserver import mail_server

pytestmark = pytest.mark.browser
DANA = "dana@example.com"


@pytest.fixture
async def invited(tmp_path: Path, wait_until: Callable[..., object]) -> AsyncIterator[tuple[Server, str]]:
    """The running program, and the link of an invitation that it has sent."""
    async with mail_server() as mailbox:
        server = Server(tmp_path / "data", "--smtp-url", f"smtp://127.0.0.1:{mailbox.port}?from=tocsin@example.com")
        with server:
            status, answer = server.ask("/api/v2/team-members", "POST", {"email": DANA}, token=server.token)
            assert status == 201, answer
            await wait_until(lambda: mailbox.mails)  # type: ignore[misc]
            plain = mailbox.mails[0].get_body(("plain",))
            assert plain is not None
            found = re.search(r"http://\S+/join/\S+", plain.get_content())
            assert found
            yield server, found[0]


async def test_joining_on_a_phone_without_javascript(chromium: Browser, invited: tuple[Server, str]) -> None:
    server, link = invited
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_label("Your name").fill("Dana Döring")
    await page.get_by_label("A password").fill("x")
    await page.evaluate("document.querySelector('form').noValidate = true")
    await page.get_by_role("button", name="Join the team").click()
    assert "is too short" in await page.locator("#password-wrong").inner_text()
    assert await page.get_by_label("Your name").input_value() == "Dana Döring"
    assert await page.get_by_label("A password").input_value() == ""
    await page.get_by_label("A password").fill("correct horse battery")
    box = await page.get_by_role("button", name="Join the team").bounding_box()
    assert box is not None
    assert box["height"] >= 44, "a thumb must hit it"
    await page.get_by_role("button", name="Join the team").click()
    await page.wait_for_url(re.compile(r"^http://[^/]+/$"))  # signed in, and the secret is not left in the address
    assert await page.get_by_role("link", name="Dana Döring").count() >= 1
    found = server.ask(f"/api/v2/team-members?email={DANA}", token=server.token)[1]["data"]
    assert (found["type"], found["attributes"]["last_name"]) == ("team_member", "Döring")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_it_fits_and_complains_of_nothing(
    chromium: Browser, invited: tuple[Server, str], scheme: str, width: int
) -> None:
    _, link = invited
    page = await chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(link)
    assert await fits(page)
    await page.get_by_label("Your name").fill("Dana")
    await page.get_by_label("A password").fill("short")
    await page.evaluate("document.querySelector('form').noValidate = true")
    await page.get_by_role("button", name="Join the team").click()
    await page.locator("#password-wrong").wait_for()
    assert await fits(page)
    await page.goto(link.rpartition("/")[0].removesuffix("/join") + "/joined")
    assert await fits(page)
    assert all("422" in complaint for complaint in complaints), "a browser notes that the form was refused, and no more"
