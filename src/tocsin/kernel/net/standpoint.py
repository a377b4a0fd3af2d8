"""Where we stand: what this machine can reach, whether it keeps up, and to which addresses it may go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import lru_cache

import msgspec

from tocsin.kernel.clock import Clock
from tocsin.kernel.net.address import AddressPolicy
from tocsin.kernel.net.failures import timeout_words
from tocsin.kernel.net.health import NETWORK_ERRNOS, UNREACHED, Connectivity, starved, whose_network
from tocsin.kernel.net.messages import TIMEOUTS, Answer, Failure, IpVersion
from tocsin.kernel.net.resolver import Resolver
from tocsin.kernel.net.target import BadUrl, canonical_host

HEARTBEAT_SECONDS = 0.1
"""How often the loop proves that it turns; what is late beyond this counts as standing still."""
IPV6_MEMORY_SECONDS = 10.0
"""How long we remember whether this machine has IPv6."""
_IPV6_PROBE = "2001:db8::1"
"""A global address that is nobody's (RFC 3849): asked of our own routing table only."""

Tell = Callable[[Failure, str], None]


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a host is, or why we cannot go there."""

    host: str
    """In its one canonical form; the address itself when it was given as a literal."""
    addresses: tuple[str, ...] = ()
    name_lookup_time: float | None = None
    """Seconds; None when there was no name to look up."""
    failure: Failure | None = None
    cause: str = ""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that failed, as its engine understands it before anybody has asked whose fault it is."""

    host: str
    addresses: tuple[str, ...]
    failure: Failure
    words: str
    timeout_seconds: float
    stalled_before: float
    """What `Standpoint.stalled_seconds` was when the attempt began."""
    os_errno: int = 0
    reached: bool = False
    """Whether the host was there: a connection stood, or an answer of any kind came."""


class Standpoint:
    """What all engines share. Lives on one event loop; every method is for that loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, resolver: Resolver, policy: AddressPolicy
    ) -> None:
        self._loop = loop
        self.clock = clock
        self.monotonic = clock.monotonic  # uvloop's own time stands still within a turn, and has whole milliseconds.
        self.resolver = resolver
        self.policy = policy
        self.stalled_seconds = 0.0
        """How long, in all, the loop has stood still: each pause beyond a heartbeat."""
        self._connectivity = Connectivity()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._ipv6 = False
        self._ipv6_asked_at = float("-inf")
        # Asked anew of every check, though the answer is the same while the name has the same addresses.
        self._allowed = lru_cache(maxsize=20_000)(self._permitted)
        self._literal = lru_cache(maxsize=20_000)(self._read)
        self._beat(None)

    def close(self) -> None:
        """Stop the heartbeat."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    # --- where to go ----------------------------------------------------------------------------------------------

    def known(self, host: str, ip_version: IpVersion | None) -> Place | None:
        """Where it is, if nobody must be asked: it is an address, or a name that we remember."""
        place = self._literal(host, ip_version)
        if place.addresses or place.failure is not None:
            return place
        answer = self.resolver.cached(place.host, ip_version)
        return None if answer is None else self._placed(place.host, answer, ip_version, 0.0)

    def find(
        self, host: str, ip_version: IpVersion | None, timeout_seconds: float, receive: Callable[[Place], None]
    ) -> None:
        """`receive(place)` exactly once: at once when the host is an address or known, else within the timeout."""
        place = self.known(host, ip_version)
        if place is not None:
            receive(place)
            return
        name = self._literal(host, ip_version).host
        _Lookup(self, self._loop, name, ip_version, timeout_seconds, receive)

    def usable(
        self, addresses: tuple[str, ...], wanted: IpVersion | None
    ) -> tuple[tuple[str, ...], Failure | None, str]:
        """Those of `addresses` that we may go to, and can; none of them, and why."""
        allowed = self._allowed(addresses, wanted)
        addresses = allowed[0]
        if len(addresses) > 1 and not self._ipv6_works():
            # It can only fail here, and its error would hide that of IPv4.
            addresses = tuple(each for each in addresses if not _is_global_ipv6(each)) or addresses
            return addresses, None, ""
        return allowed

    def _permitted(
        self, addresses: tuple[str, ...], wanted: IpVersion | None
    ) -> tuple[tuple[str, ...], Failure | None, str]:
        """The same for what never changes: the version that is wanted, and the policy."""
        if wanted is not None:
            addresses = tuple(each for each in addresses if (":" in each) == (wanted == "ipv6"))
            if not addresses:
                word = "IPv6" if wanted == "ipv6" else "IPv4"
                return (), Failure.DNS_NOT_FOUND, f"The host has no {word} address"
        refusal = None
        for each in addresses:
            refusal = self.policy.refusal(each)
            if refusal is not None:
                break
        if refusal is not None:
            addresses = tuple(each for each in addresses if self.policy.refusal(each) is None)
            if not addresses:
                return (), Failure.ADDRESS_REFUSED, f"Address refused: {refusal}"
        return addresses, None, ""

    def _read(self, host: str, ip_version: IpVersion | None) -> Place:
        """An address that was given as one; of a name only its canonical form."""
        try:
            name, address = canonical_host(host)
        except BadUrl as error:
            return Place(host, failure=Failure.BAD_URL, cause=str(error))
        return Place(name) if address is None else self._place(name, (address,), ip_version, None)

    def _placed(self, name: str, answer: Answer, ip_version: IpVersion | None, lookup: float) -> Place:
        if answer.failure is not None:
            return Place(name, (), lookup, answer.failure, answer.cause or "Name lookup failed")
        return self._place(name, answer.addresses, ip_version, lookup)

    def _place(
        self, name: str, addresses: tuple[str, ...], ip_version: IpVersion | None, lookup: float | None
    ) -> Place:
        found, failure, cause = self.usable(addresses, ip_version)
        return Place(name, found, lookup, failure, cause)

    def _ipv6_works(self) -> bool:
        """Whether this machine knows a way to the IPv6 Internet, as of a few seconds ago."""
        now = self.monotonic()
        if now >= self._ipv6_asked_at + IPV6_MEMORY_SECONDS:
            self._ipv6_asked_at = now
            self._ipv6 = has_route(_IPV6_PROBE)
        return self._ipv6

    # --- whose fault it is ----------------------------------------------------------------------------------------

    def reached(self, host: str) -> None:
        """Notes that a host was there, whatever it said."""
        self._connectivity.note(host, self._loop.time(), True)

    def judge(self, trouble: Trouble, tell: Tell) -> None:
        """Take the blame where it is ours, and only there; `tell` exactly once, perhaps after asking a name server."""
        failure, words = self._own_fault(trouble)
        if failure not in UNREACHED:
            tell(failure, words)
            return
        now = self._loop.time()
        self._connectivity.note(trouble.host, now, False)
        if not self._connectivity.lost(now):
            tell(failure, words)
            return

        def told(alive: bool) -> None:
            if alive:
                tell(failure, words)
            else:
                tell(Failure.LOCAL, "This machine has lost its network: no target can be reached")

        # Many hosts at once may be one dead switch of theirs: without proof that it is us, people are paged.
        self.resolver.alive(told, now)

    def _own_fault(self, trouble: Trouble) -> tuple[Failure, str]:
        failure, words = trouble.failure, trouble.words
        if failure is Failure.LOCAL and trouble.os_errno in NETWORK_ERRNOS:
            return whose_network(trouble.addresses, has_route, words)
        stalled = self.stalled_seconds - trouble.stalled_before
        if failure in TIMEOUTS and starved(stalled, trouble.timeout_seconds):
            return Failure.LOCAL, "This machine was too busy to finish the check in time"
        if trouble.reached:
            self.reached(trouble.host)
        return failure, words

    def _beat(self, due: float | None) -> None:
        now = self._loop.time()
        if due is not None:
            self.stalled_seconds += max(0.0, now - due - HEARTBEAT_SECONDS)
        self._heartbeat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat, now + HEARTBEAT_SECONDS)


class _Lookup:
    """One name that is being looked up for one asker, who waits no longer than it said."""

    def __init__(
        self,
        standpoint: Standpoint,
        loop: asyncio.AbstractEventLoop,
        name: str,
        ip_version: IpVersion | None,
        timeout_seconds: float,
        receive: Callable[[Place], None],
    ) -> None:
        self._standpoint = standpoint
        self._name = name
        self._ip_version: IpVersion | None = ip_version
        self._timeout_seconds = timeout_seconds
        self._receive: Callable[[Place], None] | None = receive
        self._began = standpoint.monotonic()
        self._timer = loop.call_later(timeout_seconds, self._too_late)
        standpoint.resolver.lookup(name, ip_version, self._answered)

    def _answered(self, answer: Answer) -> None:
        self._timer.cancel()
        lookup = self._standpoint.monotonic() - self._began
        self._end(self._standpoint._placed(self._name, answer, self._ip_version, lookup))

    def _too_late(self) -> None:
        """Whose name server is it that does not answer?"""
        receive, self._receive = self._receive, None
        words = timeout_words(self._timeout_seconds, "while resolving the name")

        def told(alive: bool) -> None:
            assert receive is not None
            if alive:
                receive(Place(self._name, failure=Failure.TIMEOUT_RESOLVING, cause=words))
            else:
                receive(Place(self._name, failure=Failure.LOCAL, cause="Our own name servers do not answer"))

        if receive is not None:
            self._standpoint.resolver.alive(told)

    def _end(self, place: Place) -> None:
        receive, self._receive = self._receive, None
        if receive is not None:
            receive(place)


def has_route(address: str) -> bool:
    """Whether the kernel knows a way to `address`. Connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def _is_global_ipv6(address: str) -> bool:
    """Within 2000::/3, the only part of IPv6 that is routed on the Internet."""
    return ":" in address and address[0] in "23" and address.index(":") == 4
