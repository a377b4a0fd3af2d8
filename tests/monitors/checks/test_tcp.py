"""TCP monitors against real ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.net import FakeNet
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Connect, RealNet
from tocsin.monitors.checks import read_settings
from tocsin.monitors.checks.tcp import Settings, check, request
from tocsin.monitors.model import Verdict


@pytest.fixture
def net() -> Iterator[RealNet]:
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    net.start()
    yield net
    net.stop()


def test_the_port_is_a_text_and_may_list_several() -> None:
    settings = read_settings("tcp", {"url": "db.test", "port": "80, 443", "request_timeout": 2000})
    assert isinstance(settings, Settings)
    assert request(settings) == Connect(host="db.test", ports=(80, 443), timeout_seconds=2.0)
    with pytest.raises(ValueError):
        request(Settings(url="db.test", port="80;443"))


async def test_open_ports_are_up_and_one_closed_among_them_is_down(net: RealNet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = first.getsockname()[1], second.getsockname()[1]
        outcome = await check(Settings(url="127.0.0.1", port="{},{}".format(*ports)), net)
        assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
        assert outcome.connection_time is not None
    with socket.create_server(("127.0.0.1", ports[0])):
        outcome = await check(Settings(url="127.0.0.1", port="{},{}".format(*ports)), net)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, f"Port {ports[1]}: Connection refused")


async def test_our_own_trouble_says_nothing_about_the_host() -> None:
    net = FakeNet()
    net.site("db.test").unreachable_through_our_fault()
    assert (await check(Settings(url="db.test", port="5432"), net)).verdict is Verdict.UNKNOWN
