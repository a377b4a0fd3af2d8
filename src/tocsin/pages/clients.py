"""Who is asking, when a proxy stands in between: its word is taken only if it is one of ours."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Headers = Sequence[tuple[bytes, bytes]]

MAX_HOPS = 20
"""More proxies than anybody chains: what stands further left is not read."""
THROTTLED_PREFIX_V6 = 64
"""A household has at least so many addresses: they count as one client."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from text that was checked before."""
    return tuple(ip_network(text, strict=False) for text in texts)


def address(text: str) -> Address | None:
    """An address from text, a v4 one that is dressed as v6 (`::ffff:192.0.2.1`) as v4; None when it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def within(found: Address, allowed: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    return any(found.version == network.version and found in network for network in allowed)


class Clients:
    """Finds the address of whoever asks."""

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        self._trusted = networks(trusted_proxies)

    def of(self, peer: str | None, headers: Headers) -> Address | None:
        """Whoever the last proxy that we trust was speaking for: the rightmost hop that is none of ours.

        What stands left of that hop was written by a stranger. None when not even the peer is known.
        """
        found = address(peer or "")
        if found is None or not self._trusted:
            return found
        said = ",".join(value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for")
        for hop in reversed(said.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
            if not within(found, self._trusted):
                break
            further = address(hop)
            if further is None:
                break
            found = further
        return found


def household(found: Address | None) -> str:
    """Under which name a client is counted."""
    if isinstance(found, IPv6Address):
        return str(ip_network((found, THROTTLED_PREFIX_V6), strict=False))
    return str(found)
