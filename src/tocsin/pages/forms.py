"""What readers send: small forms, taken only from pages of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.vault import Vault

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = Sequence[tuple[bytes, bytes]]
Fields = dict[str, list[str]]

MAX_FORM_BYTES = 32_768
"""A browser's subscription and the ticks of a long page."""
MAX_FIELDS = 1_000
BODY_TIMEOUT_SECONDS = 15.0
TOKEN_LIFETIME = timedelta(days=1)
"""A page may stand open so long before its form is sent."""


class TooLarge(Exception):
    """More than any form of ours, or too slow."""


class CutOff(Exception):
    """The client went before its form was whole: what it wanted is not known."""


async def whole(receive: Receive) -> bytes:
    """All that a reader sends. Raises TooLarge and CutOff."""
    body = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while True:  # ends with the body, its limit or the time
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise CutOff
                body += bytes(message.get("body", b""))
                if len(body) > MAX_FORM_BYTES:
                    raise TooLarge
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise TooLarge from None
    return body


async def read(receive: Receive) -> Fields:
    """The fields of a form; none when it is none. Raises TooLarge and CutOff."""
    body = await whole(receive)
    if not body.isascii():
        return {}
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise TooLarge from None


def field(fields: Fields, name: str) -> str:
    """The last value of a field, without what no column could hold."""
    return fields.get(name, [""])[-1].replace("\x00", "")


def from_here(headers: Headers) -> bool:
    """Whether a browser sends this from a page of the same origin. Programs that say nothing of where they come from
    are no browsers that somebody misleads; the form's token is asked for besides."""
    given = {name: value.decode("latin-1").strip().lower() for name, value in headers}
    site = given.get(b"sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = given.get(b"origin")
    if origin is None:
        return True
    return origin.partition("://")[2] == given.get(b"host", "-")


class FormTokens:
    """Proves that a form was drawn by us, for this page, lately. It is no secret: everybody may fetch one. Against
    forms on other sites stands `from_here`; against programs that fill in what they never fetched stands this."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def make(self, site_id: int) -> str:
        ends = to_milliseconds(self._clock.now() + TOKEN_LIFETIME) // 1000
        return f"{ends}.{self._vault.sign(f'status-page-form:{site_id}:{ends}')}"

    def good(self, site_id: int, token: str) -> bool:
        ends, _, signature = token.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
            return False
        if int(ends) <= to_milliseconds(self._clock.now()) // 1000:
            return False
        return self._vault.signed(f"status-page-form:{site_id}:{ends}", signature)
