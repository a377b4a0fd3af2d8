"""A URL taken apart and written anew, so that we and libcurl cannot disagree about which host it names."""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

import msgspec

MAX_URL_CHARACTERS = 8_192
"""Longer URLs are refused; servers commonly stop at 8 KiB."""

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?\Z")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_PLAIN = "!$&'()*+,-./:;=@_~%[]"


class BadUrl(ValueError):
    """A URL that cannot be asked; the text is a sentence for people."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes."""

    scheme: str
    host: str
    """In lower case, international names in their ASCII form, an IPv6 literal without brackets."""
    port: int
    url: str
    """The URL in its one canonical form, without credentials and fragment."""
    address: str | None = None
    """The canonical address when the host is a literal."""
    tls: bool = False
    username: str | None = None
    password: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials stay within one origin (RFC 6454)."""
        return self.scheme, self.host, self.port


@lru_cache(maxsize=20_000)
def parse(url: str) -> Target:
    """Take an http(s) URL apart. Raises `BadUrl` with a sentence."""
    if len(url) > MAX_URL_CHARACTERS:
        raise BadUrl(f"The URL is longer than {MAX_URL_CHARACTERS} characters.")
    try:
        parts = urlsplit(url.strip())
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError:
        raise BadUrl("The URL is malformed.") from None
    if scheme not in _PORTS:
        raise BadUrl("The URL must begin with http:// or https://.")
    if not parts.hostname:
        raise BadUrl("The URL names no host.")
    if port == 0:
        raise BadUrl("Port 0 cannot be connected to.")
    host, address = canonical_host(parts.hostname)
    port = port or _PORTS[scheme]
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port == _PORTS[scheme] else f"{shown}:{port}"
    path = quote(parts.path, safe=_PLAIN) or "/"
    query = "?" + quote(parts.query, safe=_PLAIN + "?") if parts.query else ""
    return Target(
        scheme=scheme,
        host=host,
        port=port,
        url=f"{scheme}://{netloc}{path}{query}",
        address=address,
        tls=scheme == "https",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


@lru_cache(maxsize=20_000)
def canonical_host(text: str) -> tuple[str, str | None]:
    """(host, address or None). Every way of writing an IPv4 address (`127.1`, `0x7f000001`) becomes the usual one."""
    host = text.strip().strip("[]").lower()
    if "%" in host:
        raise BadUrl("The host name may not contain '%'.")
    if ":" in host:
        try:
            literal = str(ipaddress.IPv6Address(host))
        except ValueError:
            raise BadUrl(f"{host} is not an IPv6 address.") from None
        return literal, literal
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise BadUrl("The host name is not a valid international name.") from None
    if _NUMERIC.match(host.rstrip(".").rsplit(".", 1)[-1]):
        try:
            literal = socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
        except OSError:
            raise BadUrl(f"{host} is not an IPv4 address.") from None
        return literal, literal
    if len(host) > 254 or not _NAME.match(host):
        raise BadUrl(f"'{host[:80]}' is not a host name.")
    return host, None
