"""Ping monitors: what an echo, silence and our own trouble mean for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.namespaces import Namespace, namespace  # noqa: F401 - a fixture
from tests.net import FakeNet
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Ping, RealNet
from tocsin.monitors.checks import read_settings
from tocsin.monitors.checks.ping import Settings, check, request
from tocsin.monitors.model import Verdict


@pytest.fixture
def net() -> Iterator[RealNet]:
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    net.start()
    yield net
    net.stop()


def test_request_timeout_counts_milliseconds() -> None:
    settings = read_settings("ping", {"url": "example.com", "request_timeout": 500, "ip_version": "ipv6"})
    assert isinstance(settings, Settings)
    assert request(settings) == Ping(host="example.com", timeout_seconds=0.5, ip_version="ipv6")


@pytest.mark.parametrize("url", ["127.0.0.1", "::1"])
async def test_a_host_that_answers_is_up(net: RealNet, url: str) -> None:
    outcome = await check(Settings(url=url), net)
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.response_time > 0


async def test_a_host_that_cannot_be_found_is_down() -> None:
    net = FakeNet()
    net.site("gone.test").refuse()
    assert (await check(Settings(url="gone.test"), net)).verdict is Verdict.DOWN


async def test_without_the_right_to_ping_the_host_is_unknown(namespace: Namespace) -> None:  # noqa: F811
    namespace.without_raw_sockets()
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    try:
        outcome = await check(Settings(url="127.0.0.1"), net)
    finally:
        net.stop()
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.cause is not None
    assert "tocsin doctor" in outcome.cause
