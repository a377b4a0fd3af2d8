"""The HTTP engine: thousands of requests at once on one thread, each on a fresh connection to an address we checked."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pycurl

from tocsin.kernel.clock import Clock
from tocsin.kernel.net.address import AddressPolicy
from tocsin.kernel.net.certificate import read_chain
from tocsin.kernel.net.failures import Report, classify, timeout_words
from tocsin.kernel.net.health import NETWORK_ERRNOS, UNREACHED, Connectivity, starved, whose_network
from tocsin.kernel.net.messages import (
    MAX_REDIRECTS,
    TIMEOUTS,
    Answer,
    Certificate,
    Done,
    Failure,
    HttpRequest,
    HttpResponse,
)
from tocsin.kernel.net.multi import Multi
from tocsin.kernel.net.resolver import Resolver
from tocsin.kernel.net.target import BadUrl, Target, canonical_host, parse
from tocsin.kernel.net.transfer import Options, Sink, Transfer, aim, configure, shape_of

HEARTBEAT_SECONDS = 0.1
"""How often the loop proves that it turns; what is late beyond this counts as standing still."""
IPV6_MEMORY_SECONDS = 10.0
"""How long we remember whether this machine has IPv6."""
_IPV6_PROBE = "2001:db8::1"
"""A global address that is nobody's (RFC 3849): asked of our own routing table only."""
_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_log = logging.getLogger(__name__)


class CurlEngine:
    """Runs requests on one event loop. Every method is for that loop's thread.

    libcurl never looks a name up: names are resolved here, checked against the policy, and handed over.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        resolver: Resolver,
        policy: AddressPolicy,
        options: Options,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._monotonic = clock.monotonic  # uvloop's own time stands still within a turn, and has whole milliseconds.
        self._resolver = resolver
        self._policy = policy
        self._options = options
        self._connectivity = Connectivity()
        self._running: set[Transfer] = set()
        # libcurl keeps one parsed store of authorities per multi: mixing verified and unverified costs 3-4 ms a check.
        self._verified = Multi(loop, self._ended)
        self._unverified = Multi(loop, self._ended)
        self._heartbeat: asyncio.TimerHandle | None = None
        self._stalled_seconds = 0.0
        self._closed = False
        self._ipv6 = False
        self._ipv6_asked_at = float("-inf")
        self._beat(None)

    @property
    def in_flight(self) -> int:
        """Requests begun and not ended."""
        return len(self._running)

    @property
    def stalled_seconds(self) -> float:
        """How long, in all, the loop has stood still: each pause beyond a heartbeat."""
        return self._stalled_seconds

    def start(self, request: HttpRequest, done: Done, certificate: bool = False) -> None:
        """Send `request`; `done` hears of its end exactly once."""
        transfer = Transfer(request, done, certificate, self._monotonic(), self._stalled_seconds)
        self._running.add(transfer)
        if self._closed:
            self._fail(transfer, Failure.LOCAL, "Stopping")
            return
        try:
            target = parse(request.url)
        except BadUrl as error:
            self._fail(transfer, Failure.BAD_URL, str(error))
            return
        if request.username:
            transfer.auth = (request.username, request.password or "")
        elif target.username is not None:
            transfer.auth = (target.username, target.password or "")
        try:
            self._hop(transfer, target)
        except Exception:
            self._surprised(transfer)

    def close(self) -> None:
        """End everything in flight as ours."""
        self._closed = True
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for transfer in list(self._running):
            if transfer.curl is not None:
                self._multi(transfer).abandon(transfer.curl)
                transfer.curl = None
            self._fail(transfer, Failure.LOCAL, "Stopping")
        self._verified.close()
        self._unverified.close()

    # --- from a URL to an address ---------------------------------------------------------------------------------

    def _hop(self, transfer: Transfer, target: Target) -> None:
        transfer.target = target
        host, address = target.host, target.address
        proxy = transfer.request.proxy
        if proxy is not None:
            if address is not None and (refusal := self._policy.refusal(address)):
                self._fail(transfer, Failure.ADDRESS_REFUSED, f"Address refused: {refusal}")
                return
            try:
                host, address = canonical_host(proxy.host)
            except BadUrl as error:
                self._fail(transfer, Failure.BAD_URL, f"Proxy: {error}")
                return
        if address is not None:
            self._addressed(transfer, (address,))
            return
        answer = self._resolver.cached(host, transfer.request.ip_version)
        if answer is not None:
            if transfer.lookup is None:
                transfer.lookup = 0.0
            self._resolved(transfer, answer)
            return
        now = self._monotonic()
        transfer.waiting_since = now
        transfer.timer = self._loop.call_later(max(0.0, transfer.deadline - now), self._too_late, transfer)
        hop = transfer.hops
        self._resolver.lookup(host, transfer.request.ip_version, lambda found: self._looked_up(transfer, hop, found))

    def _looked_up(self, transfer: Transfer, hop: int, answer: Answer) -> None:
        if transfer.waiting_since is None or transfer.hops != hop or transfer not in self._running:
            return
        assert transfer.timer is not None
        transfer.timer.cancel()
        transfer.lookup = (transfer.lookup or 0.0) + self._monotonic() - transfer.waiting_since
        transfer.waiting_since = None
        try:
            self._resolved(transfer, answer)
        except Exception:
            self._surprised(transfer)

    def _too_late(self, transfer: Transfer) -> None:
        """Out of time while resolving: whose name server is it that does not answer?"""
        if transfer.waiting_since is None:
            return
        transfer.waiting_since = None
        words = timeout_words(transfer.request.timeout_seconds, "while resolving the name")

        def told(alive: bool) -> None:
            if alive:
                self._fail(transfer, Failure.TIMEOUT_RESOLVING, words)
            else:
                self._fail(transfer, Failure.LOCAL, "Our own name servers do not answer")

        self._resolver.alive(told)

    def _resolved(self, transfer: Transfer, answer: Answer) -> None:
        if answer.failure is not None:
            self._fail(transfer, answer.failure, answer.cause or "Name lookup failed")
            return
        self._addressed(transfer, answer.addresses)

    def _addressed(self, transfer: Transfer, addresses: tuple[str, ...]) -> None:
        wanted = transfer.request.ip_version
        if wanted is not None:
            addresses = tuple(each for each in addresses if (":" in each) == (wanted == "ipv6"))
            if not addresses:
                word = "IPv6" if wanted == "ipv6" else "IPv4"
                self._fail(transfer, Failure.DNS_NOT_FOUND, f"The host has no {word} address")
                return
        refusal = None
        for each in addresses:
            refusal = self._policy.refusal(each)
            if refusal is not None:
                break
        if refusal is not None:
            addresses = tuple(each for each in addresses if self._policy.refusal(each) is None)
            if not addresses:
                self._fail(transfer, Failure.ADDRESS_REFUSED, f"Address refused: {refusal}")
                return
        if len(addresses) > 1 and not self._ipv6_works():
            # libcurl tries IPv6 first, which here can only fail, and its error would hide that of IPv4.
            addresses = tuple(each for each in addresses if not _is_global_ipv6(each)) or addresses
        transfer.addresses = addresses
        self._send(transfer)

    def _ipv6_works(self) -> bool:
        """Whether this machine knows a way to the IPv6 Internet, as of a few seconds ago."""
        now = self._monotonic()
        if now >= self._ipv6_asked_at + IPV6_MEMORY_SECONDS:
            self._ipv6_asked_at = now
            self._ipv6 = _has_route(_IPV6_PROBE)
        return self._ipv6

    def _send(self, transfer: Transfer) -> None:
        remaining = transfer.deadline - self._monotonic()
        multi = self._multi(transfer)
        transfer.shape = shape_of(transfer)
        curl = transfer.curl
        if curl is None:
            curl, prepared = multi.handle(transfer.shape)
            transfer.curl = curl
            curl.transfer = transfer
        else:
            curl.reset()  # The next hop: what a reset leaves alone, the cookies, is just what it must keep.
            prepared = False
        curl.sink.begin(transfer.request.keep_body_bytes)
        try:
            if prepared:
                aim(curl, transfer, remaining)
            else:
                configure(curl, transfer, self._options, remaining)
        except (pycurl.error, ValueError, TypeError) as error:
            transfer.shape = None
            self._fail(transfer, Failure.BAD_URL, f"The request cannot be made: {error}")
            return
        multi.add(curl)

    def _multi(self, transfer: Transfer) -> Multi:
        return self._verified if transfer.request.verify_tls else self._unverified

    # --- from libcurl's word to an answer -------------------------------------------------------------------------

    def _ended(self, curl: Any, code: int, message: str) -> None:
        """A transfer is over; its handle is already out of the multi."""
        transfer: Transfer = curl.transfer
        try:
            self._conclude(transfer, curl, code, message)
        except Exception:
            self._surprised(transfer)

    def _conclude(self, transfer: Transfer, curl: Any, code: int, message: str) -> None:
        sink: Sink = curl.sink
        transfer.take(sink)
        info = curl.getinfo
        status: int = info(pycurl.RESPONSE_CODE)
        connected: int = info(pycurl.CONNECT_TIME_T)
        secured: int = info(pycurl.APPCONNECT_TIME_T)
        total: int = info(pycurl.TOTAL_TIME_T)
        self._count(transfer, connected, secured, total)
        if code == 0 or (code == pycurl.E_WRITE_ERROR and sink.overflow):
            if status in _FOLLOWED and transfer.request.follow_redirects:
                # Raw: what a server sends is bytes, and need not be text in any encoding.
                location = curl.getinfo_raw(pycurl.REDIRECT_URL)
                if location:
                    self._follow(transfer, curl, status, location.decode("utf-8", "replace"))
                    return
            certificate = read_chain(curl.getinfo_raw(pycurl.INFO_CERTINFO)) if transfer.certificate else None
            remote = info(pycurl.PRIMARY_IP)
            self._let_go(transfer, curl)
            self._reached(transfer)
            if transfer.distrusted is not None:
                # It was trusted when asked again: one of several servers has a bad certificate. That is a failure.
                self._tell(transfer, transfer.distrusted, None, remote, 0)
                return
            self._answer(transfer, self._response(transfer, status, remote, certificate, None, None))
            return
        self._failed(transfer, curl, code, message, status, connected, secured)

    def _count(self, transfer: Transfer, connected: int, secured: int, total: int) -> None:
        if not connected:
            return
        handshake = max(0, secured - connected)
        transfer.connection = (transfer.connection or 0.0) + connected / 1e6
        if secured:
            transfer.tls = (transfer.tls or 0.0) + handshake / 1e6
        elif transfer.target is not None and transfer.target.tls:
            return
        transfer.transferred = (transfer.transferred or 0.0) + max(0, total - connected - handshake) / 1e6

    def _follow(self, transfer: Transfer, curl: Any, status: int, location: str) -> None:
        if transfer.hops >= MAX_REDIRECTS:
            words = f"Too many redirects (more than {MAX_REDIRECTS})"
            self._refuse_hop(transfer, curl, status, Failure.TOO_MANY_REDIRECTS, words)
            return
        try:
            target = parse(location)
        except BadUrl as error:
            self._refuse_hop(transfer, curl, status, Failure.BAD_URL, f"Bad redirect: {error}")
            return
        transfer.redirected(status, target.origin)
        if not transfer.request.remember_cookies:
            curl.setopt(pycurl.COOKIELIST, "ALL")
        self._hop(transfer, target)

    def _refuse_hop(self, transfer: Transfer, curl: Any, status: int, failure: Failure, words: str) -> None:
        remote = curl.getinfo(pycurl.PRIMARY_IP)
        self._let_go(transfer, curl)
        self._reached(transfer)
        self._answer(transfer, self._response(transfer, status, remote, None, failure, words))

    def _failed(
        self, transfer: Transfer, curl: Any, code: int, message: str, status: int, connected: int, secured: int
    ) -> None:
        target = transfer.target
        assert target is not None
        report = Report(
            code=code,
            message=message,
            os_errno=curl.getinfo(pycurl.OS_ERRNO),
            verify_result=curl.getinfo(pycurl.SSL_VERIFYRESULT),
            connected=connected > 0,
            secured=secured > 0 or not target.tls,
            answered=status > 0,
            timeout_seconds=transfer.request.timeout_seconds,
            host=target.host,
            proxied=transfer.request.proxy is not None,
        )
        certificate = read_chain(curl.getinfo_raw(pycurl.INFO_CERTINFO)) if transfer.certificate else None
        remote = curl.getinfo(pycurl.PRIMARY_IP)
        if code == pycurl.E_PEER_FAILED_VERIFICATION and not transfer.certificate:
            # Once more, now reading the certificate: people must be told whose it is and when it ended.
            transfer.certificate = True
            transfer.distrusted = report
            transfer.forget()
            self._send(transfer)
            return
        self._let_go(transfer, curl)
        if transfer.distrusted is not None and code != pycurl.E_PEER_FAILED_VERIFICATION:
            report, certificate = transfer.distrusted, None
        self._tell(transfer, report, certificate, remote, status)

    def _tell(
        self, transfer: Transfer, report: Report, certificate: Certificate | None, remote: str | None, status: int
    ) -> None:
        failure, words = classify(report, certificate, self._clock.now())
        failure, words = self._own_fault(transfer, report, failure, words)

        def told(alive: bool) -> None:
            ours = None if alive else (Failure.LOCAL, "This machine has lost its network: no target can be reached")
            self._answer(
                transfer, self._response(transfer, status or None, remote, certificate, *(ours or (failure, words)))
            )

        if failure in UNREACHED and not self._seems_reachable(transfer.target):
            # Many hosts at once may be one dead switch of theirs: without proof that it is us, people are paged.
            self._resolver.alive(told, self._loop.time())
        else:
            told(True)

    def _seems_reachable(self, target: Target | None) -> bool:
        """Notes that a host could not be reached. Whether others can, so that the fault is not with us."""
        assert target is not None
        now = self._loop.time()
        self._connectivity.note(target.host, now, False)
        return not self._connectivity.lost(now)

    def _own_fault(self, transfer: Transfer, report: Report, failure: Failure, words: str) -> tuple[Failure, str]:
        """Take the blame where it is ours, and only there."""
        assert transfer.target is not None
        if failure is Failure.LOCAL and report.os_errno in NETWORK_ERRNOS:
            return whose_network(transfer.addresses, _has_route, words)
        if failure in TIMEOUTS and starved(
            self._stalled_seconds - transfer.stalled_before, transfer.request.timeout_seconds
        ):
            return Failure.LOCAL, "This machine was too busy to finish the check in time"
        if report.connected:
            self._reached(transfer)
        return failure, words

    def _reached(self, transfer: Transfer) -> None:
        assert transfer.target is not None
        self._connectivity.note(transfer.target.host, self._loop.time(), True)

    def _let_go(self, transfer: Transfer, curl: Any) -> None:
        transfer.curl = None
        curl.setopt(pycurl.COOKIELIST, "ALL")
        self._multi(transfer).release(curl, transfer.shape)

    def _response(
        self,
        transfer: Transfer,
        status: int | None,
        remote: str | None,
        certificate: Certificate | None,
        failure: Failure | None,
        words: str | None,
    ) -> HttpResponse:
        if failure is None:
            total = (transfer.lookup or 0.0) + (transfer.connection or 0.0)
            total += (transfer.tls or 0.0) + (transfer.transferred or 0.0)
        else:
            total = self._monotonic() - transfer.began
        return HttpResponse(
            status_code=status,
            header_lines=transfer.headers,
            body=transfer.body,
            truncated=transfer.truncated,
            url=transfer.target.url if transfer.target is not None else transfer.request.url,
            remote_ip=remote or None,
            name_lookup_time=transfer.lookup,
            connection_time=transfer.connection,
            tls_handshake_time=transfer.tls,
            data_transfer_time=transfer.transferred,
            total_time=total,
            certificate=certificate,
            failure=failure,
            cause=words,
        )

    def _fail(self, transfer: Transfer, failure: Failure, words: str) -> None:
        """End a request that did not get as far as libcurl (in this hop)."""
        if transfer.curl is not None:
            self._let_go(transfer, transfer.curl)
        self._answer(transfer, self._response(transfer, None, None, None, failure, words))

    def _surprised(self, transfer: Transfer) -> None:
        """An answer that we failed to read is an answer all the same: told as the target's, so that no page is lost."""
        _log.exception("the answer of %s could not be read", transfer.target.host if transfer.target else "a server")
        curl, transfer.curl = transfer.curl, None
        if curl is not None:
            self._multi(transfer).discard(curl)
        self._answer(
            transfer, self._response(transfer, None, None, None, Failure.PROTOCOL, "The answer could not be read")
        )

    def _answer(self, transfer: Transfer, response: HttpResponse) -> None:
        if transfer not in self._running:
            return
        self._running.discard(transfer)
        try:
            transfer.done(response)
        except Exception:
            _log.exception("what waited for a request failed on its answer")

    def _beat(self, due: float | None) -> None:
        now = self._loop.time()
        if due is not None:
            self._stalled_seconds += max(0.0, now - due - HEARTBEAT_SECONDS)
        self._heartbeat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat, now + HEARTBEAT_SECONDS)


def _is_global_ipv6(address: str) -> bool:
    """Within 2000::/3, the only part of IPv6 that is routed on the Internet."""
    return ":" in address and address[0] in "23" and address.index(":") == 4


def _has_route(address: str) -> bool:
    """Whether the kernel knows a way to `address`. Connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True
