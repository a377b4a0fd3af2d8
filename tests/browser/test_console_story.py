"""A newcomer's first outage, from the address that the first start prints to the post-mortem: by keys, by touch."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.hands import Hands
from tests.cli.program import Server
from tests.notify.mailserver import Mailbox, mail_server

pytestmark = pytest.mark.browser


class Site:
    """A site that answers with whatever status it is told."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nshop".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with await asyncio.start_server(site.answer, "127.0.0.1", 0) as server:
        site.port = server.sockets[0].getsockname()[1]
        yield site


@pytest.mark.parametrize(("keys", "width", "height", "scheme"), [(True, 1440, 900, "light"), (False, 360, 740, "dark")])
async def test_from_the_first_start_to_the_post_mortem(
    chromium: Browser, site: Site, tmp_path: Path, wait_until: Callable[..., object],
    keys: bool, width: int, height: int, scheme: str,
) -> None:  # fmt: skip
    complaints: list[str] = []
    async with mail_server() as mailbox:
        words = ("--smtp-url", f"smtp://127.0.0.1:{mailbox.port}?from=tocsin@example.com", "--min-check-frequency", "1")
        with Server(tmp_path / "data", *words) as server:
            context = await chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=not keys,  # type: ignore[arg-type]
            )  # fmt: skip
            page = await context.new_page()
            page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
            page.on(
                "console", lambda said: complaints.append(f"{page.url}: {said.text}") if said.type == "error" else None
            )
            hands = Hands(page, keys=keys)
            await set_up(hands, server)
            await watch(hands, site)
            await publish_a_page(hands, server)
            site.status = "503 Service Unavailable"
            link = await paged(mailbox, wait_until)
            await answer(hands, server, link)
            await tell_the_public(hands, server)
            site.status = "200 OK"
            await explain(hands, server)
    assert not complaints, "\n".join(complaints)


async def set_up(hands: Hands, server: Server) -> None:
    """Say who one is, and be in."""
    found = re.search(r"http://\S+/set-up/\S+", server.output)
    assert found, server.output
    page = hands.page
    await page.goto(re.sub(r"http://[^/]+", f"http://127.0.0.1:{server.port}", found.group()))
    await hands.write("#name", "Ann Lee")
    await hands.write("#email", "ann@example.com")
    await hands.write("#password", "a long enough password")
    await hands.write("#team_name", "Shop")
    await hands.press("button.primary")
    await page.wait_for_url(f"http://127.0.0.1:{server.port}/")
    assert await page.text_content("h1") == "Home"


async def watch(hands: Hands, site: Site) -> None:
    """Try a monitor out, keep it, and see that it is up."""
    page = hands.page
    await hands.press("main a[href='/monitors/new']")
    await hands.press("main a[href*='type=status']")
    await hands.write("#f-url", f"http://127.0.0.1:{site.port}/")
    await hands.write("#f-pronounceable_name", "Shop")
    await hands.press("button[value=test]")
    await page.wait_for_selector("#tried .state.good")
    await hands.write("#f-check_frequency", "2")
    await hands.press("details#request > summary")
    await hands.choose("#f-request_timeout", "2")
    await hands.press("details#patience > summary")
    await hands.write("#f-recovery_period", "0")
    await hands.press("button[value=save]")
    await page.wait_for_selector("h1:has-text('Shop')")
    await page.wait_for_selector("main .state.good:visible", timeout=15_000)


async def publish_a_page(hands: Hands, server: Server) -> None:
    """A status page that one would show a customer."""
    page = hands.page
    await page.goto(f"http://127.0.0.1:{server.port}/status-pages/new")
    await hands.write("[name=company_name]", "Acme")
    await hands.write("[name=subdomain]", "acme")
    await hands.press("input[type=checkbox][value^='Monitor']")
    await hands.press("main button.primary")
    await page.wait_for_selector("h1:has-text('Acme')")
    status, text = server.ask("/status/acme")
    assert status == 200
    assert "Shop" in text


async def paged(mailbox: Mailbox, wait_until: Callable[..., object]) -> str:
    """The mail that pages, and its link."""
    await wait_until(lambda: [mail for mail in mailbox.mails if "Down" in str(mail["Subject"])], seconds=30)  # type: ignore[misc]
    mail = next(mail for mail in mailbox.mails if "Down" in str(mail["Subject"]))
    assert mail["To"].addresses[0].addr_spec == "ann@example.com"
    plain = mail.get_body(("plain",))
    assert plain is not None
    found = re.search(r"/incidents/\d+|/answer/\S+", plain.get_content())
    assert found
    return found.group()


async def answer(hands: Hands, server: Server, link: str) -> None:
    """Acknowledge: after the notification's tap it is the first button."""
    page = hands.page
    await page.goto(f"http://127.0.0.1:{server.port}{link}")
    await hands.press("button:has-text('Acknowledge')")
    await page.wait_for_selector("text=You have it")
    await page.goto(f"http://127.0.0.1:{server.port}/incidents")
    await hands.press("main a.title")
    await page.wait_for_selector("strong:has-text('Ann Lee')")
    await hands.write("#f-content", "The **database** is full.")
    await hands.press("button:text-is('Comment')")
    await page.wait_for_selector("main .prose strong:has-text('database')")


async def tell_the_public(hands: Hands, server: Server) -> None:
    """Say on the status page what is wrong, from the incident."""
    page = hands.page
    await hands.press("a:has-text('Publish')")
    await hands.write("[name=title]", "The shop is closed")
    await hands.write("[name=message]", "We are making room.")
    await hands.press("button[value=publish]")
    await page.wait_for_selector("h1:has-text('Acme')")
    assert "The shop is closed" in server.ask("/status/acme")[1]


async def explain(hands: Hands, server: Server) -> None:
    """It is over by itself; save what was drafted from the story, and take it along."""
    page = hands.page
    await page.goto(f"http://127.0.0.1:{server.port}/incidents")
    await hands.press("main a.title")
    await page.wait_for_selector("section[aria-label=State] .state.good", timeout=30_000)
    await hands.press("a:has-text('Post-mortem')")
    draft = await page.input_value("#f-content")
    assert "Shop" in draft
    await hands.press("main button.primary")
    async with page.expect_download() as download:
        await hands.press("a:has-text('Export as Markdown')")
    path = Path(await (await download.value).path())
    assert draft.strip().splitlines()[0] in path.read_text()
