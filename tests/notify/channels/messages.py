"""Messages as a worker hands them to a channel, for tests of single channels."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.time import START
from tocsin.notify.model import Message, Notice

BASE_URL = "https://tocsin.example.com"
SIGNATURE = "5f" * 16


def page(*, channel: str, address: str, notice: dict[str, Any] | None = None, **more: Any) -> Message:
    """A page about shop.example.com to Bob, or what `notice` makes of it."""
    said = Notice(
        kind="page", incident_id=25, team_id=1, subject="[Tocsin] Down: shop.example.com (Status 503)",
        headline="shop.example.com is down", cause="Status 503", facts=[("Response code", "503")],
        thread_key="incident-25", actions=("acknowledge", "resolve"),
    )  # fmt: skip
    given: dict[str, Any] = {
        "delivery_id": 7, "attempt": 1, "channel": channel, "address": address, "endpoint": address, "recipient": "Bob",
        "notice": msgspec.structs.replace(said, **(notice or {})), "key": "delivery-7-ab", "thread": "incident-25-ab",
        "answer_url": f"{BASE_URL}/answer/7-{SIGNATURE}", "answer_token": f"7-{SIGNATURE}", "code": "4711",
        "state_url": f"{BASE_URL}/callbacks/7-{SIGNATURE[::-1]}", "at": START,
    }  # fmt: skip
    return Message(**{**given, **more})


def news(kind: str, headline: str, *, channel: str, address: str, **more: Any) -> Message:
    """A message that asks for no answer, with the same link to look at the incident."""
    url = f"{BASE_URL}/answer/7-{SIGNATURE}"
    notice = {"kind": kind, "headline": headline, "actions": (), "url": url}
    return page(channel=channel, address=address, notice=notice, answer_url=None, answer_token=None, code=None, **more)
