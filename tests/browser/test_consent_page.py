"""A program is let in on a phone, without JavaScript: the person sees who asks, and says how far it may go."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.async_api import Browser, Page

from tests.browser.test_answer_page import fits
from tests.cli.program import Server
from tests.gateway.oauth_stage import CHALLENGE, VERIFIER

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("TOCSIN_TEST_PICTURES")
"""A folder into which the pages are photographed, for whoever wants to look at them."""


class Program(HTTPServer):
    """A program on this computer that waits for the browser to come back, and sends it on, as many do."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Waiting)
        self.answers: list[dict[str, str]] = []
        self.address = f"http://127.0.0.1:{self.server_port}/callback"


class _Waiting(BaseHTTPRequestHandler):
    server: Program

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/callback":
            self.server.answers.append({name: values[0] for name, values in parse_qs(parts.query).items()})
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/thanks")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"You can close this page.")

    def log_message(self, *words: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def program() -> Iterator[Program]:
    server = Program()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as started:
        yield started


def administrator(server: Server) -> tuple[str, str]:
    """Address and password, as the first start printed them."""
    email = re.search(r"\S+@\S+", server.output)
    password = re.search(r"[Pp]assword\W+(\S+)", server.output)
    assert email, server.output
    assert password, server.output
    return email[0], password[1]


def question(server: Server, program: Program, **changes: str) -> tuple[str, str]:
    """Introduce the program; returns its id and the address to which it sends the browser."""
    body = {"client_name": "Claude", "redirect_uris": [program.address], "token_endpoint_auth_method": "none"}
    status, made = server.ask("/oauth/register", "POST", body)
    assert status == 201, made
    sent = {
        "response_type": "code",
        "client_id": made["client_id"],
        "redirect_uri": program.address,
        "state": "xyz",
        "scope": "read write",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return made["client_id"], f"http://127.0.0.1:{server.port}/oauth/authorize?{urlencode(sent)}"


async def sign_in(page: Page, server: Server) -> None:
    email, password = administrator(server)
    await page.get_by_label("Your e-mail address").fill(email)
    await page.get_by_label("Your password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def photograph(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def test_letting_a_program_in_on_a_phone_without_javascript(
    chromium: Browser, server: Server, program: Program
) -> None:
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    client_id, address = question(server, program)
    await page.goto(address)
    assert "Claude asks to be let in" in await page.locator("h1").inner_text()
    assert f"127.0.0.1:{program.server_port}" in await page.locator("main").inner_text()
    await sign_in(page, server)
    assert await page.get_by_label("Incidents", exact=True).input_value() == "read"
    assert await page.get_by_label("Alert people").input_value() == "ask"
    assert await page.get_by_label("Delete things").input_value() == "off"
    await page.get_by_label("Acknowledge incidents").select_option("on")
    await page.get_by_label("Webhooks", exact=True).select_option("off")
    button = page.get_by_role("button", name="Let Claude in")
    box = await button.bounding_box()
    assert box is not None
    assert box["height"] >= 44, "a thumb must hit it"
    await button.click()
    await page.get_by_text("You can close this page.").wait_for()
    assert page.url.endswith("/thanks"), "where the program leads on to is not blocked by the page's own policy"
    (answer,) = program.answers
    assert (answer["state"], answer["iss"]) == ("xyz", f"http://127.0.0.1:{server.port}")
    sent = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": answer["code"],
        "redirect_uri": program.address,
        "code_verifier": VERIFIER,
    }
    with urlopen(Request(f"http://127.0.0.1:{server.port}/oauth/token", urlencode(sent).encode())) as found:
        token = json.load(found)["access_token"]
    who = server.ask("/api/v2/whoami", token=token)[1]
    assert "Claude" in json.dumps(who)
    assert server.ask("/api/v2/monitors", token=token)[0] == 200
    assert server.ask("/api/v2/outgoing-webhooks", token=token)[0] == 403
    assert not complaints, complaints


async def test_saying_no(chromium: Browser, server: Server, program: Program) -> None:
    page = await chromium.new_page()
    await page.goto(question(server, program)[1])
    await sign_in(page, server)
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_text("You can close this page.").wait_for()
    await page.goto(question(server, program)[1])
    await page.get_by_role("link", name=re.compile("Cancel, and go back")).click()
    await page.get_by_text("You can close this page.").wait_for()
    assert [answer["error"] for answer in program.answers] == ["access_denied", "access_denied"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_it_fits_and_complains_of_nothing(
    chromium: Browser, server: Server, program: Program, scheme: str, width: int
) -> None:
    page = await chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(question(server, program)[1])
    assert await fits(page)
    await photograph(page, f"sign-in-{scheme}-{width}")
    await page.get_by_label("Your e-mail address").fill("nobody@example.com")
    await page.get_by_label("Your password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_text("The e-mail address or the password is wrong").wait_for()
    assert await fits(page)
    await photograph(page, f"wrong-{scheme}-{width}")
    await sign_in(page, server)
    await page.get_by_role("button", name="Let Claude in").wait_for()
    assert await fits(page)
    await photograph(page, f"consent-{scheme}-{width}")
    assert all("422" in complaint for complaint in complaints), "a browser notes that the form was refused, and no more"
    await page.goto(question(server, program, redirect_uri="https://evil.example/cb")[1])
    assert "cannot be let in" in await page.locator("h1").inner_text()
    assert await fits(page)
