"""A client's connection: a stranger's request line and headers stay small and short, and pings go the short way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024
"""A request's line and headers that have not ended; what one read brings on top is bounded by the loop's buffer."""
HEADER_TIMEOUT_SECONDS = 20.0
"""From a connection's first moment, or a request's first byte, to the end of its headers."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

Headers = list[tuple[bytes, bytes]]
Outcome = bool | BaseException


class ShortWay(Protocol):
    """Takes plain requests without ASGI: see `rest.pings`, and for what is ready-made `pages.app`."""

    def ready(self, url: bytes, headers: Headers, always: Headers) -> bytes | None:
        """The whole answer to a plain GET on a connection that stays open; None = it is not known at sight. `always`:
        the headers that the server puts before its own of each answer, a new list whenever the time in it changes."""
        ...

    def begin(
        self, method: bytes, url: bytes, headers: Headers, address: str | None, told: Callable[[Outcome], None]
    ) -> bool: ...
    def outcome(self, outcome: Outcome, address: str | None) -> tuple[int, bytes, Headers]: ...


class Connection(HttpToolsProtocol):
    """uvicorn's connection with a limit on headers, in bytes and in time (its own setting is for another parser).

    Timers are made only for what is not over at once, and the one for idleness is moved when it rings: making one and
    taking it back costs as much as reading a ping. For the same reason a scope is made when its headers are there.
    """

    header_timeout_seconds = HEADER_TIMEOUT_SECONDS
    _short_way: ShortWay | None = None
    _in_headers = True
    _begun = False
    """A request's first byte came, and not yet the end of its headers."""
    _ended = False
    _header_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None
    _idle_since: float | None = None

    def __init__(self, *args: Any, short_way: ShortWay | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short_way = short_way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_timer()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._ended = False
        super().data_received(data)
        if self._begun and self._header_timer is None and not self.transport.is_closing():
            self._set_timer()
        if self._in_headers and not self._ended and not self.transport.is_closing():
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        self._in_headers = self._begun = True
        if self._header_timer is not None:
            self._unset_timer()
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        self._in_headers = self._begun = False
        self._ended = True
        self._header_bytes = 0
        if self._header_timer is not None:
            self._unset_timer()
        if self._short_way is not None and self._is_plain() and self._take_short_way(self._short_way):
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the same list that stands in the scope
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_headers = True
        self._ended = True  # what has just been read was a body, and counts as no headers
        self._header_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn's, with a timer that stays."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """The timer rings: close what has been idle all that time; what was busy in between has time left."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # a request is under way, whose end sets a new timer
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0.001:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """Something came: the timer may ring, and finds that the connection is not idle."""
        self._idle_since = None

    def _is_plain(self) -> bool:
        """Whether nothing is to be waited for before a request can be answered, and nothing special is asked."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not self.parser.should_upgrade()
        )

    def _take_short_way(self, way: ShortWay) -> bool:
        parser = self.parser
        method = parser.get_method()
        if method == b"GET" and parser.should_keep_alive() and parser.get_http_version() == "1.1":
            answer = way.ready(self.url, self.headers, self.server_state.default_headers)
            if answer is not None:
                self.cycle = _DONE  # type: ignore[assignment]  # there was a request, and it is answered
                self.transport.write(answer)
                self.on_response_complete()
                return True
        client = self.client
        short = _Short(self, method == b"HEAD", way)
        if not way.begin(method, self.url, self.headers, client[0] if client else None, short.told):
            return False
        short.keep_alive = parser.should_keep_alive() and parser.get_http_version() != "1.0"
        self.cycle = short  # type: ignore[assignment]  # whatever comes next on this connection waits for it
        self.tasks.add(short)  # type: ignore[arg-type]  # and a stopping server waits for it, and then cancels it
        return True

    def _set_timer(self) -> None:
        self._unset_timer()
        self._header_timer = self.loop.call_later(self.header_timeout_seconds, self.transport.close)

    def _unset_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for more of a request that had no body."""


class _Done:
    """A request that was answered at once, in the place of uvicorn's cycle: the same one for all of them."""

    __slots__ = ()
    message_event = _NoEvent()
    response_complete = True


_DONE = _Done()


class _Short:
    """A request on the short way, in the place of uvicorn's cycle (and of its task, as far as uvicorn asks of one)."""

    __slots__ = ("_connection", "_head", "_way", "disconnected", "keep_alive", "more_body", "response_complete")
    message_event = _NoEvent()
    ready: tuple[Headers, bytes] = ([], b"")
    """The usual answer, and the headers of the server (they hold the time) that it was made with."""

    def __init__(self, connection: Connection, head: bool, way: ShortWay) -> None:
        self._connection: Connection | None = connection
        self._head = head
        self._way = way
        self.disconnected = False
        self.keep_alive = True
        self.more_body = False
        self.response_complete = False

    def told(self, outcome: Outcome) -> None:
        """Answer, unless the client has gone or was answered already."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.tasks.discard(self)
        self.response_complete = True
        if self.disconnected:
            return
        connection.transport.write(self._answer(connection, outcome))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()

    def cancel(self, msg: object = None) -> None:
        """The server stops and waits no longer. Later: it is walking through its tasks just now."""
        if self._connection is not None:
            self._connection.loop.call_soon(self.told, asyncio.CancelledError())

    def _answer(self, connection: Connection, outcome: Outcome) -> bytes:
        always = connection.server_state.default_headers
        usual = outcome is True and self.keep_alive and not self._head
        if usual and _Short.ready[0] is always:
            return _Short.ready[1]
        client = connection.client
        status, text, more = self._way.outcome(outcome, client[0] if client else None)
        headers = [*always, (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)),
                   *more]  # fmt: skip
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        answer = STATUS_LINE[status] + lines + b"\r\n" + (b"" if self._head else text)
        if usual:
            _Short.ready = always, answer
        return answer
