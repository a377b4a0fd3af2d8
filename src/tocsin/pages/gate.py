"""Who may read a page that is not for everybody: by address, by password, or by being a member of the team."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Network, ip_network

from tocsin.kernel import passwords
from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import TooMany
from tocsin.kernel.vault import Vault
from tocsin.pages.clients import Address, Network, household, within
from tocsin.status_pages.model.views import Site

REMEMBERED_FOR = timedelta(days=30)
"""Who once gave the password need not do so again, until it changes."""
SIGNED_IN_FOR = timedelta(hours=8)
"""A working day; then another link is mailed."""
LINK_LIFETIME = timedelta(minutes=15)
MEMBERSHIP_SECONDS = 30.0
"""So long an answer whether somebody is still a member is believed: who was removed is out within that time."""
MAX_MEMBERSHIPS = 10_000
"""Answers that are remembered; then they are asked for anew."""
CHECKS_AT_ONCE = 2
"""A password costs 50 ms of a core and 64 MB on purpose: strangers may not have more of them."""
MAX_CHECKS_WAITING = 20
WINDOW_SECONDS = 600
GUESSES_PER_CLIENT = 10
GUESSES_PER_PAGE = 600
"""In one window, from however many addresses: one a second is no way to find a password, and whoever has the cookie
already is not asked."""
LINKS_PER_CLIENT = 10
LINKS_PER_PAGE = 60
"""Sign-in links that are asked for in one window."""
MAX_CLIENTS = 50_000
"""Counted in one window; an attack from more of them counts as one client."""


class Verdict(StrEnum):
    """What a reader is shown."""

    OPEN = "open"
    REFUSED = "refused"
    PASSWORD = "password"  # noqa: S105 - a word
    MEMBERS = "members"


def allowed_networks(lines: Sequence[str]) -> tuple[Network, ...]:
    """The networks of an allow list, without what stands behind a `#`. A list of remarks alone lets nobody in: a page
    that somebody meant to close is never opened by a remark."""
    found: list[Network] = []
    for line in lines:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            continue  # checked when it was set; what still cannot be read lets nobody in
        found.append(_unmapped(network))
    return tuple(found)


def _unmapped(network: Network) -> Network:
    """`::ffff:192.0.2.0/120` is 192.0.2.0/24 in other words."""
    if isinstance(network, IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            return ip_network((mapped, network.prefixlen - 96))
    return network


class Guesses:
    """Counts tries in windows of time, in memory: a restart forgives."""

    def __init__(self, clock: Clock, per_client: int, per_page: int) -> None:
        self._clock = clock
        self._per_client = per_client
        self._per_page = per_page
        self._window = 0
        self._tries: Counter[tuple[int, str]] = Counter()

    def check(self, site_id: int, client: Address | None) -> None:
        """Raises TooMany when this client, or all together, have tried too often at this page."""
        self._turn()
        if self._tries[site_id, self._named(client)] >= self._per_client or self._tries[site_id, ""] >= self._per_page:
            wait = WINDOW_SECONDS - int(self._clock.monotonic()) % WINDOW_SECONDS
            raise TooMany("Too many tries. Please try again later.", retry_after_seconds=wait)

    def count(self, site_id: int, client: Address | None) -> None:
        self._turn()
        self._tries[site_id, self._named(client)] += 1
        self._tries[site_id, ""] += 1

    def forgive(self, site_id: int, client: Address | None) -> None:
        """That try was right: a whole office behind one address may come in."""
        for name in (self._named(client), ""):
            self._tries[site_id, name] = max(0, self._tries[site_id, name] - 1)

    def _named(self, client: Address | None) -> str:
        return household(client) if len(self._tries) < MAX_CLIENTS else "everybody else"

    def _turn(self) -> None:
        window = int(self._clock.monotonic()) // WINDOW_SECONDS
        if window != self._window:
            self._window = window
            self._tries.clear()


class Gatekeeper:
    """Decides by address and cookie, checks passwords, and makes the cookies. Belongs to one event loop."""

    def __init__(
        self, vault: Vault, clock: Clock, is_member: Callable[[int, int], Awaitable[bool]] | None = None
    ) -> None:
        """`is_member(team id, user id)`; None = nobody is."""
        self._vault = vault
        self._clock = clock
        self._is_member = is_member
        self._threads = ThreadPoolExecutor(CHECKS_AT_ONCE, "page-passwords")
        self._waiting = 0
        self._networks: dict[tuple[str, ...], tuple[Network, ...]] = {}
        self._memberships: dict[tuple[int, int], tuple[float, bool]] = {}
        self._guesses = Guesses(clock, GUESSES_PER_CLIENT, GUESSES_PER_PAGE)
        self.links = Guesses(clock, LINKS_PER_CLIENT, LINKS_PER_PAGE)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def judge(self, site: Site, client: Address | None, cookies: str) -> Verdict:
        """Whether a reader may see the page, and what is asked of them if not. Everything that is set is asked for."""
        gate = site.gate
        if gate.ip_allowlist and not self._admitted(gate.ip_allowlist, client):
            return Verdict.REFUSED
        if gate.password_hash is not None and not self._knows_password(site, cookies):
            return Verdict.PASSWORD
        if gate.require_sso and not await self._signed_in(site, cookies):
            return Verdict.MEMBERS
        return Verdict.OPEN

    async def password(self, site: Site, client: Address | None, given: str) -> bool:
        """Whether this is the page's password. Raises TooMany."""
        self._guesses.check(site.id, client)
        if self._waiting >= MAX_CHECKS_WAITING:
            raise TooMany("Too many passwords are being checked just now. Please try again.", retry_after_seconds=5)
        self._guesses.count(site.id, client)  # before it is checked: tries that come together count together
        self._waiting += 1
        try:
            hash = site.gate.password_hash
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(self._threads, passwords.matches, hash, given)
        finally:
            self._waiting -= 1
        if right:
            self._guesses.forgive(site.id, client)
        return right

    def remembering(self, site: Site) -> tuple[str, timedelta]:
        """(value of the cookie, its lifetime) for who gave the password."""
        until = self._clock.now() + REMEMBERED_FOR
        return self._sealed(self._password_words(site), until), REMEMBERED_FOR

    def session(self, site: Site, user_id: int) -> tuple[str, timedelta]:
        """The same for a member who came by a link."""
        until = self._clock.now() + SIGNED_IN_FOR
        return f"{user_id}.{self._sealed(f'{user_id}:{site.team_id}', until, 'session')}", SIGNED_IN_FOR

    def link(self, site: Site, user_id: int) -> str:
        """The secret part of a sign-in link: good for one person and one page, for a quarter of an hour."""
        until = self._clock.now() + LINK_LIFETIME
        return f"{user_id}.{self._sealed(f'{user_id}:{site.id}', until, 'link')}"

    async def opened(self, site: Site, link: str) -> int | None:
        """The member whose link this is; None when it is none, is over, or they are no member any more."""
        user_id, _, sealed = link.partition(".")
        if not self._holds(f"{user_id}:{site.id}", sealed, "link"):
            return None
        return int(user_id) if await self._member(site.team_id, int(user_id)) else None

    def cookie(self, site: Site, verdict: Verdict) -> str:
        """The name of the cookie that opens this gate of this page."""
        return f"tocsin_{'page' if verdict is Verdict.PASSWORD else 'member'}_{site.id}"

    def _admitted(self, lines: tuple[str, ...], client: Address | None) -> bool:
        networks = self._networks.get(lines)
        if networks is None:
            if len(self._networks) > 1_000:
                self._networks.clear()
            networks = self._networks[lines] = allowed_networks(lines)
        return client is not None and within(client, networks)

    def _knows_password(self, site: Site, cookies: str) -> bool:
        given = cookie_value(cookies, self.cookie(site, Verdict.PASSWORD))
        return self._holds(self._password_words(site), given)

    async def _signed_in(self, site: Site, cookies: str) -> bool:
        user_id, _, sealed = cookie_value(cookies, self.cookie(site, Verdict.MEMBERS)).partition(".")
        if not self._holds(f"{user_id}:{site.team_id}", sealed, "session"):
            return False
        return await self._member(site.team_id, int(user_id))

    async def _member(self, team_id: int, user_id: int) -> bool:
        now = self._clock.monotonic()
        at, known = self._memberships.get((team_id, user_id), (float("-inf"), False))
        if now - at >= MEMBERSHIP_SECONDS:
            known = self._is_member is not None and await self._is_member(team_id, user_id)
            if len(self._memberships) >= MAX_MEMBERSHIPS:
                self._memberships.clear()
            self._memberships[team_id, user_id] = now, known
        return known

    def _password_words(self, site: Site) -> str:
        """What the cookie is good for: this page with this password; a new password ends it."""
        return f"{site.id}:{hashlib.sha256((site.gate.password_hash or '').encode()).hexdigest()}"

    def _sealed(self, words: str, until: datetime, purpose: str = "password") -> str:
        ends = to_milliseconds(until) // 1000
        return f"{ends}.{self._vault.sign(f'status-page-{purpose}:{words}:{ends}')}"

    def _holds(self, words: str, sealed: str, purpose: str = "password") -> bool:
        ends, _, signature = sealed.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
            return False
        if int(ends) <= to_milliseconds(self._clock.now()) // 1000:
            return False
        return self._vault.signed(f"status-page-{purpose}:{words}:{ends}", signature)


def cookie_value(cookies: str, name: str) -> str:
    """The value of one cookie in a Cookie header; empty when it is not there."""
    for part in cookies.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""
