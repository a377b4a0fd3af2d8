"""Who is asking: the word of a proxy counts only if it is one of ours; and whom an allow list lets in."""

from __future__ import annotations

import pytest

from tocsin.pages.clients import Clients, address, household, within
from tocsin.pages.gate import allowed_networks

PROXIED = Clients(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger who writes what they like
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # what stands left was written by a stranger
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1, 192.0.2.7"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1", "10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("fd00::5", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.1:5123"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_a_client_is_the_rightmost_hop_that_is_none_of_ours(peer: str, forwarded: list[str], found: str) -> None:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in forwarded)]
    assert str(PROXIED.of(peer, headers)) == found


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert str(Clients().of("127.0.0.1", [(b"x-forwarded-for", b"1.2.3.4")])) == "127.0.0.1"
    assert Clients().of(None, []) is None


@pytest.mark.parametrize(
    ("lines", "inside", "outside"),
    [
        (("192.0.2.0/24",), ["192.0.2.255", "::ffff:192.0.2.1"], ["192.0.3.1", "2001:db8::1"]),
        (("# office", "192.0.2.9 # Ann"), ["192.0.2.9"], ["192.0.2.8"]),
        (("2001:db8::/32",), ["2001:db8:5::1"], ["2001:db9::1", "192.0.2.1"]),
        (("::ffff:192.0.2.0/120",), ["192.0.2.7"], ["192.0.3.7"]),
        (("192.0.2.77/24",), ["192.0.2.1"], ["192.0.3.1"]),
        (("# nobody yet",), [], ["127.0.0.1", "::1"]),
        (("not an address", "10.0.0.1"), ["10.0.0.1"], ["10.0.0.2"]),
    ],
)
def test_an_allow_list_lets_in_whom_it_names(lines: tuple[str, ...], inside: list[str], outside: list[str]) -> None:
    networks = allowed_networks(lines)
    for text, expected in [*((text, True) for text in inside), *((text, False) for text in outside)]:
        found = address(text)
        assert found is not None
        assert within(found, networks) is expected, text


def test_a_household_counts_as_one_client() -> None:
    assert household(address("2001:db8::1")) == household(address("2001:db8::ffff:2"))
    assert household(address("2001:db8:0:1::1")) != household(address("2001:db8::1"))
    assert household(address("192.0.2.1")) != household(address("192.0.2.2"))
