"""In a real Chromium: days are dragged over, or picked by keys alone; a policy says whom it pages as it is written."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.cli.program import Server

pytestmark = pytest.mark.browser

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
LAYER = {"users": [EMAIL], "timezone": "UTC", "handoff_time": "00:00"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    with Server(tmp_path / "data", TOCSIN_ADMIN_EMAIL=EMAIL, TOCSIN_ADMIN_PASSWORD=PASSWORD) as running:
        status, answer = running.ask("/api/v2/on-calls/default/layers", "POST", LAYER, token=running.token)
        assert status == 201, answer
        yield running


@pytest.fixture
async def page(chromium: Browser, server: Server) -> AsyncIterator[Page]:
    """Signed in, with the clock of somebody in UTC; nothing may be written to the console."""
    context = await chromium.new_context(
        viewport={"width": 1440, "height": 900}, timezone_id="UTC", base_url=f"http://127.0.0.1:{server.port}"
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto("/sign-in")
    await page.fill("#email", EMAIL)
    await page.fill("#password", PASSWORD)
    await page.click("main form button")
    await page.wait_for_url(re.compile(r"/$"))
    yield page
    await context.close()
    assert complaints == []


def overrides(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask("/api/v2/on-calls/default/events", token=server.token)[1]["events"]
    return found


def next_month() -> datetime:
    """The first of the month after this one: all of its days are to come."""
    now = datetime.now(UTC)
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)


def day(page: Page, at: datetime) -> Any:
    return page.locator(f'[data-calendar] a[data-from="{at:%Y-%m-%d}T00:00"]')


async def test_dragging_over_days_puts_somebody_on_call(page: Page, server: Server) -> None:
    first = next_month()
    await page.goto(f"/on-call/1?on={first:%Y-%m-%d}&zone=UTC")
    # Two days of one week, wherever the month begins.
    monday = first + timedelta(days=(7 - first.weekday()) % 7)
    boxes = [await day(page, monday + timedelta(days=number)).bounding_box() for number in (1, 3)]
    start, end = ((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box)
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move(*end, steps=8)
    await page.mouse.up()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("From", exact=True)).to_have_value(f"{monday + timedelta(days=1):%Y-%m-%d}T00:00")
    await expect(dialog.get_by_label("Until", exact=True)).to_have_value(f"{monday + timedelta(days=4):%Y-%m-%d}T00:00")
    await dialog.get_by_label("Who is on call instead").select_option(EMAIL)
    await dialog.get_by_role("button", name="Put on call").click()
    await expect(page.get_by_role("status")).to_contain_text("on call")
    (made,) = overrides(server)
    assert (made["starts_at"][:10], made["ends_at"][:10]) == (
        f"{monday + timedelta(days=1):%Y-%m-%d}", f"{monday + timedelta(days=4):%Y-%m-%d}",
    )  # fmt: skip
    assert made["override"] is True


async def test_dragging_over_hours_of_a_week(page: Page, server: Server) -> None:
    first = next_month()
    monday = first + timedelta(days=(7 - first.weekday()) % 7)
    await page.goto(f"/on-call/1?view=week&on={monday:%Y-%m-%d}&zone=UTC")
    plot = page.locator(".cal-hours")
    await plot.scroll_into_view_if_needed()
    box = await plot.bounding_box()
    assert box is not None
    x, hour = box["x"] + box["width"] * 2.5 / 7, box["height"] / 24
    await page.mouse.move(x, box["y"] + hour * 10 + 2)
    await page.mouse.down()
    await page.mouse.move(x, box["y"] + hour * 12 - 2, steps=8)
    await page.mouse.up()
    dialog = page.get_by_role("dialog")
    wednesday = monday + timedelta(days=2)
    await expect(dialog.get_by_label("From", exact=True)).to_have_value(f"{wednesday:%Y-%m-%d}T10:00")
    await expect(dialog.get_by_label("Until", exact=True)).to_have_value(f"{wednesday:%Y-%m-%d}T12:00")


async def test_an_override_by_keys_alone(page: Page, server: Server) -> None:
    first = next_month()
    await page.goto(f"/on-call/1?on={first:%Y-%m-%d}&zone=UTC")
    tenth = first.replace(day=10)
    await day(page, tenth).focus()
    await page.keyboard.press("ArrowRight")
    await expect(day(page, tenth + timedelta(days=1))).to_be_focused()
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Who is on call instead")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(dialog.get_by_label("Who is on call instead")).to_have_value(EMAIL)
    await dialog.get_by_role("button", name="Put on call").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("on call")
    (made,) = overrides(server)
    assert (made["starts_at"][:10], made["ends_at"][:10]) == (f"{first:%Y-%m}-11", f"{first:%Y-%m}-14")


async def test_a_policy_says_whom_it_pages_while_it_is_written(page: Page, server: Server) -> None:
    await page.goto("/policies/new")
    await page.get_by_label("Name", exact=True).fill("Built")
    coming = page.locator("#coming")
    await expect(coming).to_contain_text("hears of it first, at once")
    await page.locator("#s0-wait").fill("7")
    await expect(coming).to_contain_text("hears of it first, after 7 min")
    await page.get_by_role("button", name="Page people").click()
    await expect(page.locator("#step-1")).to_be_visible()
    await expect(page.locator("#s1-wait_kind")).to_be_focused()
    await expect(coming).to_contain_text("After 12 min")
    await page.get_by_role("button", name="Give instructions").click()
    await expect(coming).to_contain_text("Step 3: Instructions can't be blank")
    await page.get_by_label("What is to be done").fill("- [ ] Look")
    await expect(coming).to_contain_text("Instructions are written into the incident")
    await page.get_by_role("button", name="Move step 3 up").click()
    await expect(page.locator("#step-1")).to_contain_text("Give instructions")
    await expect(page.get_by_label("What is to be done")).to_have_value("- [ ] Look")
    await page.get_by_role("button", name="Save policy").click()
    await expect(page.get_by_role("status")).to_contain_text("Policy saved")
    (policy,) = server.ask("/api/v3/policies", token=server.token)[1]["data"]
    assert [step["type"] for step in policy["attributes"]["steps"]] == ["escalation", "instructions", "escalation"]
    assert policy["attributes"]["steps"][0]["wait_before"] == 420


async def test_a_layer_is_drawn_while_it_is_written(page: Page) -> None:
    await page.goto("/on-call/1/layers/new")
    preview = page.locator("#layer-preview")
    await expect(preview).to_contain_text("Choose who takes turns")
    await page.locator("#user-0").select_option(EMAIL)
    await expect(preview.locator("svg.bar").first).to_be_visible()
    await page.get_by_role("button", name="Add hours").click()
    await expect(page.get_by_role("group", name="Days of window 1")).to_be_visible()
