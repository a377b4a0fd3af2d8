"""What a client sent, read with care: too big, too deep, not JSON or not text is said plainly and goes no further."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.registry.input import MAX_INTEGER

MAX_BODY_BYTES = 1024 * 1024
"""The largest request body: a Playwright script of 100 kB fits ten times over, a flood does not."""
MAX_DEPTH = 32
"""Arrays and objects inside one another: policies nest four deep, and a deeper tree only costs stack."""
MAX_QUERY_PARAMETERS = 200
"""Parameters in one address; browsers and proxies cut an address long before."""
BODY_TIMEOUT_SECONDS = 30.0
"""How long a body may trickle in: whoever is slower holds a connection for nothing."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Malformed(Invalid):
    """The request could not be read at all; `status` is 400, 408 or 413 and the message says why.

    A kind of `Invalid`, so that the door can carry it past the question of who is calling: 401 comes before 400.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """The client hung up before its body was whole: nobody is left to answer."""


async def read_body(receive: Receive, declared_length: bytes | None, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The whole body, counted as it comes in, whatever its Content-Length claims. Raises Malformed or Gone."""
    if declared_size(declared_length) > max_bytes:
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while True:  # ends with the body, the limit, the hang-up or the timeout
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part = message.get("body", b"")
                size += len(part)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Malformed(408, "The request body did not arrive within 30 seconds.") from None


def declared_size(length: bytes | None) -> int:
    """What a Content-Length claims, in bytes; 0 when it claims nothing that can be read."""
    return int(length[:20]) if length is not None and length.isdigit() else 0


def parse_body(body: bytes, list_field: str | None = None) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty object. The Content-Type is not asked: clients omit it.

    With `list_field` it must be an array, which becomes the field of that name.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        return {}
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise Malformed(400, "The request body is not valid UTF-8.") from None
    except msgspec.MsgspecError as error:
        raise Malformed(400, f"The request body is not valid JSON: {_reason(error)}.") from None
    if list_field is not None:
        if not isinstance(value, list):
            raise Malformed(400, "The request body must be a JSON array.")
        value = {list_field: value}
    if not isinstance(value, dict):
        raise Malformed(400, "The request body must be a JSON object of attributes.")
    _inspect(value)
    return value


def parse_query(query: bytes) -> dict[str, list[str]]:
    """The query parameters, each with all of its values in order; nested names (`metadata[Key][]`) as they came.

    What is not text (broken UTF-8, null characters) becomes U+FFFD, which matches nothing.
    """
    found: dict[str, list[str]] = {}
    if not query:
        return found
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=MAX_QUERY_PARAMETERS
        )
    except ValueError:
        raise Malformed(400, f"The address has more than {MAX_QUERY_PARAMETERS} query parameters.") from None
    for name, value in pairs:
        found.setdefault(name.replace("\x00", "\ufffd"), []).append(value.replace("\x00", "\ufffd"))
    return found


def _inspect(body: dict[str, Any]) -> None:
    """Refuse what no column could hold: null characters, numbers beyond 64 bits, trees too deep."""
    for name, value in body.items():
        if "\x00" in name:
            raise Invalid.unknown([name.replace("\x00", "\ufffd")])
        pending: list[tuple[Any, int]] = [(value, 2)]
        while pending:  # bounded by the size of the body
            item, depth = pending.pop()
            if depth > MAX_DEPTH:
                raise _too_deep()
            if isinstance(item, str):
                if "\x00" in item:
                    raise Invalid.of({name: ["must not contain null characters"]})
            elif isinstance(item, int):
                if not -MAX_INTEGER <= item <= MAX_INTEGER:
                    raise Invalid.of({name: ["is out of range"]})
            elif isinstance(item, list):
                pending.extend((part, depth + 1) for part in item)
            elif isinstance(item, dict):
                pending.extend((part, depth + 1) for pair in item.items() for part in pair)


def _reason(error: msgspec.MsgspecError) -> str:
    return str(error).removeprefix("JSON is malformed: ").rstrip(".")


def _too_large(max_bytes: int) -> Malformed:
    return Malformed(413, f"The request body is larger than {max_bytes} bytes.")


def _too_deep() -> Malformed:
    return Malformed(400, f"The request body is nested more than {MAX_DEPTH} levels deep.")
