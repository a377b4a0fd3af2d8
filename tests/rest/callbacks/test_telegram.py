"""A button pressed in Telegram does what it says, whether Telegram calls us or we ask Telegram."""

from __future__ import annotations

import json

import pytest

from tests.notify.channels.telegram_server import ANN, GROUP, TOKEN
from tests.rest.callbacks.conftest import Desk
from tests.world import BASE_URL
from tocsin.incidents import actions as incidents
from tocsin.incidents.actions.telling import page_notice
from tocsin.notify import actions as notify
from tocsin.runtime.telegram import TelegramUpdates
from tocsin.storage import Tx


async def posted(desk: Desk) -> int:
    """An incident is open and stands in the group."""
    target = await desk.world.target("telegram", "Ops", {"chat_id": GROUP})
    incident = await desk.report()
    await desk.page(incident, target)
    return incident


@pytest.mark.slow
async def test_whoever_presses_takes_it_on_and_sees_that_it_was_done(desk: Desk) -> None:
    incident = await posted(desk)
    (shown,) = desk.telegram.in_chat()
    desk.telegram.press(shown, "Acknowledge", "Ann")
    assert await desk.listen() == 1
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Ann (Telegram)"
    assert desk.telegram.toasts[0]["text"] == "You have acknowledged it: Shop."
    assert "Ann (Telegram) has taken on Shop" in shown.text
    assert list(shown.buttons) == ["Resolve"]
    desk.telegram.press(shown, "Resolve", "Ben")
    await desk.listen()
    assert (await desk.world.incident(incident))["resolved_by"] == "Ben (Telegram)"
    assert shown.buttons == {}


@pytest.mark.slow
async def test_an_update_that_comes_again_after_a_crash_changes_nothing(desk: Desk) -> None:
    incident = await posted(desk)
    desk.telegram.press(desk.telegram.in_chat()[0], "Acknowledge", "Ann")
    await desk.listen()
    desk.world.crash()
    assert await desk.listen() == 1, "it was not confirmed before the crash"
    assert desk.telegram.toasts[-1]["text"] == "Ann (Telegram) has it already: Shop."
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Ann (Telegram)"
    assert await desk.listen() == 0
    assert desk.telegram.pending == 0


@pytest.mark.slow
async def test_a_person_answers_as_that_person_whatever_they_are_called_in_telegram(desk: Desk) -> None:
    incident = await desk.report()

    def work(tx: Tx) -> None:
        notice = page_notice(tx, incidents.find(tx, incident), BASE_URL)
        notify.queue(tx, notice, user_id=1, channel="telegram", address="1000001", planned_at=tx.now)

    await desk.world.database.write(work)
    await desk.world.settle()
    desk.telegram.press(desk.telegram.in_chat(ANN)[0], "Acknowledge", "xX_alice_Xx")
    await desk.listen()
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Alice Archer"


@pytest.mark.slow
async def test_a_forged_button_does_nothing(desk: Desk) -> None:
    incident = await posted(desk)
    (shown,) = desk.telegram.in_chat()
    for data in ("a:1-" + "0" * 32, "x:" + shown.buttons["Acknowledge"][2:], "nonsense", ""):
        shown.form["reply_markup"] = {"inline_keyboard": [[{"text": "Forged", "callback_data": data}]]}
        desk.telegram.press(shown, "Forged")
    assert await desk.listen() == 4
    assert (await desk.world.incident(incident))["acknowledged_at"] is None
    assert len(desk.telegram.toasts) == 4, "even so the button stops turning"


async def test_whoever_begins_to_talk_is_told_their_number(desk: Desk) -> None:
    desk.telegram.write("/start")
    desk.telegram.write("/id@tocsin_bot", chat_id=GROUP)
    desk.telegram.write("hello")
    await desk.listen()
    assert "Your chat id is 1000001." in desk.telegram.in_chat(ANN)[0].text
    assert GROUP in desk.telegram.in_chat()[0].text
    assert len(desk.telegram.messages) == 2


@pytest.mark.slow
async def test_a_press_goes_before_small_talk(desk: Desk) -> None:
    await posted(desk)
    desk.telegram.write("/start")
    desk.telegram.press(desk.telegram.in_chat()[0], "Acknowledge")
    desk.telegram.asked.clear()
    assert await desk.listen() == 2
    asked = desk.telegram.asked
    assert asked.index("answerCallbackQuery") < asked.index("sendMessage")
    assert await desk.listen() == 0


@pytest.mark.slow
async def test_telegram_may_call_us_instead_at_a_secret_address(desk: Desk) -> None:
    incident = await posted(desk)
    chats = desk.world.chats
    worker = TelegramUpdates(chats.bots, chats.updates, desk.world.clock, mode="webhook", base_url=BASE_URL)
    await worker.run_once()
    assert desk.telegram.webhook is not None
    url, secret = desk.telegram.webhook["url"], desk.telegram.webhook["secret_token"]
    assert TOKEN.partition(":")[2] not in url
    body = json.dumps(desk.telegram.press(desk.telegram.in_chat()[0], "Acknowledge")).encode()
    header = "X-Telegram-Bot-Api-Secret-Token"
    for where, headers in ((url, {}), (url, {header: "wrong"}), (url[:-1] + "0", {header: secret})):
        answer = await desk.world.call_back(where, body, headers)
        assert (answer.status_code == 200) == (where == url and headers.get(header) == secret)
    assert (await desk.world.incident(incident))["acknowledged_at"] is None
    assert (await desk.world.call_back(url, body, {header: secret})).status_code == 200
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Ann (Telegram)"
    assert (await desk.world.call_back(url, b"[" * 50_000, {header: secret})).status_code == 400


@pytest.mark.slow
async def test_a_webhook_that_was_set_once_does_not_keep_the_buttons_dead(desk: Desk) -> None:
    await posted(desk)
    desk.telegram.webhook = {"url": "https://elsewhere.example"}
    desk.telegram.press(desk.telegram.in_chat()[0], "Acknowledge")
    assert await desk.listen() is None
    assert await desk.listen() == 1


@pytest.mark.slow
async def test_a_running_worker_listens_until_it_is_closed(desk: Desk) -> None:
    incident = await posted(desk)
    desk.telegram.longest_poll_seconds = 5
    assert await desk.world.telegram.run_once() is not None
    desk.telegram.press(desk.telegram.in_chat()[0], "Acknowledge")
    while not desk.telegram.toasts:
        await desk.world.settle()
    assert (await desk.world.incident(incident))["acknowledged_by"] == "Ann (Telegram)"
    await desk.world.telegram.close()
