"""What we ask of the network and what it answers, in words that do not depend on how it is done."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import cached_property
from typing import Literal

import msgspec

IpVersion = Literal["ipv4", "ipv6"]

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Bytes of an answer that are read at most; beyond it the answer counts as whole enough (memory, bandwidth)."""
MAX_REDIRECTS = 10
"""Hops that are followed; browsers stop at 20, curl's own loops show long before ten."""


HARMLESS_HEADERS = frozenset({"accept", "accept-language", "cache-control", "pragma", "user-agent"})
"""Headers (in lower case) that say what is wanted and never who we are: alone in following a redirect elsewhere."""


class Failure(StrEnum):
    """Why there is no answer: a closed vocabulary. `LOCAL` is the only one that is our own fault."""

    BAD_URL = "bad_url"
    DNS_NOT_FOUND = "dns_not_found"
    DNS_FAILED = "dns_failed"
    """The name's own servers do not answer, or answer with an error; ours work."""
    ADDRESS_REFUSED = "address_refused"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"
    NO_ROUTE = "no_route"
    """No route to host: the target's fault, unless we can prove that it is ours (see `health`)."""
    PROXY_FAILED = "proxy_failed"
    TLS_FAILED = "tls_failed"
    TLS_NOT_SPOKEN = "tls_not_spoken"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_WRONG_HOST = "tls_wrong_host"
    TLS_SELF_SIGNED = "tls_self_signed"
    TLS_UNTRUSTED = "tls_untrusted"
    TIMEOUT_RESOLVING = "timeout_resolving"
    TIMEOUT_TLS = "timeout_tls"
    TIMEOUT_WAITING = "timeout_waiting"
    TIMEOUT_READING = "timeout_reading"
    RESET = "reset"
    EMPTY_REPLY = "empty_reply"
    TRUNCATED = "truncated"
    BAD_ENCODING = "bad_encoding"
    NOT_HTTP = "not_http"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PROTOCOL = "protocol"
    LOCAL = "local"
    """Ours: no network, no name server, no file descriptors, a starved or stopping process."""


TIMEOUTS = frozenset({
    Failure.CONNECT_TIMEOUT,
    Failure.TIMEOUT_RESOLVING,
    Failure.TIMEOUT_TLS,
    Failure.TIMEOUT_WAITING,
    Failure.TIMEOUT_READING,
})  # fmt: skip


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy to go through."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One HTTP(S) request. Immutable, so that a monitor makes it once and sends it for ever."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    username: str | None = None
    password: str | None = None
    """HTTP basic authentication; never sent to another origin."""
    follow_redirects: bool = True
    remember_cookies: bool = True
    """Keep cookies from one hop of a redirect to the next."""
    verify_tls: bool = True
    timeout_seconds: float = 30.0
    """For everything together: name, connection, redirects, body."""
    ip_version: IpVersion | None = None
    proxy: Proxy | None = None
    keep_body_bytes: int = MAX_BODY_BYTES
    """How much of the body is handed back; up to `MAX_BODY_BYTES` (or this, if it is more) are read in any case."""
    public_only: bool = False
    """Never to a private address, whatever may be watched: for addresses that strangers have given us."""

    @cached_property
    def verb(self) -> str:
        """The method in capitals."""
        return self.method.upper()

    @cached_property
    def plain(self) -> bool:
        """Whether it is a verified GET that tells nothing but its URL, as most checks are."""
        if self.headers or self.proxy is not None or self.username:
            return False
        return self.verb == "GET" and self.verify_tls

    @cached_property
    def keeps_cookies(self) -> bool:
        """Whether a redirect's next hop is told the cookies of the last one."""
        return self.remember_cookies and self.follow_redirects

    @cached_property
    def header_lines(self) -> list[str]:
        """Headers as lines without line ends: what could smuggle a second header is dropped."""
        return [f"{_one_line(name)}: {_one_line(value)}" for name, value in self.headers]

    @cached_property
    def safe_header_lines(self) -> list[str]:
        """Of these, what may go to another origin than the first: any header of one's own may be a secret key."""
        return [line for line in self.header_lines if line.partition(":")[0].lower() in HARMLESS_HEADERS]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The leaf certificate that a server showed."""

    not_before_ms: int
    not_after_ms: int
    subject: str
    issuer: str
    names: tuple[str, ...] = ()
    """The DNS names and addresses that it is valid for."""


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of a request. Times are seconds; a phase that was not reached is None; hops are added up."""

    status_code: int | None = None
    header_lines: list[bytes] = []
    """Of the last hop, as received (without the status line once read through `headers`)."""
    body: bytes = b""
    truncated: bool = False
    """Whether the answer was longer than `body`."""
    url: str = ""
    """The last URL asked, after redirects."""
    remote_ip: str | None = None
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None
    """From the request being sent to the last byte: waiting and downloading together (contract part 1, 3.5)."""
    total_time: float = 0.0
    certificate: Certificate | None = None
    """When asked for, and whenever a certificate was the reason of failure."""
    failure: Failure | None = None
    cause: str | None = None
    """The failure in words for people."""

    @property
    def ours(self) -> bool:
        """Whether the failure is our own, so that nothing can be said about the target."""
        return self.failure is Failure.LOCAL

    @property
    def headers(self) -> list[tuple[str, str]]:
        """(name, value) pairs of the last answer, in order, as sent."""
        pairs: list[tuple[str, str]] = []
        for raw in self.header_lines:
            if raw.startswith(b"HTTP/"):
                pairs = []
                continue
            name, colon, value = raw.decode("latin-1").partition(":")
            if colon:
                pairs.append((name.strip(), value.strip()))
        return pairs


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a name stands for just now, or why we do not know."""

    addresses: tuple[str, ...] = ()
    failure: Failure | None = None
    cause: str | None = None
    expires_at: float = 0.0
    """Seconds on the engine's monotonic clock."""


Done = Callable[[HttpResponse], None]


def _one_line(text: str) -> str:
    return "".join(" " if character in "\r\n\0" else character for character in text).strip()
