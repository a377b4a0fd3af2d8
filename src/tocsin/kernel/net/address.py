"""Which addresses we may connect to: never a cloud's metadata service, and private networks only if you say so."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

import msgspec

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, OpenStack …
        "169.254.170.2",  # AWS ECS task credentials
        "169.254.170.23",  # AWS EKS pod identity
        "169.254.0.23",  # Tencent
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's wire server
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS pod identity
        "fd20:ce::254",  # Google
    )
)
"""Addresses at which clouds hand out a machine's credentials: always refused."""

_NEVER = (
    ("0.0.0.0/8", "is not a destination (RFC 1122)"),
    ("224.0.0.0/4", "is a multicast address"),
    ("240.0.0.0/4", "is reserved (RFC 1112)"),
    ("::/128", "is not a destination (RFC 4291)"),
    ("ff00::/8", "is a multicast address"),
)
_PRIVATE = (
    ("127.0.0.0/8", "is this machine itself"),
    ("::1/128", "is this machine itself"),
    ("10.0.0.0/8", "is in a private network (RFC 1918)"),
    ("172.16.0.0/12", "is in a private network (RFC 1918)"),
    ("192.168.0.0/16", "is in a private network (RFC 1918)"),
    ("fc00::/7", "is in a private network (RFC 4193)"),
    ("169.254.0.0/16", "is a link-local address"),
    ("fe80::/10", "is a link-local address"),
    ("fec0::/10", "is a site-local address"),
    ("100.64.0.0/10", "is in a carrier's private network (RFC 6598)"),
    ("192.0.0.0/24", "is in a special-purpose network (RFC 6890)"),
    ("198.18.0.0/15", "is in a benchmarking network (RFC 2544)"),
)
_NETWORKS_NEVER = tuple((ipaddress.ip_network(network), words) for network, words in _NEVER)
_NETWORKS_PRIVATE = tuple((ipaddress.ip_network(network), words) for network, words in _PRIVATE)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class AddressPolicy(msgspec.Struct, frozen=True):
    """Whether private addresses may be watched. Metadata addresses never may."""

    allow_private: bool = True

    def refusal(self, address: str) -> str | None:
        """Why `address` (a literal) may not be connected to, as a sentence; None if it may."""
        return _refusal(address, self.allow_private)


PUBLIC = AddressPolicy(allow_private=False)
"""For what strangers ask us to call: the public internet alone."""


@lru_cache(maxsize=65_536)
def _refusal(address: str, allow_private: bool) -> str | None:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"{address} is not an IP address."
    for each in _meanings(ip):
        if each in METADATA:
            return f"{address} is a cloud metadata address; these are always refused."
        for network, words in _NETWORKS_NEVER:
            if each in network:
                return f"{address} {words}; these are always refused."
        if not allow_private:
            for network, words in _NETWORKS_PRIVATE:
                if each in network:
                    return f"{address} {words}; watching private addresses is switched off."
    return None


def _meanings(ip: Ip) -> Iterator[Ip]:
    """The address itself and every IPv4 address that can hide in an IPv6 one."""
    if isinstance(ip, ipaddress.IPv4Address):
        yield ip
        return
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
        return
    yield ip
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
        yield ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
