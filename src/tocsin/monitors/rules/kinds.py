"""The kinds of things that can be watched: what each needs to be told, and in which unit it counts its patience."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

MAX_URL = 8_000
"""Characters of a URL: what web servers commonly accept in a request line."""
MAX_PORTS = 10
"""Ports of one server: the usual three of a mail server, and some of one's own."""

_WEB_SECONDS = (1, 2, 3, 5, 10, 15, 30, 45, 60)
"""The API's list, and 1 for those who check every second."""
_BROWSER_SECONDS = (15, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900)
_SERVER_MS = (500, 1_000, 2_000, 3_000, 5_000)
_OUR_SERVER_MS = (*_SERVER_MS, 10_000, 15_000, 30_000)
"""Of the types that the API does not know: a database may take longer to greet than a mail server."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One `monitor_type` (contract part 1, 3.1 and 3.2)."""

    family: str
    """A monitor never leaves its family: `web`, `server` or `browser`."""
    target: str
    """What `url` holds: `web` or `websocket` (a whole URL), `host` (a name or an address), `scenario` (any name)."""
    timeouts: tuple[int, ...]
    """What `request_timeout` may be."""
    usual_timeout: int
    """What it is when nobody says and `check_frequency` allows it."""
    milliseconds: bool = False
    """Whether `request_timeout` is in milliseconds; seconds otherwise."""
    required: tuple[str, ...] = ()
    """Attributes without which there is nothing to check."""
    ports: int = 0
    """How many ports `port` may list; 0: it is kept and means nothing."""

    ours: bool = False
    """Whether the API does not know this type: there, nobody expects anything of it but us."""

    def seconds(self, request_timeout: int) -> float:
        """`request_timeout` in seconds."""
        return request_timeout / 1000 if self.milliseconds else float(request_timeout)


def _web(*required: str) -> Kind:
    return Kind(family="web", target="web", timeouts=_WEB_SECONDS, usual_timeout=30, required=required)


def _server(*required: str, ports: int = 1, ours: bool = False, target: str = "host") -> Kind:
    return Kind(
        family="server", target=target, timeouts=_OUR_SERVER_MS if ours else _SERVER_MS, usual_timeout=5_000,
        milliseconds=True, required=required, ports=ports, ours=ours,
    )  # fmt: skip


KINDS: dict[str, Kind] = {
    "status": _web(),
    "expected_status_code": _web("expected_status_codes"),
    "keyword": _web("required_keyword"),
    "keyword_absence": _web("required_keyword"),
    "ping": _server(ports=0),
    "tcp": _server("port", ports=MAX_PORTS),
    "udp": _server("port", "required_keyword"),
    "smtp": _server("port", ports=MAX_PORTS),
    "pop": _server("port", ports=MAX_PORTS),
    "imap": _server("port", ports=MAX_PORTS),
    "dns": _server("request_body"),
    "playwright": Kind(
        family="browser", target="scenario", timeouts=_BROWSER_SECONDS, usual_timeout=60,
        required=("playwright_script",),
    ),
    "json": msgspec.structs.replace(_web("assertions"), ours=True),
    "websocket": _server(ports=0, ours=True, target="websocket"),
    "grpc": _server("port", ours=True),
    "redis": _server(ours=True),
    "postgres": _server(ours=True),
    "mysql": _server(ours=True),
    "mqtt": _server(ours=True),
    "ssh": _server(ours=True),
    "ntp": _server(ours=True),
}  # fmt: skip
"""Every type: the API's twelve, then ours. The one table from which all that depends on a type is drawn."""

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
_MAX_NAME = 254
"""Characters of a host name with its final dot (RFC 1035, 2.3.4)."""
_LABEL = re.compile(r"[a-z0-9_*/+-]{1,63}", re.IGNORECASE)
"""What stands between the dots of a domain: more than in a host's name (RFC 2181, 11; `/` by RFC 2317)."""
_SCHEMES = {"web": ("http", "https"), "websocket": ("ws", "wss")}
_HINTS = {
    "web": "must begin with http:// or https://, e.g. https://example.com/health",
    "websocket": "must begin with ws:// or wss://, e.g. wss://example.com/live",
    "host": "must be a host name or an IP address alone, e.g. example.com (a port belongs in port)",
    "scenario": f"must be a name of at most {MAX_URL} characters without line breaks",
}


def siblings(name: str) -> tuple[str, ...]:
    """The types of the same family: those into which a monitor of this type can be turned."""
    return tuple(other for other, kind in KINDS.items() if kind.family == KINDS[name].family)


def target_complaint(kind: Kind, url: str) -> str | None:
    """What is wrong with `url` for this kind, in words with an example; None if nothing is."""
    fits = {"host": is_host, "scenario": _is_scenario}.get(kind.target)
    fine = fits(url) if fits is not None else _is_url(url, _SCHEMES[kind.target])
    if fine and kind.target == "websocket":
        fine = is_host(urlsplit(url).hostname or "")
    return None if fine else _HINTS[kind.target]


def read_ports(text: str) -> tuple[int, ...]:
    """The ports of `25,465,587`. Raises ValueError."""
    ports = tuple(int(part) for part in text.split(",") if part.strip().isascii() and part.strip().isdecimal())
    if len(ports) != len(text.split(",")) or not all(1 <= port <= 65_535 for port in ports):
        raise ValueError("not ports")
    return ports


def port_complaint(kind: Kind, text: str) -> str | None:
    """What is wrong with `port` for this kind; None if nothing is."""
    if not kind.ports:
        return None
    try:
        ports = read_ports(text)
    except ValueError:
        ports = ()
    if not ports or len(ports) > kind.ports or len(set(ports)) < len(ports):
        several = f", or up to {kind.ports} different ones separated by commas" if kind.ports > 1 else ""
        return f"must be a port between 1 and 65535{several}"
    return None


def is_host(text: str) -> bool:
    """Whether it is a host name (an international one too) or an address, and nothing else."""
    try:
        ip_address(text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text)
        return "%" not in text
    except ValueError:
        pass
    try:
        plain = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return len(plain) <= _MAX_NAME and _NAME.fullmatch(plain) is not None and not _looks_numeric(plain)


def is_domain(text: str) -> bool:
    """Whether a name server can be asked for it: a domain (an international one too), or `.` for the root."""
    try:
        plain = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = plain.removesuffix(".").split(".")
    return plain == "." or (len(plain) <= _MAX_NAME and all(_LABEL.fullmatch(label) for label in labels))


def _looks_numeric(name: str) -> bool:
    """Whether it could only be a mistyped IPv4 address: no top-level domain is a number (RFC 3696, 2)."""
    return name.rstrip(".").rpartition(".")[2].isdecimal()


def _is_url(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return fine and len(url) <= MAX_URL and not any(letter.isspace() or ord(letter) < 32 for letter in url)


def _is_scenario(name: str) -> bool:
    return len(name) <= MAX_URL and all(ord(letter) >= 32 for letter in name)
