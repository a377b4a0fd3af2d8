"""A person adds a passkey, signs in with nothing else, and with it as second step; in a real browser with a device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, Page

from tests.cli.program import Server

pytestmark = pytest.mark.browser
EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", TOCSIN_ADMIN_EMAIL=EMAIL, TOCSIN_ADMIN_PASSWORD=PASSWORD) as started:
        yield started


async def device(page: Page) -> tuple[CDPSession, str]:
    """An authenticator that is built into the computer."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    made: dict[str, Any] = await session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return session, made["authenticatorId"]


async def sign_in(page: Page, root: str) -> None:
    await page.goto(f"{root}/sign-in?next=/me/security")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def test_a_passkey_alone_and_as_second_step(chromium: Browser, server: Server) -> None:
    root = f"http://localhost:{server.port}"
    page = await (await chromium.new_context()).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    session, authenticator = await device(page)
    await sign_in(page, root)
    await page.get_by_label("Name of the new passkey").fill("Laptop <b>")
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_role("heading", name="Keep these recovery codes").wait_for()
    (kept,) = (await session.send("WebAuthn.getCredentials", {"authenticatorId": authenticator}))["credentials"]
    assert kept["rpId"] == "localhost"
    await page.get_by_role("link", name="I have kept them").click()
    assert await page.get_by_label("Name of the passkey").input_value() == "Laptop <b>"

    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.wait_for_url(f"{root}/")

    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await sign_in(page, root)
    await page.get_by_role("heading", name="One more step").wait_for()
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(re.compile("/me/security"))
    assert "password and passkey" in await page.inner_text("main")

    # A copy of the key that has counted less than we have seen is no device of hers any more.
    await session.send(
        "WebAuthn.removeCredential", {"authenticatorId": authenticator, "credentialId": kept["credentialId"]}
    )
    await session.send(
        "WebAuthn.addCredential", {"authenticatorId": authenticator, "credential": {**kept, "signCount": 0}}
    )
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.get_by_text("This passkey was not accepted").wait_for()

    await sign_in(page, root)
    await page.get_by_role("heading", name="One more step").wait_for()
    await page.goto(f"{root}/me/security")
    assert "/sign-in" in page.url, "half of the way is not the way"
    assert errors == []


async def test_at_a_number_the_page_says_where_passkeys_work(chromium: Browser, server: Server) -> None:
    page = await (await chromium.new_context()).new_page()
    await sign_in(page, f"http://127.0.0.1:{server.port}")
    link = page.get_by_role("link", name=f"http://localhost:{server.port}/me/security")
    assert await link.count() == 1
