"""The reference in a real browser: its filters work with and without the script, and everybody can read it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.browser.test_answer_page import fits
from tocsin.registry import Catalogue
from tocsin.rest.reference import Reference
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations

pytestmark = pytest.mark.browser

SHOWN = "[...document.querySelectorAll('article[data-method]')].filter(e => e.checkVisibility()).map(e => e.id)"
QUERIES = (
    "method=DELETE&area=incidents",
    "access=agents&permission=page",
    "risk=public&version=v2&q=status+PAGE",
    "permission=write&q=create_monitor",
    "q=%2Fapi%2Fv3%2Fincidents%2F%7Bid%7D",
    "q=nothing-is-like-this",
)


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    """The reference alone, on a real socket."""
    app = Reference(Catalogue(operations(load({}, {}))))
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    with config.bind_socket() as listener:
        serving = threading.Thread(target=server.run, args=([listener],), daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        serving.join(30)


async def opened(browser: Browser, address: str, **context: object) -> tuple[Page, list[str]]:
    page = await (await browser.new_context(**context)).new_page()  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(address)
    return page, complaints


async def test_the_script_shows_exactly_what_the_server_would_show(chromium: Browser, root: str) -> None:
    without, _ = await opened(chromium, f"{root}/docs/api", java_script_enabled=False)
    page, complaints = await opened(chromium, f"{root}/docs/api")
    everything = await page.evaluate(SHOWN)
    assert len(everything) > 200
    for query in QUERIES:
        await without.goto(f"{root}/docs/api?{query}")
        await page.goto(f"{root}/docs/api")
        await page.evaluate(
            """query => {
                const form = document.querySelector("form");
                for (const [name, value] of new URLSearchParams(query)) form.elements[name].value = value;
                form.requestSubmit();
            }""",
            query,
        )
        found = await page.evaluate(SHOWN)
        assert found == await without.evaluate(SHOWN), query
        assert len(found) < len(everything) / 2, query
        assert await page.inner_text(".count") == await without.inner_text(".count")
        assert await page.is_visible(".none") is (not found)
    assert complaints == []


async def test_a_filter_acts_at_once_and_its_address_can_be_passed_on(chromium: Browser, root: str) -> None:
    page, complaints = await opened(chromium, f"{root}/docs/api")
    assert not await page.is_visible("form button"), "nothing has to be pressed"
    await page.keyboard.press("/")
    await page.keyboard.type("Acknowledge")
    await page.select_option("[name=version]", "v3")
    await page.wait_for_url(lambda address: "q=Acknowledge" in address and "version=v3" in address)
    found = await page.evaluate(SHOWN)
    assert "incidents.acknowledge" in found
    assert await page.inner_text(".count") == f"{len(found)} operation" + ("" if len(found) == 1 else "s")
    again, _ = await opened(chromium, page.url)
    assert await again.evaluate(SHOWN) == found
    assert await again.input_value("[name=q]") == "acknowledge"
    await again.fill("[name=q]", "nothing-is-like-this")
    await again.wait_for_selector(".none:visible")
    await again.click("text=Show all")
    assert len(await again.evaluate(SHOWN)) > 200
    assert complaints == []


async def test_it_is_filtered_without_the_script(chromium: Browser, root: str) -> None:
    page, complaints = await opened(chromium, f"{root}/docs/api", java_script_enabled=False)
    await page.select_option("[name=risk]", "pages-a-person")
    await page.click("text=Show")
    assert "risk=pages-a-person" in page.url
    assert "incidents.create" in await page.evaluate(SHOWN)
    assert "monitors.list" not in await page.evaluate(SHOWN)
    assert await page.input_value("[name=risk]") == "pages-a-person", "the form remembers"
    assert complaints == []


async def test_a_link_to_an_operation_opens_it_even_past_a_filter(chromium: Browser, root: str) -> None:
    page, _ = await opened(chromium, f"{root}/docs/api?method=DELETE#monitors.create")
    assert await page.locator("[id='monitors.create'] details[open]").is_visible()
    assert await page.locator("[id='monitors.create'] >> text=check_frequency").first.is_visible()
    await page.click("[id='monitors.create'] a:has-text('monitor') >> nth=-1")
    assert await page.locator("#kind-monitor_resource details[open]").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_everybody_can_read_it(chromium: Browser, root: str, scheme: str, width: int) -> None:
    page, complaints = await opened(
        chromium, f"{root}/docs/api?area=incidents#incidents.create", color_scheme=scheme,
        viewport={"width": width, "height": 800},
    )  # fmt: skip
    assert await fits(page)
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    small = await page.evaluate(
        """[...document.querySelectorAll('input, select, button, summary')].filter(e => e.checkVisibility())
        .map(e => [e.textContent.slice(0, 20), e.getBoundingClientRect().height]).filter(([, h]) => h < 24)"""
    )
    assert small == [], "WCAG 2.2, 2.5.8"
    await page.goto(f"{root}/docs/api")
    assert await fits(page), "with everything"
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "list"
    assert complaints == []
