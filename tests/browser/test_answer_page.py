"""A person woken at night answers on whatever is at hand: a phone, no JavaScript, a keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Page

from tests.browser.conftest import Outage

pytestmark = pytest.mark.browser


async def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


async def test_two_taps_on_a_phone_without_javascript(chromium: Browser, outage: Outage) -> None:
    context = await chromium.new_context(viewport={"width": 360, "height": 640}, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(outage.link)
    assert outage.status() == "Started", "looking answers nothing"
    button = page.get_by_role("button", name="Acknowledge")
    box = await button.bounding_box()
    assert box is not None
    assert box["height"] >= 44, "a thumb must hit it"
    assert box["y"] + box["height"] <= 640, "without scrolling"
    await button.click()
    assert await page.get_by_role("status").inner_text() == "You have it. Nobody else will be woken for this incident."
    assert outage.status() == "Acknowledged"


async def test_with_the_keyboard_alone(chromium: Browser, outage: Outage) -> None:
    page = await chromium.new_page()
    await page.goto(outage.link)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("status").wait_for()
    assert outage.status() == "Acknowledged"


@pytest.mark.slow
async def test_the_page_says_that_somebody_looks_and_a_glance_of_a_machine_is_none(
    chromium: Browser, outage: Outage, wait_until: Callable[..., object]
) -> None:
    glance = await chromium.new_page()
    await glance.goto(outage.link)
    await glance.close()
    assert outage.seen() is None
    page = await chromium.new_page()
    await page.goto(outage.link)
    await wait_until(outage.seen)  # type: ignore[misc]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_it_fits_and_complains_of_nothing(chromium: Browser, outage: Outage, scheme: str, width: int) -> None:
    page = await chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(outage.link)
    assert await fits(page)
    assert await page.locator("h1").inner_text() == 'Shop <b>"front"</b>'
    assert "UTC" not in await page.locator("time").first.inner_text(), "times are in the reader's own zone"
    for path in ("/", "/docs/api"):
        await page.goto(outage.link.split("/answer")[0] + path)
        assert await fits(page), path
    assert complaints == []


async def test_what_is_said_can_be_read(chromium: Browser, outage: Outage) -> None:
    """WCAG 2.2 AA, 1.4.3: at least 4.5 to 1 between each text and what is behind it, in both schemes."""
    for scheme in ("light", "dark"):
        page = await chromium.new_page(color_scheme=scheme)  # type: ignore[arg-type]
        await page.goto(outage.link)
        poor = await page.evaluate(CONTRAST)
        assert poor == [], scheme


CONTRAST = """
() => {
  const luminance = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own) continue;
    const [a, b] = [luminance(numbers(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push([e.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return poor;
}
"""
