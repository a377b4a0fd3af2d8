"""What we ask of the network besides web pages: an echo, a connection, a name server's answer, a conversation."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import msgspec

from tocsin.kernel.net.messages import Certificate, Failure, IpVersion

MAX_STREAM_BYTES = 2 * 1024 * 1024
"""Bytes that one conversation may receive: no server may fill our memory."""
MAX_LINE_BYTES = 8_192
"""Bytes of one line of a server, unless a check asks for more."""
MAX_RECEIVED_BYTES = 4_096
"""Of what a server said first, kept for the people who have to find out why a check failed."""


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """Up to three ICMP echoes; one answer is enough."""

    host: str
    timeout_seconds: float
    """For the name and all echoes together."""
    ip_version: IpVersion | None = None


class Connect(msgspec.Struct, frozen=True, kw_only=True):
    """A TCP connection to each of the ports, closed as soon as it stands. All must succeed."""

    host: str
    ports: tuple[int, ...]
    timeout_seconds: float
    ip_version: IpVersion | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question to one name server (RFC 1035), which is asked to find out the answer if it must."""

    server: str
    """A name or an address."""
    port: int = 53
    name: str
    record_type: str = "A"
    timeout_seconds: float
    ip_version: IpVersion | None = None


Request = Ping | Connect | Query


class Record(msgspec.Struct, frozen=True):
    """One record of a name server's answer."""

    type: str
    """E.g. `MX`, or `TYPE65` for one that has no name here (RFC 3597)."""
    text: str
    """As it stands in a zone file, in one canonical form: names in lower case without the last dot, a TXT joined."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of a `Ping`, `Connect` or `Query`. Times are seconds; a phase that was not reached is None."""

    remote_ip: str | None = None
    name_lookup_time: float | None = None
    connection_time: float | None = None
    """Of the slowest port."""
    response_time: float = 0.0
    """Everything together; of a ping, the time of the echo that was answered."""
    rcode: str | None = None
    """A name server's word, e.g. `NOERROR`, `NXDOMAIN` (RFC 6895, 2.3)."""
    records: tuple[Record, ...] = ()
    failure: Failure | None = None
    cause: str | None = None
    """The failure in words for people."""

    @property
    def ours(self) -> bool:
        """Whether the failure is our own, so that nothing can be said about the target."""
        return self.failure is Failure.LOCAL


Replied = Callable[[Reply], None]


class Datagram(msgspec.Struct, frozen=True):
    """What came back over UDP. Seconds."""

    data: bytes
    remote_ip: str
    response_time: float
    """From the first datagram that was sent to the one that was received."""
    name_lookup_time: float | None


class Broken(Exception):
    """A conversation that cannot go on; `cause` says why in words for people."""

    def __init__(
        self,
        failure: Failure,
        cause: str,
        *,
        remote_ip: str | None = None,
        certificate: Certificate | None = None,
        received: bytes = b"",
        name_lookup_time: float | None = None,
        connection_time: float | None = None,
        elapsed_seconds: float = 0.0,
    ) -> None:
        super().__init__(cause)
        self.failure = failure
        self.cause = cause
        self.remote_ip = remote_ip
        self.certificate = certificate
        self.received = received
        self.name_lookup_time = name_lookup_time
        self.connection_time = connection_time
        self.elapsed_seconds = elapsed_seconds

    def __str__(self) -> str:
        return self.cause

    @property
    def ours(self) -> bool:
        """Whether the failure is our own, so that nothing can be said about the target."""
        return self.failure is Failure.LOCAL


class Stream(Protocol):
    """A conversation with a server. Every method raises `Broken`, at the latest when the time of its `dial` is up."""

    @property
    def remote_ip(self) -> str: ...

    @property
    def name_lookup_time(self) -> float | None:
        """Seconds; None when the host was an address."""

    @property
    def connection_time(self) -> float: ...

    @property
    def tls_handshake_time(self) -> float | None:
        """Seconds; None as long as there is no TLS."""

    @property
    def elapsed_seconds(self) -> float:
        """Since `dial` was called."""

    @property
    def certificate(self) -> Certificate | None:
        """What the server showed, once there is TLS; read whether or not it was verified."""

    @property
    def received(self) -> bytes:
        """The first `MAX_RECEIVED_BYTES` that the server sent, as evidence."""

    async def read_line(self, limit: int = MAX_LINE_BYTES) -> bytes:
        """One line with its line end."""
        ...

    async def read_exactly(self, count: int) -> bytes: ...

    async def read_some(self, limit: int = 65_536) -> bytes:
        """What there is, at least one byte; b"" once the server has closed its side."""
        ...

    async def write(self, data: bytes) -> None: ...

    async def start_tls(
        self, server_name: str | None = None, verify_tls: bool = True, alpn: tuple[str, ...] = ()
    ) -> None:
        """Go on in TLS (after STARTTLS). Bytes that came in clear before it are refused (RFC 3207, section 6)."""
        ...

    def close(self) -> None:
        """At once, without waiting for the server."""
        ...

    async def __aenter__(self) -> Stream: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
