"""What can be asked for below a page's address, read from the path alone."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import parse_qs

import msgspec

MAX_TOKEN_CHARACTERS = 500
"""Of a link in a mail: ours are shorter."""
MAX_QUERY_BYTES = 2_000
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class Kind(StrEnum):
    """One sort of address."""

    HOME = "home"
    MAINTENANCE = "maintenance"
    MONTH = "month"
    REPORT = "report"
    SUBSCRIBE = "subscribe"
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"
    UNLOCK = "unlock"
    INDEX_JSON = "index.json"
    RSS = "feed.rss"
    ATOM = "feed.atom"
    ICAL = "maintenance.ics"
    BADGE = "badge"
    OG_IMAGE = "og.png"
    IMAGE = "image"
    CSS = "custom.css"
    JAVASCRIPT = "custom.js"
    ASSET = "asset"
    ROBOTS = "robots.txt"
    STATUSPAGE = "api"
    MCP = "mcp"


DRAWN = frozenset({Kind.HOME, Kind.MAINTENANCE, Kind.MONTH, Kind.REPORT, Kind.SUBSCRIBE})
"""Pages for people: in their language, with a nonce."""
DEEDS = frozenset({Kind.SUBSCRIBE, Kind.CONFIRM, Kind.UNSUBSCRIBE, Kind.UNLOCK})
"""What can be POSTed to."""
LINKS = frozenset({Kind.CONFIRM, Kind.UNSUBSCRIBE, Kind.UNLOCK})
"""Behind links of one person: never kept."""
SHARED = frozenset({Kind.INDEX_JSON, Kind.RSS, Kind.ATOM, Kind.ICAL, Kind.BADGE, Kind.OG_IMAGE, Kind.STATUSPAGE})
"""For programs and for other people's sites: any origin may read them."""

STATUSPAGE_FILES = frozenset(
    {"summary", "status", "components", "incidents", "incidents/unresolved", "scheduled-maintenances",
     "scheduled-maintenances/upcoming", "scheduled-maintenances/active"}
)  # fmt: skip


class Target(msgspec.Struct, frozen=True):
    """One thing that can be asked for."""

    kind: Kind
    path: str
    """As it is written canonically: two ways to write an address are one answer."""
    id: int = 0
    """Of a report or of a resource; 0 = none is named."""
    name: str = ""
    """A month, a token, the name of a file."""


_PLAIN = {
    "/": Kind.HOME,
    "/subscribe": Kind.SUBSCRIBE,
    "/unlock": Kind.UNLOCK,
    "/index.json": Kind.INDEX_JSON,
    "/feed.rss": Kind.RSS,
    "/feed.atom": Kind.ATOM,
    "/maintenance.ics": Kind.ICAL,
    "/badge.svg": Kind.BADGE,
    "/og.png": Kind.OG_IMAGE,
    "/custom.css": Kind.CSS,
    "/custom.js": Kind.JAVASCRIPT,
    "/robots.txt": Kind.ROBOTS,
    "/mcp": Kind.MCP,
}
_MONTHLY = {"/incidents": Kind.MONTH, "/maintenance": Kind.MAINTENANCE}
_WITH_TOKEN = {
    "/subscribe/confirm/": Kind.CONFIRM,
    "/unsubscribe/": Kind.UNSUBSCRIBE,
    "/unlock/": Kind.UNLOCK,
    "/assets/": Kind.ASSET,
}


def read(path: str, query: bytes = b"") -> Target | None:
    """What a path below a page's prefix asks for; None = there is no such address. Of the query only a month counts."""
    if path in _PLAIN:
        return Target(_PLAIN[path], path)
    if path in ("/logo", "/dark-logo"):
        return Target(Kind.IMAGE, path, name=path[1:].replace("-", "_"))
    if path in _MONTHLY:
        return _month(_MONTHLY[path], path, query)
    for beginning, kind in _WITH_TOKEN.items():
        if path.startswith(beginning):
            token = path[len(beginning) :]
            if not token or "/" in token or len(token) > MAX_TOKEN_CHARACTERS:
                return None
            return Target(kind, path, name=token)
    return _numbered(path) or _of_statuspage(path)


def asked(query: bytes, name: str) -> str:
    """The last value of one parameter of a query; empty when there is none, or the query is absurd."""
    if not query or len(query) > MAX_QUERY_BYTES:
        return ""
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=20).get(name, [""])[-1]
    except ValueError:
        return ""


def _month(kind: Kind, path: str, query: bytes) -> Target:
    month = asked(query, "month")
    return Target(kind, f"{path}?month={month}", name=month) if _MONTH.fullmatch(month) else Target(kind, path)


def _numbered(path: str) -> Target | None:
    for beginning, ending, kind in (
        ("/incidents/", "", Kind.REPORT), ("/maintenance/", "", Kind.REPORT), ("/badge/", ".svg", Kind.BADGE),
    ):  # fmt: skip
        digits = path.removeprefix(beginning).removesuffix(ending)
        if path == f"{beginning}{digits}{ending}" and digits.isascii() and digits.isdigit() and len(digits) <= 18:
            return Target(kind, path, id=int(digits)) if digits == str(int(digits)) else None
    return None


def _of_statuspage(path: str) -> Target | None:
    name = path.removeprefix("/api/v2/").removesuffix(".json")
    if path == f"/api/v2/{name}.json" and name in STATUSPAGE_FILES:
        return Target(Kind.STATUSPAGE, path, name=name)
    return None
