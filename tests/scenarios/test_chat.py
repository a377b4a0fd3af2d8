"""A team lives in its chat: the outage is read there, taken on there, and the rest of the team hears of it by mail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.notify.channels.slack_server import Slack
from tests.notify.channels.telegram_server import ANN, GROUP, Telegram
from tests.notify.channels.web_server import running
from tests.world import World


@pytest.fixture
async def slack(world: World) -> AsyncIterator[Slack]:
    async with running(Slack(_reach(world))) as server:
        world.providers["slack"] = server.settings
        world.crash()
        server.now = lambda: world.clock.now().timestamp()
        await world.target("slack", "#ops", server.target)
        yield server


def _reach(world: World) -> Callable[[bytes, dict[str, str]], Awaitable[tuple[int, bytes]]]:
    async def post(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        answer = await world.call_back("/callbacks/slack", body, headers)
        return answer.status_code, answer.content

    return post


async def alice_is_on_call(world: World) -> None:
    """This week, in the team's own calendar."""
    (calendar,) = (await world.api("GET", "/v2/on-calls")).json()["data"]
    rotation = {
        "users": ["alice@example.com"], "rotation_length": 1, "rotation_interval": "week",
        "start_rotations_at": "2026-03-01T00:00:00Z", "end_rotations_at": "2026-03-30T00:00:00Z",
    }  # fmt: skip
    answer = await world.api("POST", f"/v2/on-calls/{calendar['id']}/rotation", rotation)
    assert answer.status_code in (200, 201), answer.text


@pytest.mark.slow
async def test_ann_takes_an_outage_on_in_slack_and_the_mails_stop(world: World, slack: Slack) -> None:
    await alice_is_on_call(world)
    incident = await world.outage("shop", team_wait=180)
    (message,) = slack.in_channel()
    assert "shop.example.com is down" in message.text
    assert [to for to, subject in world.new_mails() if "Down" in subject] == ["alice"]
    await slack.press(message, "Acknowledge", "U1")
    await world.fast_forward(minutes=10)
    told = [("alice", "[Tocsin] Acknowledged: shop.example.com (by Ann Smith (Slack))")]
    assert world.new_mails() == told, "and Bob, who would have been paged after three minutes, sleeps on"
    assert "Ann Smith (Slack) has taken on shop.example.com" in message.text

    world.site("shop").up()
    await world.fast_forward(minutes=5)
    assert "the incident is over" in message.text
    assert message.buttons == {}
    assert len(slack.in_channel()) == 1, "the whole story is one message and its thread"
    assert [said.text.splitlines()[0][2:40] for said in slack.in_thread(message)]
    assert (await world.incident(incident))["status"] == "Resolved"


@pytest.mark.slow
async def test_what_is_answered_by_mail_shows_in_slack(world: World, slack: Slack) -> None:
    await world.outage("shop")
    (message,) = slack.in_channel()
    await world.answer(world.mail_to("alice@example.com")[0])
    assert "Alice Archer has taken on shop.example.com" in message.text
    assert list(message.buttons) == ["Resolve"]


@pytest.mark.slow
async def test_a_slack_that_is_down_costs_nobody_a_page_and_is_told_when_it_is_back(world: World, slack: Slack) -> None:
    slack.answers = [(503, b"", {})] * 3
    await world.outage("shop")
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"]
    await world.fast_forward(minutes=2)
    assert len(slack.in_channel()) == 1, "posted once, as soon as it could be"


@pytest.mark.slow
async def test_news_that_come_late_do_not_turn_back_how_things_stand(world: World, slack: Slack) -> None:
    incident = await world.outage("shop")
    (message,) = slack.in_channel()
    slack.answers = [(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"})]
    await slack.press(message, "Acknowledge", "U1")
    await world.api("POST", f"/v3/incidents/{incident}/resolve")
    await world.fast_forward(minutes=1)
    assert len(slack.in_thread(message)) == 2
    assert "the incident is over" in message.text
    assert message.buttons == {}


@pytest.mark.slow
async def test_what_is_answered_twice_in_one_breath_ends_as_it_ended(world: World, slack: Slack) -> None:
    incident = await world.outage("shop")
    (message,) = slack.in_channel()
    for deed in ("acknowledge", "resolve"):
        await world.api("POST", f"/v3/incidents/{incident}/{deed}")
    await world.settle()
    assert ["the incident is over" in form["text"] for form in message.versions] == [False, True]
    assert len(slack.in_thread(message)) == 2


@pytest.mark.slow
async def test_a_group_in_telegram_hears_of_it_and_ends_it(world: World) -> None:
    async with running(Telegram()) as telegram:
        world.providers["telegram"] = telegram.settings
        world.crash()
        await world.target("telegram", "Ops", {"chat_id": GROUP})
        incident = await world.outage("shop")
        (shown,) = telegram.in_chat()
        telegram.press(shown, "Resolve", "Ben")
        await world.telegram.ask(telegram.settings.bot_token)
        await world.settle()
        assert (await world.incident(incident))["resolved_by"] == "Ben (Telegram)"
        assert world.mails()[-1].subject == "[Tocsin] Resolved: shop.example.com"
        assert "the incident is over" in shown.text


@pytest.mark.slow
async def test_two_who_press_at_the_same_moment_are_one_answer(world: World, slack: Slack) -> None:
    await world.outage("shop")
    (message,) = slack.in_channel()
    await asyncio.gather(slack.press(message, "Acknowledge", "U1"), slack.press(message, "Acknowledge", "U2"))
    await world.chats.slack.drain()
    assert len(slack.said_to) == 1, "the second is told that the first was quicker"
    assert len(slack.in_thread(message)) == 1


async def test_a_channel_is_set_up_by_the_api_and_tried_out(world: World) -> None:
    async with running(Slack()) as slack:
        world.providers["slack"] = slack.settings
        world.crash()
        body = {"kind": "slack", "name": "#ops", "settings": slack.target}
        made = await world.api("POST", "/v2/notification-targets", body)
        assert made.status_code == 201, made.text
        assert "xoxb" not in made.text
        tried = await world.api("POST", f"/v2/notification-targets/{made.json()['data']['id']}/test")
        assert tried.status_code in (200, 201, 202), tried.text
        await world.settle()
        (message,) = slack.in_channel()
        assert message.buttons == {}, "a test asks for no answer"
        slack.error["chat.postMessage"] = "token_revoked"
        await world.fast_forward(seconds=1)
        await world.api("POST", f"/v2/notification-targets/{made.json()['data']['id']}/test")
        await world.settle()
        shown = (await world.api("GET", "/v2/slack-integrations")).json()["data"][0]["attributes"]
        assert shown["slack_status"] == "account_inactive"


@pytest.mark.slow
async def test_alice_is_paged_in_her_own_chat_once_she_has_proven_that_it_is_hers(world: World) -> None:
    async with running(Telegram()) as telegram:
        world.providers["telegram"] = telegram.settings
        world.crash()
        await world.installed()
        await alice_is_on_call(world)
        telegram.write("/start")
        await world.telegram.ask(telegram.settings.bot_token)
        found = re.search(r"chat id is (\d+)", telegram.in_chat(ANN)[-1].text)
        assert found is not None
        methods = "/v2/users/alice@example.com/contact-methods"
        made = await world.api("POST", methods, {"kind": "telegram", "address": found[1]})
        assert made.status_code == 201, made.text
        await world.settle()
        code = re.search(r"code is (\d{6})", telegram.in_chat(ANN)[-1].text)
        assert code is not None
        proven = await world.api("POST", f"{methods}/{made.json()['data']['id']}/verify", {"code": code[1]})
        assert proven.status_code == 200, proven.text

        incident = await world.outage("shop", push=True, email=False)
        page = telegram.in_chat(ANN)[-1]
        assert "shop.example.com is down" in page.text
        telegram.press(page, "Acknowledge", "xX_alice_Xx")
        await world.telegram.ask(telegram.settings.bot_token)
        assert (await world.incident(incident))["acknowledged_by"] == "Alice Archer"
        assert list(page.buttons) == ["Resolve"]
        assert not [mail for mail in world.mails() if "Down" in mail.subject]


async def test_a_member_approves_what_an_agent_asks_in_slack_and_nobody_else_does(world: World, slack: Slack) -> None:
    made = await world.api(
        "POST", "/v2/agents", {"name": "Triage-bot", "levels": {"incidents": "read"}, "switches": {"page": "ask"}}
    )
    token = await world.api("POST", f"/v2/agents/{made.json()['data']['id']}/tokens", {})
    world.tokens["bot"] = token.json()["token"]
    body = {"summary": "The shop is closed", "name": "Shop"}
    asked = await world.api("POST", "/v3/incidents", body, "bot")
    assert asked.status_code == 202
    await world.settle()
    (question,) = slack.in_channel()
    assert set(question.buttons) == {"Approve", "Deny"}
    assert "Pages Alice Archer by e-mail" in question.text

    await slack.press(question, "Approve", "U1")
    await world.settle()
    assert "only members of the team decide" in slack.said_to["U1"][-1]["text"]
    assert (await world.api("POST", "/v3/incidents", body, "bot")).status_code == 202
    await slack.press(question, "Approve", "U2")
    await world.settle()
    assert "You have approved it" in slack.said_to["U2"][-1]["text"]
    assert (await world.api("POST", "/v3/incidents", body, "bot")).status_code == 201
    await slack.press(question, "Deny", "U2")
    await world.settle()
    assert "Nothing was changed" in slack.said_to["U2"][-1]["text"]
    approval = (await world.api("GET", f"/v2/approvals/{asked.json()['approval_id']}")).json()["data"]["attributes"]
    assert (approval["status"], approval["decided_by"]) == ("used", "Alice Archer")
