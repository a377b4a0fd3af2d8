"""A call is ended in the way that fits how it stands, also when that changes between two requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.notify.channels.messages import page
from tests.notify.channels.test_twilio import BOB, net, twilio
from tests.notify.channels.twilio import Phone, Twilio
from tocsin.kernel.net import HttpRequest, HttpResponse, RealNet
from tocsin.notify.channels import call
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

__all__ = ["net", "twilio"]
WHY = "Alice acknowledged the incident"


def ending(sid: str | None, *, attempt: int = 1, why: str = WHY) -> Message:
    return page(
        channel="call", address=BOB, notice={"kind": "call_off", "headline": why, "cause": ""}, parent=sid,
        attempt=attempt, answer_token=None, answer_url=None,
    )  # fmt: skip


async def ringing(twilio: Twilio, net: RealNet) -> Phone:
    await call.send(page(channel="call", address=BOB), twilio.settings, net)
    return twilio.calls[-1]


async def end(twilio: Twilio, net: object, phone: Phone) -> Answer:
    return await call.send(ending(phone.sid), twilio.settings, net)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["queued", "ringing"])
async def test_one_that_nobody_has_picked_up(twilio: Twilio, net: RealNet, state: str) -> None:
    phone = await ringing(twilio, net)
    phone.state = state
    assert await end(twilio, net, phone) == Sent(f"hung up before anybody picked up: {WHY}")
    assert (phone.state, len(twilio.calls)) == ("canceled", 1)


async def test_one_that_somebody_listens_to(twilio: Twilio, net: RealNet) -> None:
    phone = await ringing(twilio, net)
    await phone.pick_up()
    assert await end(twilio, net, phone) == Sent(f"interrupted with the words “{WHY}”")
    assert (phone.state, phone.heard[-1]) == ("completed", f"{WHY}. Goodbye.")


@pytest.mark.parametrize("status", ["completed", "busy", "no-answer", "failed", "canceled"])
async def test_one_that_is_over(twilio: Twilio, net: RealNet, status: str) -> None:
    phone = await ringing(twilio, net)
    await phone.ring_out(status)
    assert await end(twilio, net, phone) == Sent(call.OVER)


class Between:
    """A network on which something happens before the second request."""

    def __init__(self, net: RealNet, happens: Callable[[], Awaitable[object]]) -> None:
        self._net, self._happens, self._number = net, happens, 0

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        self._number += 1
        if self._number == 2:
            await self._happens()
        return await self._net.fetch(request)


async def test_one_that_is_picked_up_at_that_very_moment_is_told_and_not_cut_off(
    twilio: Twilio, net: RealNet
) -> None:  # fmt: skip
    phone = await ringing(twilio, net)
    assert await end(twilio, Between(net, phone.pick_up), phone) == Sent(f"interrupted with the words “{WHY}”")
    assert phone.heard[-1] == f"{WHY}. Goodbye."


async def test_one_that_ends_at_that_very_moment(twilio: Twilio, net: RealNet) -> None:
    phone = await ringing(twilio, net)
    assert await end(twilio, Between(net, phone.ring_out), phone) == Sent(call.OVER)


async def test_trouble_at_twilio_is_tried_again(twilio: Twilio, net: RealNet) -> None:
    phone = await ringing(twilio, net)
    twilio.answers = [(503, {})]
    assert await end(twilio, net, phone) == Retry("Twilio answered 503: Service unavailable (error 20503)", 5)
    twilio.answers = [(503, {})]
    later = await end(twilio, Between(net, lambda: _trouble(twilio)), phone)
    assert isinstance(later, Retry)
    assert phone.state == "queued"
    assert isinstance(await end(twilio, net, phone), Sent)


async def _trouble(twilio: Twilio) -> None:
    twilio.answers = [(500, {})]


async def test_a_call_that_twilio_does_not_know_is_given_up(twilio: Twilio, net: RealNet) -> None:
    answer = await call.send(ending("CA404"), twilio.settings, net)
    assert isinstance(answer, GiveUp)
    assert "was not found (error 20404)" in answer.why
    assert isinstance(await call.send(ending(None), twilio.settings, net), GiveUp)
    assert len(twilio.asked) == 1, "nothing was called instead"


async def test_without_an_account_nothing_is_asked(twilio: Twilio, net: RealNet) -> None:
    without = msgspec.structs.replace(twilio.settings, account_sid="")
    assert isinstance(await call.send(ending("CA1"), without, net), GiveUp)
    assert twilio.asked == []


async def test_a_name_cannot_break_what_is_said(twilio: Twilio, net: RealNet) -> None:
    phone = await ringing(twilio, net)
    await phone.pick_up()
    why = "<Dial>+1900</Dial> & " + "x" * 5_000 + " acknowledged the incident"
    assert isinstance(await call.send(ending(phone.sid, why=why), twilio.settings, net), Sent)
    assert "Dial" in phone.heard[-1]
