"""Opens TCP connections, thousands at once: to see that a port is open, or to talk over them."""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable

from tocsin.kernel.net.deadlines import NEVER, Deadlines
from tocsin.kernel.net.failures import not_connected, timeout_words
from tocsin.kernel.net.messages import Failure, IpVersion
from tocsin.kernel.net.requests import Connect, Replied, Reply
from tocsin.kernel.net.standpoint import Place, Standpoint, Trouble

MAX_EVENTS = 256
"""Connections looked after per turn of the loop."""
_TROUBLE = select.EPOLLERR | select.EPOLLHUP
_KIND = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
_log = logging.getLogger(__name__)


class Attempt:
    """One port of one host, tried at each of its addresses in turn, until `ended(attempt)`."""

    __slots__ = ("alarm", "began", "cause", "connection_time", "deadline", "ended", "failure", "host", "ip_version",
                 "keep", "left", "os_errno", "place", "port", "since", "sock", "stalled_before",
                 "timeout_seconds")  # fmt: skip

    def __init__(
        self,
        host: str,
        port: int,
        ip_version: IpVersion | None,
        timeout_seconds: float,
        ended: Callable[[Attempt], None],
    ) -> None:
        self.host = host
        self.port = port
        self.ip_version: IpVersion | None = ip_version
        self.timeout_seconds = timeout_seconds
        self.ended = ended
        self.keep = True
        """Whether it is to be talked over; else it is closed on the spot, which saves a system call."""
        self.alarm = NEVER
        self.began = self.deadline = self.since = 0.0
        self.stalled_before = 0.0
        self.place: Place = Place(host)
        self.left: tuple[str, ...] = ()
        """The addresses that are still to be tried, the present one first."""
        self.sock: socket.socket | None = None
        """When it has ended well: connected, non-blocking, and its owner's to close."""
        self.connection_time: float | None = None
        self.failure: Failure | None = None
        self.cause = ""
        self.os_errno = 0


class Connector:
    """Lives on one event loop; every method is for that loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, standpoint: Standpoint) -> None:
        self._loop = loop
        self._standpoint = standpoint
        self._monotonic = standpoint.monotonic
        self._deadlines: Deadlines[Attempt] = Deadlines(loop, standpoint.monotonic, self._too_late)
        self._attempts: dict[int, Attempt] = {}
        self._epoll = select.epoll()
        self._closed = False
        loop.add_reader(self._epoll.fileno(), self._ready)

    @property
    def in_flight(self) -> int:
        """Connections that are being opened."""
        return len(self._attempts)

    def start(self, request: Connect, done: Replied) -> None:
        """Connect to every port of `request` and close; `done(reply)` exactly once."""
        checking = _Checking(self._standpoint, request, done)
        for port in request.ports:
            attempt = Attempt(request.host, port, request.ip_version, request.timeout_seconds, checking.ended)
            attempt.keep = False
            self.open(attempt)

    def open(self, attempt: Attempt) -> None:
        """Begin; `attempt.ended(attempt)` exactly once."""
        now = self._monotonic()
        attempt.began = now
        attempt.deadline = now + attempt.timeout_seconds
        attempt.stalled_before = self._standpoint.stalled_seconds
        if self._closed:
            self._end(attempt, Failure.LOCAL, "Stopping")
            return
        place = self._standpoint.known(attempt.host, attempt.ip_version)
        if place is not None:
            self._found(attempt, place)
            return
        self._standpoint.find(
            attempt.host, attempt.ip_version, attempt.timeout_seconds, lambda place: self._found(attempt, place)
        )

    def close(self) -> None:
        """End everything in flight as ours."""
        self._closed = True
        self._deadlines.close()
        for attempt in list(self._attempts.values()):
            self._drop(attempt)
            self._end(attempt, Failure.LOCAL, "Stopping")
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _found(self, attempt: Attempt, place: Place) -> None:
        attempt.place = place
        if place.failure is not None:
            self._end(attempt, place.failure, place.cause)
            return
        attempt.left = place.addresses
        self._try(attempt)

    def _try(self, attempt: Attempt) -> None:
        """The next address, until one is being connected to or none is left."""
        while attempt.left and not self._closed:
            now = self._monotonic()
            address = attempt.left[0]
            wrong = self._begin(attempt, address, now)
            if not wrong:
                remaining = attempt.deadline - now
                # As libcurl does: a silent address may use half of what is left, if there is another.
                self._deadlines.set(attempt, now, remaining / 2 if len(attempt.left) > 1 else remaining)
                return
            self._note(attempt, wrong)
        self._give_up(attempt)

    def _begin(self, attempt: Attempt, address: str, now: float) -> int:
        """The error number of what went wrong at once; 0 when it is under way."""
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, _KIND)
        except OSError as error:
            return error.errno or errno.EIO
        try:
            wrong = sock.connect_ex((address, attempt.port))
            if wrong in (0, errno.EINPROGRESS):
                descriptor = sock.fileno()
                self._epoll.register(descriptor, select.EPOLLOUT)
                self._attempts[descriptor] = attempt
                attempt.sock = sock
                attempt.since = now
                return 0
        except OSError as error:
            wrong = error.errno or errno.EIO
        sock.close()
        return wrong

    def _note(self, attempt: Attempt, os_errno: int) -> None:
        """What is wrong with the present address. Our own trouble with one must not hide what another one says."""
        failure, words = not_connected(os_errno)
        if failure is not Failure.LOCAL or attempt.failure in (None, Failure.LOCAL):
            attempt.failure, attempt.cause, attempt.os_errno = failure, words, os_errno
        attempt.left = attempt.left[1:]

    def _ready(self) -> None:
        now = self._monotonic()
        for descriptor, events in self._epoll.poll(0, MAX_EVENTS):
            attempt = self._attempts.pop(descriptor, None)
            if attempt is None:
                continue
            sock = attempt.sock
            assert sock is not None
            attempt.alarm = NEVER
            wrong = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if events & _TROUBLE else 0
            if wrong:
                attempt.sock = None
                sock.close()
                self._note(attempt, wrong)
                self._try(attempt)
                continue
            if attempt.keep:
                self._epoll.unregister(descriptor)
            attempt.connection_time = now - attempt.since
            attempt.failure = None
            self._standpoint.reached(attempt.place.host)
            self._tell(attempt)

    def _too_late(self, attempt: Attempt) -> None:
        self._drop(attempt)
        attempt.failure, attempt.os_errno = Failure.CONNECT_TIMEOUT, 0
        attempt.cause = timeout_words(attempt.timeout_seconds, "while connecting")
        attempt.left = attempt.left[1:]
        self._try(attempt)

    def _drop(self, attempt: Attempt) -> None:
        sock, attempt.sock = attempt.sock, None
        if sock is not None:
            self._attempts.pop(sock.fileno(), None)
            sock.close()

    def _give_up(self, attempt: Attempt) -> None:
        if attempt.failure is None:
            self._end(attempt, Failure.LOCAL, "Stopping")
            return
        trouble = Trouble(
            host=attempt.place.host,
            addresses=attempt.place.addresses,
            failure=attempt.failure,
            words=attempt.cause,
            timeout_seconds=attempt.timeout_seconds,
            stalled_before=attempt.stalled_before,
            os_errno=attempt.os_errno,
            reached=attempt.failure in (Failure.CONNECT_REFUSED, Failure.RESET),
        )
        self._standpoint.judge(trouble, lambda failure, words: self._end(attempt, failure, words))

    def _end(self, attempt: Attempt, failure: Failure, words: str) -> None:
        attempt.failure, attempt.cause = failure, words
        self._tell(attempt)

    def _tell(self, attempt: Attempt) -> None:
        try:
            attempt.ended(attempt)
        except Exception:
            _log.exception("what waited for a connection failed on it")


class _Checking:
    """The ports of one check: told when the last of them has ended, and of the first that failed."""

    __slots__ = ("_began", "_done", "_failed", "_left", "_request", "_slowest", "_standpoint")

    def __init__(self, standpoint: Standpoint, request: Connect, done: Replied) -> None:
        self._standpoint = standpoint
        self._request = request
        self._done = done
        self._left = len(request.ports)
        self._began = standpoint.monotonic()
        self._slowest: Attempt | None = None
        self._failed: Attempt | None = None

    def ended(self, attempt: Attempt) -> None:
        """One of them has."""
        self._left -= 1
        sock, attempt.sock = attempt.sock, None
        if sock is not None:
            sock.close()
        if attempt.failure is not None:
            # A port that is really closed says more than one of which we cannot tell.
            if self._failed is None or self._failed.failure is Failure.LOCAL:
                self._failed = attempt
        elif self._slowest is None or (attempt.connection_time or 0) > (self._slowest.connection_time or 0):
            self._slowest = attempt
        if not self._left:
            self._tell()

    def _tell(self) -> None:
        attempt = self._failed or self._slowest
        assert attempt is not None
        place = attempt.place
        lookup, connection = place.name_lookup_time, attempt.connection_time
        if attempt.failure is None:
            remote = attempt.left[0]
            self._done(
                Reply(
                    remote_ip=remote,
                    name_lookup_time=lookup,
                    connection_time=connection,
                    response_time=(lookup or 0.0) + (connection or 0.0),
                )
            )
            return
        several = len(self._request.ports) > 1 and attempt.failure not in _ABOUT_THE_HOST
        self._done(
            Reply(
                name_lookup_time=lookup,
                response_time=self._standpoint.monotonic() - self._began,
                failure=attempt.failure,
                cause=f"Port {attempt.port}: {attempt.cause}" if several else attempt.cause,
            )
        )


_ABOUT_THE_HOST = frozenset({
    Failure.BAD_URL, Failure.DNS_NOT_FOUND, Failure.DNS_FAILED, Failure.ADDRESS_REFUSED, Failure.TIMEOUT_RESOLVING,
    Failure.LOCAL,
})  # fmt: skip
"""Failures that are the same for every port."""
