"""Keeps a stranger's request line and headers small and short: nobody has said yet who they are."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024
"""A request's line and headers that have not ended; what one read brings on top is bounded by the loop's buffer."""
HEADER_TIMEOUT_SECONDS = 20.0
"""From a connection's first moment, or a request's first byte, to the end of its headers."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's connection with a limit on headers, in bytes and in time (its own setting is for another parser)."""

    header_timeout_seconds = HEADER_TIMEOUT_SECONDS
    _in_headers = True
    _ended = False
    _header_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._ended = False
        super().data_received(data)
        if self._in_headers and not self._ended and not self.transport.is_closing():
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        self._in_headers = True
        self._set_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._ended = True
        self._header_bytes = 0
        self._unset_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_headers = True
        self._ended = True  # what has just been read was a body, and counts as no headers
        self._header_bytes = 0
        super().on_message_complete()

    def _set_timer(self) -> None:
        self._unset_timer()
        self._header_timer = self.loop.call_later(self.header_timeout_seconds, self.transport.close)

    def _unset_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
