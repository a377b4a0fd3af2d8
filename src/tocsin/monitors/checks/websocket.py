"""Checks a WebSocket: can it be opened, and does it say what it should?"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from wsproto import ConnectionType, WSConnection
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
from tocsin.monitors.checks import Outcome, conversation, timeout_of, words

KINDS = ("websocket",)
PORTS = {"ws": 80, "wss": 443}
MAX_MESSAGES = 1_000
"""Messages that are looked through for the keyword."""
MAX_HEAD_BYTES = 64 * 1024
"""Bytes of an answer to our request to open it."""
NORMAL = 1_000
"""The code of a connection that ends as planned (RFC 6455, 7.4.1)."""


class Header(msgspec.Struct, frozen=True):
    """One of the contract's `request_headers` (part 1, 3.4)."""

    name: str
    value: str | None = ""
    id: str | int | None = None


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
        if complaint is None:
            await stream.write(socket.send(CloseConnection(code=NORMAL)))
    except ProtocolError as error:
        return f"Not a WebSocket: {words(str(error).encode())}"
    return complaint


def _request(settings: Settings, parts: SplitResult) -> Request:
    headers = [
        (_line(header.name).encode(), _line(header.value or "").encode())
        for header in settings.request_headers or ()
        if header.name.strip()
    ]
    if settings.auth_username or settings.auth_password:
        login = f"{settings.auth_username or ''}:{settings.auth_password or ''}".encode()
        headers.append((b"Authorization", b"Basic " + base64.b64encode(login)))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request(host=parts.netloc.rpartition("@")[2], target=target, extra_headers=headers)


async def _opened(socket: WSConnection, stream: Stream) -> tuple[str | None, list[Event]]:
    """What is wrong with the answer to our request, or None; and what came with it."""
    read = 0
    while read < MAX_HEAD_BYTES:
        data = await stream.read_some()
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
    messages, text = 0, ""
    try:
        while messages < MAX_MESSAGES:
            for event in events:
                if isinstance(event, Message):
                    data = (
                        event.data if isinstance(event, TextMessage) else bytes(event.data).decode("utf-8", "replace")
                    )
                    text += str(data)
                    if keyword in text:
                        return None
                    if event.message_finished:
                        messages, text = messages + 1, ""
                elif isinstance(event, Ping):
                    await stream.write(socket.send(event.response()))
                elif isinstance(event, CloseConnection):
                    return f"The server closed it before the keyword came (code {event.code})"
            socket.receive_data(await stream.read_some() or None)
            events = list(socket.events())
    except Broken as error:
        if error.failure not in TIMEOUTS or not messages:
            raise
    return f"Keyword missing in {messages} {'message' if messages == 1 else 'messages'}"


def _decoded(message: Message[Any]) -> str:
    return bytes(message.data).decode("utf-8", "replace")


def _line(text: str) -> str:
    return "".join(" " if letter in "\r\n\0" else letter for letter in text).strip()
