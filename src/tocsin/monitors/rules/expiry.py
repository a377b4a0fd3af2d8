"""When a certificate or a domain name is about to run out, and whose name a domain is."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

Kind = Literal["ssl_expiration", "domain_expiration"]

_WHAT: dict[str, tuple[str, str]] = {
    "ssl_expiration": ("TLS certificate expires", "TLS certificate expired"),
    "domain_expiration": ("Domain name expires", "Domain name expired"),
}


class ExpiryDeed(StrEnum):
    """What must be done about the expiry incident."""

    OPEN = "open"
    RESOLVE = "resolve"


def judge_expiry(
    expires_at: datetime | None,
    warn_days: int | None,
    now: datetime,
    *,
    incident_open: bool,
    announced: datetime | None,
) -> ExpiryDeed | None:
    """Open when the end is `warn_days` or fewer away; resolve when it was put off beyond that, or the watch is off.

    `announced`: the end for which an incident was opened before; one that a person resolved does not come back for
    the same certificate. An unknown end (None) changes nothing.
    """
    if warn_days is None:
        return ExpiryDeed.RESOLVE if incident_open else None
    if expires_at is None:
        return None
    near = expires_at - now <= timedelta(days=warn_days)
    if near and not incident_open and announced != expires_at:
        return ExpiryDeed.OPEN
    return ExpiryDeed.RESOLVE if incident_open and not near else None


def cause(kind: Kind, expires_at: datetime, now: datetime) -> str:
    """The incident's cause: `TLS certificate expires in 7 days (2026-12-01)`."""
    coming, gone = _WHAT[kind]
    date = expires_at.date().isoformat()
    days = abs(expires_at - now) // timedelta(days=1)
    count = {0: "today", 1: "1 day"}.get(days, f"{days} days")
    if expires_at <= now:
        return f"{gone} {count}{'' if days == 0 else ' ago'} ({date})"
    return f"{coming} {'within a day' if days == 0 else 'in ' + count} ({date})"


def host_of(url: str) -> str:
    """The host of a URL, lower-case, without brackets or port; `""` when there is none."""
    try:
        return (urlsplit(url if "//" in url else "//" + url).hostname or "").rstrip(".")
    except ValueError:
        return ""


@lru_cache(maxsize=16384)
def registrable_domain(host: str) -> str | None:
    """The name that somebody registered and pays for: `example.co.uk` of `shop.example.co.uk`; None for addresses."""
    try:
        ip_address(host)
    except ValueError:
        return _suffixes().privatesuffix(host) if "." in host else None
    return None


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=True, only_icann=True)
