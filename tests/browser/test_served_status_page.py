"""The running program's own status page in a real browser: made over the API, read, kept fresh, subscribed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.browser.test_answer_page import fits
from tests.cli.program import Server
from tests.pages.attempts import ATTEMPTS
from tocsin.kernel.vault import Vault
from tocsin.runtime.data_directory import KEY_FILE

pytestmark = pytest.mark.browser

PAGES = "/api/v2/status-pages"


class Site:
    """A page of the running program, and how it is changed."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        settings = {"company_name": "Acme", "timezone": "Prague", "subscribable": True, "theme": "system"}
        self.id = self.post(PAGES, {"subdomain": name, **settings})
        self.of_page = f"{PAGES}/{self.id}"
        self.resource_id = self.post(
            f"{self.of_page}/resources", {"resource_type": "ManuallyTrackedItem", "public_name": "Shop"}
        )
        self.origin = f"http://127.0.0.1:{server.port}"
        self.address = f"{self.origin}/status/{name}"

    def post(self, path: str, body: Any) -> str:
        status, answer = self.server.ask(path, "POST", body, token=self.server.token)
        assert status == 201, answer
        return str(answer["data"]["id"])

    def report(self, title: str, message: str, status: str = "downtime") -> str:
        affected = [{"status_page_resource_id": self.resource_id, "status": status}]
        body = {"title": title, "message": message, "affected_resources": affected}
        return self.post(f"{self.of_page}/status-reports", body)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("served") / "data") as server:
        yield server


@pytest.fixture
async def site(server: Server, request: pytest.FixtureRequest, wait_until: Callable[..., Any]) -> Site:
    site = Site(server, f"acme-{abs(hash(request.node.name))}")
    path = site.address.removeprefix(site.origin) + "/"
    await wait_until(lambda: server.ask(path)[0] == 200)
    return site


async def opened(chromium: Browser, site: Site, **how: Any) -> tuple[Page, list[str]]:
    context = await chromium.new_context(**how)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
    page.on("request", lambda request: request.url.startswith(site.origin) or complaints.append(request.url))
    return page, complaints


async def test_every_address_of_a_page_is_whole(chromium: Browser, site: Site) -> None:
    incident = site.report("Nobody can pay", "We are **looking** into it.")
    page, complaints = await opened(chromium, site, viewport={"width": 360, "height": 700})
    for path in ("/", "/incidents", f"/incidents/{incident}", "/maintenance", "/subscribe"):
        answer = await page.goto(site.address + path)
        assert answer is not None
        assert answer.status == 200, path
        assert await fits(page), path
        if path in ("/", "/subscribe"):
            found = await Axe().run(page)
            assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
    await page.goto(site.address + "/?lang=de")
    assert await page.evaluate("document.documentElement.lang") == "de"
    await page.goto(site.address + "/incidents")
    assert await page.evaluate("document.documentElement.lang") == "de", "what a reader chose is kept"
    assert complaints == []


async def test_what_happens_is_seen_without_a_reload(
    chromium: Browser, site: Site, wait_until: Callable[..., Any]
) -> None:
    page, complaints = await opened(chromium, site)
    await page.clock.install()
    await page.goto(site.address)
    assert await page.locator("h1").inner_text() == "All systems operational"
    site.report("Nobody can pay", "We are looking into it.")
    await page.wait_for_timeout(1_500)  # a page is put together at most once a second
    await page.clock.fast_forward(31_000)
    await page.get_by_role("heading", name="Nobody can pay").wait_for()
    assert "down" in await page.locator("h1").inner_text()
    assert complaints == []


async def test_whatever_is_written_over_the_api_runs_in_no_browser(chromium: Browser, site: Site) -> None:
    for attempt in ATTEMPTS:
        if "\x00" not in attempt:
            site.report(attempt[:200], attempt)
    everything = "".join(each for each in ATTEMPTS if "\x00" not in each)[:1_000]
    status, answer = site.server.ask(
        site.of_page, "PATCH", {"announcement": everything, "company_name": "<script>alert(1)</script>"},
        token=site.server.token,
    )  # fmt: skip
    assert status == 200, answer
    page, complaints = await opened(chromium, site)
    for path in ("/", "/incidents"):
        await page.goto(site.address + path)
        assert await page.locator("article").count() >= 30
        await page.mouse.move(200, 300)
        assert await page.evaluate("document.querySelectorAll('main script, main img, main iframe').length") == 0
    assert complaints == []


async def test_somebody_subscribes_without_javascript(chromium: Browser, site: Site) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.address)
    await page.get_by_role("link", name="Get updates").click()
    await page.get_by_label("E-mail address").fill("nonsense")
    await page.get_by_role("button", name="Subscribe").click()
    assert await page.get_by_label("E-mail address").get_attribute("aria-invalid") == "true"
    assert await page.get_by_label("E-mail address").input_value() == "nonsense"
    await page.get_by_label("E-mail address").fill("ann@example.com")
    await page.get_by_role("button", name="Subscribe").click()
    assert await page.locator("h1").inner_text() == "Check your inbox"
    assert "ann@example.com" in await page.locator("main").inner_text()


async def test_a_subscriber_chooses_and_leaves_without_javascript(chromium: Browser, site: Site) -> None:
    site.post(f"{site.of_page}/resources", {"resource_type": "ManuallyTrackedItem", "public_name": "API"})
    id = site.post(f"{site.of_page}/subscribers", {"email": "ann@example.com"})
    secret = Vault((site.server.data / KEY_FILE).read_text().strip()).sign(f"status page subscription:{id}")
    page = await (await chromium.new_context(java_script_enabled=False)).new_page()
    await page.wait_for_timeout(1_500)  # a page is put together at most once a second
    await page.goto(f"{site.address}/unsubscribe/{id}-{secret}")
    await page.get_by_role("checkbox", name="API").check()
    await page.get_by_role("button", name="Save").click()
    assert "Your choice is saved." in await page.locator("main").inner_text()
    await page.reload()
    assert await page.get_by_role("checkbox", name="API").is_checked()
    assert not await page.get_by_role("checkbox", name="Shop").is_checked()
    await page.get_by_role("button", name="Unsubscribe").click()
    assert await page.get_by_role("button", name="Unsubscribe").count() == 0
    _, answer = site.server.ask(f"{site.of_page}/subscribers", token=site.server.token)
    assert [each["id"] for each in answer["data"]] == []
