"""The address at which agents speak to us: who may come in, from where and with how much, before a tool is named."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import structlog

from tocsin.gateway import Credential, Door
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError, TooMany, Unauthenticated, Unavailable
from tocsin.kernel.ids import new_request_id
from tocsin.mcp.narrowing import narrowing
from tocsin.mcp.visit import KEY, OPERATION_KEY, UNKNOWN_KEY, Visit

if TYPE_CHECKING:
    from tocsin.mcp.transport import Transport

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Make = Callable[[Door, Clock], "Transport"]
"""Makes whoever answers."""

PATH = "/mcp"
METADATA_PATH = "/.well-known/oauth-protected-resource" + PATH
"""Where clients learn who gives out tokens for this address (RFC 9728)."""
SCOPES = "read write"
"""What a client that asks for consent should ask for; which tools that means is the person's choice."""
MAX_BODY_BYTES = 1024 * 1024
"""The same as for the API: no tool takes more."""
BODY_TIMEOUT_SECONDS = 30.0
"""How long a body may trickle in."""

KNOWN_SECONDS = 1.0
"""How long a token that was known is let in without asking: a call asks the door anyway."""
MAX_SEEN = 1_000

_SIGN_IN = "Send a token of this server as `Authorization: Bearer …`, or sign in."
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_JSON = (b"content-type", b"application/json; charset=utf-8")
_ALLOWED_HEADERS = (
    b"authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, "
    b"x-mcp-tools-only, x-mcp-tools-except, x-mcp-toolset, x-request-id"
)


class Mcp:
    """`/mcp` as an ASGI application; `takes(path)` says which addresses are its own.

    `base_url` is the public address when somebody has set it: then no other host is answered, but for loopback and
    plain addresses of this machine, which no foreign page can have pointed at us by name. `message_url` is the address
    for links in messages, which must not depend on who called how. `load` brings whoever answers what was let in.
    """

    def __init__(
        self,
        door: Door,
        clock: Clock,
        *,
        base_url: str | None = None,
        message_url: str | None = None,
        load: Callable[[], Make] | None = None,
    ) -> None:
        self._door = door
        self._clock = clock
        self._base_url = base_url.rstrip("/") if base_url else None
        self._message_url = message_url.rstrip("/") if message_url else self._base_url
        known = [url for url in (self._base_url, self._message_url) if url]
        self._hosts = _LOOPBACK | {urlsplit(url).hostname or "" for url in known}
        self._origins = frozenset(_origin_of(url) for url in known)
        self._seen: dict[Credential, float] = {}
        self._load = load or _load
        self._server: Transport | None = None
        self._opening = asyncio.Lock()

    def takes(self, path: str) -> bool:
        return path in (PATH, PATH + "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = new_request_id()
        scope[OPERATION_KEY] = "mcp"
        cors: Headers = []
        try:
            cors = self._checked(headers)
            if scope["method"] == "OPTIONS":
                await _send(send, 204, b"", [*cors, *_preflight()])
                return
            if scope["method"] != "POST":
                # Nothing is ever sent unasked, and there are no sessions to end: each request stands for itself.
                raise _Turned(405, "Send requests with POST.", [(b"allow", b"POST, OPTIONS")])
            address = self._base_url or _address(scope, headers)
            credential = _credential(headers, scope.get("client"))
            await self._admit(credential, address)
            body = await _body(receive, headers)
            server = await self._opened()
        except _Turned as turned:
            await _send(send, turned.status, _words(turned.status, turned.message), [*cors, *turned.headers])
            return
        except _Gone:
            return
        scope[KEY] = Visit(
            credential=credential,
            narrowing=narrowing(headers, scope["query_string"]),
            base_url=self._message_url or address,
            request_id=request_id,
            scope=scope,
        )
        scope["headers"] = understood(scope["headers"])
        signed = _signed(send, [(b"x-request-id", request_id.encode()), *cors], scope, _challenge(credential, address))
        await server(scope, _replayed(body, receive), signed)
        if UNKNOWN_KEY in scope:
            self._seen.pop(credential, None)

    async def close(self) -> None:
        """Let go of whatever is still being answered."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    def _checked(self, headers: dict[bytes, bytes]) -> Headers:
        """Whether this is our host and a page that may speak to us; returns what lets that page read the answer."""
        host = headers.get(b"host", b"").decode("latin-1")
        name = urlsplit(f"//{host}").hostname or "" if _plain(host) else ""
        if name not in self._hosts and not _is_address(name) and (self._base_url or name == ""):
            words = f"This server does not go by the name {host[:100]!r}. Set TOCSIN_BASE_URL to its public address."
            raise _Turned(421, words, [])
        if (sent := headers.get(b"origin")) is None:
            return []
        origin = sent.decode("latin-1")
        ours = origin in self._origins or (_plain(origin) and urlsplit(origin).hostname in _LOOPBACK)
        if not ours:
            raise _Turned(403, "Pages of this origin may not speak to this server.", [])
        return [
            (b"access-control-allow-origin", sent),
            (b"access-control-expose-headers", b"mcp-session-id, www-authenticate, x-request-id"),
            (b"vary", b"origin"),
        ]

    async def _admit(self, credential: Credential, address: str) -> None:
        """Each request shows its token. Who was known a moment ago is let in at once: the door looks again anyway, at
        every tool, and what it says of a token that has ended since becomes the same answer."""
        now = self._clock.monotonic()
        if now - self._seen.get(credential, -KNOWN_SECONDS) < KNOWN_SECONDS:
            return
        try:
            actor = await self._door.known(credential)
            ours = {url + end for url in (address, self._message_url or address) for end in ("", PATH)}
            if actor.resource is not None and actor.resource.rstrip("/") not in ours:
                raise Unauthenticated("This token is for another server.")
            if len(self._seen) >= MAX_SEEN:
                self._seen.clear()
            self._seen[credential] = now
        except Unauthenticated:
            raise _Turned(401, _SIGN_IN, [_challenge(credential, address)]) from None
        except (TooMany, Unavailable) as error:
            wait = str(max(1, error.retry_after_seconds)).encode()
            raise _Turned(429 if isinstance(error, TooMany) else 503, error.message, [(b"retry-after", wait)]) from None
        except TocsinError as error:
            raise _Turned(403, error.message, []) from None

    async def _opened(self) -> Transport:
        """The protocol's own part, loaded when the first agent comes: whoever has none does without its memory."""
        if self._server is None:
            async with self._opening:
                if self._server is None:
                    make = await asyncio.to_thread(self._load)
                    server = make(self._door, self._clock)
                    await server.open()
                    self._server = server
        return self._server


class _Turned(Exception):
    """A request that is answered before a tool is named."""

    def __init__(self, status: int, message: str, headers: Headers) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class _Gone(Exception):
    """The client hung up before its body was whole."""


def _load() -> Make:
    from tocsin.mcp.server import Server

    return Server


def _plain(text: str) -> bool:
    """Whether an address can be taken apart at all: brackets of which one is missing cannot."""
    try:
        urlsplit(f"//{text}" if "//" not in text else text)
    except ValueError:
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _address(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """Where the client found us, when nobody has said where we are; the host has been checked."""
    return f"{scope.get('scheme', 'http')}://{headers.get(b'host', b'').decode('latin-1')}"


def _credential(headers: dict[bytes, bytes], client: tuple[str, int] | None) -> Credential:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    secret = token.strip() if scheme.lower() == "bearer" else ""
    return Credential(token=secret or None, client_address=client[0] if client else None)


async def _body(receive: Receive, headers: dict[bytes, bytes]) -> bytes:
    """The whole body, counted as it comes in, whatever its Content-Length claims."""
    too_large = _Turned(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.", [(b"connection", b"close")])
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while True:  # ends with the body, the limit, the hang-up or the timeout
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY_BYTES:
                    raise too_large
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _Turned(408, "The request body did not arrive within 30 seconds.", [(b"connection", b"close")]) from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hands the body out once, then whatever the connection says, e.g. that the client is gone."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def understood(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Answers are JSON whatever the client would rather have: one that names no wish is not turned away for it.

    Blanks around a value are no part of it (RFC 9110, 5.5): not every parser in front of us takes them off.
    """
    headers = [(name, value.strip(b" \t")) for name, value in headers]
    if any(name == b"accept" and b"*/*" not in value for name, value in headers):
        return headers
    kept = [(name, value) for name, value in headers if name != b"accept"]
    return [*kept, (b"accept", b"application/json, text/event-stream")]


def _challenge(credential: Credential, address: str) -> tuple[bytes, bytes]:
    """Where to get a token, for clients that can sign in (RFC 9728, 5.1)."""
    wrong = "" if credential.token is None else ', error="invalid_token"'
    words = f'Bearer realm="mcp", resource_metadata="{address}{METADATA_PATH}", scope="{SCOPES}"{wrong}'
    return b"www-authenticate", words.encode("latin-1", "replace")


def _signed(send: Send, extra: Headers, scope: Scope, challenge: tuple[bytes, bytes]) -> Send:
    """Adds these headers to the answer; nothing that a tool answers may be kept by anything on the way."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if UNKNOWN_KEY in scope:
                message["status"] = 401
                message["headers"] = [*message["headers"], challenge]
            message["headers"] = [*message["headers"], *extra, (b"cache-control", b"no-store")]
        await send(message)

    return sending


def _preflight() -> Headers:
    return [
        (b"access-control-allow-methods", b"POST, OPTIONS"),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", b"600"),
    ]


_ERROR_WORDS = {401: "unauthorized", 403: "forbidden", 421: "misdirected", 429: "rate_limited", 503: "unavailable"}


def _words(status: int, message: str) -> bytes:
    return msgspec.json.encode({"error": _ERROR_WORDS.get(status, "invalid_request"), "message": message})


async def _send(send: Send, status: int, body: bytes, extra: Headers) -> None:
    headers: Headers = [*extra, (b"cache-control", b"no-store")]
    if status != 204:
        headers += [_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
