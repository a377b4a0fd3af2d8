"""What Twilio's answers mean: a refusal is given up at once, trouble is tried again twice and no longer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from tests.notify.channels.messages import page
from tests.notify.channels.twilio import Twilio, twilio_server
from tests.notify.channels.web_server import WebServer, running
from tests.notify.mailserver import unused_port
from tests.time import START
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Failure, HttpResponse, RealNet
from tocsin.notify.channels import answered, call, sms, tells
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

BOB = "+420777123456"


@pytest.fixture(scope="module")
def net() -> Iterator[RealNet]:
    net = RealNet(SystemClock())
    net.start()
    yield net
    net.stop()


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    async with twilio_server() as server:
        yield server


async def text(twilio: Twilio, net: RealNet, **more: Any) -> Answer:
    return await sms.send(page(channel="sms", address=BOB, **more), twilio.settings, net)


async def test_what_it_takes_has_its_id(twilio: Twilio, net: RealNet) -> None:
    answer = await text(twilio, net)
    assert answer == Sent(f"accepted by Twilio: queued ({twilio.texts[0].sid})", provider_id=twilio.texts[0].sid)


async def test_a_number_that_it_refuses_is_given_up_in_its_own_words(twilio: Twilio, net: RealNet) -> None:
    twilio.refuse(BOB, 21610, "Attempt to send to unsubscribed recipient")
    assert await text(twilio, net) == GiveUp(
        "Twilio answered 400: Attempt to send to unsubscribed recipient (error 21610)"
    )


async def test_a_wrong_account_is_given_up(twilio: Twilio, net: RealNet) -> None:
    wrong = msgspec.structs.replace(twilio.settings, auth_token="wrong")
    answer = await sms.send(page(channel="sms", address=BOB), wrong, net)
    assert answer == GiveUp("Twilio answered 401: Authenticate (error 20003)")
    assert "wrong" not in repr(wrong)


async def test_trouble_is_tried_again_and_the_third_time_another_way_is_taken_too(twilio: Twilio, net: RealNet) -> None:
    twilio.answers = [(503, {}), (429, {"Retry-After": "1"}), (500, {})]
    assert await text(twilio, net) == Retry("Twilio answered 503: Service unavailable (error 20503)", 5.0)
    assert await text(twilio, net, attempt=2) == Retry("Twilio answered 429: Too Many Requests (error 20429)", 1.0)
    words = "Twilio answered 500: Service unavailable (error 20500)"
    assert await text(twilio, net, attempt=3) == Retry(words, None, elsewhere=True)
    twilio.answers = [(500, {}), (429, {"Retry-After": "60"})]
    assert await text(twilio, net, attempt=4) == Retry(words, None), "the next way is taken once"
    busy = "Twilio answered 429: Too Many Requests (error 20429)"
    assert await text(twilio, net) == Retry(busy, 60.0, elsewhere=True), "a person cannot wait for a minute"
    assert twilio.texts == []


async def test_what_answers_in_its_place_has_taken_nothing(twilio: Twilio, net: RealNet) -> None:
    portal = WebServer()
    portal.answers = [(200, b"<html>Please sign in to this network</html>", {})]
    async with running(portal):
        there = msgspec.structs.replace(twilio.settings, base_url=portal.url)
        answer = await sms.send(page(channel="sms", address=BOB), there, net)
    assert isinstance(answer, Retry)
    assert "something answered 200 in Twilio's place" in answer.why


async def test_nobody_who_listens_is_tried_again(net: RealNet, twilio: Twilio) -> None:
    nowhere = msgspec.structs.replace(twilio.settings, base_url=f"http://127.0.0.1:{unused_port()}")
    answer = await call.send(page(channel="call", address=BOB), nowhere, net)
    assert isinstance(answer, Retry)
    assert answer.why.startswith("Twilio cannot be reached: ")


@pytest.mark.parametrize("channel", [sms, call])
async def test_without_an_account_or_a_number_the_next_way_is_taken_at_once(
    channel: object, twilio: Twilio, net: RealNet
) -> None:
    async def ask(message: Message, settings: object) -> Answer:
        return await channel.send(message, settings, net)  # type: ignore[attr-defined,no-any-return]

    kind = channel.KIND  # type: ignore[attr-defined]
    unset = await ask(page(channel=kind, address=BOB), channel.Settings())  # type: ignore[attr-defined]
    assert isinstance(unset, GiveUp)
    assert "TOCSIN_TWILIO_ACCOUNT_SID" in unset.why
    assert isinstance(await ask(page(channel=kind, address="bob@example.com"), twilio.settings), GiveUp)
    assert twilio.asked == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"ok":false,"error":"not_found"}', ": not_found"), (b"no such\n  service", ": no such service"),
        (b'{"error":{"message":"Bad key","code":7}}', ": Bad key"), (b"<html>a page</html>", ""), (b"", ""),
        (b'["a","b"]', ': ["a","b"]'), (b"\xff\xfe", ": \ufffd\ufffd"), (b"{" * 5000, ": " + "{" * 299 + "…"),
        (b"see https://ann:secret@x.org/", ": see https://[hidden]@x.org/"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_in_the_providers_words(body: bytes, words: str) -> None:
    answer = answered(HttpResponse(status_code=400, body=body), "Example", at=START)
    assert answer == GiveUp(f"Example answered 400{words}")


def test_a_channel_with_patience_waits_as_long_as_it_is_asked_to() -> None:
    busy = HttpResponse(status_code=429, header_lines=[b"Retry-After: Mon, 02 Mar 2026 12:05:00 GMT"])
    assert answered(busy, "Example", at=START, attempt=None) == Retry("Example answered 429", 300.0)
    assert answered(HttpResponse(status_code=502), "Example", at=START) == Retry("Example answered 502", None)
    assert answered(HttpResponse(status_code=204), "Example", at=START) == Sent("accepted by Example (204)")
    assert isinstance(answered(HttpResponse(status_code=302), "Example", at=START), GiveUp)
    refused = HttpResponse(failure=Failure.ADDRESS_REFUSED, cause="Not allowed")
    assert answered(refused, "Example", at=START) == GiveUp("Example cannot be reached: Not allowed")


def test_only_what_wakes_nobody_needlessly_is_told_by_phone() -> None:
    kinds = ("page", "acknowledged", "resolved")
    assert [tells("call", kind) for kind in kinds] == [True, False, False]
    assert [tells("sms", kind) for kind in kinds] == [True, True, True]
    assert [tells("email", kind) for kind in kinds] == [True, True, True]
