"""DNS monitors: which answers are good ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dns.rcode
import pytest

from tests.kernel.servers import NameServer, loop_thread
from tests.net import FakeNet
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Query, RealNet, Record, Reply
from tocsin.monitors.checks import read_settings
from tocsin.monitors.checks.dns import Settings, canonical, check, outcome, request
from tocsin.monitors.model import Verdict


def settings(**given: Any) -> Settings:
    read = read_settings("dns", {"url": "192.0.2.53", "request_body": "shop.test", "request_timeout": 1000, **given})
    assert isinstance(read, Settings)
    return read


def judged(rcode: str, *records: tuple[str, str], **given: Any) -> tuple[Verdict, str | None]:
    found = outcome(settings(**given), Reply(rcode=rcode, records=tuple(Record(*record) for record in records)))
    return found.verdict, found.cause


def test_the_question_is_made_of_the_attributes() -> None:
    assert request(settings()) == Query(server="192.0.2.53", name="shop.test", timeout_seconds=1.0)
    other = request(settings(port="5353", dns_record_type="mx", ip_version="ipv4"))
    assert (other.port, other.record_type, other.ip_version) == (5353, "MX", "ipv4")


@pytest.mark.parametrize(
    ("rcode", "words"),
    [
        ("NXDOMAIN", "shop.test does not exist (NXDOMAIN)"),
        ("SERVFAIL", "The server could not find out about shop.test (SERVFAIL)"),
        ("REFUSED", "The server refuses to answer about shop.test (REFUSED)"),
        ("NOTAUTH", "The server answers with an error (NOTAUTH)"),
        ("NOERROR", "No A record for shop.test"),
    ],
)
def test_an_answer_without_the_record_is_down(rcode: str, words: str) -> None:
    assert judged(rcode) == (Verdict.DOWN, words)


def test_a_name_that_leads_to_another_needs_its_address_too() -> None:
    alias = ("CNAME", "cdn.test")
    assert judged("NOERROR", alias) == (Verdict.DOWN, "No A record for shop.test")
    assert judged("NOERROR", alias, ("A", "192.0.2.1"))[0] is Verdict.UP
    assert judged("NOERROR", alias, dns_record_type="CNAME")[0] is Verdict.UP


def test_every_expected_record_must_be_there_and_others_may() -> None:
    both = ("A", "192.0.2.1"), ("A", "192.0.2.2")
    assert judged("NOERROR", *both, dns_expected_records=["192.0.2.2"]) == (Verdict.UP, None)
    assert judged("NOERROR", *both, dns_expected_records=["192.0.2.2", "192.0.2.9"]) == (
        Verdict.DOWN,
        "Record missing: 192.0.2.9; answered: 192.0.2.1, 192.0.2.2",
    )


@pytest.mark.parametrize(
    ("kind", "typed", "answered"),
    [
        ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
        ("MX", "10  Mail.Shop.Test.", "10 mail.shop.test"),
        ("CNAME", "CDN.test.", "cdn.test"),
        ("TXT", '"v=spf1 " "-all"', "v=spf1 -all"),
        ("TXT", "Case Matters", "Case Matters"),
        ("CAA", "0 issue ca.test", '0 issue "ca.test"'),
        ("NS", ".", "."),
    ],
)
def test_a_record_may_be_written_in_any_way(kind: str, typed: str, answered: str) -> None:
    assert canonical(kind, typed) == canonical(kind, answered)


def test_case_counts_in_texts() -> None:
    assert canonical("TXT", "Case") != canonical("TXT", "case")


@pytest.fixture
def names() -> Iterator[NameServer]:
    with loop_thread() as loop:
        server = NameServer(loop)
        yield server
        server.close()


async def test_a_real_server_is_asked(names: NameServer) -> None:
    names.zone |= {"shop.test": ["192.0.2.7"], "broken.test": dns.rcode.SERVFAIL}
    host, port = names.address.split(":")
    net = RealNet(SystemClock(), nameservers=[names.address])
    net.start()
    try:
        good = await check(settings(url=host, port=port, dns_expected_records=["192.0.2.7"]), net)
        bad = await check(settings(url=host, port=port, request_body="broken.test"), net)
    finally:
        net.stop()
    assert (good.verdict, bad.verdict) == (Verdict.UP, Verdict.DOWN)
    assert bad.evidence is not None
    assert bad.evidence.url == names.address


async def test_our_own_trouble_says_nothing_about_the_server() -> None:
    net = FakeNet()
    net.site("192.0.2.53").unreachable_through_our_fault()
    assert (await check(settings(), net)).verdict is Verdict.UNKNOWN
