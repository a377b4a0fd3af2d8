"""Checks a WebSocket: can it be opened, and does it say what it should?"""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from tocsin.kernel.net import Broken, Net, Stream
from tocsin.kernel.net.messages import TIMEOUTS
from tocsin.monitors.checks import SECRET_HEADERS, Header, Outcome, conversation, goodbye, timeout_of, words

KINDS = ("websocket",)
PORTS = {"ws": 80, "wss": 443}
MAX_MESSAGES = 1_000
"""Messages that are looked through for the keyword."""
PIECE_BYTES = 1_024
"""Taken apart at once. A piece may hold hundreds of messages, and that happens on the thread of all checks."""
MAX_HEAD_BYTES = 64 * 1024
"""Bytes of an answer to our request to open it."""
OURS = frozenset({
    "connection", "content-length", "sec-websocket-extensions", "sec-websocket-key", "sec-websocket-version",
    "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers that make the request what it is (RFC 6455, 4.1): another value would be our own mistake."""
_PLAIN = "!$&'()*+,-./:;=@_~%[]"
"""What of a URL is sent as it is written; the rest is percent-encoded, as browsers do."""
NORMAL = 1_000
"""The code of a connection that ends as planned (RFC 6455, 7.4.1)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up a WebSocket check."""

    url: str
    """`ws://…` or `wss://…`"""
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    request_headers: list[Header] | None = None
    auth_username: str | None = None
    auth_password: str | None = None
    request_body: str | None = None
    """Sent as one text message once it is open."""
    required_keyword: str | None = None
    """What one of the messages that come back must contain."""


async def check(settings: Settings, net: Net) -> Outcome:
    """Open (RFC 6455, 4), send and listen if that is asked for, close."""
    parts = urlsplit(settings.url)
    scheme = parts.scheme.lower()
    return await conversation(
        net,
        parts.hostname or "",
        parts.port or PORTS[scheme],
        partial(_talk, settings, parts),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=settings.ip_version,
        tls=scheme == "wss",
        verify_tls=settings.verify_ssl,
        secrets=_secrets(settings, parts),
    )


async def _talk(settings: Settings, parts: SplitResult, stream: Stream) -> str | None:
    socket = WSConnection(ConnectionType.CLIENT)
    try:
        await stream.write(socket.send(_request(settings, parts)))
        complaint, early = await _opened(socket, stream)
        if complaint is not None:
            return complaint
        if settings.request_body:
            await stream.write(socket.send(TextMessage(data=settings.request_body)))
        if settings.required_keyword:
            complaint = await _listen(socket, stream, settings.required_keyword, early)
        if complaint is None and socket.state is ConnectionState.OPEN:
            await goodbye(stream, socket.send(CloseConnection(code=NORMAL)))
    except ProtocolError as error:
        return f"Not a WebSocket: {words(str(error).encode())}"
    return complaint


def _request(settings: Settings, parts: SplitResult) -> Request:
    host, protocols, headers = parts.netloc.rpartition("@")[2], list[str](), list[tuple[bytes, bytes]]()
    for header in settings.request_headers or ():
        name, value = _line(header.name), _line(header.value or "")
        if name.lower() == "host":
            host = value or host
        elif name.lower() == "sec-websocket-protocol":
            protocols += [each.strip() for each in value.split(",")]
        elif name and name.lower() not in OURS:
            headers.append((name.encode(), value.encode()))
    login = _login(settings, parts)
    if login is not None:
        headers.append((b"Authorization", b"Basic " + login))
    target = quote(parts.path, safe=_PLAIN) or "/"
    if parts.query:
        target += "?" + quote(parts.query, safe=_PLAIN + "?")
    return Request(host=host, target=target, subprotocols=protocols, extra_headers=headers)


def _login(settings: Settings, parts: SplitResult) -> bytes | None:
    """The credentials of basic authentication (RFC 7617), those of the URL when there are no others."""
    name, password = settings.auth_username, settings.auth_password
    if not name and not password:
        name, password = unquote(parts.username or ""), unquote(parts.password or "")
    return base64.b64encode(f"{name or ''}:{password or ''}".encode()) if name or password else None


def _secrets(settings: Settings, parts: SplitResult) -> tuple[str | None, ...]:
    headers = (header.value for header in settings.request_headers or () if header.name.lower() in SECRET_HEADERS)
    login = _login(settings, parts)
    return (settings.auth_password, parts.password, login.decode() if login else None, *headers)


async def _opened(socket: WSConnection, stream: Stream) -> tuple[str | None, list[Event]]:
    """What is wrong with the answer to our request, or None; and what came with it."""
    read = 0
    while read < MAX_HEAD_BYTES:
        data = await stream.read_some(PIECE_BYTES)
        read += len(data)
        socket.receive_data(data or None)
        events = list(socket.events())
        for index, event in enumerate(events):
            if isinstance(event, AcceptConnection):
                return None, events[index + 1 :]
            if isinstance(event, RejectConnection):
                return f"Status {event.status_code} instead of a WebSocket", []
        if not data:
            return "The server closed the connection without opening the WebSocket", []
    return "The server's answer to our request is too long", []


async def _listen(socket: WSConnection, stream: Stream, keyword: str, events: list[Event]) -> str | None:
    """Until a message contains `keyword`."""
    wanted, messages, heard = keyword.encode(), 0, b""
    try:
        while messages < MAX_MESSAGES:
            for event in events:
                if isinstance(event, Message):
                    heard += str(event.data).encode() if isinstance(event, TextMessage) else bytes(event.data)
                    if wanted in heard:
                        return None
                    # Only so much as may be its beginning is kept: a message may come in a million pieces.
                    heard = heard[max(0, len(heard) - len(wanted) + 1) :]
                    if event.message_finished:
                        messages, heard = messages + 1, b""
                elif isinstance(event, Ping):
                    await stream.write(socket.send(event.response()))
                elif isinstance(event, CloseConnection):
                    return f"The server closed it before the keyword came (code {event.code})"
            await asyncio.sleep(0)
            socket.receive_data(await stream.read_some(PIECE_BYTES) or None)
            events = list(socket.events())
    except Broken as error:
        if error.failure not in TIMEOUTS or not messages:
            raise
    return f"Keyword missing in {messages} {'message' if messages == 1 else 'messages'}"


def _line(text: str) -> str:
    return "".join(" " if ord(letter) < 32 or letter == "\x7f" else letter for letter in text).strip()
