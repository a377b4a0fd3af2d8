"""What a team reads in Discord, and what becomes of a message that Discord does not take."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.web_server import Answer as Answered
from tests.notify.channels.web_server import Headers, WebServer, running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import discord as channel
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

HOOK = "/api/webhooks/11/a-secret"
HOSTILE = "@everyone <@&1> **shop** [Tocsin](http://evil.example) " + "x" * 5_000


class Discord(WebServer):
    """One webhook of one channel, with the limits of an embed."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, dict[str, Any]] = {}
        self._ids = itertools.count(1)

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answered:
        form = json.loads(body)
        if not path.startswith(HOOK):
            return 404, {"message": "Unknown Webhook", "code": 10015}, {}
        assert parse_qs(query) == {"wait": ["true"], "with_components": ["true"]}
        assert form["allowed_mentions"] == {"parse": []}
        for embed in form.get("embeds", []):
            texts = [embed["title"], embed["description"], *(field["value"] for field in embed["fields"]),
                     *(field["name"] for field in embed["fields"])]  # fmt: skip
            if len(embed["title"]) > 256 or len(embed["description"]) > 4_096 or sum(map(len, texts)) > 6_000:
                return 400, {"message": "Invalid Form Body", "code": 50035}, {}
            if any(len(field["name"]) > 256 or len(field["value"]) > 1_024 for field in embed["fields"]):
                return 400, {"message": "Invalid Form Body", "code": 50035}, {}
        id = path.removeprefix(HOOK).removeprefix("/messages/") or str(1000 + next(self._ids))
        if method == "PATCH" and id not in self.messages:
            return 404, {"message": "Unknown Message", "code": 10008}, {}
        self.messages[id] = form
        return 200, {"id": id, "channel_id": "5"}, {}


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with running(Discord()) as server:
        yield server


async def send(discord: Discord, net: RealNet, message: Message, path: str = HOOK) -> Answer:
    told = {"webhook_url": discord.url + path}
    return await channel.send(msgspec.structs.replace(message, target=told), channel.Settings(), net)


def of(kind: str = "page", headline: str = "shop.example.com is down", **more: Any) -> Message:
    where = {"channel": "discord", "address": "#ops", **more}
    return page(**where) if kind == "page" else news(kind, headline, **where)


async def test_a_page_is_one_embed_with_a_link_that_answers_and_changes_when_somebody_did(
    discord: Discord, net: RealNet
) -> None:
    first = await send(discord, net, of())
    assert first == Sent("accepted by Discord (200)", provider_id="1001")
    button = discord.messages["1001"]["components"][0]["components"][0]
    assert (button["label"], button["url"]) == ("Acknowledge or resolve", f"{BASE_URL}/answer/7-{SIGNATURE}")
    red = discord.messages["1001"]["embeds"][0]["color"]
    await send(discord, net, of("resolved", "It is over", parent="1001"))
    assert "It is over" in discord.messages["1001"]["embeds"][0]["title"]
    assert discord.messages["1001"]["embeds"][0]["color"] != red
    assert len(discord.messages) == 2, "and it is said, for nobody notices that an old message changes"


async def test_a_message_that_somebody_deleted_keeps_no_news_back(discord: Discord, net: RealNet) -> None:
    assert isinstance(await send(discord, net, of("resolved", "It is over", parent="77")), Sent)


async def test_a_hostile_name_mentions_nobody_and_breaks_nothing(discord: Discord, net: RealNet) -> None:
    notice = {"headline": HOSTILE, "cause": HOSTILE * 3, "facts": [(HOSTILE, "*" * 5_000)] * 30}
    assert isinstance(await send(discord, net, of(notice=notice)), Sent)
    embed = discord.messages["1001"]["embeds"][0]
    assert "\\@everyone \\<\\@&1\\> \\*\\*shop" in embed["title"]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ((429, {"message": "You are being rate limited.", "retry_after": 1.3}, {}),
         Retry("Discord answered 429: You are being rate limited.", 2.0)),
        ((404, {"message": "Unknown Webhook", "code": 10015}, {}),
         GiveUp("Discord answered 404: Unknown Webhook", endpoint_gone=True)),
        ((502, b"", {}), Retry("Discord answered 502")),
    ],
)  # fmt: skip
async def test_what_discord_says_becomes_a_reason(
    answered: tuple[int, Any, dict[str, str]], expected: Answer, discord: Discord, net: RealNet
) -> None:
    discord.answers = [answered]
    assert await send(discord, net, of()) == expected


async def test_what_is_refused_for_its_form_goes_as_plain_text(discord: Discord, net: RealNet) -> None:
    discord.answers = [(400, {"message": "Invalid Form Body", "code": 50035}, {})]
    assert isinstance(await send(discord, net, of()), Sent)
    assert "Status 503" in discord.messages["1001"]["content"]
