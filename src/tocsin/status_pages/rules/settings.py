"""What may be set on a status page, and what it means when something is left out or emptied (contract part 2, 5.2)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.kernel.zones import zone
from tocsin.status_pages.model import Link, Settings

MAX_TEXT = 255
"""Characters of a name or a title."""
MAX_URL_CHARACTERS = 2_000
MAX_ANNOUNCEMENT_CHARACTERS = 1_000
MAX_CODE_CHARACTERS = 50_000
"""Of custom CSS or JavaScript: a phone on a slow line loads it too."""
MAX_LABEL_CHARACTERS = 63
"""Of one part of a host name (RFC 1035, 2.3.4)."""
MAX_HOST_CHARACTERS = 253
MAX_LINKS = 20
"""Navigation links that are kept; four are shown, as in the API's own pages."""
MAX_ALLOWED_NETWORKS = 500
HISTORY_DAYS = (7, 365)
MAX_INCIDENT_LENGTH_SECONDS = 86_400
PATHS = ("/", "/maintenance", "/incidents")
"""What a navigation link may name besides whole URLs."""
CHOICES = {"design": ("v1", "v2"), "theme": ("light", "dark", "system"), "layout": ("vertical", "horizontal")}

_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ANALYTICS = re.compile(r"(G|UA|AW|DC|GT)-[A-Za-z0-9-]{4,30}")
"""Of a tag that counts. Not of a container (GTM-…), which runs any script on our own address, as custom_javascript may
not."""

Errors = dict[str, list[str]]

ALIASES = {
    "logo_remote_url": "logo_url",
    "dark_logo_remote_url": "dark_logo_url",
    "announcement_embed_custom_css": "announcement_embed_css",
}
"""Other names under which clients send the same thing: Terraform's, and an old client's."""
_DEFAULTS = Settings()
_SETTABLE = frozenset(Settings.__struct_fields__)


def apply(
    current: Settings, given: Mapping[str, Any], *, custom_domain: str | None, has_password: bool
) -> tuple[Settings, Errors]:
    """The settings after `given` (wire names, only what was sent) and everything wrong with them, by field.

    `custom_domain`: as it will be. `has_password`: whether one is kept already. A null gives the default back.
    Raises Invalid, naming what is allowed, for a word that the API does not know.
    """
    wrong = {name: list(words) for name, words in CHOICES.items() if given.get(name) and given[name] not in words}
    if wrong:
        raise Invalid.values(wrong)
    errors: Errors = {}
    values = {name: _plain(name, value) for name, value in canonical(given).items() if name in _SETTABLE}
    if "password" in given and not given["password"]:
        values["password_enabled"] = False  # an empty password opens the page (contract part 2, 5.2)
    settings = msgspec.structs.replace(current, **values)
    for name, check in _CHECKS.items():
        complaint = check(getattr(settings, name)) if name in values or name == "timezone" else None
        if complaint:
            errors[name] = [complaint]
    if settings.password_enabled and not has_password and not given.get("password"):
        errors["password"] = ["can't be blank while password_enabled is true"]
    if settings.password_enabled and settings.require_sso:
        errors["require_sso"] = ["can't be true together with password_enabled: choose one of them"]
    if settings.custom_javascript and not custom_domain:
        if "custom_javascript" in values:
            errors["custom_javascript"] = ["needs a custom_domain: on a shared host it could read other pages"]
        else:  # the domain goes, and the script with it
            settings = msgspec.structs.replace(settings, custom_javascript=None)
    return settings, errors


def canonical(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent under the names that we use; of a name and its alias, the one that says something counts."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        known = ALIASES.get(name, name)
        if found.get(known) in (None, ""):
            found[known] = value
    return found


def checked_subdomain(given: Mapping[str, Any], current: str, errors: Errors) -> str:
    """The subdomain after `given`, in lower case."""
    subdomain = str(given.get("subdomain", current) or "").strip().lower()
    if not subdomain:
        errors["subdomain"] = ["can't be blank"]
    elif len(subdomain) > MAX_LABEL_CHARACTERS or not _SUBDOMAIN.fullmatch(subdomain):
        errors["subdomain"] = [
            f"must be at most {MAX_LABEL_CHARACTERS} letters, digits, dashes and underscores, and begin and end with a "
            "letter or digit"
        ]
    return subdomain


def checked_domain(given: Mapping[str, Any], current: str | None, own_host: str, errors: Errors) -> str | None:
    """The custom domain after `given` as browsers ask for it (lower case, `xn--…`); `""` and null remove it.

    `own_host`: of this installation.
    """
    text = str(given.get("custom_domain", current) or "").strip().rstrip(".").lower()
    if not text:
        return None
    try:
        text = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        text = ""
    if not _is_domain(text):
        errors["custom_domain"] = ["must be a host name such as status.example.com, without https:// and path"]
    elif text == own_host:
        errors["custom_domain"] = ["is the address of this installation itself: its API and console are there"]
    return text


def _is_domain(plain: str) -> bool:
    """Whether it is a host name of at least two labels that a browser could ask for."""
    labels = plain.split(".")
    return (
        len(plain) <= MAX_HOST_CHARACTERS
        and len(labels) >= 2
        and not labels[-1].isdigit()
        and all(len(label) <= MAX_LABEL_CHARACTERS and _LABEL.fullmatch(label) for label in labels)
    )


def networks(allowed: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks of an allow list, its comments left out. Raises ValueError with the entry that is none."""
    found = []
    for entry in allowed:
        text = entry.partition("#")[0].strip()
        if text:
            try:
                found.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise ValueError(text) from None
    return found


def is_link(text: str) -> bool:
    """Whether a reader may be sent there: a whole http(s) URL."""
    if len(text) > MAX_URL_CHARACTERS or any(character <= " " for character in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _plain(name: str, value: Any) -> Any:
    """A sent value in the form in which it is kept."""
    if value is None or value == "":
        return getattr(_DEFAULTS, name)
    if name == "ip_allowlist":
        return tuple(str(entry).strip() for entry in value)
    if name == "navigation_links":
        return tuple(Link(text=str(link.text or "").strip(), href=str(link.href or "").strip()) for link in value)
    if isinstance(value, str) and name not in ("custom_css", "custom_javascript", "announcement_embed_css"):
        return value.strip()
    return value


def _short(text: str | None) -> str | None:
    return f"is too long (maximum is {MAX_TEXT} characters)" if text and len(text) > MAX_TEXT else None


def _link(text: str | None) -> str | None:
    return None if not text or is_link(text) else "must be a URL that begins with http:// or https://"


def _contact(text: str | None) -> str | None:
    if text and text.lower().startswith("mailto:") and "@" in text and len(text) <= MAX_URL_CHARACTERS:
        return None if not any(character <= " " for character in text) else "must not contain spaces"
    return None if not text or is_link(text) else "must be a URL that begins with http://, https:// or mailto:"


def _code(text: str | None) -> str | None:
    long = text is not None and len(text) > MAX_CODE_CHARACTERS
    return f"is too long (maximum is {MAX_CODE_CHARACTERS} characters)" if long else None


def _timezone(name: str) -> str | None:
    return None if zone(name) else "is not a time zone: give a name such as Prague, UTC or Europe/Prague"


def _history(days: int) -> str | None:
    low, high = HISTORY_DAYS
    return None if low <= days <= high else f"must be between {low} and {high}"


def _length(seconds: int | None) -> str | None:
    if seconds is None or 0 <= seconds <= MAX_INCIDENT_LENGTH_SECONDS:
        return None
    return f"must be between 0 and {MAX_INCIDENT_LENGTH_SECONDS} seconds"


def _announcement(text: str | None) -> str | None:
    long = text is not None and len(text) > MAX_ANNOUNCEMENT_CHARACTERS
    return f"is too long (maximum is {MAX_ANNOUNCEMENT_CHARACTERS} characters)" if long else None


def _analytics(text: str | None) -> str | None:
    return None if not text or _ANALYTICS.fullmatch(text) else "must look like G-ABC1234567"


def _allowlist(entries: tuple[str, ...]) -> str | None:
    if len(entries) > MAX_ALLOWED_NETWORKS or any(len(entry) > MAX_TEXT for entry in entries):
        return f"has too many or too long entries, at most {MAX_ALLOWED_NETWORKS} are accepted"
    try:
        networks(entries)
    except ValueError as error:
        return f"has an entry that is no IP address and no network: {error}"
    return None


def _links(links: tuple[Link, ...]) -> str | None:
    if len(links) > MAX_LINKS:
        return f"has too many entries, at most {MAX_LINKS} are accepted"
    for link in links:
        if not link.text or len(link.text) > MAX_TEXT:
            return f"needs a text of at most {MAX_TEXT} characters for each entry"
        if link.href not in PATHS and not is_link(link.href):
            return f"needs an href for each entry: {', '.join(PATHS)} or a URL that begins with http:// or https://"
    return None


_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "company_name": _short,
    "company_url": _link,
    "contact_url": _contact,
    "logo_url": _link,
    "dark_logo_url": _link,
    "timezone": _timezone,
    "history": _history,
    "min_incident_length": _length,
    "custom_css": _code,
    "custom_javascript": _code,
    "google_analytics_id": _analytics,
    "announcement": _announcement,
    "announcement_embed_link": _link,
    "announcement_embed_css": _code,
    "ip_allowlist": _allowlist,
    "navigation_links": _links,
}
