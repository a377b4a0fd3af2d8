"""Which addresses we may connect to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.net import AddressPolicy
from tocsin.kernel.net.address import METADATA

OPEN, CLOSED = AddressPolicy(allow_private=True), AddressPolicy(allow_private=False)


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_cloud_metadata_addresses_are_refused_whatever_the_setting(address: str) -> None:
    assert "metadata" in (OPEN.refusal(address) or "")
    assert "metadata" in (CLOSED.refusal(address) or "")


@pytest.mark.parametrize(
    "address",
    ["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254"],
)
def test_a_metadata_address_hidden_in_an_ipv6_address_is_refused(address: str) -> None:
    assert OPEN.refusal(address) is not None


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "0.1.2.3", "::ffff:0.0.0.0"]
)
def test_what_is_no_destination_is_refused_whatever_the_setting(address: str) -> None:
    assert OPEN.refusal(address) is not None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "fd12::1", "fe80::1", "169.254.1.1", "100.64.0.1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_a_setting(address: str) -> None:
    assert OPEN.refusal(address) is None
    refusal = CLOSED.refusal(address)
    assert refusal is not None
    assert refusal.endswith("watching private addresses is switched off.")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "172.32.0.1", "100.128.0.1", "8.8.8.8"])
def test_public_addresses_are_let_through(address: str) -> None:
    assert CLOSED.refusal(address) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_and_its_mapped_form_are_judged_alike(address: ipaddress.IPv4Address) -> None:
    for policy in (OPEN, CLOSED):
        assert (policy.refusal(str(address)) is None) == (policy.refusal(f"::ffff:{address}") is None)


@given(st.ip_addresses(v=4))
def test_nothing_that_python_calls_private_passes_a_closed_policy(address: ipaddress.IPv4Address) -> None:
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert CLOSED.refusal(str(address)) is not None
