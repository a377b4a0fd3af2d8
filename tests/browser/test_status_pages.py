"""Public pages in a real browser: they fit, can be read by everybody, and ask for nothing elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.browser.stage import Stage
from tests.browser.test_answer_page import fits
from tests.status_pages import samples
from tocsin.pages.drawing import (
    draw_answer,
    draw_choose,
    draw_gate,
    draw_home,
    draw_maintenance,
    draw_month,
    draw_not_found,
    draw_report,
    draw_subscribe,
    languages,
)
from tocsin.status_pages.model import Link, Widget

pytestmark = pytest.mark.browser

SAME_IN_THE_DARK = ("/v1", "/empty", "/large", "/long", "/rtl", "/maintenance/80", "/confirm", "/members", "/nothing")
"""What axe need not look at twice: nothing on it has a colour that is not on another page, too."""
LONG = "Anunbrokenname" * 20


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def every_kind(stage: Stage, theme: str) -> dict[str, Callable[[], str]]:
    look = {"theme": theme}
    shop = samples.shop(settings=look)
    frame = stage.frame(push_key="BKey")
    wrong = {"email": "Please enter an e-mail address.", "base": "Please try again."}
    return {
        "/": lambda: draw_home(shop, frame),
        "/calm": lambda: draw_home(
            samples.calm(settings=look | {"announcement": "We **move** on Sunday.", "layout": "horizontal"}),
            stage.frame(has_logo=True, has_dark_logo=True),
        ),
        "/v1": lambda: draw_home(samples.shop(settings=look | {"design": "v1"}), frame),
        "/empty": lambda: draw_home(samples.page(settings=look), frame),
        "/large": lambda: draw_home(samples.large(40, settings=look), frame),
        "/long": lambda: draw_home(long_names(look), frame),
        "/rtl": lambda: draw_home(shop, frame).replace('dir="ltr"', 'dir="rtl"'),
        "/maintenance": lambda: draw_maintenance(shop, samples.month(), frame),
        "/incidents": lambda: draw_month(shop, samples.month(), frame),
        "/incidents/71": lambda: draw_report(shop, samples.ongoing(), frame),
        "/maintenance/80": lambda: draw_report(shop, samples.planned(), frame),
        "/subscribe": lambda: draw_subscribe(shop, frame, {"kind": "slack", "resources": "1"}, wrong),
        "/choose": lambda: draw_choose(shop, frame, (1, 3), saved=True),
        "/choose/again": lambda: draw_choose(shop, frame, (1, 3), saved=False),
        "/confirm": lambda: draw_answer(shop, frame, "confirm"),
        "/unlock": lambda: draw_gate(frame, "Acme", "password", "This password is not right."),
        "/members": lambda: draw_gate(frame, "Acme", "members"),
        "/nothing": lambda: draw_not_found(frame),
    }


def long_names(look: dict[str, str]) -> Any:
    one = samples.resource(1, LONG, explanation=LONG)
    chart = samples.resource(2, LONG, widget_type=Widget.RESPONSE_TIMES, response_times=samples.points())
    report = samples.report(
        1,
        LONG,
        affected=(samples.said(1, LONG, "degraded"),),
        updates=(samples.update(1, f"{LONG}\n\n`{LONG}`\n\n    {LONG}", samples.NOW),),
    )
    links = (Link(text=LONG, href="/"), Link(text=LONG, href="https://x.example/"))
    settings = look | {"company_name": LONG, "announcement": LONG, "navigation_links": links}
    return samples.page(sections=(samples.section(1, LONG, one, chart),), current=(report,), settings=settings)


async def opened(chromium: Browser, stage: Stage, path: str = "/", **how: Any) -> tuple[Page, list[str]]:
    context = await chromium.new_context(**how)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(stage.root) or complaints.append(request.url))
    await page.goto(stage.root + path)
    return page, complaints


@pytest.fixture
async def shop(chromium: Browser, stage: Stage) -> AsyncIterator[Page]:
    stage.pages["/"] = lambda: draw_home(samples.shop(), stage.frame())
    page, complaints = await opened(chromium, stage, viewport={"width": 1000, "height": 700})
    yield page
    assert complaints == []


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_every_page_fits_complains_of_nothing_and_asks_nobody_else(
    chromium: Browser, stage: Stage, width: int, theme: str
) -> None:
    stage.pages = every_kind(stage, theme)
    page, complaints = await opened(chromium, stage, viewport={"width": width, "height": 800})
    for path in stage.pages:
        await page.goto(stage.root + path)
        assert await fits(page), path
        headings = await page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))")
        assert headings[0] == 1, path
        assert headings.count(1) == 1, path
        assert all(after <= before + 1 for before, after in pairwise(headings)), path
        double = await page.evaluate(
            "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, at, all) => all.indexOf(id) !== at)"
        )
        assert double == [], path
        if theme == "light" or path not in SAME_IN_THE_DARK:
            found = await Axe().run(page)
            assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
    assert complaints == []


async def test_the_head_of_a_page_holds_together_at_every_width(chromium: Browser, stage: Stage) -> None:
    """The button stands beside the name, at the end of the line; the navigation beside or below them."""
    frames = {f"/{code}": stage.frame(language=code, has_logo=True) for code in languages()}
    stage.pages = {path: lambda frame=frame: draw_home(samples.calm(), frame) for path, frame in frames.items()}  # type: ignore[misc]
    page, _ = await opened(chromium, stage, "/en")
    for path in stage.pages:
        await page.goto(stage.root + path)
        for width in (360, 420, 600, 650, 700, 800, 896, 900, 1000):
            await page.set_viewport_size({"width": width, "height": 400})
            brand, button, nav = [
                await page.locator(each).bounding_box() or {} for each in (".brand", ".subscribe", ".nav")
            ]  # type: Any
            assert abs(brand["y"] + brand["height"] / 2 - button["y"] - button["height"] / 2) < 2, (path, width)
            assert button["x"] + button["width"] > width - 30 - max(0, width - 864) / 2, (path, width)
            beside = nav["x"] >= brand["x"] + brand["width"] and nav["x"] + nav["width"] <= button["x"]
            assert beside or nav["y"] >= button["y"] + button["height"], (path, width)
            assert button["height"] < 50, (path, width, "the words are on one line")


async def test_a_style_of_one_s_own_has_all_corners(chromium: Browser, stage: Stage) -> None:
    stage.pages["/subscribe"] = lambda: draw_subscribe(samples.shop(), stage.frame(), {}, {})
    page, _ = await opened(chromium, stage, "/subscribe")
    corners = """() => ["button", "a.button", ".field input", ".kinds .choice", ".sheet"]
        .map(each => getComputedStyle(document.querySelector(each)).borderRadius)"""
    assert await page.evaluate(corners) == ["10px", "10px", "10px", "10px", "12px"]
    await page.evaluate("document.documentElement.style.setProperty('--round', '0px')")
    assert set(await page.evaluate(corners)) == {"0px"}


@pytest.mark.parametrize("width", [360, 1000])
async def test_four_ways_to_be_told_are_two_by_two(chromium: Browser, stage: Stage, width: int) -> None:
    stage.pages["/subscribe"] = lambda: draw_subscribe(samples.shop(), stage.frame(push_key="BKey"), {}, {})
    page, _ = await opened(chromium, stage, "/subscribe", viewport={"width": width, "height": 800})
    places = await page.evaluate(
        "[...document.querySelectorAll('.kinds .choice')].map(e => e.getBoundingClientRect()).map(e => [e.x, e.y])"
    )
    assert [len({place[axis] for place in places}) for axis in (0, 1)] == [2, 2]


async def test_axe_finds_nothing_in_what_the_script_adds(shop: Page) -> None:
    await shop.locator(".bar").first.focus()
    await shop.keyboard.press("ArrowLeft")
    for summary in await shop.locator("details.table > summary").all():
        await summary.click()
    found = await Axe().run(shop)
    assert found.violations_count == 0, found.generate_report()


async def test_targets_are_large_enough_for_a_thumb(shop: Page) -> None:
    """WCAG 2.2, 2.5.8: 24 pixels, unless a target stands within a sentence."""
    small = await shop.evaluate("""[...document.querySelectorAll('a, button, summary, input')]
        .filter(e => !e.closest('.prose, td') && e.checkVisibility() && !e.matches('.skip'))
        .map(e => [e.textContent.trim().slice(0, 30), e.getBoundingClientRect().height]).filter(([, h]) => h < 24)""")
    assert small == []


async def test_days_are_reached_by_the_arrow_keys(shop: Page) -> None:
    await shop.keyboard.press("Tab")
    assert await shop.evaluate("document.activeElement.className") == "skip"
    bar = shop.get_by_role("slider", name="History of Website")
    await bar.focus()
    assert await bar.get_attribute("aria-valuetext") == "Mon, Nov 30, 2026, Operational"
    for _ in range(9):
        await shop.keyboard.press("ArrowLeft")
    expected = "Sat, Nov 21, 2026, Down, 14 min, Website was not reachable"
    assert await bar.get_attribute("aria-valuetext") == expected
    assert (await shop.locator(".tip p").all_inner_texts()) == [
        "Sat, Nov 21, 2026", "Down · 14 min", "Website was not reachable"
    ]  # fmt: skip
    await shop.keyboard.press("Escape")
    assert not await shop.locator(".tip").is_visible()
    await shop.keyboard.press("Home")
    assert await bar.get_attribute("aria-valuenow") == "1"
    await shop.keyboard.press("Enter")
    assert await shop.locator("#resource-1 .history table").is_visible()


async def test_a_pointer_over_a_day_tells_of_it(shop: Page) -> None:
    bar = shop.locator("#resource-4 .bar")
    await bar.scroll_into_view_if_needed()
    box = await bar.bounding_box()
    assert box is not None
    await shop.mouse.move(box["x"] + box["width"] * 85.5 / 90, box["y"] + 10)
    told = await shop.locator(".tip p").all_inner_texts()
    assert told == ["Thu, Nov 26, 2026", "Degraded · 1 h 52 min", "Slow search"]
    await shop.mouse.move(5, 5)
    await shop.locator(".tip").wait_for(state="hidden")


async def test_a_tapped_day_stays_until_something_else_is_tapped(chromium: Browser, stage: Stage) -> None:
    stage.pages["/"] = lambda: draw_home(samples.calm(), stage.frame())
    page, _ = await opened(chromium, stage, viewport={"width": 360, "height": 700}, has_touch=True)
    await page.locator("#resource-4 .bar").tap(position={"x": 3, "y": 10})
    await page.wait_for_timeout(300)
    tip = page.locator(".tip")
    assert (await tip.inner_text()).startswith("Sun, Nov 1, 2026"), "the first of the thirty days in sight"
    box = await tip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    await page.locator("h1").tap()
    assert not await tip.is_visible()


async def test_response_times_are_told_under_the_pointer(shop: Page) -> None:
    plot = shop.get_by_role("slider", name="Response times of Website")
    await plot.focus()
    assert " ms" in str(await plot.get_attribute("aria-valuetext"))
    assert await plot.get_attribute("aria-valuemax") == "96"


async def test_without_javascript_everything_can_be_read(chromium: Browser, stage: Stage) -> None:
    stage.pages["/"] = lambda: draw_home(samples.shop(), stage.frame())
    stage.pages["/subscribe"] = lambda: draw_subscribe(samples.shop(), stage.frame(), {}, {})
    page, _ = await opened(chromium, stage, java_script_enabled=False, viewport={"width": 360, "height": 700})
    assert await page.locator("h1").inner_text() == "Some systems are down"
    assert "Nov 30, 15:20 CET" in await page.locator("#report-71").inner_text()
    assert await page.locator("#resource-1 .start").first.inner_text() == "30 days ago"
    bar, bars = page.locator("#resource-1 .bar"), page.locator("#resource-1 .bars").first
    ratio = (await bars.bounding_box() or {})["width"] / (await bar.bounding_box() or {})["width"]  # type: ignore[typeddict-item]
    assert ratio == pytest.approx(3, abs=0.02), "thirty of ninety days are in sight"
    await page.locator("#resource-1 .history summary").click()
    assert "Nov 21" in await page.locator("#resource-1 .history table").inner_text()
    await page.goto(f"{stage.root}/subscribe")
    await page.get_by_label("E-mail address").fill("ann@example.com")
    await page.get_by_role("radio", name="Webhook").check()
    await page.get_by_label("Address of the webhook").fill("https://example.com/hook")
    await page.locator(".which summary").click()
    await page.get_by_role("checkbox", name="Search").check()
    await page.get_by_role("button", name="Subscribe").click()
    (sent,) = stage.posted
    assert sent.endswith("kind=webhook&email=ann%40example.com&address=https%3A%2F%2Fexample.com%2Fhook&resources=4")


async def test_times_are_on_the_reader_s_clock(chromium: Browser, stage: Stage) -> None:
    stage.pages["/"] = lambda: draw_home(samples.shop(), stage.frame(language="de"))
    page, _ = await opened(chromium, stage, timezone_id="Asia/Tokyo", locale="de-CH")
    update = page.locator("#report-71 .update time").first
    assert (await update.inner_text()).startswith("30. Nov., 23:20")
    assert await update.get_attribute("title") == "30. November 2026, 15:20 CET", "on the page's own clock"
    period = page.locator("#report-78 .when")
    assert await period.inner_text() == "30. Nov., 23:00 – 1. Dez., 1:26", "it ends on another day there"


async def test_a_page_brings_itself_up_to_date(chromium: Browser, stage: Stage) -> None:
    views = [samples.calm()]
    stage.pages["/"] = lambda: draw_home(views[-1], stage.frame())
    context = await chromium.new_context(viewport={"width": 1000, "height": 500})
    page = await context.new_page()
    await page.clock.install()
    await page.goto(stage.root)
    await page.locator("#resource-4 .history summary").click()
    bar = page.locator("#resource-3 .bar")
    await bar.focus()
    await page.keyboard.press("ArrowLeft")
    before = await page.locator("#resource-3").bounding_box()
    views.append(samples.shop())
    await page.clock.fast_forward(31_000)
    await page.get_by_role("heading", name="Some systems are down").wait_for()
    assert await page.get_by_role("status").inner_text() == "The page was updated: Some systems are down"
    assert await page.evaluate("document.activeElement.closest('[id]').id") == "resource-3"
    assert await page.locator("#resource-4 .history table").is_visible()
    after = await page.locator("#resource-3").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2, "what was being read stays where it was"
    assert await page.title() == "Acme status · Some systems are down"
    assert "icon-downtime" in str(await page.locator("link[rel=icon]").get_attribute("href"))


async def test_it_says_calmly_that_it_could_not_and_tries_again(chromium: Browser, stage: Stage) -> None:
    stage.pages["/"] = lambda: draw_home(samples.calm(), stage.frame())
    context = await chromium.new_context()
    page = await context.new_page()
    await page.clock.install(time=samples.NOW)
    await page.goto(stage.root)
    stage.down = True
    await page.clock.fast_forward(31_000)
    said = page.locator("#offline")
    await said.wait_for()
    assert (await said.inner_text()).startswith("Could not refresh. Showing what was known at Nov 30")
    await page.clock.fast_forward(61_000)
    await page.wait_for_function("document.getElementById('updated').textContent.endsWith('min. ago)')")
    stage.down = False
    await page.clock.fast_forward(121_000)
    await said.wait_for(state="hidden")


async def test_nothing_but_the_page_and_its_script_is_fetched(chromium: Browser, stage: Stage) -> None:
    stage.pages["/"] = lambda: draw_home(samples.large(20), stage.frame())
    context = await chromium.new_context()
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(stage.root).partition("-")[0]))
    await page.goto(stage.root, wait_until="networkidle")
    assert set(asked) <= {"/", "/assets/page", "/assets/icon"}
    assert len(asked) == len(set(asked))


VENDOR = """PushManager.prototype.subscribe = async (options) => {
  if (options.applicationServerKey.length !== 65 || !options.userVisibleOnly) throw new Error("refused");
  return {toJSON: () => ({endpoint: "https://push.test/1", keys: {p256dh: "A", auth: "B"}})};
};"""
"""What the vendor's push service would do."""


async def test_this_browser_can_be_subscribed(chromium: Browser, stage: Stage) -> None:
    key = "B" + "A" * 86
    stage.pages["/subscribe"] = lambda: draw_subscribe(samples.shop(), stage.frame(push_key=key), {}, {})
    context = await chromium.new_context()
    await context.grant_permissions(["notifications"])
    await context.add_init_script(VENDOR)
    page = await context.new_page()
    await page.goto(f"{stage.root}/subscribe")
    await page.get_by_role("radio", name="This browser").check()
    assert not await page.get_by_label("E-mail address").is_visible()
    await page.get_by_role("button", name="Subscribe").click()
    said = page.locator("#said")
    await said.wait_for()
    assert await said.inner_text() == "This browser shows updates from now on."
    assert "kind=push" in stage.posted[0]
    assert "push.test" in stage.posted[0]
