"""The real program, killed while a phone rings, and a provider on loopback: a key pressed afterwards counts."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.cli.program import Server
from tests.notify.channels.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER, Text, twilio_server

pytestmark = pytest.mark.slow
BASE_URL = "http://tocsin.test"
PHONE = "+420777000001"
PERSON = "/api/v2/users/admin@localhost/contact-methods"


class Way:
    """How the provider reaches whichever program runs now."""

    def __init__(self) -> None:
        self.server: Server | None = None

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        if self.server is None:
            return 0, ""
        async with httpx.AsyncClient() as client:
            address = url.replace(BASE_URL, f"http://127.0.0.1:{self.server.port}")
            answer = await client.post(address, content=body, headers=headers)
            return answer.status_code, answer.text


async def until(found: Callable[[], object], seconds: float = 30) -> None:
    for _ in range(int(seconds * 20)):
        if found():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")


async def test_killed_while_it_rings_it_still_takes_the_key(tmp_path: Path) -> None:
    way = Way()
    async with twilio_server(way, BASE_URL) as twilio:
        flags = ["--base-url", BASE_URL, "--twilio-account-sid", ACCOUNT_SID, "--twilio-from", NUMBER,
                 "--twilio-base-url", f"http://127.0.0.1:{twilio.port}"]  # fmt: skip
        serve = partial(Server, tmp_path / "data", *flags, TOCSIN_TWILIO_AUTH_TOKEN=AUTH_TOKEN)
        with serve() as server:
            token = server.token
            made = server.ask(PERSON, "POST", {"kind": "phone", "address": PHONE}, token)[1]["data"]["id"]
            await until(lambda: twilio.texts)
            code = digits(twilio.texts[0])
            assert server.ask(f"{PERSON}/{made}/verify", "POST", {"code": code}, token)[0] == 200
            body = {
                "name": "Shop",
                "summary": "Nobody can pay",
                "call": True,
                "sms": False,
                "email": False,
                "push": False,
            }
            incident = server.ask("/api/v3/incidents", "POST", body, token)[1]["data"]["id"]
            await until(lambda: twilio.calls)
            server.stop(signal.SIGKILL)
        assert "Nobody can pay" in await twilio.calls[0].pick_up()
        with serve() as server:
            way.server = server
            assert "You have it" in await twilio.calls[0].press("1")
            shown = server.ask(f"/api/v3/incidents/{incident}", token=token)[1]["data"]["attributes"]
            assert shown["acknowledged_by"] == "Administrator"
            assert AUTH_TOKEN not in server.log
            assert server.stop() == 0
        assert len({phone.sid for phone in twilio.calls}) <= 2, "sent again at most once, when the answer was lost"


def digits(text: Text) -> str:
    found = re.search(r"\b\d{6}\b", text.body)
    assert found, text.body
    return found[0]
