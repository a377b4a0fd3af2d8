"""What people read in Telegram, and what becomes of a message that Telegram does not take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.telegram_server import ANN, GROUP, TOKEN, Telegram
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import telegram as channel
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

HOSTILE = '<b>shop</b> & <a href="http://evil.example">Tocsin</a> @everyone ' + "x" * 5_000


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    async with running(Telegram()) as server:
        yield server


async def send(telegram: Telegram, net: RealNet, message: Message, **target: Any) -> Answer:
    told = {"chat_id": GROUP, **target}
    return await channel.send(msgspec.structs.replace(message, target=told), telegram.settings, net)


def of(kind: str = "page", headline: str = "shop.example.com is down", **more: Any) -> Message:
    where = {"channel": "telegram", "address": "Ops", **more}
    return page(**where) if kind == "page" else news(kind, headline, **where)


async def test_a_page_has_buttons_that_fit_into_what_telegram_gives_back(telegram: Telegram, net: RealNet) -> None:
    answer = await send(telegram, net, of())
    (shown,) = telegram.in_chat()
    assert answer == Sent("accepted by Telegram", provider_id=f"{GROUP}/{shown.message_id}")
    assert "shop.example.com is down\nStatus 503\nResponse code: 503" in shown.text
    assert shown.buttons == {"Acknowledge": f"a:7-{SIGNATURE}", "Resolve": f"r:7-{SIGNATURE}"}
    assert shown.links == [f"{BASE_URL}/answer/7-{SIGNATURE}"]
    longest = of(answer_token="9" * 18 + "-" + SIGNATURE)
    await send(telegram, net, longest)
    assert len(telegram.messages[-1].buttons) == 2


async def test_how_it_went_on_answers_the_first_message_and_changes_it(telegram: Telegram, net: RealNet) -> None:
    first = await send(telegram, net, of())
    assert isinstance(first, Sent)
    taken = of("acknowledged", "Ann has taken on shop.example.com", parent=first.provider_id)
    assert isinstance(await send(telegram, net, taken), Sent)
    shown, said = telegram.in_chat()
    assert "Ann has taken on" in shown.text
    assert list(shown.buttons) == ["Resolve"]
    assert said.reply_to == shown.message_id
    assert said.form["disable_notification"], "what asks for nothing makes no sound"
    assert isinstance(await send(telegram, net, taken), Sent), "a change that is there already is none"


async def test_a_hostile_name_is_no_markup_and_breaks_nothing(telegram: Telegram, net: RealNet) -> None:
    notice = {"headline": HOSTILE, "cause": HOSTILE * 3, "facts": [(HOSTILE, "&" * 5_000)] * 30}
    assert isinstance(await send(telegram, net, of(notice=notice)), Sent)
    (shown,) = telegram.in_chat()
    assert shown.form["parse_mode"] == "HTML", "it was taken as it was drawn, and not as plain text"
    assert "<b>shop</b> & <a" in shown.text
    assert not any("evil" in link for link in shown.links)


async def test_what_is_refused_for_its_markup_goes_as_plain_text(telegram: Telegram, net: RealNet) -> None:
    telegram.answers = [(400, {"ok": False, "description": "Bad Request: can't parse entities: byte 3"}, {})]
    assert isinstance(await send(telegram, net, of()), Sent)
    assert "parse_mode" not in telegram.messages[0].form
    assert telegram.messages[0].buttons


async def test_a_group_that_has_got_another_number_is_followed(telegram: Telegram, net: RealNet) -> None:
    telegram.chats.add("-1009")
    telegram.moved[GROUP] = -1009
    answer = await send(telegram, net, of())
    assert isinstance(answer, Sent)
    assert len(telegram.in_chat("-1009")) == 1


async def test_a_person_is_written_to_by_the_installations_bot(telegram: Telegram, net: RealNet) -> None:
    message = page(channel="telegram", address="Ann (Telegram)", endpoint=ANN)
    assert isinstance(await channel.send(message, telegram.settings, net), Sent)
    assert len(telegram.in_chat(ANN)) == 1
    telegram.blocked.add(ANN)
    refused = await channel.send(message, telegram.settings, net)
    assert refused == GiveUp("Telegram answered 403: Forbidden: bot was blocked by the user", endpoint_gone=True)
    telegram.answers = [(429, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 60}}, {})]
    late = await channel.send(message, telegram.settings, net)
    busy = "Telegram answered 429: Too Many Requests"
    assert late == Retry(busy, 60.0, elsewhere=True), "a person cannot wait for a minute: the next way is taken too"


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ((429, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 7}}, {}),
         Retry("Telegram answered 429: Too Many Requests", 7.0)),
        ((502, b"<html>", {}), Retry("Telegram answered 502")),
        ((200, b"<html>sign in</html>", {}), Retry("Telegram answered 200 without saying what came of it")),
        ((400, {"ok": False, "description": "Bad Request: chat not found"}, {}),
         GiveUp("Telegram answered 400: Bad Request: chat not found")),
    ],
)  # fmt: skip
async def test_what_telegram_says_becomes_a_reason(
    answered: tuple[int, Any, dict[str, str]], expected: Answer, telegram: Telegram, net: RealNet
) -> None:
    telegram.answers = [answered]
    assert await send(telegram, net, of()) == expected


async def test_the_token_is_told_to_nobody(telegram: Telegram, net: RealNet) -> None:
    nowhere = channel.Settings(bot_token=TOKEN, base_url="http://127.0.0.1:1")
    message = page(channel="telegram", address="Ann (Telegram)", endpoint=ANN)
    answer = await channel.send(message, nowhere, net)
    assert TOKEN not in str(answer) + repr(nowhere)
    unset = await channel.send(message, channel.Settings(), net)
    assert isinstance(unset, GiveUp)
    assert "TOCSIN_TELEGRAM_BOT_TOKEN" in unset.why
    assert isinstance(await send(telegram, net, of(), chat_id="not a chat"), GiveUp)


async def test_where_nobody_hears_a_button_there_is_none(telegram: Telegram, net: RealNet) -> None:
    deaf = msgspec.structs.replace(telegram.settings, buttons=False)
    await channel.send(msgspec.structs.replace(of(), target={"chat_id": GROUP}), deaf, net)
    assert telegram.messages[0].buttons == {}
    assert telegram.messages[0].links
