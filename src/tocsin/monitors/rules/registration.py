"""Reads out of a registry's answer when a domain's registration ends (RDAP, RFC 9083; WHOIS, RFC 3912)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

_WHOIS_LINE = re.compile(
    r"^\s*(?:registry expiry date|registrar registration expiration date"
    r"|expir(?:y|ation|es|e)(?:[ -]?(?:date|time|on))?"
    r"|domain expir(?:ation|y|es)(?: date)?|paid-till|validity|renewal date|expire-date|valid until|free-date)"
    r"[ .]*:[ \t]*(\S[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_DATE_FORMS = (
    "%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y",
    "%Y%m%d", "%B %d %Y", "%b %d %Y",
)  # fmt: skip
"""The forms of dates that registries use; a day stands for its beginning (UTC)."""
_REFERRAL = re.compile(r"^(?:refer|whois):[ \t]*([A-Za-z0-9.-]+)", re.IGNORECASE | re.MULTILINE)


def rdap_bases(bootstrap: bytes) -> dict[str, str]:
    """The RDAP service of each top-level domain, out of IANA's list (RFC 9224). Raises ValueError."""
    try:
        services = msgspec.json.decode(bootstrap)["services"]
        return {
            str(tld).lower(): _best(urls)
            for tlds, urls, *_ in services
            if isinstance(urls, list) and urls
            for tld in tlds
        }
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the list of RDAP services cannot be read: {error}") from None


def rdap_expiry(answer: bytes) -> datetime | None:
    """The `expiration` event of an RDAP domain object; None when it has none. Raises ValueError."""
    try:
        document: Any = msgspec.json.decode(answer)
    except msgspec.DecodeError as error:
        raise ValueError(f"the RDAP answer cannot be read: {error}") from None
    events = document.get("events") if isinstance(document, dict) else None
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and event.get("eventAction") == "expiration":
            return _date(str(event.get("eventDate", "")))
    return None


def whois_referral(answer: str) -> str | None:
    """The WHOIS server that IANA names for a top-level domain."""
    found = _REFERRAL.search(answer)
    return None if found is None else found.group(1).lower()


def whois_expiry(answer: str) -> datetime | None:
    """The end of the registration, in whichever of the many forms; None when it is not told."""
    for line in _WHOIS_LINE.finditer(answer):
        found = _date(line.group(1))
        if found is not None:
            return found
    return None


def _best(urls: list[Any]) -> str:
    secure = [str(url) for url in urls if str(url).startswith("https:")]
    base = secure[0] if secure else str(urls[0])
    return base if base.endswith("/") else base + "/"


def _date(text: str) -> datetime | None:
    text = text.strip()
    try:
        instant = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    first = re.split(r"[T ](?=\d\d:\d\d)", text.replace(",", ""))[0].split(" (")[0].strip()
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(first, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
