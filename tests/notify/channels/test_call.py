"""A call says what is wrong twice and waits for a key; nothing that anybody named something can break what is said."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notify.channels.messages import BASE_URL, SIGNATURE, page
from tests.notify.channels.test_twilio import BOB, net, twilio
from tests.notify.channels.twilio import MAX_TWIML_CHARACTERS, NUMBER, Twilio
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import call
from tocsin.notify.model import Sent

__all__ = ["net", "twilio"]
SETTINGS = call.Settings(account_sid="AC1", auth_token="x", from_number=NUMBER)


def script(settings: call.Settings = SETTINGS, *, notice: dict[str, Any] | None = None, **more: Any) -> str:
    return call.script(page(channel="call", address=BOB, notice=notice, **more), settings)


def spoken(twiml: str) -> list[str]:
    return ["".join(verb.itertext()) for verb in ElementTree.fromstring(twiml).iter("Say")]


async def test_the_voice_says_what_is_wrong_twice_and_which_keys_there_are(twilio: Twilio, net: RealNet) -> None:
    answer = await call.send(page(channel="call", address=BOB), twilio.settings, net)
    assert isinstance(answer, Sent)
    (phone,) = twilio.calls
    words = "This is Tocsin with an alert for Bob. shop.example.com is down. The cause: Status 503."
    keys = "Press 1 to acknowledge. Press 2 to alert the next person."
    assert await phone.pick_up() == (
        f"{words} {keys} I repeat. {words} {keys} No key was pressed, so this is not acknowledged. Goodbye."
    )
    status = f"{BASE_URL}/callbacks/twilio/status/7-{SIGNATURE[::-1]}"
    assert {name: value for name, value in phone.form.items() if name != "Twiml"} == {
        "To": BOB, "From": NUMBER, "Timeout": "30", "StatusCallback": status, "MachineDetection": "Enable",
        "AsyncAmd": "true", "AsyncAmdStatusCallback": status,
    }  # fmt: skip
    assert f'action="{BASE_URL}/callbacks/twilio/voice/7-{SIGNATURE}"' in phone.form["Twiml"]


def test_where_twilio_cannot_reach_us_no_key_is_promised() -> None:
    twiml = script(msgspec.structs.replace(SETTINGS, callbacks=False))
    assert "Press" not in twiml
    assert "Gather" not in twiml
    assert spoken(twiml)[-1] == "Goodbye."


def test_a_code_is_dictated_digit_by_digit() -> None:
    notice = {"kind": "notice", "incident_id": 0, "headline": "Your code is 482913", "cause": "", "actions": ()}
    said = spoken(script(notice=notice, answer_token=None, answer_url=None))
    assert said[0] == "This is Tocsin for Bob. Your code is 4, 8, 2, 9, 1, 3."


def test_addresses_are_said_by_their_host_alone() -> None:
    said = spoken(script(notice={"cause": "GET https://ann:secret@shop.example.com:8443/a?b=c answered 503"}))
    assert "The cause: GET shop.example.com:8443 answered 503." in said[0]


@pytest.mark.slow
@given(text=st.text(max_size=2_000), more=st.text(max_size=2_000), name=st.text(max_size=255))
def test_whatever_things_are_called_it_is_markup_that_can_be_read_and_not_too_long(
    text: str, more: str, name: str
) -> None:
    twiml = script(notice={"headline": text, "cause": more}, recipient=name)
    root = ElementTree.fromstring(twiml)
    assert [verb.tag for verb in root] == ["Gather", "Gather", "Say"]
    assert len(twiml) <= MAX_TWIML_CHARACTERS


def test_the_longest_of_the_worst_is_not_too_long() -> None:
    twiml = script(notice={"headline": '&<">' * 400, "cause": "&" * 2_000}, recipient="&" * 255)
    assert len(twiml) <= MAX_TWIML_CHARACTERS
