"""Where a status page is found: below `/status/NAME`, at a name below our own, or at a domain of its own."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from tocsin.status_pages.model.views import Site, root_of

PREFIX = "/status"
WIDGETS = "/widgets/"
"""What other people's sites load: only at the address of this Tocsin itself."""
_LOOPBACK = "localhost"


class Place(msgspec.Struct, frozen=True):
    """What a request asks for: a page (None = there is none, and whoever asks hears so) and an address below it."""

    site: Site | None
    prefix: str
    """The path before the page's own addresses: empty or `/status/acme`."""
    path: str
    """Below the prefix, from its `/` on."""
    own_domain: bool = False
    """Asked for at a domain that is the page's alone: nothing else of Tocsin is served there."""


class Directory:
    """All pages by the names under which they are asked for, in memory: strangers' guesses never reach the database."""

    def __init__(self, sites: Iterable[Site] = ()) -> None:
        self.by_id = {site.id: site for site in sites}
        self.by_subdomain = {site.subdomain.lower(): site for site in self.by_id.values()}
        self.by_domain = {_asked_as(site.custom_domain): site for site in self.by_id.values() if site.custom_domain}


class Addresses:
    """Reads the addresses of requests, and writes those of pages."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._base_url = base_url
        self._scheme = parts.scheme
        self._base_host = parts.hostname or _LOOPBACK
        self._parents = [f".{self._base_host}"]
        if _is_loopback(self._base_host):
            self._parents.append(f".{_LOOPBACK}")

    @property
    def base_url(self) -> str:
        return self._base_url

    @property
    def secure(self) -> bool:
        """Whether people come by https, so that a cookie may be kept to it."""
        return self._scheme == "https"

    def root(self, site: Site) -> str:
        """The page's one canonical address, without a slash at its end."""
        return root_of(site, self._base_url)

    def place(self, directory: Directory, host: str, path: str) -> Place | None:
        """Which page is asked for; None when the request is not for a page at all.

        A domain of a page's own belongs to that page alone, also while it is unpublished. A name below our own that
        no published page has is nobody's: the rest of Tocsin answers there, as at any name that we do not know, so
        that nobody can tell a page that is being prepared from one that does not exist.
        """
        name = host_name(host)
        site = directory.by_domain.get(name) if name != self._base_host else None  # that is never a page's alone
        if site is not None:
            return Place(site if site.published else None, "", path, own_domain=True)
        for parent in self._parents:
            if name.endswith(parent):
                site = directory.by_subdomain.get(name.removesuffix(parent))
                if site is not None and site.published:
                    return Place(site, "", path)
        place = _below_prefix(directory, path)
        if place is not None and place.site is not None and place.site.gate.ip_allowlist and not self._ours(name):
            return Place(None, "", path)
        return place

    def _ours(self, name: str) -> bool:
        """Whether no stranger can have this name lead here: with one that they can, their site would read what is open
        to a network alone with the browsers of those inside (DNS rebinding)."""
        return name == self._base_host or name.endswith(tuple(self._parents)) or "." not in name or _is_address(name)


def host_name(host: str) -> str:
    """A Host header without port and trailing dot, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].rstrip(".").lower()


def _asked_as(domain: str) -> str:
    """A domain as browsers ask for it: `stätus.example` is `xn--sttus-hra.example`."""
    try:
        return domain.lower() if domain.isascii() else domain.encode("idna").decode().lower()
    except UnicodeError:
        return domain.lower()


def _below_prefix(directory: Directory, path: str) -> Place | None:
    if path != PREFIX and not path.startswith(PREFIX + "/"):
        return None
    name, slash, rest = path[len(PREFIX) + 1 :].partition("/")
    site = directory.by_subdomain.get(name.lower())
    if site is None or not site.published:
        return Place(None, "", path)
    return Place(site, f"{PREFIX}/{site.subdomain}", slash + rest or "/")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback if _is_address(host) else host == _LOOPBACK
