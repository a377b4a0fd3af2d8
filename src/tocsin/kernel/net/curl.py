"""The HTTP engine: thousands of requests at once on one thread, each on a fresh connection to an address we checked."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pycurl

from tocsin.kernel.net.address import PUBLIC
from tocsin.kernel.net.certificate import read_chain
from tocsin.kernel.net.failures import Report, classify, timeout_words
from tocsin.kernel.net.messages import (
    MAX_REDIRECTS,
    Answer,
    Certificate,
    Done,
    Failure,
    HttpRequest,
    HttpResponse,
)
from tocsin.kernel.net.multi import Multi
from tocsin.kernel.net.standpoint import Standpoint, Trouble
from tocsin.kernel.net.target import BadUrl, Target, canonical_host, parse
from tocsin.kernel.net.transfer import Handle, Options, Transfer, aim, begin, configure, shape_of

_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_log = logging.getLogger(__name__)


class CurlEngine:
    """Runs requests on one event loop. Every method is for that loop's thread.

    libcurl never looks a name up: names are resolved here, checked against the policy, and handed over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, standpoint: Standpoint, options: Options) -> None:
        self._loop = loop
        self._standpoint = standpoint
        self._clock = standpoint.clock
        self._monotonic = standpoint.monotonic
        self._resolver = standpoint.resolver
        self._policy = standpoint.policy
        self._options = options
        self._running: set[Transfer] = set()
        # libcurl keeps one parsed store of authorities per multi: mixing verified and unverified costs 3-4 ms a check.
        self._verified = Multi(loop, self._ended)
        self._unverified = Multi(loop, self._ended)
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Requests begun and not ended."""
        return len(self._running)

    @property
    def stalled_seconds(self) -> float:
        """How long, in all, the loop has stood still: each pause beyond a heartbeat."""
        return self._standpoint.stalled_seconds

    def start(self, request: HttpRequest, done: Done, certificate: bool = False) -> None:
        """Send `request`; `done` hears of its end exactly once."""
        transfer = begin(request, done, certificate, self._monotonic(), self._standpoint.stalled_seconds)
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
        for transfer in list(self._running):
            if transfer.handle is not None:
                self._multi(transfer).abandon(transfer.handle)
                transfer.handle = None
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
            if answer.failure is None:
                self._addressed(transfer, answer.addresses)
            else:
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
        if transfer.request.public_only:
            refusals = [PUBLIC.refusal(each) for each in addresses]
            addresses = tuple(each for each, why in zip(addresses, refusals, strict=True) if why is None)
            if not addresses:
                self._fail(transfer, Failure.ADDRESS_REFUSED, f"Address refused: {refusals[0]}")
                return
        addresses, failure, words = self._standpoint.usable(addresses, transfer.request.ip_version)
        if failure is not None:
            self._fail(transfer, failure, words)
            return
        transfer.addresses = addresses
        self._send(transfer)

    def _send(self, transfer: Transfer) -> None:
        request = transfer.request
        remaining = transfer.deadline - self._monotonic()
        multi = self._verified if request.verify_tls else self._unverified
        transfer.shape = shape = shape_of(transfer)
        handle = transfer.handle
        if handle is None:
            handle, prepared = multi.handle(shape)
            transfer.handle = handle
            handle.transfer = transfer
        else:
            handle.curl.reset()  # The next hop: what a reset leaves alone, the cookies, is just what it must keep.
            prepared = False
        handle.sink.begin(request.keep_body_bytes)
        try:
            if prepared:
                aim(handle, transfer, remaining)
            else:
                configure(handle, transfer, self._options, remaining)
        except (pycurl.error, ValueError, TypeError) as error:
            transfer.shape = None
            self._fail(transfer, Failure.BAD_URL, f"The request cannot be made: {error}")
            return
        multi.add(handle)

    def _multi(self, transfer: Transfer) -> Multi:
        return self._verified if transfer.request.verify_tls else self._unverified

    # --- from libcurl's word to an answer -------------------------------------------------------------------------

    def _ended(self, handle: Handle, code: int, message: str) -> None:
        """A transfer is over; its handle is already out of the multi."""
        transfer = handle.transfer
        assert transfer is not None
        try:
            self._conclude(transfer, handle, code, message)
        except Exception:
            self._surprised(transfer)

    def _conclude(self, transfer: Transfer, handle: Handle, code: int, message: str) -> None:
        sink, target = handle.sink, transfer.target
        assert target is not None
        transfer.take(sink)
        info: Any = handle.getinfo
        status: int = info(pycurl.RESPONSE_CODE)
        connected: int = info(pycurl.CONNECT_TIME_T)
        secured: int = info(pycurl.APPCONNECT_TIME_T) if target.tls else 0
        total: int = info(pycurl.TOTAL_TIME_T)
        if connected:
            self._count(transfer, target.tls, connected, secured, total)
        if code == 0 or (code == pycurl.E_WRITE_ERROR and sink.overflow):
            if status in _FOLLOWED and transfer.request.follow_redirects:
                # Raw: what a server sends is bytes, and need not be text in any encoding.
                location = handle.curl.getinfo_raw(pycurl.REDIRECT_URL)
                if location:
                    self._follow(transfer, handle, status, location.decode("utf-8", "replace"))
                    return
            certificate = read_chain(handle.curl.getinfo_raw(pycurl.INFO_CERTINFO)) if transfer.certificate else None
            addresses = transfer.addresses
            remote = addresses[0] if len(addresses) == 1 else info(pycurl.PRIMARY_IP)
            self._let_go(transfer, handle)
            self._standpoint.reached(target.host)
            if transfer.distrusted is not None:
                # It was trusted when asked again: one of several servers has a bad certificate. That is a failure.
                self._tell(transfer, transfer.distrusted, None, remote, 0)
                return
            self._answer(transfer, self._response(transfer, status, remote, certificate, None, None))
            return
        self._failed(transfer, handle, code, message, status, connected, secured)

    def _count(self, transfer: Transfer, tls: bool, connected: int, secured: int, total: int) -> None:
        """Add this hop's phases (microseconds) to those before it."""
        handshake = max(0, secured - connected)
        transfer.connection = (transfer.connection or 0.0) + connected / 1e6
        if secured:
            transfer.tls = (transfer.tls or 0.0) + handshake / 1e6
        elif tls:
            return
        transfer.transferred = (transfer.transferred or 0.0) + max(0, total - connected - handshake) / 1e6

    def _follow(self, transfer: Transfer, handle: Handle, status: int, location: str) -> None:
        if transfer.hops >= MAX_REDIRECTS:
            words = f"Too many redirects (more than {MAX_REDIRECTS})"
            self._refuse_hop(transfer, handle, status, Failure.TOO_MANY_REDIRECTS, words)
            return
        try:
            target = parse(location)
        except BadUrl as error:
            self._refuse_hop(transfer, handle, status, Failure.BAD_URL, f"Bad redirect: {error}")
            return
        transfer.redirected(status, target.origin)
        if not transfer.request.remember_cookies:
            handle.setopt(pycurl.COOKIELIST, "ALL")
        self._hop(transfer, target)

    def _refuse_hop(self, transfer: Transfer, handle: Handle, status: int, failure: Failure, words: str) -> None:
        remote = handle.curl.getinfo(pycurl.PRIMARY_IP)
        self._let_go(transfer, handle)
        assert transfer.target is not None
        self._standpoint.reached(transfer.target.host)
        self._answer(transfer, self._response(transfer, status, remote, None, failure, words))

    def _failed(
        self, transfer: Transfer, handle: Handle, code: int, message: str, status: int, connected: int, secured: int
    ) -> None:
        target, curl = transfer.target, handle.curl
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
        self._let_go(transfer, handle)
        if transfer.distrusted is not None and code != pycurl.E_PEER_FAILED_VERIFICATION:
            report, certificate = transfer.distrusted, None
        self._tell(transfer, report, certificate, remote, status)

    def _tell(
        self, transfer: Transfer, report: Report, certificate: Certificate | None, remote: str | None, status: int
    ) -> None:
        assert transfer.target is not None
        failure, words = classify(report, certificate, self._clock.now())
        trouble = Trouble(
            host=transfer.target.host,
            addresses=transfer.addresses,
            failure=failure,
            words=words,
            timeout_seconds=transfer.request.timeout_seconds,
            stalled_before=transfer.stalled_before,
            os_errno=report.os_errno,
            reached=report.connected,
        )

        def told(failure: Failure, words: str) -> None:
            self._answer(transfer, self._response(transfer, status or None, remote, certificate, failure, words))

        self._standpoint.judge(trouble, told)

    def _let_go(self, transfer: Transfer, handle: Handle) -> None:
        transfer.handle = None
        handle.setopt(pycurl.COOKIELIST, "ALL")  # Always: that it once kept cookies is nothing that a reset forgets.
        multi = self._verified if transfer.request.verify_tls else self._unverified
        multi.release(handle, transfer.shape)

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
        if transfer.handle is not None:
            self._let_go(transfer, transfer.handle)
        self._answer(transfer, self._response(transfer, None, None, None, failure, words))

    def _surprised(self, transfer: Transfer) -> None:
        """An answer that we failed to read is an answer all the same: told as the target's, so that no page is lost."""
        _log.exception("the answer of %s could not be read", transfer.target.host if transfer.target else "a server")
        handle, transfer.handle = transfer.handle, None
        if handle is not None:
            self._multi(transfer).discard(handle)
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
