"""The real program's pages in a real browser: its policy holds, forms work, and widgets show on other sites."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.cli.program import Server

pytestmark = pytest.mark.browser

ATTACK = '"><img src=x onerror=document.title="hacked"><script>document.title="hacked"</script>'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("served") / "data") as server:
        yield server


def make(program: Server, subdomain: str, **attributes: Any) -> str:
    """Publish a page; returns its id."""
    body = {"subdomain": subdomain, "timezone": "UTC", "company_name": "Acme", **attributes}
    status, answer = program.ask("/api/v2/status-pages", "POST", body, token=program.token)
    assert status == 201, answer
    return str(answer["data"]["id"])


def root(program: Server) -> str:
    return f"http://127.0.0.1:{program.port}"


async def opened(chromium: Browser, address: str) -> tuple[Page, list[str]]:
    page = await (await chromium.new_context()).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(address)
    return page, complaints


async def test_what_attackers_write_runs_nowhere(chromium: Browser, program: Server) -> None:
    page_id = make(
        program, "attacked", company_name=ATTACK, announcement=ATTACK,
        custom_css="</style><script>document.title='hacked'</script>",
    )  # fmt: skip
    path = f"/api/v2/status-pages/{page_id}"
    named = {"resource_type": "ManuallyTrackedItem", "public_name": ATTACK, "explanation": ATTACK}
    status, answer = program.ask(f"{path}/resources", "POST", named, token=program.token)
    assert status == 201, answer
    affected = [{"status_page_resource_id": answer["data"]["id"], "status": "downtime"}]
    report = {"title": ATTACK, "message": f"{ATTACK} [x](javascript:document.title='hacked')"}
    report["affected_resources"] = affected  # type: ignore[assignment]
    status, answer = program.ask(f"{path}/status-reports", "POST", report, token=program.token)
    assert status == 201, answer
    about = f"/incidents/{answer['data']['id']}"
    for address in ("", "/incidents", "/maintenance", "/subscribe", "/badge.svg", about):
        page = await (await chromium.new_context()).new_page()
        await page.goto(f"{root(program)}/status/attacked{address}")
        assert await page.title() != "hacked", address
        assert await page.evaluate("document.querySelectorAll('img[onerror]').length") == 0
        shown = await page.evaluate("document.documentElement.textContent")
        assert "hacked" in shown or address in ("/maintenance", "/badge.svg"), "it is there, as text"
        await page.close()


async def test_the_policy_holds_and_nothing_complains(chromium: Browser, program: Server) -> None:
    make(program, "open", subscribable=True)
    page, complaints = await opened(chromium, f"{root(program)}/status/open")
    await page.click("text=Get updates")
    await page.fill("#email", "not an address")
    await page.click("form#subscribe button[type=submit]")
    await page.wait_for_selector("[aria-invalid=true]")
    assert complaints == [] or all("422" in words for words in complaints)


async def test_a_password_lets_a_reader_in_and_back_to_where_they_were(chromium: Browser, program: Server) -> None:
    make(program, "closed", password="kept quiet by all", password_enabled=True)
    page, _ = await opened(chromium, f"{root(program)}/status/closed/incidents")
    await page.fill("input[type=password]", "a guess")
    await page.click("main button")
    assert "not right" in await page.inner_text("main")
    await page.goto(f"{root(program)}/status/closed/incidents")
    await page.fill("input[type=password]", "kept quiet by all")
    await page.click("main button")
    assert page.url == f"{root(program)}/status/closed/incidents"
    assert "Incidents in" in await page.title()


async def test_widgets_show_on_another_site_and_text_stays_text(chromium: Browser, program: Server) -> None:
    id = make(program, "told", announcement=f"We moved. {ATTACK}", announcement_embed_visible=True,
              announcement_embed_link="https://acme.example/news")  # fmt: skip
    part = {"resource_type": "ManuallyTrackedItem", "public_name": "Shop"}
    status, answer = program.ask(f"/api/v2/status-pages/{id}/resources", "POST", part, token=program.token)
    assert status == 201, answer
    with other_site(root(program), id) as address:
        page, complaints = await opened(chromium, address)
        words = page.locator(".tocsin-announcement a.bar")
        await words.wait_for()
        assert (await words.inner_text()).startswith("We moved.")
        assert await words.get_attribute("href") == "https://acme.example/news"
        badge = page.locator(".tocsin-status summary")
        await badge.wait_for()
        assert await badge.inner_text() == "All systems operational"
        await badge.click()
        link = page.locator(".tocsin-status .box a")
        assert await link.get_attribute("href") == f"{root(program)}/status/told/"
        assert await page.title() == "Acme's shop"
        assert complaints == []


class other_site:
    """A site of somebody else, on an origin of its own, with both widgets and a policy that allows no more."""

    def __init__(self, tocsin: str, id: str) -> None:
        body = (
            f"<!doctype html><title>Acme's shop</title><main>Shop</main>"
            f'<script src="{tocsin}/widgets/announcement.js" data-id="{id}" async></script>'
            f'<script src="{tocsin}/widgets/status.js" data-id="{id}"></script>'
        ).encode()
        policy = f"default-src 'none'; script-src {tocsin}; connect-src {tocsin}; img-src data:"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path == "/"
                self.send_response(200 if found else 204)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-security-policy", policy)
                self.end_headers()
                self.wfile.write(body if found else b"")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://localhost:{self._server.server_port}/"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
