"""UDP monitors: a question, an answer with a word in it, and what silence means."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.servers import LoopThread, loop_thread
from tests.net import FakeNet
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Net, RealNet
from tocsin.monitors.checks import Outcome
from tocsin.monitors.checks.udp import Settings, check
from tocsin.monitors.model import Verdict


class Parrot(asyncio.DatagramProtocol):
    """Says back what it hears, unless it hears nothing."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        if data:
            self.transport.sendto(b"you said " + data, source)


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    with loop_thread() as thread:
        yield thread


@pytest.fixture
def port(loop: LoopThread) -> int:
    async def start() -> int:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Parrot, local_addr=("127.0.0.1", 0))
        number: int = transport.get_extra_info("sockname")[1]
        return number

    number: int = loop.run(start())
    return number


async def checked(port: int, **settings: Any) -> Outcome:
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    net.start()
    over: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    work = check(Settings(url="127.0.0.1", port=str(port), **settings), net)
    tell = asyncio.get_running_loop().call_soon_threadsafe
    net.post(lambda: net.spawn(work, lambda result: tell(over.set_result, result)))
    try:
        outcome = await over
    finally:
        net.stop()
    assert isinstance(outcome, Outcome), outcome
    return outcome


async def test_the_word_must_be_in_the_answer(port: int) -> None:
    fine = await checked(port, request_body="hällo", required_keyword="hällo")
    assert (fine.verdict, fine.cause, fine.evidence) == (Verdict.UP, None, None)
    wrong = await checked(port, request_body="hello", required_keyword="goodbye")
    assert (wrong.verdict, wrong.cause) == (Verdict.DOWN, "Keyword missing")
    assert wrong.evidence is not None
    assert wrong.evidence.body == b"you said hello"


async def test_silence_and_a_closed_port_are_down(port: int) -> None:
    silent = await checked(port, request_timeout=300)
    assert (silent.verdict, silent.cause) == (Verdict.DOWN, "Timed out after 0.3 s without an answer")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    refused = await checked(closed)
    assert (refused.verdict, refused.cause) == (Verdict.DOWN, "Port unreachable: nothing listens there")


async def test_our_own_trouble_says_nothing_about_the_service() -> None:
    net = FakeNet()
    net.site("game.test").unreachable_through_our_fault()
    asked: Net = net
    assert (await check(Settings(url="game.test", port="27015"), asked)).verdict is Verdict.UNKNOWN
