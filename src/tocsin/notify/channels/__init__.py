"""The ways to reach a person: one file in this folder per way, found by looking at what is there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Protocol, cast

import msgspec

from tocsin.kernel.clock import retry_after_seconds
from tocsin.kernel.net import Failure, HttpResponse
from tocsin.kernel.vault import without_credentials
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

QUICK_ATTEMPTS = 3
"""Of a channel that wakes people: then another way is taken, and this one is still tried, with growing waits."""
QUICK_WAIT_SECONDS = 5.0
"""Between those attempts; a provider that asks for more patience gets it, and another way is taken at once."""
MAX_WORDS_CHARACTERS = 300
"""Of a provider's explanation that go into the ledger."""

_LATER = frozenset({408, 425, 429})
"""4xx that say nothing against the message (RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4)."""
_HOPELESS = frozenset({Failure.BAD_URL, Failure.ADDRESS_REFUSED})
"""Asking again cannot help before somebody changes the address."""
_EXPLAINED_IN = ("message", "description", "error_description", "detail", "error", "errors", "title", "reason")
"""Where providers say in JSON what is wrong, the most telling first."""


class Channel(Protocol):
    """What a module in this folder must have."""

    KIND: str
    """The word in the column `channel`, e.g. `email`."""
    Settings: type[msgspec.Struct]
    """What the operator configures once for the installation; `Settings()` = not configured."""
    CONNECTIONS: int
    """Messages in flight at once: what one provider bears without turning us away."""

    # A module may also have
    # - `Session(settings)`, with `send(message, net)` and `close()`: what is kept while there is more to send, e.g.
    #   connections. Then messages go through that, and `send` is for a single one.
    # - `Target`: the settings of one target of a team, when it reaches places and not people.
    # - `MANY_SERVERS`: people bring servers of their own, so that none gets all of the channel; as with a `Target`.
    # - `TELLS`: the kinds of messages that it carries (see `tells`).
    # - `KEEPS_RINGING`: a page may repeat itself until we call it off, even for who has acknowledged elsewhere.
    # - `LIVE_SECONDS`: a page may go on by itself (ring, speak, repeat itself) for so long after it was handed over; a
    #   message of the kind `call_off` ends it, which is tried for `CALL_OFF_SECONDS`.
    # - `goes_on(provider_id)`: whether what its provider calls so does that; without it, every page does.
    # - `endpoint_complaint(endpoint)`: what is wrong with a person's address, in words; None = it can be tried.
    # - `RECEIVED_WITHIN_SECONDS`: how long after its acceptance a page must be reported as delivered to count.

    async def send(self, message: Message, settings: Any, net: Any) -> Answer:
        """Try once. Never raises for what the outer world does: that is an `Answer`, with the reason in words.

        `message.key` is the idempotency key: the same message may be sent again after a crash, under the same key.
        """
        ...


@cache
def discover() -> Mapping[str, Channel]:
    """Every channel by its kind. A module without a `KIND` is what several channels share, and is passed over."""
    found: dict[str, Channel] = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        imported = importlib.import_module(module.name)
        if not hasattr(imported, "KIND"):
            continue
        channel = cast(Channel, imported)
        if channel.KIND in found:
            raise ValueError(f"two channels are called {channel.KIND}")
        found[channel.KIND] = channel
    return found


def tells(channel: str, kind: str) -> bool:
    """Whether a channel carries this kind of message: nobody wants a phone call to say that all is well."""
    carried: frozenset[str] | None = getattr(discover().get(channel), "TELLS", None)
    return carried is None or kind in carried


def endpoint_complaint(channel: str, endpoint: str) -> str | None:
    """What is wrong with the address of a person by this channel, in words after its name; None = it can be tried."""
    complain = getattr(discover().get(channel), "endpoint_complaint", None)
    return None if complain is None else str(complain(endpoint) or "") or None


def keeps_ringing(channel: str) -> bool:
    """Whether a page by this channel may repeat itself until we say by the same channel that it is acknowledged."""
    return bool(getattr(discover().get(channel), "KEEPS_RINGING", False))


@cache
def going_on() -> Mapping[str, float]:
    """The channels whose pages may go on by themselves, and are called off when somebody has answered: by kind, for
    how many seconds after it was handed over one may be live."""
    found = {kind: getattr(channel, "LIVE_SECONDS", None) for kind, channel in discover().items()}
    return {kind: float(seconds) for kind, seconds in found.items() if seconds is not None}


def goes_on(channel: str, provider_id: str) -> bool:
    """Whether the page that its provider calls so may go on by itself."""
    judge = getattr(discover().get(channel), "goes_on", None)
    return channel in going_on() and (judge is None or bool(judge(provider_id)))


def called_off_within(channel: str) -> float | None:
    """For how many seconds it is worth trying to call off a page of this channel; then it has ended by itself."""
    return getattr(discover().get(channel), "CALL_OFF_SECONDS", None)


def answered(
    response: HttpResponse, provider: str, *, at: datetime, attempt: int | None = None, words: str | None = None
) -> Answer:
    """What a provider's HTTP answer means for a message: the one place where statuses become sentences.

    `at`: now (`message.at`). `attempt`: `message.attempt`, for a channel that wakes people: after `QUICK_ATTEMPTS`, or
    when more patience is asked for, the next way is taken, and this one still rings when its provider is back. None:
    whoever is told can wait. `words`: the provider's own explanation; None = found in the body.
    """
    status = response.status_code
    if status is None:
        why = f"{provider} cannot be reached: {without_credentials(response.cause or 'there was no answer')}"
        return GiveUp(why) if response.failure in _HOPELESS else later(why, None, attempt)
    said = _explained(response.body) if words is None else _short(words)
    why = f"{provider} answered {status}" + (f": {said}" if said else "")
    if 200 <= status < 300:
        return Sent(f"accepted by {provider} ({status})")
    if status in _LATER or status >= 500:
        asked = next((value for name, value in response.headers if name.lower() == "retry-after"), "")
        return later(why, retry_after_seconds(asked, at), attempt)
    return GiveUp(why)


def later(why: str, asked_seconds: float | None, attempt: int | None) -> Answer:
    """That it may go through later, with the patience that `answered` has."""
    if attempt is None:
        return Retry(why, asked_seconds)
    if attempt > QUICK_ATTEMPTS:
        return Retry(why, asked_seconds)
    patient = attempt == QUICK_ATTEMPTS or (asked_seconds or 0) > QUICK_WAIT_SECONDS
    return Retry(why, asked_seconds, elsewhere=True) if patient else Retry(why, asked_seconds or QUICK_WAIT_SECONDS)


def _explained(body: bytes) -> str:
    """The provider's explanation in JSON, else the beginning of its text; a whole web page explains nothing."""
    text = body[: MAX_WORDS_CHARACTERS * 40].decode("utf-8", "replace")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return "" if text.lstrip().startswith("<") else _short(text)
    if isinstance(found, dict):
        told = next((found[name] for name in _EXPLAINED_IN if found.get(name)), None)
        if isinstance(told, dict):
            told = told.get("message") or told
        found = text if told is None else told
    return _short(found if isinstance(found, str) else msgspec.json.encode(found).decode())


def _short(text: str) -> str:
    line = " ".join(without_credentials(text).split())
    return line if len(line) <= MAX_WORDS_CHARACTERS else line[: MAX_WORDS_CHARACTERS - 1] + "…"
