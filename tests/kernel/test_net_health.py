"""Our own lost network is told from somebody else's outage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.net import Failure
from tocsin.kernel.net.health import (
    MIN_HOSTS,
    WINDOW_SECONDS,
    Connectivity,
    Sample,
    network_is_ours_to_blame,
    starved,
    whose_network,
)

OURS = "This machine has no route to that network"

samples = st.lists(
    st.builds(Sample, st.sampled_from("abcdefg"), st.floats(0, 100, allow_nan=False), st.booleans()), max_size=30
)


def test_a_lone_host_without_a_route_is_down_however_often_it_fails() -> None:
    connectivity = Connectivity()
    for second in range(10):
        connectivity.note("router.local", float(second), False)
    assert not connectivity.lost(10.0)


def test_every_host_without_a_route_at_once_is_our_fault() -> None:
    connectivity = Connectivity()
    for host in ("a", "b", "c", "d"):
        connectivity.note(host, 5.0, False)
    assert connectivity.lost(6.0)


def test_one_reachable_host_in_four_clears_us() -> None:
    assert not network_is_ours_to_blame([Sample(host, 1.0, host == "a") for host in "abcd"], 2.0)


@pytest.mark.parametrize(
    ("addresses", "reachable", "failure"),
    [
        (["192.0.2.7"], set(), Failure.LOCAL),
        (["192.0.2.7"], {"192.0.2.7"}, Failure.NO_ROUTE),
        (["192.0.2.7", "2001:db8::1"], {"192.0.2.7"}, Failure.CONNECT_FAILED),
        (["192.0.2.7", "2001:db8::1"], set(), Failure.LOCAL),
    ],
)
def test_a_network_out_of_reach_is_ours_only_when_our_kernel_knows_no_way(
    addresses: list[str], reachable: set[str], failure: Failure
) -> None:
    assert whose_network(addresses, reachable.__contains__, OURS)[0] is failure


def test_results_of_long_ago_say_nothing() -> None:
    old = [Sample(host, 0.0, False) for host in "abcd"]
    assert network_is_ours_to_blame(old, WINDOW_SECONDS)
    assert not network_is_ours_to_blame(old, WINDOW_SECONDS + 1)


@pytest.mark.slow
@given(samples)
def test_it_is_never_ours_with_too_few_hosts(given_samples: list[Sample]) -> None:
    if len({sample.host for sample in given_samples}) < MIN_HOSTS:
        assert not network_is_ours_to_blame(given_samples, 50.0)


@pytest.mark.slow
@given(samples)
def test_it_is_never_ours_while_every_host_is_reached(given_samples: list[Sample]) -> None:
    assert not network_is_ours_to_blame([Sample(each.host, each.at, True) for each in given_samples], 50.0)


def test_a_timeout_is_believed_unless_our_loop_stood_still_for_a_good_part_of_it() -> None:
    assert not starved(0.5, 10)
    assert starved(3.0, 10)
