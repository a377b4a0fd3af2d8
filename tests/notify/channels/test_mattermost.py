"""What a team reads in Mattermost, and what becomes of a message that Mattermost does not take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, page
from tests.notify.channels.web_server import Answer as Answered
from tests.notify.channels.web_server import Headers, WebServer, running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import mattermost as channel
from tocsin.notify.model import Answer, GiveUp, Retry, Sent

HOOK = "/hooks/a-secret"


class Mattermost(WebServer):
    """One channel's incoming webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answered:
        if path != HOOK:
            return 400, {"id": "web.incoming_webhook.invalid.app_error", "message": "Invalid webhook."}, {}
        self.posts.append(json.loads(body))
        return 200, b"ok", {}


@pytest.fixture
async def mattermost() -> AsyncIterator[Mattermost]:
    async with running(Mattermost()) as server:
        yield server


async def send(mattermost: Mattermost, net: RealNet, path: str = HOOK, **more: Any) -> Answer:
    target = {"webhook_url": mattermost.url + path, **more.pop("target", {})}
    message = page(channel="mattermost", address="Ops", target=target, **more)
    return await channel.send(message, channel.Settings(), net)


async def test_a_page_has_buttons_that_mattermosts_server_tells_us_of(mattermost: Mattermost, net: RealNet) -> None:
    assert await send(mattermost, net) == Sent("accepted by Mattermost (200)")
    (attachment,) = mattermost.posts[0]["attachments"]
    acknowledge, resolve = attachment["actions"]
    assert acknowledge["integration"] == {
        "url": f"{BASE_URL}/callbacks/mattermost",
        "context": {"deed": "acknowledge", "token": f"7-{SIGNATURE}"},
    }
    assert resolve["name"] == "Resolve"
    await send(mattermost, net, target={"buttons": False, "channel": "town-square"})
    assert "actions" not in mattermost.posts[1]["attachments"][0]
    assert f"[Acknowledge or resolve]({BASE_URL}/answer/7-{SIGNATURE})" in mattermost.posts[1]["attachments"][0]["text"]
    assert mattermost.posts[1]["channel"] == "town-square"


async def test_a_hostile_name_mentions_nobody(mattermost: Mattermost, net: RealNet) -> None:
    notice = {"headline": "@channel :boom: **shop**", "cause": "@all " * 3_000}
    assert isinstance(await send(mattermost, net, notice=notice), Sent)
    (attachment,) = mattermost.posts[0]["attachments"]
    told = attachment["title"] + attachment["text"] + attachment["fallback"]
    assert "@channel" not in told
    assert "@all" not in told
    assert "\\*\\*shop" in attachment["title"]


async def test_only_mattermosts_own_word_counts_as_an_acceptance(mattermost: Mattermost, net: RealNet) -> None:
    mattermost.answers = [(200, b"<html>Please sign in</html>", {})]
    assert isinstance(await send(mattermost, net), GiveUp)
    mattermost.answers = [(503, b"", {})]
    assert await send(mattermost, net) == Retry("Mattermost answered 503")
    assert await send(mattermost, net, "/hooks/wrong") == GiveUp("Mattermost answered 400: Invalid webhook.")
