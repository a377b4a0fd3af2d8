"""Nothing is believed that Twilio has not signed, whatever it is; and whoever keeps guessing is not answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest

from tests.notify.channels.twilio import AUTH_TOKEN, signature
from tests.time import FakeClock
from tocsin.gateway import Door
from tocsin.registry import Catalogue
from tocsin.rest.callbacks.deeds import Answering
from tocsin.rest.callbacks.guesses import FAILURES_OF_STRANGERS, FAILURES_PER_NUMBER
from tocsin.rest.callbacks.twilio import CallbackSettings, TwilioCallbacks
from tocsin.storage import Database

BASE_URL = "https://tocsin.example.com"
BOB = "+420777000002"
FORM = "application/x-www-form-urlencoded"


class Notes:
    """A ledger in which nothing is open."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str]] = []

    async def told(self, state_token: str, receipt: str, detail: str) -> bool:
        self.notes.append((state_token, receipt, detail))
        return True

    async def seen(self, answer_token: str, detail: str) -> bool:
        return False

    async def open_pages(self, number: str, code: str | None) -> list[str] | None:
        return [] if number == BOB else None


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def client(sqlite_database: Database, clock: FakeClock, notes: Notes) -> AsyncIterator[httpx.AsyncClient]:
    answering = Answering(sqlite_database, Door(sqlite_database, Catalogue([]), clock), BASE_URL)
    app = TwilioCallbacks(answering, notes, clock, CallbackSettings(auth_token=AUTH_TOKEN, base_url=BASE_URL))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as asking:
        yield asking


async def tell(
    client: httpx.AsyncClient, path: str, facts: dict[str, str], signed_as: str | None = None
) -> httpx.Response:
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature(signed_as or BASE_URL + path, facts)}
    return await client.post(path, content=urlencode(facts), headers=headers)


async def test_the_port_may_stand_in_the_signed_address_or_not(client: httpx.AsyncClient) -> None:
    path, facts = "/callbacks/twilio/status/7-ab?x=%20y", {"CallStatus": "ringing"}
    for host in ("https://tocsin.example.com", "https://tocsin.example.com:443"):
        assert (await tell(client, path, facts, host + path)).status_code == 200
    for host in ("http://tocsin.example.com", "https://tocsin.example.com:80", "https://evil.example"):
        assert (await tell(client, path, facts, host + path)).status_code == 403


async def test_what_was_signed_is_what_came(client: httpx.AsyncClient, notes: Notes) -> None:
    path = "/callbacks/twilio/status/7-ab"
    signed = {"X-Twilio-Signature": signature(BASE_URL + path, {"CallStatus": "busy"}), "Content-Type": FORM}
    for body in (b"CallStatus=failed", b"CallStatus=busy&More=1", b"", b"\xff", b"{}"):
        assert (await client.post(path, content=body, headers=signed)).status_code in (400, 403)
    assert (await client.post(path, content=b"CallStatus=busy", headers=signed)).status_code == 200
    assert notes.notes == [("7-ab", "undelivered", "Twilio: the line was busy")]
    assert (await client.get(path)).status_code == 405
    assert (await client.post(path, content=b"x" * 70_000, headers=signed)).status_code == 413
    assert (await tell(client, "/callbacks/twilio/fax/1", {})).status_code == 404


@pytest.mark.parametrize(
    ("facts", "receipt"),
    [
        ({"CallStatus": "no-answer"}, ("undelivered", "Twilio: nobody picked up")),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, ("undelivered", "Twilio: the call failed (404)")),
        ({"CallStatus": "completed", "CallDuration": "12"}, None),
        ({"AnsweredBy": "human"}, ("delivered", "Twilio: somebody picked up")),
        ({"AnsweredBy": "machine_end_beep", "CallStatus": "completed"}, ("undelivered", "Twilio: a machine picked up")),
        ({"AnsweredBy": "unknown"}, ("delivered", "Twilio: somebody picked up")),
        ({"MessageStatus": "sent"}, None),
        ({"MessageStatus": "delivered"}, ("delivered", "Twilio: delivered")),
        ({"MessageStatus": "read"}, ("seen", "Twilio: read")),
        ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, ("undelivered", "Twilio: undelivered (error 30003)")),
        ({}, None),
    ],
)
async def test_what_becomes_of_calls_and_texts(
    client: httpx.AsyncClient, notes: Notes, facts: dict[str, str], receipt: tuple[str, str] | None
) -> None:
    answer = await tell(client, "/callbacks/twilio/status/7-ab", facts)
    assert answer.status_code == 200
    assert notes.notes == ([] if receipt is None else [("7-ab", *receipt)])


async def test_who_keeps_guessing_is_not_answered_for_an_hour_and_takes_nothing_from_others(
    client: httpx.AsyncClient, clock: FakeClock
) -> None:
    async def guess(number: str) -> bool:
        answer = await tell(client, "/callbacks/twilio/sms", {"From": number, "Body": "1234"})
        return "<Message>" in answer.text

    assert [await guess("+15550000000") for _ in range(FAILURES_PER_NUMBER + 2)].count(True) == FAILURES_PER_NUMBER
    for number in range(FAILURES_OF_STRANGERS):
        await guess(f"+1555{number:07d}")
    assert not await guess("+15559999999")
    assert await guess(BOB), "whoever we know is listened to, however many strangers write"
    clock.wind(hours=1)
    assert await guess("+15559999999")
