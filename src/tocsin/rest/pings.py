"""The addresses that jobs call to say that they are well, or are not: the shortest way from a request to the disk.

No token of the API is asked for: the secret is in the address. Nothing here passes the door, because a ping is a
report and no deed; what it says is kept with the heartbeat, not in the audit log.

    /api/v1/heartbeat/TOKEN[/fail | /start | /log | /EXIT_CODE][?rid=UUID]
    /api/v1/ping/KEY/SLUG[/fail | /start | /log | /EXIT_CODE][?rid=UUID][&create=1]

by GET, HEAD, POST or PUT. 200 `OK` means: it is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

import structlog

from tocsin.gateway.throttle import Throttle
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import NotFound, TocsinError
from tocsin.kernel.text import cut
from tocsin.rest.body import Gone, parse_query
from tocsin.rest.errors import error_answer

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BY_TOKEN = "/api/v1/heartbeat/"  # noqa: S105 - an address
BY_NAME = "/api/v1/ping/"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT"})
KEPT_BODY_BYTES = 100_000
"""Of what a job says, from its beginning; the rest is read and dropped, so that no job fails for talking too much."""
MAX_READ_BYTES = 10_000_000
"""What is read at most; then the ping counts, and the connection is closed."""
BODY_TIMEOUT_SECONDS = 30.0
"""How long a body may trickle in; what has come by then counts."""

Take = Callable[[str, str, int | None, str | None, str, str | None, str | None, bytes], Awaitable[bool]]
"""(token, kind, exit code, run id, method, remote address, user agent, body) to whether there is such a heartbeat."""
TakeByName = Callable[
    [str, str, bool, str, int | None, str | None, str, str | None, str | None, bytes], Awaitable[bool]
]
"""(key, slug, create, then as `Take` from kind on) to whether it was made now."""

Told = Callable[[bool | BaseException], None]
Offer = Callable[[str, str, int | None, str, str | None, str | None, Told], bool]
"""(token, kind, exit code, method, remote address, user agent, who hears of it) to whether it is taken: see `begin`."""

_Said = tuple[str, int | None]


class Bad(Exception):
    """An address that says something that no ping can say; the message says what would be right."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Pings:
    """The ping addresses as an ASGI application."""

    def __init__(self, take: Take, take_by_name: TakeByName, clock: Clock, offer: Offer | None = None) -> None:
        self._take = take
        self._offer = offer
        self._take_by_name = take_by_name
        self._throttle = Throttle(clock)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether an address is one of these."""
        return path.startswith((BY_TOKEN, BY_NAME))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        headers: _Headers = _NO_HEADERS
        try:
            if method not in METHODS:
                raise Bad(405, f"A ping comes by GET, HEAD, POST or PUT, not by {method}.")
            status, text = await self._answer(scope, receive)
        except Gone:
            return
        except Bad as bad:
            status, text = bad.status, bad.message.encode()
            headers = [(b"allow", b"GET, HEAD, POST, PUT")] if status == 405 else headers
        except BaseException as error:
            status, text, headers = _trouble(error)
        await _send(send, method, status, text, headers)

    @staticmethod
    def ready(url: bytes, headers: _Headers, always: _Headers) -> bytes | None:
        """No ping is answered at sight: it is to be on disk first."""
        return None

    def begin(self, method: bytes, url: bytes, headers: _Headers, address: str | None, told: Told) -> bool:
        """The short way, without a scope or a task: most pings are one line and want one word. True when the ping is
        taken, and `told` will be called when it is durable; whatever is unusual about a request makes it False."""
        if self._offer is None or not url.startswith(_BY_TOKEN):
            return False
        token, _, suffix = url[len(_BY_TOKEN) :].partition(b"/")
        said = _SHORT.get(suffix)
        if said is None or method not in _METHODS:
            return False
        user_agent, has_body = _headers(headers)
        if has_body:
            return False
        return self._offer(str(token, "latin-1"), *said, _METHODS[method], address, user_agent, told)

    def outcome(self, outcome: bool | BaseException, address: str | None) -> tuple[int, bytes, _Headers]:
        """Status, text and further headers for what `begin` told."""
        if outcome is True:
            return 200, b"OK", []
        if isinstance(outcome, BaseException):
            return _trouble(outcome)
        try:
            return *self._unknown(address), []
        except TocsinError as error:
            return _trouble(error)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        path: str = scope["path"]
        run_id, create = _query(scope["query_string"]) if scope["query_string"] else (None, False)
        client = scope["client"]
        address: str | None = client[0] if client else None
        user_agent, has_body = _headers(scope["headers"])
        if path.startswith(BY_TOKEN):
            token, _, suffix = path[len(BY_TOKEN) :].partition("/")
            kind, exit_code = _said(suffix)
            body = await read(receive) if has_body else b""
            if await self._take(token, kind, exit_code, run_id, scope["method"], address, user_agent, body):
                return 200, b"OK"
            return self._unknown(address)
        key, _, rest = path[len(BY_NAME) :].partition("/")
        slug, _, suffix = rest.partition("/")
        kind, exit_code = _said(suffix)
        body = await read(receive) if has_body else b""
        try:
            made = await self._take_by_name(
                key, slug, create, kind, exit_code, run_id, scope["method"], address, user_agent, body
            )
        except NotFound:
            return self._unknown(address)
        return (201, b"Created") if made else (200, b"OK")

    def _unknown(self, address: str | None) -> tuple[int, bytes]:
        """Whoever keeps guessing is told to stop; a right token is always taken, whoever else guesses."""
        if self._throttle.exhausted(address):
            raise self._throttle.too_many()
        self._throttle.refused(address)
        return 404, b"There is no such heartbeat."


async def read(receive: Receive) -> bytes:
    """The beginning of a body; the rest is read and dropped. Raises Gone when the client hangs up before its end."""
    parts: list[bytes] = []
    kept = size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while size < MAX_READ_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part: bytes = message.get("body", b"")
                size += len(part)
                if kept <= KEPT_BODY_BYTES:
                    parts.append(part[: KEPT_BODY_BYTES + 1 - kept])
                    kept += len(parts[-1])
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        pass
    return cut(b"".join(parts), KEPT_BODY_BYTES)


def _said(suffix: str) -> _Said:
    """What stands behind the token."""
    said = _WORDS.get(suffix)
    if said is not None:
        return said
    suffix = suffix.rstrip("/")
    if suffix in _WORDS:
        return _WORDS[suffix]
    if suffix.isascii() and suffix.isdigit() and len(suffix) <= 20:
        code = int(suffix)
        if code > 255:
            raise Bad(400, f"{code} is no exit code: give a number from 0 to 255.")
        return ("fail" if code else "success"), code
    raise Bad(404, "There is no such address: a token is followed by nothing, fail, start, log or an exit code.")


_WORDS: dict[str, _Said] = {
    "": ("success", None),
    "fail": ("fail", None),
    "start": ("start", None),
    "log": ("log", None),
    "0": ("success", 0),
}
_SHORT: dict[bytes, _Said] = {word.encode(): said for word, said in _WORDS.items()} | {
    b"%d" % code: ("fail", code) for code in range(1, 256)
}
_BY_TOKEN = BY_TOKEN.encode()
_METHODS = {method.encode(): method for method in METHODS}


def _query(query: bytes) -> tuple[str | None, bool]:
    """The run id and whether to make what is not there."""
    given = parse_query(query)
    create = given.get("create", [""])[-1].lower() in ("1", "true", "yes")
    rid = given.get("rid", [""])[-1]
    if not rid:
        return None, create
    try:
        return str(UUID(rid)), create
    except ValueError:
        raise Bad(400, "The run id (rid) must be a UUID, e.g. one from uuidgen.") from None


_Headers = list[tuple[bytes, bytes]]
_NO_HEADERS: _Headers = []
_TRY_AGAIN: _Headers = [(b"retry-after", b"5")]
_PLAIN = (b"content-type", b"text/plain; charset=utf-8")


def _headers(headers: _Headers) -> tuple[str | None, bool]:
    """The user agent, and whether a body comes."""
    user_agent: str | None = None
    has_body = False
    for name, value in headers:
        if name == b"user-agent":
            user_agent = value.decode("latin-1")
        elif name == b"content-length":
            has_body = value != b"0"
        elif name == b"transfer-encoding":
            has_body = True
    return user_agent, has_body


def _trouble(error: BaseException) -> tuple[int, bytes, _Headers]:
    """Status, text and further headers for what went wrong; what is not for the caller to hear is raised again."""
    if isinstance(error, TocsinError):
        status, _, headers = error_answer(error)
        return status, error.message.encode(), headers
    if isinstance(error, asyncio.CancelledError):  # uvicorn stops; nothing else cancels
        return 503, b"Tocsin is stopping. Try again.", _TRY_AGAIN
    if not isinstance(error, Exception):
        raise error
    log.error("a ping failed", exc_info=error)
    return 503, b"The ping could not be recorded. Try again.", _TRY_AGAIN


async def _send(send: Send, method: str, status: int, text: bytes, extra: _Headers) -> None:
    headers = [_PLAIN, (b"content-length", b"%d" % len(text)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else text})
