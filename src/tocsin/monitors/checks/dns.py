"""Checks that a name server answers a question, and with the right records."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import msgspec

from tocsin.kernel.net import Net, Query, Reply
from tocsin.monitors.checks import SERVER_TIMEOUT_MS, Outcome, ip_version_of, place, ports_of, replied, timeout_of
from tocsin.monitors.model import Verdict

KINDS = ("dns",)
USUAL_PORT = 53
MAX_RECORDS_TOLD = 5
"""Records that are named in a cause; the others are counted."""
_UP = Verdict.UP
_ADDRESSES = frozenset({"A", "AAAA"})
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_RCODES = {
    "NXDOMAIN": "{name} does not exist (NXDOMAIN)",
    "SERVFAIL": "The server could not find out about {name} (SERVFAIL)",
    "REFUSED": "The server refuses to answer about {name} (REFUSED)",
    "FORMERR": "The server does not understand the question (FORMERR)",
    "NOTIMP": "The server cannot answer questions of this kind (NOTIMP)",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a DNS check, and two of ours."""

    url: str
    """The name server: a name or an address."""
    request_body: str
    """The domain that is asked for."""
    port: str | None = None
    request_timeout: float | None = SERVER_TIMEOUT_MS
    """Milliseconds."""
    ip_version: str | None = None
    dns_record_type: str | None = None
    """None: A."""
    dns_expected_records: list[str] = []
    """Each must be among the records that are answered."""


def request(settings: Settings) -> Query:
    """The one question that this monitor asks, again and again. Raises ValueError."""
    return Query(
        server=settings.url,
        port=ports_of(settings.port, USUAL_PORT)[0],
        name=settings.request_body,
        record_type=(settings.dns_record_type or "A").upper(),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=ip_version_of(settings.ip_version),
    )


def outcome(settings: Settings, reply: Reply) -> Outcome:
    """It must know at least one record of the type, and all that are expected."""
    complaint = _complaint(settings, reply) if reply.failure is None else None
    if reply.failure is None and complaint is None:
        return Outcome(verdict=_UP, response_time=reply.response_time, name_lookup_time=reply.name_lookup_time)
    return replied(reply, place(settings.url, ports_of(settings.port, USUAL_PORT)[0]), complaint)


async def check(settings: Settings, net: Net) -> Outcome:
    """The whole check once, for "test now"."""
    return outcome(settings, await net.ask(request(settings)))


def _complaint(settings: Settings, reply: Reply) -> str | None:
    if reply.rcode != "NOERROR":
        words = _RCODES.get(reply.rcode or "") or f"The server answers with an error ({reply.rcode})"
        return words.format(name=settings.request_body[:80])
    kind = (settings.dns_record_type or "A").upper()
    found = [record.text for record in reply.records if record.type == kind]
    if not found:
        return f"No {kind} record for {settings.request_body[:80]}"
    if not settings.dns_expected_records:
        return None
    known = {canonical(kind, text) for text in found}
    missing = [each for each in settings.dns_expected_records if canonical(kind, each) not in known]
    if not missing:
        return None
    return f"Record missing: {_few(missing)}; answered: {_few(found)}"


@lru_cache(maxsize=10_000)
def canonical(kind: str, text: str) -> str:
    """A record in the one form in which it is compared: however it was typed, however the server spells it."""
    text = " ".join(text.split())
    if kind in _ADDRESSES:
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return text
    if kind == "TXT":
        parts = _QUOTED.findall(text)
        return "".join(re.sub(r"\\(.)", r"\1", part) for part in parts) if text.startswith('"') and parts else text
    if kind == "CAA":
        return text.lower().replace('"', "")
    return " ".join(part.rstrip(".") or "." for part in text.lower().split(" "))


def _few(records: list[str]) -> str:
    shown = ", ".join(record[:100] for record in records[:MAX_RECORDS_TOLD])
    more = len(records) - MAX_RECORDS_TOLD
    return f"{shown} and {more} more" if more > 0 else shown
