"""Pings: one shared socket per IP version, thousands of echoes in flight, and only our own answers believed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import select
import socket
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from tocsin.kernel.net import icmp
from tocsin.kernel.net.deadlines import NEVER, Deadlines
from tocsin.kernel.net.failures import not_connected
from tocsin.kernel.net.messages import Failure
from tocsin.kernel.net.requests import Ping, Replied, Reply
from tocsin.kernel.net.standpoint import Place, Standpoint, Trouble

ECHOES = 3
"""Echoes sent within the timeout before we say that nobody answers: one lost packet is not an outage."""
MAX_ECHOES = 30_000
"""Echoes in flight per IP version: half of what the 16-bit sequence can tell apart."""
BUFFER_BYTES = 8 << 20
"""Of the socket. An unread answer takes 768 bytes of it, so 5,000 pings and their repetitions fit; the kernel may grant
less (`net.core.rmem_max`), which is why answers are also read while many are being sent."""
SENDS_BEFORE_READ = 128
READS_PER_TURN = 512
COOKIES_AT_ONCE = 256
PACKET_BYTES = 960
"""More than an answer has, or than we read of a router's message, and little enough for malloc to have it at hand."""
REOPEN_SECONDS = 10.0
"""How long a refused socket stays refused before we try again: the right may be given while we run."""
AGAIN_SECONDS = 0.02
"""When the socket would take no more."""
NOT_ALLOWED = "This machine does not let Tocsin send pings (`tocsin doctor` says how to allow it)"

_SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 33, 32
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_FROM_ICMP = frozenset({2, 3})
"""`ee_origin`: told by an ICMP message of either version, not by our own kernel."""
_BUSY = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger(__name__)


def permission() -> str | None:
    """By which right this process may ping: `unprivileged` (the kernel allows it), `raw` (CAP_NET_RAW), or None."""
    for kind, right in ((socket.SOCK_DGRAM, "unprivileged"), (socket.SOCK_RAW, "raw")):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP):
            return right
    return None


class _Pinging(msgspec.Struct, eq=False):
    """One ping, from its start to `done`. A struct, because it is made in a fraction of a class's time."""

    request: Ping
    done: Replied
    stalled_before: float
    deadline: float
    alarm: float = NEVER
    place: Place | None = None
    address: str = ""
    left: tuple[str, ...] = ()
    interval: float = 0.0
    sent: int = 0
    sequences: list[int] = []
    """Of the echoes that may still be answered."""
    error: str | None = None
    """What somebody on the way said about one of them."""
    os_errno: int = 0
    """Why one of them could not even be sent."""


class Pinger:
    """Lives on one event loop; every method is for that loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, standpoint: Standpoint) -> None:
        self._loop = loop
        self._standpoint = standpoint
        self._monotonic = standpoint.monotonic
        self._deadlines: Deadlines[_Pinging] = Deadlines(loop, standpoint.monotonic, self._again)
        # A socket that holds an error would end uvloop's watch over it; an epoll of our own just says so.
        self._epoll = select.epoll()
        self._voices: dict[bool, _Voice] = {v6: _Voice(v6, self._epoll) for v6 in (False, True)}
        self._by_descriptor: dict[int, _Voice] = {}
        self._running: set[_Pinging] = set()
        self._closed = False
        loop.add_reader(self._epoll.fileno(), self._ready)

    @property
    def in_flight(self) -> int:
        """Pings begun and not ended."""
        return len(self._running)

    def start(self, request: Ping, done: Replied) -> None:
        """Send the first echo; `done(reply)` exactly once."""
        now = self._monotonic()
        ping = _Pinging(request, done, self._standpoint.stalled_seconds, now + request.timeout_seconds)
        self._running.add(ping)
        if self._closed:
            self._end(ping, Failure.LOCAL, "Stopping")
            return
        place = self._standpoint.known(request.host, request.ip_version)
        if place is not None:
            self._found(ping, place, now)
            return
        self._standpoint.find(
            request.host,
            request.ip_version,
            request.timeout_seconds,
            lambda place: self._found(ping, place, self._monotonic()),
        )

    def close(self) -> None:
        """End everything in flight as ours."""
        self._closed = True
        self._deadlines.close()
        for ping in list(self._running):
            self._end(ping, Failure.LOCAL, "Stopping")
        self._loop.remove_reader(self._epoll.fileno())
        for voice in self._voices.values():
            voice.close()
        self._epoll.close()

    # --- sending --------------------------------------------------------------------------------------------------

    def _found(self, ping: _Pinging, place: Place, now: float) -> None:
        ping.place = place
        if place.failure is not None:
            self._end(ping, place.failure, place.cause)
            return
        ping.left = place.addresses
        ping.address = place.addresses[0]
        # A name that took no time leaves the same interval to all, which keeps the alarms in few queues.
        left = ping.request.timeout_seconds if not place.name_lookup_time else ping.deadline - now
        ping.interval = left / ECHOES
        self._echo(ping, now)

    def _again(self, ping: _Pinging) -> None:
        """An interval has passed without an answer."""
        if ping.sent < ECHOES:
            self._echo(ping, self._monotonic())
        else:
            self._give_up(ping)

    def _echo(self, ping: _Pinging, now: float) -> None:
        while ping.left:
            voice = self._voices[":" in ping.address]
            if voice.sock is None and not self._ensure(voice, now):
                self._end(ping, Failure.LOCAL, NOT_ALLOWED)
                return
            if len(voice.echoes) >= MAX_ECHOES:
                self._end(ping, Failure.LOCAL, "Too many pings at once on our side")
                return
            wrong = voice.send(ping, now)
            if not wrong:
                ping.sent += 1
                self._deadlines.set(ping, now, ping.interval)
                break
            if wrong in _BUSY and now + AGAIN_SECONDS < ping.deadline:
                self._deadlines.set(ping, now, AGAIN_SECONDS)
                break
            ping.os_errno = wrong
            if ping.sequences:  # those before it may still be answered
                ping.sent += 1
                self._deadlines.set(ping, now, ping.interval)
                break
            ping.left = ping.left[1:]
            if ping.left:
                ping.address = ping.left[0]
        else:
            self._give_up(ping)
            return
        if voice.unread >= SENDS_BEFORE_READ:
            voice.unread = 0
            self._loop.call_soon(self._ready)

    def _ensure(self, voice: _Voice, now: float) -> bool:
        """Whether there is a socket to send with, if need be a new one."""
        if now >= voice.closed_until and voice.open():
            assert voice.sock is not None
            self._by_descriptor[voice.sock.fileno()] = voice
            return True
        if now >= voice.closed_until:
            voice.closed_until = now + REOPEN_SECONDS
        return False

    # --- hearing --------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        if self._closed:
            return
        for descriptor, events in self._epoll.poll(0, 4):
            voice = self._by_descriptor[descriptor]
            now = self._monotonic()
            if events & select.EPOLLERR:
                for heard, teller in voice.errors(READS_PER_TURN):
                    self._refused(voice, heard, teller)
            if events & select.EPOLLIN:
                self._listen(voice, now)

    def _listen(self, voice: _Voice, now: float) -> None:
        voice.unread = 0
        echoes, start, answer = voice.echoes, voice.start, voice.answer
        high, low, shortest = start + 6, start + 7, start + icmp.PROOF_END
        proof_at = slice(start + 4, shortest)
        receive = voice.receiver()
        for _ in range(READS_PER_TURN):
            try:
                packet = receive(PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:  # an echo's error, which is read from its queue
                continue
            if len(packet) >= shortest and packet[start] == answer:
                echo = echoes.get(packet[high] << 8 | packet[low])
                if echo is not None and packet[proof_at] == echo[2]:
                    self._answered(echo, now)
                    continue
            heard = voice.understand(packet)
            if heard is None:
                continue
            if heard.error is not None:
                self._refused(voice, heard, voice.teller(packet))
                continue
            echo = echoes.get(heard.sequence)  # an answer in a packet with IP options
            if echo is not None and echo[2] == icmp.proof(heard.identifier, heard.sequence, heard.cookie):
                self._answered(echo, now)

    def _answered(self, echo: _Echo, now: float) -> None:
        ping, since, _ = echo
        self._forget(ping)
        place = ping.place
        assert place is not None
        self._standpoint.reached(place.host)
        self._tell(
            ping, Reply(remote_ip=ping.address, name_lookup_time=place.name_lookup_time, response_time=now - since)
        )

    def _refused(self, voice: _Voice, heard: icmp.Heard, teller: str) -> None:
        """Somebody on the way says that an echo could not go on. Others may still get through."""
        echo = voice.echoes.get(heard.sequence)
        if echo is None or heard.identifier != voice.identifier:
            return
        ping, _, proof = echo
        if not proof[4:].startswith(heard.cookie) or heard.address != icmp.packed(ping.address) or heard.error is None:
            return
        ping.error = icmp.error_words(voice.v6, heard.error, teller)
        del voice.echoes[heard.sequence]
        ping.sequences.remove(heard.sequence)
        if not ping.sequences and ping.sent >= ECHOES:
            self._give_up(ping)

    # --- ending ---------------------------------------------------------------------------------------------------

    def _give_up(self, ping: _Pinging) -> None:
        self._forget(ping)
        place, timeout = ping.place, ping.request.timeout_seconds
        assert place is not None
        if ping.error is not None:
            failure, words = Failure.NO_ROUTE, ping.error
        elif ping.os_errno or not ping.sent:
            failure, words = not_connected(ping.os_errno or errno.ENOBUFS)
        else:
            failure, words = Failure.CONNECT_TIMEOUT, f"No answer to {ping.sent} pings within {timeout:g} s"
        trouble = Trouble(
            host=place.host,
            addresses=place.addresses,
            failure=failure,
            words=words,
            timeout_seconds=timeout,
            stalled_before=ping.stalled_before,
            os_errno=ping.os_errno if failure is Failure.LOCAL else 0,
        )
        self._standpoint.judge(trouble, lambda failure, words: self._end(ping, failure, words))

    def _forget(self, ping: _Pinging) -> None:
        ping.alarm = NEVER
        if ping.sequences:
            echoes = self._voices[":" in ping.address].echoes
            for sequence in ping.sequences:
                del echoes[sequence]
            ping.sequences.clear()

    def _end(self, ping: _Pinging, failure: Failure, words: str) -> None:
        self._forget(ping)
        lookup = None if ping.place is None else ping.place.name_lookup_time
        took = self._monotonic() - (ping.deadline - ping.request.timeout_seconds)
        self._tell(ping, Reply(name_lookup_time=lookup, response_time=took, failure=failure, cause=words))

    def _tell(self, ping: _Pinging, reply: Reply) -> None:
        if ping not in self._running:
            return
        self._running.discard(ping)
        try:
            ping.done(reply)
        except Exception:
            _log.exception("what waited for a ping failed on its answer")


_Echo = tuple[_Pinging, float, bytes]
"""Whose it is, when it was sent, and the proof that must come back."""


class _Voice:
    """One IP version: the socket through which we call, and the echoes we listen for."""

    def __init__(self, v6: bool, epoll: select.epoll) -> None:
        self.v6 = v6
        self.sock: socket.socket | None = None
        self.raw = False
        self.closed_until = float("-inf")
        self.identifier = 0
        self.echoes: dict[int, _Echo] = {}
        """By sequence."""
        self.start = 0
        """Where in what we receive the message begins."""
        self.answer = icmp.ECHO_REPLY[v6]
        self.unread = 0
        """Echoes sent since we last listened."""
        self._epoll = epoll
        self._sequence = secrets.randbelow(1 << 16)
        self._cookies: list[bytes] = []
        """Random bytes for the next echoes, drawn from the system many at a time."""
        self._source = ""

    def open(self) -> bool:
        """Get a socket: an unprivileged one if the kernel gives it, else a raw one; False if it gives neither."""
        family = socket.AF_INET6 if self.v6 else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if self.v6 else socket.IPPROTO_ICMP
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
            except OSError:
                continue
            try:
                self._prepare(sock, kind == socket.SOCK_RAW)
            except OSError:
                _log.exception("a socket for pings could not be set up")
                sock.close()
                continue
            self._epoll.register(sock.fileno(), select.EPOLLIN)
            self.sock = sock
            return True
        return False

    def close(self) -> None:
        """Hang up."""
        if self.sock is not None:
            self.sock.close()

    def send(self, ping: _Pinging, now: float) -> int:
        """Send one echo; the error number of what went wrong, or 0."""
        assert self.sock is not None
        echoes, sequence = self.echoes, self._sequence
        while sequence in echoes:
            sequence = (sequence + 1) & 0xFFFF
        self._sequence = (sequence + 1) & 0xFFFF
        if not self._cookies:
            drawn = secrets.token_bytes(COOKIES_AT_ONCE * icmp.COOKIE_BYTES)
            self._cookies = [drawn[at : at + icmp.COOKIE_BYTES] for at in range(0, len(drawn), icmp.COOKIE_BYTES)]
        proof = icmp.proof(self.identifier, sequence, self._cookies.pop())
        packet = icmp.echo_request(self.v6, proof)
        address = (ping.address, 0)
        try:
            self.sock.sendto(packet, address)
        except OSError:
            # It may be an older echo's error, which this has cleared: only a second one is about this echo.
            try:
                self.sock.sendto(packet, address)
            except OSError as error:
                return error.errno or errno.EIO
        echoes[sequence] = (ping, now, proof)
        ping.sequences.append(sequence)
        self.unread += 1
        return 0

    def receiver(self) -> Callable[[int], bytes]:
        """What gives the next packet. Raises BlockingIOError when there is none, OSError when an error is told."""
        assert self.sock is not None
        return self._receive_from if self.v6 and self.raw else self.sock.recv

    def understand(self, packet: bytes) -> icmp.Heard | None:
        """What a packet says that is not simply an answer."""
        return icmp.read_ipv4(packet) if self.start else icmp.read(self.v6, packet)

    def teller(self, packet: bytes) -> str:
        """Who sent the packet that was received last."""
        return socket.inet_ntoa(packet[12:16]) if self.start else self._source

    def errors(self, most: int) -> list[tuple[icmp.Heard, str]]:
        """What the kernel has been told about our echoes (unprivileged sockets alone have such a queue)."""
        assert self.sock is not None
        heard: list[tuple[icmp.Heard, str]] = []
        for _ in range(most):
            try:
                packet, ancillary, _, address = self.sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            for level, kind, data in ancillary:
                error = _told(level, kind, data)
                if error is not None:
                    found = icmp.sent(self.v6, packet, error[0], icmp.packed(str(address[0])))
                    if found is not None:
                        heard.append((found, error[1]))
        # Reading the option clears the error itself, which the queue leaves standing.
        self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return heard

    def _receive_from(self, most: int) -> bytes:
        assert self.sock is not None
        packet, source = self.sock.recvfrom(most)
        self._source = str(source[0])
        return packet

    def _prepare(self, sock: socket.socket, raw: bool) -> None:
        for forced, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
            except OSError:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)
        self.raw = raw
        self.start = 20 if raw and not self.v6 else 0
        if raw:
            # Everybody's ICMP comes to a raw socket: let the kernel drop what cannot be for us.
            if self.v6:
                wanted = (1, 3, 4, 129)
                words = [0xFFFFFFFF] * 8
                for kind in wanted:
                    words[kind >> 5] &= ~(1 << (kind & 31))
                sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))
            else:
                dropped = 0xFFFFFFFF & ~(1 << 0 | 1 << 3 | 1 << 11 | 1 << 12)
                sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", dropped))
            self.identifier = secrets.randbelow(1 << 16)
        else:
            if self.v6:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            sock.bind(("::" if self.v6 else "0.0.0.0", 0))  # noqa: S104 - an ICMP socket serves nobody
            self.identifier = sock.getsockname()[1]


def _told(level: int, kind: int, data: bytes) -> tuple[tuple[int, int], str] | None:
    """((type, code), who says so) of an entry of the error queue (ip(7), IP_RECVERR); None for our kernel's own."""
    if (level, kind) not in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
        return None
    if len(data) < _EXTENDED_ERROR.size:
        return None
    _, origin, icmp_type, code, *_ = _EXTENDED_ERROR.unpack_from(data)
    if origin not in _FROM_ICMP:
        return None
    return (icmp_type, code), _teller(data[_EXTENDED_ERROR.size :])


def _teller(address: Any) -> str:
    """The `sockaddr` of whoever sent the message."""
    if len(address) < 8:
        return ""
    family = int.from_bytes(address[:2], "little")
    if family == socket.AF_INET:
        return socket.inet_ntoa(bytes(address[4:8]))
    if family == socket.AF_INET6 and len(address) >= 24:
        return socket.inet_ntop(socket.AF_INET6, bytes(address[8:24]))
    return ""
