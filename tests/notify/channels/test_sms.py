"""A text message is short, readable on any phone, and never loses its link."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.test_twilio import BOB, net, twilio
from tests.notify.channels.twilio import NUMBER, Twilio
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import sms
from tocsin.notify.model import Sent

__all__ = ["net", "twilio"]
LINK = f"{BASE_URL}/answer/7-{SIGNATURE}"


def said(**notice: Any) -> str:
    return sms.text(page(channel="sms", address=BOB, notice=notice))


async def test_it_says_what_is_wrong_and_how_to_answer(twilio: Twilio, net: RealNet) -> None:
    answer = await sms.send(page(channel="sms", address=BOB), twilio.settings, net)
    assert isinstance(answer, Sent)
    (taken,) = twilio.texts
    assert taken.form == {
        "To": BOB, "From": NUMBER,
        "Body": f"shop.example.com is down: Status 503. Reply 4711 to acknowledge, or open {LINK}",
        "StatusCallback": f"{BASE_URL}/callbacks/twilio/status/7-{SIGNATURE[::-1]}",
    }  # fmt: skip


def test_a_critical_page_says_so_and_marks_are_written_as_every_phone_can() -> None:
    assert said(critical=True).startswith("CRITICAL: shop.example.com is down: ")
    assert said(headline="“Čeština” – ok…").startswith('"Cestina" - ok...: Status 503. Reply')
    assert said(headline="Ångström ñandú").startswith("Ångström ñandu: ")
    assert said(headline="Сайт не работает").startswith("Сайт не работает: Status 503. Reply"), "as it is, then"


def test_news_have_no_code_and_no_cause() -> None:
    told = sms.text(news("acknowledged", "Ann has taken on shop.example.com", channel="sms", address=BOB))
    assert told == "Ann has taken on shop.example.com"
    code = {"kind": "notice", "incident_id": 0, "headline": "123456 is your Tocsin code", "cause": "", "actions": ()}
    assert sms.text(page(channel="sms", address=BOB, notice=code, answer_url=None)) == "123456 is your Tocsin code"


def test_who_cannot_be_written_back_to_does_not_ask_for_it() -> None:
    assert sms.text(page(channel="sms", address=BOB), can_answer=False).endswith(f". Acknowledge: {LINK}")


@pytest.mark.slow
@given(headline=st.text(max_size=400), cause=st.text(max_size=400), critical=st.booleans())
def test_whatever_is_to_be_said_fits_and_ends_in_the_whole_link(headline: str, cause: str, critical: bool) -> None:
    text = said(headline=headline, cause=cause, critical=critical)
    assert text.endswith(LINK)
    assert "Reply 4711 to acknowledge" in text
    assert "\n" not in text
    places = len(text.encode("utf-16-le")) // 2
    basic = sms._BASIC | sms._EXTENDED
    assert places <= (sms.MAX_GSM_CHARACTERS if set(text) <= basic else sms.MAX_UCS_CHARACTERS)
