"""Asks name servers: a few shared sockets whose ports nobody can guess, retries, and TCP for what is too long."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import select
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from tocsin.kernel.net import dnswire, icmp
from tocsin.kernel.net.deadlines import NEVER, Deadlines
from tocsin.kernel.net.failures import not_connected
from tocsin.kernel.net.messages import Failure
from tocsin.kernel.net.requests import Broken, Query, Replied, Reply, Stream
from tocsin.kernel.net.standpoint import Place, Standpoint, Trouble

SENDINGS = 3
"""Datagrams sent within the timeout before we say that nobody answers: one that is lost is not an outage."""
PORTS = 8
"""Sockets per IP version among which questions are spread."""
QUESTIONS_PER_PORT = 2_000
"""After which a socket is replaced by one with another random port: forging an answer means guessing port and id."""
MAX_PENDING_PER_PORT = 16_000
"""Open questions: a quarter of the ids there are."""
BUFFER_BYTES = 1 << 20
READS_PER_TURN = 512
MAX_ANSWER_BYTES = 65_535
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_SO_RCVBUFFORCE = 33
_WITHOUT_EDNS = frozenset({"FORMERR", "NOTIMP"})
"""What servers say that have never heard of EDNS (RFC 6891, 7)."""
_log = logging.getLogger(__name__)

Dial = Callable[[str, int, float], Coroutine[Any, Any, Stream]]
"""(address, port, seconds) to a connection."""


class _Asking:
    """One question, from its start to `done`."""

    __slots__ = ("addresses", "alarm", "asked", "began", "deadline", "done", "edns", "failure", "interval", "open",
                 "os_errno", "place", "request", "sent", "since", "stalled_before", "words")  # fmt: skip

    def __init__(self, request: Query, done: Replied, began: float, stalled_before: float) -> None:
        self.request = request
        self.done = done
        self.began = began
        self.deadline = began + request.timeout_seconds
        self.stalled_before = stalled_before
        self.alarm = NEVER
        self.asked = b""
        self.edns = True
        self.place: Place | None = None
        self.addresses: tuple[str, ...] = ()
        """Those that have not refused yet."""
        self.interval = 0.0
        self.sent = 0
        self.since = 0.0
        """When the first datagram went out."""
        self.open: list[tuple[_Port, int]] = []
        """The sockets and ids under which it may be answered."""
        self.failure: Failure | None = None
        self.words = ""
        self.os_errno = 0


class Querier:
    """Lives on one event loop; every method is for that loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, standpoint: Standpoint, dial: Dial) -> None:
        self._loop = loop
        self._standpoint = standpoint
        self._monotonic = standpoint.monotonic
        self._dial = dial
        self._deadlines: Deadlines[_Asking] = Deadlines(loop, standpoint.monotonic, self._again)
        self._epoll = select.epoll()
        self._ports: dict[bool, list[_Port]] = {False: [], True: []}
        self._by_descriptor: dict[int, _Port] = {}
        self._running: set[_Asking] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dice = _Dice()
        self._closed = False
        loop.add_reader(self._epoll.fileno(), self._ready)

    @property
    def in_flight(self) -> int:
        """Questions asked and not answered."""
        return len(self._running)

    def start(self, request: Query, done: Replied) -> None:
        """Ask; `done(reply)` exactly once."""
        asking = _Asking(request, done, self._monotonic(), self._standpoint.stalled_seconds)
        self._running.add(asking)
        if self._closed:
            self._end(asking, Failure.LOCAL, "Stopping")
            return
        try:
            asking.asked = dnswire.question(request.name, request.record_type)
        except ValueError as error:
            self._end(asking, Failure.BAD_URL, str(error))
            return
        place = self._standpoint.known(request.server, request.ip_version)
        if place is not None:
            self._found(asking, place)
            return
        self._standpoint.find(
            request.server, request.ip_version, request.timeout_seconds, lambda place: self._found(asking, place)
        )

    def close(self) -> None:
        """End everything in flight as ours."""
        self._closed = True
        self._deadlines.close()
        for task in list(self._tasks):
            task.cancel()
        for asking in list(self._running):
            self._end(asking, Failure.LOCAL, "Stopping")
        self._loop.remove_reader(self._epoll.fileno())
        for port in list(self._by_descriptor.values()):
            port.sock.close()
        self._epoll.close()

    # --- asking ---------------------------------------------------------------------------------------------------

    def _found(self, asking: _Asking, place: Place) -> None:
        asking.place = place
        if place.failure is not None:
            self._end(asking, place.failure, place.cause)
            return
        asking.addresses = place.addresses
        now = asking.since = self._monotonic()
        left = asking.request.timeout_seconds if not place.name_lookup_time else asking.deadline - now
        asking.interval = left / SENDINGS
        self._send(asking, now)

    def _again(self, asking: _Asking) -> None:
        """An interval has passed without an answer."""
        if asking.sent < SENDINGS and asking.addresses:
            self._send(asking, self._monotonic())
        else:
            self._give_up(asking)

    def _send(self, asking: _Asking, now: float) -> None:
        """One datagram; to a server with several addresses each goes to the next of them."""
        while asking.addresses:
            address = asking.addresses[asking.sent % len(asking.addresses)]
            try:
                port = self._port(":" in address)
                wrong = port.send(asking, address, self._dice)
            except OSError as error:
                wrong = error.errno or errno.EIO
            if not wrong or wrong == errno.EAGAIN:  # a full socket loses a datagram as the network would
                asking.sent += 1
                self._deadlines.set(asking, now, asking.interval)
                return
            self._note(asking, address, wrong)
        self._give_up(asking)

    def _port(self, v6: bool) -> _Port:
        """One of the sockets, at random. Raises OSError when there can be none."""
        ports = self._ports[v6]
        index = self._dice.roll() % PORTS
        if index < len(ports) and ports[index].questions < QUESTIONS_PER_PORT:
            return ports[index]
        port = _Port(v6)
        self._epoll.register(port.sock.fileno(), select.EPOLLIN)
        self._by_descriptor[port.sock.fileno()] = port
        if index < len(ports):
            ports[index].retired = True
            self._close_if_idle(ports[index])
            ports[index] = port
        else:
            ports.append(port)
        return port

    def _close_if_idle(self, port: _Port) -> None:
        if port.retired and not port.pending and self._by_descriptor.pop(port.sock.fileno(), None) is not None:
            port.sock.close()

    # --- hearing --------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        if self._closed:
            return
        for descriptor, events in self._epoll.poll(0, 4 * PORTS):
            port = self._by_descriptor.get(descriptor)
            if port is None:
                continue
            if events & select.EPOLLERR:
                for message, address, wrong in port.errors(READS_PER_TURN):
                    self._refused(port, message, address, wrong)
            if events & select.EPOLLIN:
                self._read(port)

    def _read(self, port: _Port) -> None:
        receive, pending = port.sock.recvfrom, port.pending
        for _ in range(READS_PER_TURN):
            try:
                message, source = receive(MAX_ANSWER_BYTES)
            except BlockingIOError:
                return
            except OSError:  # a question's error, which is read from its queue
                continue
            known = pending.get(dnswire.identifier_of(message))
            if known is None:
                continue
            asking, address = known
            if source[1] != asking.request.port or (
                source[0] != address and icmp.packed(str(source[0])) != icmp.packed(address)
            ):
                continue
            if dnswire.answers(message, asking.asked):
                self._answered(asking, message, address)
            if port.sock.fileno() < 0:
                return

    def _answered(self, asking: _Asking, message: bytes, address: str) -> None:
        assert asking.place is not None
        self._standpoint.reached(asking.place.host)
        try:
            response = dnswire.read(message, asking.asked)
        except dnswire.Unreadable:
            self._forget(asking)
            self._end(asking, Failure.PROTOCOL, "The answer is not a DNS message that can be read")
            return
        if response.rcode in _WITHOUT_EDNS and asking.edns:
            asking.edns = False
            asking.sent -= 1
            self._forget(asking)
            self._send(asking, self._monotonic())
        elif response.truncated:
            self._forget(asking)
            task = self._loop.create_task(self._over_tcp(asking, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._forget(asking)
            self._tell_response(asking, response, address)

    async def _over_tcp(self, asking: _Asking, address: str) -> None:
        """RFC 7766: what did not fit a datagram is asked for anew on a connection."""
        try:
            left = max(0.001, asking.deadline - self._monotonic())
            message = dnswire.query(self._dice.roll(), asking.asked, asking.edns)
            async with await self._dial(address, asking.request.port, left) as stream:
                await stream.write(len(message).to_bytes(2, "big") + message)
                length = int.from_bytes(await stream.read_exactly(2), "big")
                answer = await stream.read_exactly(length)
            if answer[:2] != message[:2] or not dnswire.answers(answer, asking.asked):
                self._end(asking, Failure.PROTOCOL, "Over TCP came an answer to another question")
                return
            self._tell_response(asking, dnswire.read(answer, asking.asked), address)
        except Broken as error:
            self._end(asking, error.failure, f"The answer is too long for UDP, and over TCP: {error.cause}")
        except dnswire.Unreadable:
            self._end(asking, Failure.PROTOCOL, "The answer is not a DNS message that can be read")
        except Exception:
            _log.exception("a question to a name server failed")
            self._end(asking, Failure.LOCAL, "The check itself failed")

    def _refused(self, port: _Port, message: bytes, address: str, wrong: int) -> None:
        """The kernel has been told that a question could not be delivered."""
        known = port.pending.get(dnswire.identifier_of(message))
        if known is None or icmp.packed(address) != icmp.packed(known[1]):
            return
        asking = known[0]
        if message[12 : 12 + len(asking.asked)] != asking.asked:
            return
        self._note(asking, known[1], wrong)
        if not asking.addresses:
            self._give_up(asking)
        elif asking.sent < SENDINGS:
            self._send(asking, self._monotonic())  # the next address need not wait for this one's time

    def _note(self, asking: _Asking, address: str, wrong: int) -> None:
        """What is wrong with this address. Our own trouble with one must not hide what another one says."""
        failure, words = not_connected(wrong)
        if failure is Failure.CONNECT_REFUSED:
            words = "Connection refused: no name server listens there"
        if failure is not Failure.LOCAL or asking.failure in (None, Failure.LOCAL):
            asking.failure, asking.words, asking.os_errno = failure, words, wrong
        asking.addresses = tuple(each for each in asking.addresses if each != address)

    # --- ending ---------------------------------------------------------------------------------------------------

    def _give_up(self, asking: _Asking) -> None:
        self._forget(asking)
        place, timeout = asking.place, asking.request.timeout_seconds
        assert place is not None
        failure, words = asking.failure, asking.words
        if failure is None or asking.addresses:
            failure, words = Failure.CONNECT_TIMEOUT, f"No answer within {timeout:g} s"
        trouble = Trouble(
            host=place.host,
            addresses=place.addresses,
            failure=failure,
            words=words,
            timeout_seconds=timeout,
            stalled_before=asking.stalled_before,
            os_errno=asking.os_errno if failure is Failure.LOCAL else 0,
            reached=failure is Failure.CONNECT_REFUSED,
        )
        self._standpoint.judge(trouble, lambda failure, words: self._end(asking, failure, words))

    def _forget(self, asking: _Asking) -> None:
        asking.alarm = NEVER
        for port, identifier in asking.open:
            port.pending.pop(identifier, None)
            if port.retired:
                self._close_if_idle(port)
        asking.open.clear()

    def _tell_response(self, asking: _Asking, response: dnswire.Response, address: str) -> None:
        assert asking.place is not None
        lookup = asking.place.name_lookup_time
        reply = Reply(
            remote_ip=address,
            name_lookup_time=lookup,
            response_time=(lookup or 0.0) + self._monotonic() - asking.since,
            rcode=response.rcode,
            records=response.records,
        )
        self._tell(asking, reply)

    def _end(self, asking: _Asking, failure: Failure, words: str) -> None:
        self._forget(asking)
        lookup = None if asking.place is None else asking.place.name_lookup_time
        took = self._monotonic() - asking.began
        self._tell(asking, Reply(name_lookup_time=lookup, response_time=took, failure=failure, cause=words))

    def _tell(self, asking: _Asking, reply: Reply) -> None:
        if asking not in self._running:
            return
        self._running.discard(asking)
        try:
            asking.done(reply)
        except Exception:
            _log.exception("what waited for a name server's answer failed on it")


class _Port:
    """One UDP socket, with a port that the system chose at random, and the questions asked from it."""

    def __init__(self, v6: bool) -> None:
        self.sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.pending: dict[int, tuple[_Asking, str]] = {}
        """By id: whose it is, and which address was asked."""
        self.questions = 0
        self.retired = False
        if v6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            self.sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
        except OSError:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)

    def send(self, asking: _Asking, address: str, dice: _Dice) -> int:
        """Ask; the error number of what went wrong, or 0."""
        if len(self.pending) >= MAX_PENDING_PER_PORT:
            return errno.ENOBUFS
        identifier = dice.roll()
        while identifier in self.pending:
            identifier = dice.roll()
        message = dnswire.query(identifier, asking.asked, asking.edns)
        where = (address, asking.request.port)
        try:
            self.sock.sendto(message, where)
        except OSError:
            # It may be an older question's error, which this has cleared: only a second one is about this question.
            try:
                self.sock.sendto(message, where)
            except OSError as error:
                return error.errno or errno.EIO
        self.questions += 1
        self.pending[identifier] = (asking, address)
        asking.open.append((self, identifier))
        return 0

    def errors(self, most: int) -> list[tuple[bytes, str, int]]:
        """(what was sent, to which address, the error's number)."""
        told: list[tuple[bytes, str, int]] = []
        for _ in range(most):
            try:
                message, ancillary, _, address = self.sock.recvmsg(1024, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            for level, kind, data in ancillary:
                if (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
                    told.append((message, str(address[0]), int.from_bytes(data[:4], "little")))
        # Reading the option clears the error itself, which the queue leaves standing.
        self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return told


class _Dice:
    """Random numbers of 16 bits that nobody can guess, drawn from the system many at a time."""

    def __init__(self) -> None:
        self._bytes = b""
        self._place = 0

    def roll(self) -> int:
        """The next one."""
        if self._place >= len(self._bytes):
            self._bytes, self._place = secrets.token_bytes(4096), 0
        place = self._place
        self._place = place + 2
        return self._bytes[place] << 8 | self._bytes[place + 1]
