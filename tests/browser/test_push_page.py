"""A person lets a browser show their pages: the page says what it does, and the worker behind it shows and answers.

What cannot be tried here is the vendor's push service, which a browser under test may not use: what it would bring is
brought by the browser's own developer tools instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Worker

from tests.browser.conftest import Outage
from tests.browser.test_answer_page import CONTRAST, fits

pytestmark = pytest.mark.browser

VENDOR = """PushManager.prototype.subscribe = async (options) => {
  if (options.applicationServerKey.length !== 65 || !options.userVisibleOnly) throw new Error("refused");
  const keys = {p256dh: "A".repeat(87), auth: "A".repeat(22)};
  return {toJSON: () => ({endpoint: "https://push.test/1", keys})};
};"""
"""What the vendor's push service would do."""
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications())
    .map(each => ({title: each.title, body: each.body, actions: (each.actions || []).map(one => one.action)}));
}"""
PRESS = """async (action) => {
  const [notification] = await self.registration.getNotifications();
  const event = new NotificationEvent("notificationclick", { notification, action });
  self.dispatchEvent(event);
}"""


def push_link(outage: Outage) -> str:
    path = "/api/v2/users/admin@localhost/push-links"
    status, answer = outage.server.ask(path, "POST", {}, token=outage.server.token)
    assert status == 200, answer
    return str(answer["url"])


async def opened(chromium: Browser, link: str, **how: Any) -> tuple[BrowserContext, Page, list[str]]:
    context = await chromium.new_context(**how)
    await context.grant_permissions(["notifications"])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(link)
    return context, page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_fits_can_be_read_and_complains_of_nothing(
    chromium: Browser, outage: Outage, scheme: str
) -> None:
    for width in (360, 1440):
        viewport = {"width": width, "height": 800}
        _, page, complaints = await opened(chromium, push_link(outage), viewport=viewport, color_scheme=scheme)
        assert await fits(page)
        assert await page.evaluate(CONTRAST) == []
        assert "Chrome" in await page.get_by_label("Name of this device").input_value()
        box = await page.get_by_role("button", name="Turn on notifications").bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 800
        assert complaints == []


async def test_a_browser_that_cannot_subscribe_says_why_and_offers_the_button_again(
    chromium: Browser, outage: Outage
) -> None:
    _, page, _ = await opened(chromium, push_link(outage))
    button = page.get_by_role("button", name="Turn on notifications")
    await button.click()
    said = page.get_by_role("status")
    await said.wait_for()
    assert (await said.inner_text()).startswith("It did not work: ")
    assert await button.is_enabled()


async def test_once_the_browser_has_subscribed_the_page_says_so_and_shows_what_it_will_look_like(
    chromium: Browser, outage: Outage
) -> None:
    context, page, complaints = await opened(chromium, "about:blank")
    await context.add_init_script(VENDOR)
    await page.goto(push_link(outage))
    await page.get_by_label("Name of this device").fill("Pixel 9")
    await page.get_by_role("button", name="Turn on notifications").click()
    said = page.get_by_role("status")
    await said.wait_for()
    assert await said.inner_text() == "This device receives alerts now. You can close this page."
    assert not await page.get_by_role("button").is_visible()
    await page.wait_for_function("async () => (" + SHOWN + ")().then(all => all.length === 1)")
    path = "/api/v2/users/admin@localhost/contact-methods"
    methods = outage.server.ask(path, token=outage.server.token)[1]["data"]
    assert [each["attributes"]["address"] for each in methods] == ["admin@localhost", "Pixel 9 (push)"]
    assert complaints == []


async def test_a_page_is_shown_and_its_button_acknowledges(
    chromium: Browser, outage: Outage, wait_until: Callable[..., Any]
) -> None:
    context, page, _ = await opened(chromium, push_link(outage))
    worker, tools = await working(context, page)
    token = outage.link.rpartition("/")[2]
    message = {
        "kind": "page", "title": "Shop is down", "body": "Nobody can pay", "tag": "incident-1", "url": outage.link,
        "answer": token, "state": None,
    }  # fmt: skip
    await tools(json.dumps(message))
    assert await page.evaluate(SHOWN) == [
        {"title": "Shop is down", "body": "Nobody can pay", "actions": ["acknowledge"]}
    ]
    await worker.evaluate(PRESS, "acknowledge")
    await wait_until(lambda: outage.status() == "Acknowledged")
    await page.wait_for_function("async () => (" + SHOWN + ")().then(all => all[0] && all[0].title.startsWith('You'))")
    (shown,) = await page.evaluate(SHOWN)
    assert shown == {"title": "You have it. Nobody else will be alerted.", "body": "Shop is down", "actions": []}


async def test_when_it_could_not_be_acknowledged_the_button_stays(chromium: Browser, outage: Outage) -> None:
    context, page, _ = await opened(chromium, push_link(outage))
    worker, tools = await working(context, page)
    message = {
        "kind": "page",
        "title": "Shop is down",
        "body": "",
        "tag": "x",
        "url": "/",
        "answer": "7-x",
        "state": None,
    }
    await tools(json.dumps(message))
    await worker.evaluate(PRESS, "acknowledge")
    await page.wait_for_function("async () => (" + SHOWN + ")().then(all => all[0] && all[0].title.startsWith('Not'))")
    (shown,) = await page.evaluate(SHOWN)
    assert shown["actions"] == ["acknowledge"]
    assert shown["body"] == "This alert is not known any more."
    await tools("nonsense")
    titles = [each["title"] for each in await page.evaluate(SHOWN)]
    assert "Tocsin has news" in titles, "whatever comes is shown: browsers take the right to push from who is silent"


async def working(context: BrowserContext, page: Page) -> tuple[Worker, Callable[[str], Any]]:
    """The running service worker, and a way to bring it a push message as the browser would."""
    tools = await context.new_cdp_session(page)
    versions: list[dict[str, Any]] = []
    tools.on("ServiceWorker.workerVersionUpdated", lambda event: versions.extend(event["versions"]))
    await tools.send("ServiceWorker.enable")
    async with context.expect_event("serviceworker") as found:
        await page.evaluate("navigator.serviceWorker.register('/push.js', {scope: '/'}).then(() => 0)")
    worker = await found.value
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    await page.wait_for_function("navigator.serviceWorker.controller !== null")
    origin = "/".join(page.url.split("/")[:3])

    async def push(data: str) -> None:
        about = {"origin": origin, "registrationId": versions[-1]["registrationId"], "data": data}
        before = await page.evaluate(SHOWN)
        for look in range(400):
            if look % 100 == 0:  # one that comes before the browser has the worker at hand is lost without a word
                await tools.send("ServiceWorker.deliverPushMessage", about)
            if await page.evaluate(SHOWN) != before:
                return
            await page.wait_for_timeout(50)
        raise AssertionError("nothing was shown")

    return worker, push
