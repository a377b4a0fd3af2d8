"""Asks the registries, once a day and gently, when the watched domain names run out."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec
import structlog

from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpRequest, Net
from tocsin.monitors.actions import expiry
from tocsin.monitors.rules.registration import rdap_bases, rdap_expiry, whois_expiry, whois_referral
from tocsin.storage import Database

log = structlog.get_logger()

LOOK_UP_EVERY = timedelta(hours=24)
RETRY_AFTER = timedelta(hours=2)
"""After a lookup that failed, or that this process did not live to finish."""
BOOTSTRAP_KEPT = timedelta(hours=24)
"""How long IANA's list of RDAP services is kept: it changes a few times a month."""
DOMAINS_AT_ONCE = 3
"""Lookups per look, one after the other: registries refuse those who ask quickly, and a look must end in good time."""
TIMEOUT_SECONDS = 15.0
"""Of one question to one registry."""
LOOK_UP_TIMEOUT_SECONDS = 40.0
"""Of one domain's whole lookup, which may ask five servers; three of them stay below a look's limit (180 s)."""
MAX_WHOIS_BYTES = 64 * 1024
WHOIS_PORT = 43


class Registries(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask. The defaults are the world's."""

    bootstrap_url: str = "https://data.iana.org/rdap/dns.json"
    whois_root: str = "whois.iana.org"
    whois_port: int = WHOIS_PORT


class _Silent(Exception):
    """A registry did not say when the registration ends; the words say why."""


class DomainWatch:
    """The worker of domain names. Each is looked up once a day, shared by every monitor below it."""

    name = "domains"
    topic = expiry.DOMAINS_TOPIC

    def __init__(
        self, database: Database, clock: Clock, net: Net, base_url: str, registries: Registries | None = None,
        *, look_up_timeout_seconds: float = LOOK_UP_TIMEOUT_SECONDS,
    ) -> None:  # fmt: skip
        """`base_url`: for the links in messages."""
        self._database = database
        self._clock = clock
        self._net = net
        self._base_url = base_url
        self._registries = registries or Registries()
        self._look_up_timeout_seconds = look_up_timeout_seconds
        self._bases: dict[str, str] = {}
        self._bases_until: datetime | None = None
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Look up what is due, at most `DOMAINS_AT_ONCE`."""
        now = self._clock.now()
        due = await self._database.read(expiry.due_domains, now, DOMAINS_AT_ONCE)
        self.lag_seconds = max(((now - at).total_seconds() for _, at in due), default=0.0)
        for domain, seen in due:
            if await self._database.write(expiry.claim_domain, domain, seen, now + RETRY_AFTER):
                await self._look_up(domain)
        return await self._database.read(expiry.next_domain_at)

    async def _look_up(self, domain: str) -> None:
        expires_at, failure = None, None
        try:
            async with asyncio.timeout(self._look_up_timeout_seconds):
                expires_at = await self._ask(domain)
        except (_Silent, TimeoutError) as silence:
            failure = str(silence) or f"no answer within {self._look_up_timeout_seconds:g} s"
            log.info("a registry did not say when a domain expires", domain=domain, why=failure)
        next_at = self._clock.now() + (RETRY_AFTER if failure else LOOK_UP_EVERY)
        await self._database.write(
            expiry.note_domain, domain, next_at=next_at, expires_at=expires_at, failure=failure, base_url=self._base_url
        )

    async def _ask(self, domain: str) -> datetime:
        """RDAP where the registry has it, WHOIS where it has not or does not answer. Raises _Silent."""
        try:
            return await self._rdap(domain)
        except _Silent as first:
            try:
                return await self._whois(domain)
            except _Silent as second:
                raise _Silent(f"RDAP: {first}; WHOIS: {second}") from None

    async def _rdap(self, domain: str) -> datetime:
        ascii_name = _ascii(domain)
        base = (await self._services()).get(ascii_name.rpartition(".")[2])
        if base is None:
            raise _Silent("the registry has no such service")
        try:
            found = rdap_expiry(await self._get(f"{base}domain/{ascii_name}"))
        except ValueError as error:
            raise _Silent(str(error)) from None
        if found is None:
            raise _Silent("the registry does not say when registrations end")
        return found

    async def _services(self) -> dict[str, str]:
        now = self._clock.now()
        if self._bases_until is None or now >= self._bases_until:
            try:
                self._bases = rdap_bases(await self._get(self._registries.bootstrap_url))
            except ValueError as error:
                raise _Silent(str(error)) from None
            self._bases_until = now + BOOTSTRAP_KEPT
        return self._bases

    async def _get(self, url: str) -> bytes:
        headers = (("Accept", "application/rdap+json, application/json"),)
        answer = await self._net.fetch(HttpRequest(url=url, headers=headers, timeout_seconds=TIMEOUT_SECONDS))
        if answer.failure is not None:
            raise _Silent(answer.cause or "no answer")
        if answer.status_code != 200:
            raise _Silent(f"status {answer.status_code}")
        return answer.body

    async def _whois(self, domain: str) -> datetime:
        ascii_name = _ascii(domain)
        server = whois_referral(await self._converse(self._registries.whois_root, ascii_name.rpartition(".")[2]))
        if server is None:
            raise _Silent("no server is known for the top-level domain")
        found = whois_expiry(await self._converse(server, ascii_name))
        if found is None:
            raise _Silent("the registry does not say when registrations end")
        return found

    async def _converse(self, server: str, question: str) -> str:
        """One question, one answer (RFC 3912), to an address that our own policy lets through."""
        answer = await self._net.resolve(server)
        if not answer.addresses:
            raise _Silent(answer.cause or f"the server {server} cannot be found")
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_connection(str(answer.addresses[0]), self._registries.whois_port)
                try:
                    writer.write(question.encode("ascii") + b"\r\n")
                    await writer.drain()
                    text = b""
                    while len(text) < MAX_WHOIS_BYTES and (part := await reader.read(4096)):
                        text += part
                    return text.decode("utf-8", "replace")
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise _Silent(f"the server {server} did not answer ({type(error).__name__})") from None


def _ascii(domain: str) -> str:
    """The name as registries know it (IDNA)."""
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _Silent("the name cannot be written in ASCII") from None
