"""What a team reads in Microsoft Teams, and what becomes of a card that Teams does not take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, page
from tests.notify.channels.web_server import Answer as Answered
from tests.notify.channels.web_server import Headers, WebServer, running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import microsoft_teams as channel
from tocsin.notify.model import Answer, GiveUp, Retry, Sent

FLOW = "/workflows/7/triggers/manual/paths/invoke?sig=a-secret"
MAX_BYTES = 28 * 1024
HOSTILE = "**shop** [Tocsin](http://evil.example) <at>everyone</at> " + "x" * 5_000


class Teams(WebServer):
    """One channel's workflow."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[dict[str, Any]] = []

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answered:
        if not FLOW.startswith(path) or query != "sig=a-secret":
            return 401, {"error": {"code": "DirectApiAuthorizationRequired", "message": "The signature is wrong."}}, {}
        if len(body) > MAX_BYTES:
            return 413, b"", {}
        form = json.loads(body)
        assert form["type"] == "message"
        (attachment,) = form["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        self.cards.append(attachment["content"])
        return 202, b"", {}


@pytest.fixture
async def teams() -> AsyncIterator[Teams]:
    async with running(Teams()) as server:
        yield server


async def send(teams: Teams, net: RealNet, url: str = "", **more: Any) -> Answer:
    message = page(channel="microsoft_teams", address="Ops", target={"webhook_url": url or teams.url + FLOW}, **more)
    return await channel.send(message, channel.Settings(), net)


async def test_a_page_is_a_card_with_a_link_that_answers(teams: Teams, net: RealNet) -> None:
    assert await send(teams, net) == Sent("accepted by Microsoft Teams (202)")
    (card,) = teams.cards
    assert "shop\\.example\\.com is down" in card["body"][0]["items"][0]["text"]
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Acknowledge or resolve", "url": f"{BASE_URL}/answer/7-{SIGNATURE}"}
    ]


async def test_a_hostile_name_is_no_markup_and_a_card_is_never_too_large(teams: Teams, net: RealNet) -> None:
    notice = {"headline": HOSTILE, "cause": "\N{GRINNING FACE}" * 9_000, "facts": [(HOSTILE, "*" * 5_000)] * 30}
    assert isinstance(await send(teams, net, notice=notice), Sent)
    assert "\\*\\*shop\\*\\* \\[Tocsin\\]\\(http" in teams.cards[0]["body"][0]["items"][0]["text"]
    assert teams.cards[0]["actions"]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ((200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", {}),
         Retry("Microsoft Teams answered 200, and in it an error 429")),
        ((200, b"Microsoft Teams endpoint returned HTTP error 403", {}),
         GiveUp("Microsoft Teams answered 200, and in it an error 403")),
        ((200, b"1", {}), Sent("accepted by Microsoft Teams (200)")),
        ((404, {"error": {"message": "The workflow was not found."}}, {}),
         GiveUp("Microsoft Teams answered 404: The workflow was not found.", endpoint_gone=True)),
        ((502, b"", {}), Retry("Microsoft Teams answered 502")),
    ],
)  # fmt: skip
async def test_what_teams_says_becomes_a_reason(
    answered: tuple[int, Any, dict[str, str]], expected: Answer, teams: Teams, net: RealNet
) -> None:
    teams.answers = [answered]
    assert await send(teams, net) == expected


async def test_the_address_is_told_to_nobody(teams: Teams, net: RealNet) -> None:
    answer = await send(teams, net, "http://127.0.0.1:1/workflows/7?sig=a-secret")
    assert isinstance(answer, Retry)
    assert "a-secret" not in answer.why
