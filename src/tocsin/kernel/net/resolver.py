"""Turning names into addresses: remembered as long as their owners allow, and one dead name never delays another."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

import aiodns
import msgspec
from aiodns import error as dns

from tocsin.kernel.net.messages import Answer, Failure, IpVersion

LOOKUP_TIMEOUT_SECONDS = 5.0
"""For one name, retries included; libc's resolver takes as long for its first try alone."""
TRY_TIMEOUT_SECONDS = 1.5
TRIES = 2
"""A lost datagram is asked for once more: 1.5 s, then the rest of the 5 s."""
ALIVE_TIMEOUT_SECONDS = 2.0
"""For the counter-question whether our own name server works at all."""
ALIVE_MEMORY_SECONDS = 5.0
"""How long its last good answer to anyone proves that it works."""
RESOLUTION_DELAY_SECONDS = 0.05
"""How long the second address family is waited for once the first has answered (RFC 8305, section 3)."""
MIN_TTL_SECONDS = 5.0
"""Names with a TTL of zero (and /etc/hosts) are asked again after this, not at every check."""
MAX_TTL_SECONDS = 300.0
"""A moved service is noticed after five minutes, whatever TTL its owner once chose."""
NOT_FOUND_TTL_SECONDS = 5.0
FAILED_TTL_SECONDS = 2.0
"""Short, so that recovery is seen by the next check, yet a hundred monitors of a dead name ask once."""
MAX_NAMES = 50_000
"""Names remembered; the oldest goes first."""
MAX_LOOKUPS_IN_FLIGHT = 2_000
"""Beyond it lookups fail as ours. Each is one small UDP question, so this is a fuse and not a throttle."""
MAX_ADDRESSES = 8
"""Addresses of a name that are used, per family: a name server cannot make us try hundreds."""

_NO_SORTING = 1 << 7
"""c-ares' ARES_AI_NOSORT: its sorting opens a socket per address, and libcurl tries them side by side anyway."""
_FAMILIES: dict[IpVersion, int] = {"ipv4": 2, "ipv6": 10}
_NO_NAME = frozenset({dns.ARES_ENOTFOUND, dns.ARES_ENODATA, dns.ARES_ENONAME, dns.ARES_EBADNAME})
_NO_CONTACT = frozenset({dns.ARES_ECONNREFUSED, dns.ARES_EFILE, dns.ARES_ENOMEM, dns.ARES_ENOTINITIALIZED})
_STOPPED = frozenset({dns.ARES_ECANCELLED, dns.ARES_EDESTRUCTION})
Key = tuple[str, IpVersion | None]
Receive = Callable[[Answer], None]


class _Found(msgspec.Struct, frozen=True):
    addresses: tuple[str, ...]
    ttl_seconds: float
    status: int
    """c-ares' word; 0 is success."""


class Resolver:
    """A caching asynchronous resolver. Lives on one event loop; every method is for that loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, nameservers: Sequence[str] = ()) -> None:
        self._loop = loop
        self._dns = aiodns.DNSResolver(
            nameservers=list(nameservers) or None, loop=loop, timeout=TRY_TIMEOUT_SECONDS, tries=TRIES
        )
        self._known: dict[Key, Answer] = {}
        self._waiting: dict[Key, list[Receive]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_alive = float("-inf")
        self._alive_question: asyncio.Task[bool] | None = None
        self.lookups = 0
        """Questions asked of name servers so far."""

    def cached(self, name: str, ip_version: IpVersion | None) -> Answer | None:
        """What we know already, if it is still good."""
        answer = self._known.get((name, ip_version))
        return answer if answer is not None and answer.expires_at > self._loop.time() else None

    def lookup(self, name: str, ip_version: IpVersion | None, receive: Receive) -> None:
        """Ask for `name`; `receive(answer)` once, within `LOOKUP_TIMEOUT_SECONDS` plus the counter-question's."""
        key = (name, ip_version)
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(receive)
            return
        if len(self._waiting) >= MAX_LOOKUPS_IN_FLIGHT:
            receive(Answer(failure=Failure.LOCAL, cause="Too many name lookups at once on our side"))
            return
        self._waiting[key] = [receive]
        self._hold(self._loop.create_task(self._answer(key)))

    async def resolve(self, name: str, ip_version: IpVersion | None) -> Answer:
        """`cached` or else `lookup`, for those who can wait."""
        answer = self.cached(name, ip_version)
        if answer is not None:
            return answer
        future: asyncio.Future[Answer] = self._loop.create_future()
        self.lookup(name, ip_version, lambda found: None if future.done() else future.set_result(found))
        return await future

    def alive(self, receive: Callable[[bool], None], since: float | None = None) -> None:
        """Whether our own name servers answer at all, for a check that ran out of time while resolving.

        `since`: a good answer counts only if it came after that instant (seconds of the loop's clock).
        """

        async def tell() -> None:
            try:
                living = await self._alive(since)
            except Exception:  # no proof that the fault is ours
                living = True
            receive(living)

        self._hold(self._loop.create_task(tell()))

    async def close(self) -> None:
        """Give up what is in flight; its askers hear `LOCAL`."""
        for task in list(self._tasks):
            task.cancel()
        waiting, self._waiting = self._waiting, {}
        for receivers in waiting.values():
            for receive in receivers:
                receive(Answer(failure=Failure.LOCAL, cause="Stopping"))
        await self._dns.close()

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, key: Key) -> None:
        name, ip_version = key
        try:
            answer = await self._ask(name, ip_version)
        except Exception as error:
            answer = self._failed(Failure.LOCAL, f"Our resolver failed: {error}")
        if len(self._known) >= MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known.pop(key, None)
        self._known[key] = answer
        for receive in self._waiting.pop(key, ()):
            receive(answer)

    async def _ask(self, name: str, ip_version: IpVersion | None) -> Answer:
        families = [_FAMILIES[ip_version]] if ip_version else list(_FAMILIES.values())
        questions = [asyncio.ensure_future(self._question(name, family)) for family in families]
        found: list[_Found] = []
        try:
            for question in asyncio.as_completed(questions, timeout=LOOKUP_TIMEOUT_SECONDS):
                found.append(await question)
                if found[-1].status == 0:
                    break
            pending = [question for question in questions if not question.done()]
            if pending and found and found[-1].status == 0:
                await asyncio.wait(pending, timeout=RESOLUTION_DELAY_SECONDS)
        except TimeoutError:
            pass
        finally:
            for question in questions:
                question.cancel()
        found = [question.result() for question in questions if question.done() and not question.cancelled()]
        return await self._judge(name, ip_version, found)

    async def _question(self, name: str, family: int) -> _Found:
        self.lookups += 1
        try:
            result = await self._dns.getaddrinfo(name, family=family, type=1, flags=_NO_SORTING)  # type: ignore[arg-type]
        except dns.DNSError as error:
            return _Found((), 0.0, int(error.args[0]))
        nodes = result.nodes[:MAX_ADDRESSES]
        if not nodes:
            return _Found((), 0.0, dns.ARES_ENODATA)
        return _Found(tuple(_text(node.addr[0]) for node in nodes), float(min(node.ttl for node in nodes)), 0)

    async def _judge(self, name: str, ip_version: IpVersion | None, found: list[_Found]) -> Answer:
        # IPv4 stands first: many machines that run a monitor have no IPv6, and libcurl tries the other 200 ms later.
        good = [each for each in found if each.status == 0]
        now = self._loop.time()
        if good:
            self._last_alive = now
            ttl = min(max(min(each.ttl_seconds for each in good), MIN_TTL_SECONDS), MAX_TTL_SECONDS)
            return Answer(addresses=tuple(a for each in good for a in each.addresses), expires_at=now + ttl)
        statuses = {each.status for each in found}
        if statuses and statuses <= _NO_NAME:
            self._last_alive = now
            words = "Name does not exist"
            if dns.ARES_ENODATA in statuses:
                words = f"Name has no {_word(ip_version)} address"
            return self._failed(Failure.DNS_NOT_FOUND, words, NOT_FOUND_TTL_SECONDS)
        if statuses & (_NO_CONTACT | _STOPPED) or not await self._alive():
            return self._failed(Failure.LOCAL, "Our own name servers do not answer")
        if statuses & {dns.ARES_ESERVFAIL, dns.ARES_EREFUSED, dns.ARES_ENOTIMP, dns.ARES_EFORMERR, dns.ARES_EBADRESP}:
            return self._failed(Failure.DNS_FAILED, "Name lookup failed: its name servers answer with an error")
        return self._failed(Failure.DNS_FAILED, "Name lookup failed: its name servers do not answer")

    def _failed(self, failure: Failure, cause: str, ttl_seconds: float = FAILED_TTL_SECONDS) -> Answer:
        return Answer(failure=failure, cause=cause, expires_at=self._loop.time() + ttl_seconds)

    async def _alive(self, since: float | None = None) -> bool:
        if self._last_alive > (self._loop.time() - ALIVE_MEMORY_SECONDS if since is None else since):
            return True
        if self._alive_question is None or self._alive_question.done():
            self._alive_question = self._loop.create_task(self._ask_alive())
        return await asyncio.shield(self._alive_question)

    async def _ask_alive(self) -> bool:
        # A name that cannot be in any cache and must be answered (by "no such name") if the way to the root is open.
        # A plain refusal also proves that somebody is there; SERVFAIL is what a forwarder says when it is cut off.
        try:
            async with asyncio.timeout(ALIVE_TIMEOUT_SECONDS):
                await self._dns.query_dns(f"tocsin-alive-{secrets.token_hex(6)}.", "A")
        except dns.DNSError as error:
            living = error.args[0] in _NO_NAME | {dns.ARES_EREFUSED, dns.ARES_ENOTIMP, dns.ARES_EFORMERR}
        except TimeoutError:
            living = False
        else:
            living = True
        if living:
            self._last_alive = self._loop.time()
        return living


def _text(address: str | bytes) -> str:
    return address.decode("ascii") if isinstance(address, bytes) else address


def _word(ip_version: IpVersion | None) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6", None: "IP"}[ip_version]
