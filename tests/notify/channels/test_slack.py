"""What a team reads in Slack, and what becomes of a message that Slack does not take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.notify.channels.messages import SIGNATURE, news, page
from tests.notify.channels.slack_server import BOT_TOKEN, HOOK, OPS, Slack
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import slack as channel
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

HOSTILE = "<!channel> *shop* <http://evil.example|Tocsin> & @here `" + "x" * 5_000


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with running(Slack()) as server:
        yield server


async def send(slack: Slack, net: RealNet, message: Message, **target: Any) -> Answer:
    return await channel.send(msgspec.structs.replace(message, target={**slack.target, **target}), slack.settings, net)


def of(kind: str = "page", headline: str = "shop.example.com is down", **more: Any) -> Message:
    make = page if kind == "page" else None
    where = {"channel": "slack", "address": "#ops", **more}
    return make(**where) if make else news(kind, headline, **where)


async def test_a_page_is_a_message_with_buttons_in_the_channel(slack: Slack, net: RealNet) -> None:
    answer = await send(slack, net, of())
    (posted,) = slack.in_channel()
    assert answer == Sent("accepted by Slack", provider_id=f"{OPS}/{posted.ts}")
    assert "*<https://tocsin.example.com/answer/" in posted.text
    assert "shop.example.com is down>*\nStatus 503" in posted.text
    assert posted.buttons == {"Acknowledge": f"7-{SIGNATURE}", "Resolve": f"7-{SIGNATURE}"}
    assert BOT_TOKEN not in str(answer)


async def test_how_it_went_on_stands_in_the_thread_and_changes_the_first_message(slack: Slack, net: RealNet) -> None:
    first = await send(slack, net, of())
    assert isinstance(first, Sent)
    taken = of("acknowledged", "Ann Smith has taken on shop.example.com", parent=first.provider_id)
    assert isinstance(await send(slack, net, taken), Sent)
    (posted,) = slack.in_channel()
    assert "Ann Smith has taken on" in posted.text
    assert list(posted.buttons) == ["Resolve"], "it can still be ended, and nobody is asked to take it on any more"
    assert ["Ann Smith has taken on" in each.text for each in slack.in_thread(posted)] == [True]
    over = of("resolved", "shop.example.com: the incident is over", parent=first.provider_id)
    assert isinstance(await send(slack, net, over), Sent)
    assert posted.buttons == {}
    assert "the incident is over" in posted.text
    assert len(slack.in_thread(posted)) == 2
    assert isinstance(await send(slack, net, of(parent=first.provider_id, delivery_id=9)), Sent)
    assert slack.in_thread(posted)[-1].broadcast, "a page in an old thread is shown to everybody"


@pytest.mark.parametrize("kind", ["verbose", "legacy"])
async def test_a_team_may_have_every_change_in_the_channel_itself(kind: str, slack: Slack, net: RealNet) -> None:
    first = await send(slack, net, of(), integration_type=kind)
    assert isinstance(first, Sent)
    await send(slack, net, of("resolved", "It is over", parent=first.provider_id), integration_type=kind)
    assert len(slack.in_channel()) == 2


async def test_an_incident_may_have_a_channel_of_its_own(slack: Slack, net: RealNet) -> None:
    first = await send(slack, net, of(), integration_type="channel")
    assert isinstance(first, Sent)
    (own,) = (id for id, name in slack.channels.items() if name.startswith("incident-25"))
    (posted,) = slack.in_channel()
    assert f"<#{own}>" in slack.in_thread(posted)[0].text
    await send(slack, net, of("resolved", "It is over", parent=first.provider_id), integration_type="channel")
    assert "It is over" in slack.in_channel(own)[-1].text
    assert posted.buttons == {}


async def test_without_the_right_to_make_channels_the_page_goes_out_all_the_same(slack: Slack, net: RealNet) -> None:
    slack.error["conversations.create"] = "missing_scope"
    answer = await send(slack, net, of(), integration_type="channel")
    assert isinstance(answer, Sent)
    assert "no channel of its own: Slack refused it: the app lacks a permission" in answer.detail
    await send(slack, net, of("resolved", "It is over", parent=answer.provider_id), integration_type="channel")
    assert len(slack.in_thread(slack.in_channel()[0])) == 1


async def test_a_hostile_name_mentions_nobody_and_breaks_nothing(slack: Slack, net: RealNet) -> None:
    notice = {"headline": HOSTILE, "cause": HOSTILE * 3, "facts": [(HOSTILE, "&" * 5_000)] * 30}
    assert isinstance(await send(slack, net, of(notice=notice)), Sent)
    (posted,) = slack.in_channel()
    assert "<!channel>" not in posted.text + posted.form["text"]
    assert "<http://evil" not in posted.text
    assert "&lt;!channel&gt;" in posted.text
    assert posted.buttons
    assert "blocks" in posted.form, "it was taken as it was drawn, and not as plain text"


async def test_what_is_refused_for_its_form_goes_as_plain_text(slack: Slack, net: RealNet) -> None:
    slack.answers = [(200, {"ok": False, "error": "invalid_blocks"}, {})]
    assert isinstance(await send(slack, net, of()), Sent)
    (posted,) = slack.in_channel()
    assert "blocks" not in posted.form
    assert "Status 503" in posted.text
    assert "/answer/7-" in posted.text


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ((200, {"ok": False, "error": "ratelimited"}, {}), Retry("Slack refused it: ratelimited")),
        ((429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}),
         Retry("Slack answered 429: ratelimited", 30.0)),
        ((503, b"<html>", {}), Retry("Slack answered 503")),
        ((200, b"hello", {}), Retry("Slack answered 200 without saying what came of it")),
        ((200, {"ok": False, "error": "something_new"}, {}), Retry("Slack refused it: something_new")),
        ((200, {"ok": False, "error": "account_inactive"}, {}), GiveUp(
            "Slack refused it: the app was removed from the workspace, or the account behind the token is gone "
            "(account_inactive)", endpoint_gone=True)),
        ((200, {"ok": False, "error": "channel_not_found"}, {}), GiveUp(
            "Slack refused it: there is no such channel, or it is private and the bot is not in it: /invite it there "
            "(channel_not_found)")),
    ],
)  # fmt: skip
async def test_what_slack_says_becomes_a_reason(
    answered: tuple[int, Any, dict[str, str]], expected: Answer, slack: Slack, net: RealNet
) -> None:
    slack.answers = [answered]
    assert await send(slack, net, of()) == expected


async def test_an_error_that_nobody_knows_is_not_tried_for_ever(slack: Slack, net: RealNet) -> None:
    slack.error["chat.postMessage"] = "something_new"
    assert isinstance(await send(slack, net, of(attempt=3)), GiveUp)
    wrong = await send(slack, net, of(), bot_token="xoxb-wrong")
    assert wrong == GiveUp("Slack refused it: the bot token is not valid (invalid_auth)")


async def test_an_incoming_webhook_gets_links_in_place_of_buttons(slack: Slack, net: RealNet) -> None:
    hook = {"webhook_url": slack.url + HOOK, "bot_token": ""}
    answer = await send(slack, net, of(), **hook)
    assert answer == Sent("accepted by Slack (200)")
    (posted,) = slack.in_channel()
    assert posted.buttons == {}
    assert f"answer/7-{SIGNATURE}|Acknowledge or resolve>" in posted.text
    slack.answers = [(404, b"no_service", {})]
    refused = await send(slack, net, of(), **hook)
    assert refused == GiveUp("Slack answered 404: the incoming webhook was removed (no_service)", endpoint_gone=True)
    nowhere = await send(slack, net, of(), webhook_url="http://127.0.0.1:1/services/T1/B1/secret")
    assert isinstance(nowhere, Retry)
    assert "secret" not in nowhere.why


async def test_without_a_signing_secret_nobody_is_offered_a_button_that_cannot_work(slack: Slack, net: RealNet) -> None:
    await send(slack, net, of(), signing_secret="")
    assert slack.messages[0].buttons == {}
    assert "|Acknowledge or resolve>" in slack.messages[0].text


async def test_settings_that_cannot_be_used_say_why(slack: Slack, net: RealNet) -> None:
    nothing = await send(slack, net, of(), bot_token="")
    assert nothing == GiveUp("the target has neither a webhook's address nor a bot token with a channel")
    assert isinstance(await send(slack, net, of(), webhook_url="ftp://x"), GiveUp)
    assert isinstance(await channel.send(of(), slack.settings, net), GiveUp)
    assert slack.requests == 0


async def test_a_members_address_is_read_where_the_bot_may(slack: Slack, net: RealNet) -> None:
    async def who(token: str = BOT_TOKEN) -> channel.Visitor | None:
        return await channel.who(net, slack.settings, token, "U2", "T1")

    assert await who() == channel.Visitor("Al", "alice@example.com")
    slack.foreign.add("U2")
    assert await who() == channel.Visitor("Al"), "another company may call its users whatever it likes"
    slack.foreign.clear()
    slack.may_read_mail = False
    assert await who() == channel.Visitor("Al")
    assert await who("xoxb-wrong") is None
