"""Sends a push message through Pushover; a critical page rings again and again until somebody has seen it.

Pushover's message API. It has no idempotency: a message may come twice after a crash. A critical page has the priority
"emergency"; its repetition is called off by its receipt as soon as nobody needs to answer it, and once more by the
incident's tag with the news that it is acknowledged or over: a page whose acceptance we never heard of has no receipt
that we know. For a person `message.endpoint` is their user key, and the application's token is the installation's.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tocsin.kernel.clock import to_milliseconds
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import Fetches, ask, cut, decoded, link_of, plain, settings_of, strange, texts
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "pushover"
CONNECTIONS = 2
"""Pushover asks for no more than two connections at once."""
SHOWN = frozenset({"device"})
KEEPS_RINGING = True
"""A critical page repeats itself until its reader, or we, call it off."""
MAX_TITLE_CHARACTERS = 250
MAX_TEXT_CHARACTERS = 1_024
MAX_URL_CHARACTERS = 512
"""Limits of the message API."""
REPEAT_EVERY_SECONDS = 60
"""Of a critical page; Pushover takes 30 at least."""
REPEAT_FOR_SECONDS = 3_600
"""By then the policy has gone on; Pushover takes three hours at most."""
LIVE_SECONDS = CALL_OFF_SECONDS = REPEAT_FOR_SECONDS
"""Then it has ended by itself."""
_KEY = re.compile(r"[A-Za-z0-9]{30}")
"""A user's, a group's or an application's."""
_RECEIPT = _KEY
"""What an emergency is called, and nothing else is: the other messages have the name of the request, a UUID."""
_EMERGENCY, _HIGH, _NORMAL, _QUIET = 2, 1, 0, -1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The installation's Pushover application."""

    app_token: str = ""
    base_url: str = "https://api.pushover.net"
    callbacks: bool = False
    """Whether Pushover can reach us: only then it is asked to tell us who has acknowledged."""

    @property
    def configured(self) -> bool:
        """Whether people can be reached by it."""
        return bool(self.app_token)

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One user or group."""

    user_key: str
    app_token: str = ""
    """Of the team's own application; empty: the installation's."""
    device: str = ""
    """One of the user's devices; empty: all."""

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong = "must be 30 letters and digits"
        given = {"user_key": self.user_key, **({"app_token": self.app_token} if self.app_token else {})}
        return {name: wrong for name, value in given.items() if not _KEY.fullmatch(value)}


def endpoint_complaint(endpoint: str) -> str | None:
    """What is wrong with a person's user key; None when it can be used."""
    return None if _KEY.fullmatch(endpoint) else "must be a user key: 30 letters and digits"


def goes_on(provider_id: str) -> bool:
    """Whether this is a page that repeats itself."""
    return _RECEIPT.fullmatch(provider_id) is not None


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Send one message; one that says that it is acknowledged or over ends the ringing first. One of the kind
    `call_off` only ends the repetition of `message.parent`."""
    target = Target(user_key=message.endpoint) if message.target is None else settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    token = target.app_token or settings.app_token
    if not token:
        return GiveUp("Pushover is not configured: set pushover_app_token, or the target's app_token")
    if message.notice.kind == Kind.CALL_OFF:
        return await _call_off(message, token, settings, net)
    personal = message.attempt if message.target is None else None
    if message.notice.kind in (Kind.ACKNOWLEDGED, Kind.RESOLVED):
        url = f"{settings.base_url}/1/receipts/cancel_by_tag/{quote(_tag(message), safe='')}.json"
        quieted = await ask(net, "POST", url, form=urlencode({"token": token}).encode())
        answer = answered(quieted, "Pushover", at=message.at, attempt=personal)
        if isinstance(answer, Retry):
            return answer
    form = urlencode(_form(message, target, settings)).encode()
    response = await ask(net, "POST", f"{settings.base_url}/1/messages.json", form=form)
    said = decoded(response)
    words = "; ".join(texts(said.get("errors"))) or None
    answer = answered(response, "Pushover", at=message.at, attempt=personal, words=words)
    if isinstance(answer, GiveUp):
        gone = said.get("user") == "invalid"  # no such user any more, or none of their devices is active
        return GiveUp(answer.why, endpoint_gone=gone)
    if not isinstance(answer, Sent):
        return answer
    if said.get("status") != 1:
        return strange(response, "Pushover", personal)
    return Sent(answer.detail, provider_id=str(said.get("receipt") or said.get("request") or "") or None)


async def _call_off(message: Message, token: str, settings: Settings, net: Fetches) -> Answer:
    """End the repetition of one page by its receipt, whatever else goes by the same tag. Pushover does not mind being
    told of one that has ended; one that it does not know under this token repeats itself for all we know."""
    if message.parent is None:
        return GiveUp("Tocsin does not know which message it was")
    url = f"{settings.base_url}/1/receipts/{quote(message.parent, safe='')}/cancel.json"
    response = await ask(net, "POST", url, form=urlencode({"token": token}).encode())
    said = decoded(response)
    words = "; ".join(texts(said.get("errors"))) or None
    answer = answered(response, "Pushover", at=message.at, attempt=message.attempt, words=words)
    if not isinstance(answer, Sent):
        return answer
    if said.get("status") != 1:
        return strange(response, "Pushover", message.attempt)
    return Sent(f"called off: {message.notice.headline}")


def _form(message: Message, target: Target, settings: Settings) -> dict[str, Any]:
    notice = message.notice
    form: dict[str, Any] = {
        "token": target.app_token or settings.app_token,
        "user": target.user_key,
        "title": cut(notice.headline, MAX_TITLE_CHARACTERS),
        "message": plain(message, MAX_TEXT_CHARACTERS) or notice.headline,
        "timestamp": to_milliseconds(message.at) // 1000,
        "priority": _priority(message),
    }
    link = link_of(message)
    if link and len(link) <= MAX_URL_CHARACTERS:
        form |= {"url": link, "url_title": "Acknowledge" if message.answer_url else "Open"}
    if target.device:
        form["device"] = target.device
    if form["priority"] == _EMERGENCY:
        form |= {"retry": REPEAT_EVERY_SECONDS, "expire": REPEAT_FOR_SECONDS, "tags": _tag(message)}
        if settings.callbacks and message.state_url and message.answer_token:
            base, _, _ = message.state_url.rpartition("/callbacks/")
            form["callback"] = f"{base}/callbacks/pushover/{message.answer_token}"
    return form


def _priority(message: Message) -> int:
    if message.notice.kind == Kind.PAGE:
        return _EMERGENCY if message.notice.critical else _HIGH
    return _NORMAL if message.notice.kind == Kind.RESOLVED else _QUIET


def _tag(message: Message) -> str:
    """By which every page of one incident is called off. Commas would divide it."""
    return message.thread.replace(",", "-")
