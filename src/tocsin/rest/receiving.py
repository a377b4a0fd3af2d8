"""The addresses at which other systems tell us of their alerts: no token of the API, only the secret in the address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog

from tocsin.kernel.errors import TocsinError
from tocsin.kernel.ids import new_request_id
from tocsin.rest.body import MAX_BODY_BYTES, Gone, Malformed, declared_size, read_body
from tocsin.rest.envelope import encoded
from tocsin.rest.errors import Headers, error_answer, our_fault

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Pairs = tuple[tuple[str, str], ...]

OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the kind of message is left, for whoever counts requests."""
PREFIX = "/api/v1/"
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""GET is not among them: a link that somebody opens, or a chat that previews it, must not open an incident."""
MAX_STORM_BYTES = 16 * 1024 * 1024
"""Of a message that says it is so large, to an integration that exists: ten thousand alerts of Alertmanager fit, and it
does not send again what is refused for its size."""
STORMS_AT_ONCE = 4
"""Such messages that are read at a time; the others wait: together they must fit into a small machine's memory."""
MAX_QUERY_PARAMETERS = 200
MAX_HEADERS = 100
MAX_TOKEN_CHARACTERS = 100
MAX_PATH_CHARACTERS = 2_000

_ENQUEUE = re.compile(r"(?:/.*)?/v2/(?P<path>(?:change/)?enqueue)/?")
_GENIE = re.compile(r"GenieKey\s+(\S+)", re.IGNORECASE)


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """One web request, taken apart."""

    method: str
    path: str
    """What follows the integration's own address."""
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes
    content_type: str


Deliver = Callable[[str, str, Incoming], Awaitable[tuple[int, Any]]]
"""`deliver(kind, token, incoming)`: keeps it, acts on it, and says how to answer: (HTTP status, JSON)."""

Knows = Callable[[str, str], Awaitable[bool]]
"""`knows(kind, token)`: whether there is such an integration."""


class _Target(msgspec.Struct, frozen=True):
    kind: str
    token: str | None
    """None: it stands in the request itself."""
    path: str


class Receiving:
    """An ASGI application for whatever `takes` says is its own."""

    def __init__(self, deliver: Deliver, knows: Knows, addresses: Mapping[str, str]) -> None:
        """`addresses`: the word after `/api/v1/` and the kind of integration that it stands for."""
        self._deliver = deliver
        self._knows = knows
        self._storms = asyncio.Semaphore(STORMS_AT_ONCE)
        self._kinds = dict(addresses)

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return self._target(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        extra: Headers = []
        try:
            status, body = await self._answer(scope, receive)
        except Gone:
            return
        except TocsinError as error:
            status, body, extra = error_answer(error)
        except Exception:
            log.exception("an inbound message failed", request_id=request_id)
            status, body = 500, our_fault(request_id)
        content = encoded(body)
        headers: Headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode()),
            *extra,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Any]:
        target = self._target(scope["path"])
        if target is None:
            return 404, {"errors": "No integration has this address."}
        scope[OPERATION_KEY] = f"receive.{target.kind}"
        if scope["method"] not in METHODS:
            return 405, {"errors": "This address receives alerts: send them with POST."}
        headers = _headers(scope["headers"])
        declared = dict(scope["headers"]).get(b"content-length")
        if target.token and declared_size(declared) > MAX_BODY_BYTES and await self._knows(target.kind, target.token):
            async with self._storms:
                body = await read_body(receive, declared, MAX_STORM_BYTES)
                return await self._delivered(scope, target, headers, body)
        return await self._delivered(scope, target, headers, await read_body(receive, declared))

    async def _delivered(self, scope: Scope, target: _Target, headers: Pairs, body: bytes) -> tuple[int, Any]:
        incoming = Incoming(
            method=scope["method"],
            path=target.path[:MAX_PATH_CHARACTERS],
            query=_query(scope["query_string"]),
            headers=headers,
            body=body,
            content_type=_header(headers, "content-type").partition(";")[0].strip().lower(),
        )
        token = target.token if target.token is not None else _own_token(target.kind, incoming)
        if not 0 < len(token) <= MAX_TOKEN_CHARACTERS:
            return 404, {"errors": _NO_KEY.get(target.kind, "No integration has this address.")}
        return await self._deliver(target.kind, token, incoming)

    def _target(self, path: str) -> _Target | None:
        """Which integration an address means: `/api/v1/<word>/<token>…`, PagerDuty's and Opsgenie's drop-in ones."""
        if path.startswith(PREFIX):
            word, _, rest = path[len(PREFIX) :].partition("/")
            kind = self._kinds.get(word)
            if kind is not None:
                if kind in _NO_KEY and (rest == "v2" or rest.startswith("v2/")):
                    return _Target(kind, None, rest)
                token, _, rest = rest.partition("/")
                return _Target(kind, token, rest)
        enqueue = _ENQUEUE.fullmatch(path[:MAX_PATH_CHARACTERS]) if path.rstrip("/").endswith("/enqueue") else None
        if enqueue is not None and "pagerduty" in self._kinds:
            return _Target("pagerduty", None, f"v2/{enqueue['path']}")
        return None


_NO_KEY = {
    "pagerduty": "No integration has this key: routing_key must be that of a PagerDuty events integration.",
    "opsgenie": "No integration has this key: send 'Authorization: GenieKey <api_key>' of an Opsgenie integration.",
}
"""Whose senders bring the key in the request, and what to say when it is missing."""


def _own_token(kind: str, incoming: Incoming) -> str:
    """The key where the sender puts it; the empty text when it is not there."""
    if kind == "opsgenie":
        found = _GENIE.fullmatch(_header(incoming.headers, "authorization").strip())
        return "" if found is None else found[1]
    try:
        event = msgspec.json.decode(incoming.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Malformed(400, "The request body is not valid JSON.") from None
    key = event.get("routing_key") if isinstance(event, dict) else None
    return key if isinstance(key, str) else ""


def _headers(raw: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw[:MAX_HEADERS])


def _header(headers: tuple[tuple[str, str], ...], name: str) -> str:
    return next((value for known, value in headers if known == name), "")


def _query(query: bytes) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    text = query.decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_QUERY_PARAMETERS)
    except ValueError:
        raise Malformed(400, f"The address has more than {MAX_QUERY_PARAMETERS} query parameters.") from None
    return tuple((name.replace("\x00", "\ufffd"), value.replace("\x00", "\ufffd")) for name, value in pairs)
