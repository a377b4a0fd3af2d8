"""Names are remembered as long as their owners allow, and our own dead name server is not somebody's outage."""

from __future__ import annotations

import asyncio

import dns.rcode
import pytest

from tests.kernel.servers import NameServer
from tocsin.kernel.net import Failure, RealNet


async def test_a_name_has_addresses_of_both_families_or_of_the_one_wanted(net: RealNet, names: NameServer) -> None:
    names.zone["both.test"] = ["192.0.2.1", "2001:db8::1"]
    assert set((await net.resolve("both.test")).addresses) == {"192.0.2.1", "2001:db8::1"}
    assert (await net.resolve("both.test", "ipv4")).addresses == ("192.0.2.1",)
    assert (await net.resolve("both.test", "ipv6")).addresses == ("2001:db8::1",)


async def test_the_hosts_file_counts(net: RealNet) -> None:
    assert "127.0.0.1" in (await net.resolve("localhost")).addresses


async def test_an_address_is_its_own_answer(net: RealNet, names: NameServer) -> None:
    assert (await net.resolve("0x7f.1")).addresses == ("127.0.0.1",)
    assert names.asked == []


async def test_a_name_is_asked_for_once_while_it_is_fresh_and_by_many_at_once(net: RealNet, names: NameServer) -> None:
    names.zone["busy.test"] = ["192.0.2.1"]
    await asyncio.gather(*(net.resolve("busy.test", "ipv4") for _ in range(100)))
    await net.resolve("busy.test", "ipv4")
    assert names.asked == [("busy.test", "A")]


async def test_a_name_that_does_not_exist_is_remembered_too(net: RealNet, names: NameServer) -> None:
    for _ in range(3):
        answer = await net.resolve("nope.test", "ipv4")
        assert (answer.failure, answer.cause) == (Failure.DNS_NOT_FOUND, "Name does not exist")
    assert len(names.asked) == 1


async def test_a_name_without_the_wanted_family_is_told_in_words(net: RealNet, names: NameServer) -> None:
    names.zone["four.test"] = ["192.0.2.1"]
    answer = await net.resolve("four.test", "ipv6")
    assert (answer.failure, answer.cause) == (Failure.DNS_NOT_FOUND, "Name has no IPv6 address")


async def test_a_dead_name_delays_only_those_who_need_it(net: RealNet, names: NameServer) -> None:
    names.zone["dead.test"] = None
    for index in range(50):
        names.zone[f"n{index}.test"] = ["192.0.2.1"]
    dead = [asyncio.create_task(net.resolve("dead.test")) for _ in range(60)]
    found = await asyncio.gather(*(net.resolve(f"n{index}.test") for index in range(50)))
    assert all(answer.addresses == ("192.0.2.1",) for answer in found)
    assert not any(task.done() for task in dead)
    for task in dead:
        task.cancel()


@pytest.mark.slow
async def test_a_dead_name_is_its_owners_fault_while_our_name_server_lives(net: RealNet, names: NameServer) -> None:
    names.zone["dead.test"] = None
    answer = await net.resolve("dead.test", "ipv4")
    assert answer.failure is Failure.DNS_FAILED


async def test_an_error_of_the_names_own_servers_is_its_owners_fault(net: RealNet, names: NameServer) -> None:
    names.zone["broken.test"] = dns.rcode.SERVFAIL
    answer = await net.resolve("broken.test", "ipv4")
    assert answer.failure is Failure.DNS_FAILED


@pytest.mark.slow
async def test_a_silent_name_server_is_our_own_fault_even_for_a_lone_name(net: RealNet, names: NameServer) -> None:
    names.silent = True
    answer = await net.resolve("shop.test", "ipv4")
    assert (answer.failure, answer.cause) == (Failure.LOCAL, "Our own name servers do not answer")
