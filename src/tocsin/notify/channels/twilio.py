"""What text messages and phone calls have in common: both go through the operator's own account at Twilio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tocsin.kernel.net import HttpRequest, HttpResponse, Net
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import strange
from tocsin.notify.model import Answer, GiveUp, Message, Sent

BASE_URL = "https://api.twilio.com"
API_VERSION = "2010-04-01"
TIMEOUT_SECONDS = 10.0
"""For one request: three of them and the waits between fit into the minute after which somebody else is tried."""
MAX_ANSWER_BYTES = 64 * 1024
"""A call or a message as JSON is two kilobytes."""
UNCONFIGURED = "no Twilio account is configured: set TOCSIN_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM"
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
_REFUSED_STATUSES = frozenset({"failed", "canceled", "undelivered"})
"""In an answer that is a success otherwise."""
IMPOSSIBLE = ""
"""The call is in no state for what was asked of it."""
_INVALID_CALL_STATE = 21220
"""Twilio's number for that."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The account and the numbers that everything is sent from. No account = not configured."""

    account_sid: str = ""
    auth_token: str = ""
    """Signs us in, and signs what Twilio tells us."""
    from_number: str = ""
    """E.164, e.g. +15005550006."""
    messaging_service: str = ""
    """`MG…`: text messages are sent through it, and calls from the number."""
    base_url: str = BASE_URL
    callbacks: bool = True
    """Whether Twilio can reach us: else nothing tells whether a message arrived, and no key can be pressed."""
    machine_detection: bool = True
    """Whether to ask who picked up: a page that was spoken to a mailbox was not received."""

    def __repr__(self) -> str:
        return f"Settings(account_sid={self.account_sid!r}, from_number={self.from_number!r})"


def callback(message: Message, settings: Settings, kind: str, token: str | None = None) -> str | None:
    """Where Twilio tells us something about this message, e.g. `https://…/callbacks/twilio/status/17-ab…`; None = not.

    `token`: the last part of the address; None = that of the message's `state_url`.
    """
    if not settings.callbacks or message.state_url is None:
        return None
    base, _, state_token = message.state_url.rpartition("/callbacks/")
    return f"{base}/callbacks/twilio/{kind}/{token or state_token}"


async def post(
    message: Message, settings: Settings, net: Net, resource: str, form: Sequence[tuple[str, str | None]]
) -> Answer:
    """Make one of Twilio's resources (`Calls`, `Messages`). What is None in the form is left out."""
    if not settings.account_sid:
        return GiveUp(UNCONFIGURED)
    response, made = await _ask(settings, net, resource, form)
    answer = answered(response, "Twilio", at=message.at, attempt=message.attempt, words=_words(made))
    if not isinstance(answer, Sent):
        return answer
    sid, status = str(made.get("sid") or ""), str(made.get("status") or "")
    if status in _REFUSED_STATUSES:
        return GiveUp(f"Twilio says {status}: {_words(made) or 'without a reason'}")
    if not sid:
        return strange(response, "Twilio", message.attempt)
    return Sent(f"accepted by Twilio: {status or 'queued'} ({sid})", provider_id=sid)


async def change_call(
    message: Message, settings: Settings, net: Net, sid: str, form: Sequence[tuple[str, str | None]]
) -> str | Answer:
    """Change a call that was made (`Calls/{sid}`). Returns its status after that in Twilio's words, `IMPOSSIBLE` when
    it is not in a state in which this can be done, or what went wrong."""
    if not settings.account_sid:
        return GiveUp(UNCONFIGURED)
    response, made = await _ask(settings, net, f"Calls/{quote(sid, safe='')}", form)
    if response.status_code == 400 and made.get("code") == _INVALID_CALL_STATE:
        return IMPOSSIBLE
    answer = answered(response, "Twilio", at=message.at, attempt=message.attempt, words=_words(made))
    if not isinstance(answer, Sent):
        return answer
    return str(made.get("status") or "") or strange(response, "Twilio", message.attempt)


async def _ask(
    settings: Settings, net: Net, resource: str, form: Sequence[tuple[str, str | None]]
) -> tuple[HttpResponse, dict[str, Any]]:
    """Post a form to a resource of the account; returns the answer, and what stands in it as JSON."""
    response = await net.fetch(
        HttpRequest(
            url=f"{settings.base_url.rstrip('/')}/{API_VERSION}/Accounts/{quote(settings.account_sid)}/{resource}.json",
            method="POST",
            headers=_FORM,
            body=urlencode([(name, value) for name, value in form if value is not None]).encode(),
            username=settings.account_sid,
            password=settings.auth_token,
            follow_redirects=False,  # nobody else is to see the account's secret
            remember_cookies=False,
            timeout_seconds=TIMEOUT_SECONDS,
            keep_body_bytes=MAX_ANSWER_BYTES,
        )
    )
    return response, _decoded(response)


def _decoded(response: HttpResponse) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(response.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(made: dict[str, Any]) -> str | None:
    """Twilio's explanation with the number under which its documentation explains it further."""
    said, code = made.get("message") or made.get("error_message"), made.get("code") or made.get("error_code")
    if not said:
        return None
    return f"{said} (error {code})" if code else str(said)
