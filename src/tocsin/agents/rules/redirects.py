"""To which address a person may be sent back: only to one that the client has named before, to the letter."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

MAX_CHARACTERS = 2_000
"""Browsers and proxies cut addresses not much later."""

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\"<>^`{|}]|[^\x00-\x7f]")
"""What no address holds unescaped (RFC 3986): browsers read it in ways of their own."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_NOT_PROGRAMS = frozenset(
    {
        "about", "blob", "chrome", "data", "file", "filesystem", "ftp", "gopher", "intent", "javascript", "mailto",
        "ms-msdt", "resource", "search-ms", "sms", "smsto", "tel", "vbscript", "view-source", "ws", "wss",
    }
)  # fmt: skip
"""Schemes that run, read or send something instead of handing the answer to a program that was installed for it."""


def redirect_problem(uri: str) -> str | None:
    """Why an address cannot be one to which people are sent back, as a sentence; None = it can."""
    if len(uri) > MAX_CHARACTERS:
        return f"A redirect URI has at most {MAX_CHARACTERS} characters."
    parts = None if _FORBIDDEN.search(uri) else _split(uri)
    if parts is None or not _SCHEME.fullmatch(parts.scheme):
        return "A redirect URI must be a whole address, e.g. https://example.com/callback."
    if "#" in uri:
        return "A redirect URI must not have a fragment."
    if "@" in parts.netloc:
        return "A redirect URI must not hold a user name or a password."
    if parts.scheme in ("https", "http"):
        if not parts.hostname:
            return "A redirect URI must name a host."
        if parts.scheme == "http" and not is_loopback(uri):
            return "A redirect URI must begin with https:// unless it leads to this computer (127.0.0.1 or localhost)."
        return None
    if parts.scheme in _NOT_PROGRAMS:
        return f"A redirect URI must not begin with {parts.scheme}:."
    return None


def is_loopback(uri: str) -> bool:
    """Whether an address leads to the person's own computer (RFC 8252, 7.3)."""
    parts = _split(uri)
    if parts is None or parts.scheme != "http" or parts.hostname is None:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def is_program(uri: str) -> bool:
    """Whether an address opens a program on the person's own device."""
    parts = _split(uri)
    return parts is not None and parts.scheme not in ("http", "https")


def allowed(registered: Iterable[str], given: str) -> bool:
    """Whether an address is among the registered ones: to the letter, but for the port of a loopback address, which
    programs cannot know beforehand (RFC 8252, 7.3)."""
    return any(uri == given or _same_but_for_the_port(uri, given) for uri in registered)


def with_parameters(uri: str, parameters: Mapping[str, str | None]) -> str:
    """The address with the answer in its query, after what stands there already; None is left out."""
    parts = urlsplit(uri)
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def place(uri: str) -> str:
    """Where an address leads, for people: the host and its port, or the scheme that opens a program."""
    parts = _split(uri)
    if parts is None:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def _same_but_for_the_port(registered: str, given: str) -> bool:
    if redirect_problem(given) is not None or not (is_loopback(registered) and is_loopback(given)):
        return False
    mine, theirs = urlsplit(registered), urlsplit(given)
    return (mine.hostname, mine.path, mine.query) == (theirs.hostname, theirs.path, theirs.query)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return None
    return parts if parts.scheme else None
