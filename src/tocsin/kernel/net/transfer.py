"""One HTTP exchange on one libcurl handle: how the handle is set up, and what is read from it afterwards."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

import msgspec
import pycurl

from tocsin.kernel.net.failures import Report
from tocsin.kernel.net.messages import MAX_BODY_BYTES, Done, HttpRequest
from tocsin.kernel.net.target import Target

TRUSTED_CURVES = "X25519:P-256:P-384:P-521"
"""X25519 first: 13 % less CPU per handshake than OpenSSL's default, which begins with a post-quantum key share."""
POST_QUANTUM_CURVES = "X25519MLKEM768:" + TRUSTED_CURVES
TLS13_CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
"""The three that OpenSSL offers anyway, in the order of browsers: most processors have SHA-256 built in, no SHA-384,
which OpenSSL prefers. Whoever could be spoken with before still can."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every transfer of an engine."""

    ca_file: str
    user_agent: str
    curves: str = TRUSTED_CURVES


class Sink:
    """Where a handle puts what it receives. It belongs to the handle, so that callbacks are set once in its life."""

    __slots__ = ("body_bytes", "chunks", "headers", "keep_bytes", "overflow")

    def __init__(self) -> None:
        self.headers: list[bytes] = []
        self.chunks: list[bytes] = []
        self.begin(0)

    def begin(self, keep_bytes: int) -> None:
        """Empty it for the next answer, of which so much is kept, even if it is more than `MAX_BODY_BYTES`."""
        self.headers.clear()
        self.chunks.clear()
        self.keep_bytes = keep_bytes
        self.body_bytes = 0
        self.overflow = False

    def receive(self, data: bytes) -> int | None:
        """libcurl's write callback: keep as much as was asked for, stop at the cap."""
        before = self.body_bytes
        self.body_bytes = after = before + len(data)
        if after <= self.keep_bytes:
            self.chunks.append(data)
            return None
        if before < self.keep_bytes:
            self.chunks.append(data[: self.keep_bytes - before])
        if after > MAX_BODY_BYTES:
            self.overflow = True
            return -1
        return None


class Handle:
    """A handle of libcurl with what belongs to it all its life. Its methods are kept, for it is slow in naming them."""

    __slots__ = ("curl", "getinfo", "setopt", "sink", "timeout_ms", "transfer")

    def __init__(self) -> None:
        self.curl: Any = pycurl.Curl()
        self.getinfo = self.curl.getinfo
        self.setopt = self.curl.setopt
        self.sink = Sink()
        self.timeout_ms = 0
        """What it is set to."""
        self.transfer: Transfer | None = None


Shape = int
"""What a handle for plain requests is set up for: the sum of what applies of the three below."""
_TLS, _CERTIFICATE, _COOKIES = 1, 2, 4


class Transfer(msgspec.Struct, eq=False):
    """The state of one request from its start to `done`; reused for its next hop when it is redirected.

    A struct, because it is made in a third of a class's time; `eq=False` keeps each one itself in a set.
    """

    request: HttpRequest
    done: Done
    certificate: bool
    began: float
    stalled_before: float
    deadline: float
    method: str
    with_body: bool
    handle: Handle | None = None
    target: Target | None = None
    addresses: tuple[str, ...] = ()
    timer: asyncio.TimerHandle | None = None
    waiting_since: float | None = None
    hops: int = 0
    shape: Shape | None = None
    distrusted: Report | None = None
    cross_origin: bool = False
    auth: tuple[str, str] | None = None
    lookup: float | None = None
    connection: float | None = None
    tls: float | None = None
    transferred: float | None = None
    headers: list[bytes] = []
    body: bytes = b""
    truncated: bool = False

    def forget(self) -> None:
        """Forget the last hop's answer."""
        self.headers = []
        self.body = b""
        self.truncated = False

    @property
    def payload(self) -> bytes:
        """The body for this hop."""
        return b"" if self.cross_origin else self.request.body

    def take(self, sink: Sink) -> None:
        """Take over what the handle has received."""
        self.headers = sink.headers.copy()
        chunks = sink.chunks
        self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self.truncated = sink.body_bytes > sink.keep_bytes

    def redirected(self, status: int, origin: tuple[str, str, int]) -> None:
        """Become the next hop's request (RFC 9110, 15.4): who we are, and the body, is told to the first origin alone.

        The same host by https in place of http is the same party, and a safer way to it.
        """
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            self.method = "GET"
            self.with_body = False
        self.hops += 1
        assert self.target is not None
        if origin != self.target.origin and not _upgraded(self.target.origin, origin):
            self.cross_origin = True
        self.distrusted = None
        self.forget()


def _upgraded(before: tuple[str, str, int], after: tuple[str, str, int]) -> bool:
    """Whether it is the same host, now by TLS, both on their usual ports."""
    return before == ("http", after[1], 80) and after == ("https", after[1], 443)


def begin(request: HttpRequest, done: Done, certificate: bool, began: float, stalled: float) -> Transfer:
    """A request at its start; `stalled` is how long the loop had stood still until then."""
    method = request.verb
    return Transfer(
        request, done, certificate, began, stalled, began + request.timeout_seconds, method, method in _WITH_BODY
    )


def shape_of(transfer: Transfer) -> Shape | None:
    """The shape of a plain request (most checks are one), whose handle needs no reset; None for any other."""
    request, target = transfer.request, transfer.target
    if not request.plain or transfer.hops or transfer.auth is not None:
        return None
    assert target is not None
    shape = _COOKIES if request.keeps_cookies else 0
    if target.tls:
        shape |= _TLS
    return shape | _CERTIFICATE if transfer.certificate else shape


def aim(handle: Handle, transfer: Transfer, remaining_seconds: float) -> None:
    """Point a handle that is set up for this shape at its next target: all that differs between plain requests."""
    target = transfer.target
    assert target is not None
    handle.setopt(pycurl.URL, target.url)
    timeout_ms = int(remaining_seconds * 1000)
    if timeout_ms != handle.timeout_ms:
        _limit(handle, timeout_ms)
    if target.address is None:
        handle.setopt(pycurl.RESOLVE, _entry(target.host, target.port, transfer.addresses))


def _limit(handle: Handle, timeout_ms: int) -> None:
    """0 would mean without end."""
    handle.setopt(pycurl.TIMEOUT_MS, max(1, timeout_ms))
    handle.timeout_ms = timeout_ms


def configure(handle: Handle, transfer: Transfer, options: Options, remaining_seconds: float) -> None:
    """Set every option of a handle that is new or has just been reset."""
    request, target = transfer.request, transfer.target
    assert target is not None
    set_option: Any = handle.setopt
    sink = handle.sink
    set_option(pycurl.URL, target.url)
    set_option(pycurl.NOSIGNAL, 1)
    set_option(pycurl.FRESH_CONNECT, 1)
    set_option(pycurl.FORBID_REUSE, 1)
    _limit(handle, int(remaining_seconds * 1000))
    set_option(pycurl.HEADERFUNCTION, sink.headers.append)
    set_option(pycurl.WRITEFUNCTION, sink.receive)
    set_option(pycurl.USERAGENT, options.user_agent)
    set_option(pycurl.ACCEPT_ENCODING, "")
    set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    if request.keeps_cookies:
        set_option(pycurl.COOKIEFILE, "")
    if target.tls:
        _configure_tls(set_option, transfer, options)
    if request.proxy is None:
        set_option(pycurl.PROXY, "")
        if target.address is None:
            set_option(pycurl.RESOLVE, _entry(target.host, target.port, transfer.addresses))
    else:
        _configure_proxy(set_option, transfer)
    lines = request.safe_header_lines if transfer.cross_origin else request.header_lines
    if lines or (transfer.with_body and transfer.payload):
        set_option(pycurl.HTTPHEADER, [*lines, "Expect:"])
    if transfer.auth is not None and not transfer.cross_origin:
        set_option(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
        set_option(pycurl.USERNAME, transfer.auth[0])
        set_option(pycurl.PASSWORD, transfer.auth[1])
    if transfer.method != "GET":
        _configure_method(set_option, transfer)


def _configure_tls(set_option: Any, transfer: Transfer, options: Options) -> None:
    set_option(pycurl.SSL_EC_CURVES, options.curves)
    set_option(pycurl.TLS13_CIPHERS, TLS13_CIPHERS)
    set_option(pycurl.SSL_SESSIONID_CACHE, 0)
    if transfer.request.verify_tls:
        set_option(pycurl.CAINFO, options.ca_file)
    else:
        set_option(pycurl.SSL_VERIFYPEER, 0)
        set_option(pycurl.SSL_VERIFYHOST, 0)
    if transfer.certificate:
        set_option(pycurl.OPT_CERTINFO, 1)


def _configure_proxy(set_option: Any, transfer: Transfer) -> None:
    proxy, target = transfer.request.proxy, transfer.target
    assert proxy is not None
    assert target is not None
    shown = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    set_option(pycurl.PROXY, f"http://{shown}:{proxy.port}")
    set_option(pycurl.NOPROXY, "")
    set_option(pycurl.RESOLVE, _entry(proxy.host, proxy.port, transfer.addresses))
    if proxy.username is not None:
        set_option(pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC)
        set_option(pycurl.PROXYUSERNAME, proxy.username)
        set_option(pycurl.PROXYPASSWORD, proxy.password or "")


def _configure_method(set_option: Any, transfer: Transfer) -> None:
    if transfer.method == "HEAD":
        set_option(pycurl.NOBODY, 1)
        return
    if transfer.with_body:
        set_option(pycurl.POST, 1)
        set_option(pycurl.POSTFIELDS, transfer.payload)
    if transfer.method != "POST":
        set_option(pycurl.CUSTOMREQUEST, transfer.method)


@lru_cache(maxsize=20_000)
def _entry(host: str, port: int, addresses: tuple[str, ...]) -> list[str]:
    """A RESOLVE entry. The `+` lets it age like any other, so that the multi's cache does not grow for ever."""
    shown = f"[{host}]" if ":" in host else host
    joined = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return [f"+{shown}:{port}:{joined}"]
