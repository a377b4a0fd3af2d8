"""Connections and conversations: what a server can do to us, and in which words we tell it."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
import trustme

from tests.kernel.conftest import tls_context
from tests.kernel.namespaces import FarSide, Namespace, complained
from tests.kernel.servers import LoopThread, NameServer, RawServer
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Broken, Connect, Failure, RealNet, Reply

T = TypeVar("T")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def run(net: RealNet, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine where checks run: on the network's own loop."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Any] = loop.create_future()
    net.post(lambda: net.spawn(work, lambda result: loop.call_soon_threadsafe(over.set_result, result)))
    result = await over
    if isinstance(result, BaseException):
        raise result
    return result


@pytest.fixture
def serve(loop: LoopThread) -> Iterator[Callable[[Talk], int]]:
    """Starts a server that talks so; gives its port."""
    servers: list[RawServer] = []

    def start(talk: Talk) -> int:
        servers.append(RawServer(loop, talk))
        return servers[-1].port

    yield start
    for server in servers:
        server.close()


def saying(*steps: bytes | float) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)

    return talk


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# --- opening ----------------------------------------------------------------------------------------------------------


TRIES = 20
"""How often is asked again where this machine was too busy to tell."""


async def connect(net: RealNet, host: str, *ports: int, timeout_seconds: float = 2.0, **rest: Any) -> Reply:
    for _ in range(TRIES):
        reply = await net.ask(Connect(host=host, ports=ports, timeout_seconds=timeout_seconds, **rest))
        if reply.cause is None or "too busy" not in reply.cause:
            break
    return reply


async def test_an_open_port_is_told_with_its_times(net: RealNet, names: NameServer, serve: Any) -> None:
    names.zone["db.test"] = ["127.0.0.1"]
    reply = await connect(net, "db.test", serve(saying()))
    assert (reply.failure, reply.remote_ip) == (None, "127.0.0.1")
    assert reply.name_lookup_time is not None
    assert reply.connection_time is not None
    assert reply.response_time == pytest.approx(reply.name_lookup_time + reply.connection_time)


async def test_a_closed_port_is_refused(net: RealNet) -> None:
    reply = await connect(net, "127.0.0.1", unused_port())
    assert (reply.failure, reply.cause) == (Failure.CONNECT_REFUSED, "Connection refused")


async def test_of_several_ports_all_must_be_open_and_the_closed_one_is_named(net: RealNet, serve: Any) -> None:
    closed, first, second = unused_port(), serve(saying()), serve(saying())
    assert (await connect(net, "127.0.0.1", first, second)).failure is None
    reply = await connect(net, "127.0.0.1", first, closed, second)
    assert (reply.failure, reply.cause) == (Failure.CONNECT_REFUSED, f"Port {closed}: Connection refused")


async def test_when_one_address_refuses_the_next_is_tried(net: RealNet, names: NameServer, serve: Any) -> None:
    port = serve(saying())
    names.zone["two.test"] = ["127.0.0.2", "127.0.0.1"]
    assert (await connect(net, "two.test", port)).remote_ip == "127.0.0.1"


async def test_a_name_that_does_not_exist_is_told(net: RealNet, names: NameServer) -> None:
    reply = await connect(net, "gone.test", 80, 443)
    assert (reply.failure, reply.cause) == (Failure.DNS_NOT_FOUND, "Name does not exist")


async def test_the_wanted_ip_version_alone_is_used(net: RealNet, names: NameServer, serve: Any) -> None:
    names.zone["both.test"] = ["127.0.0.1", "::1"]
    reply = await connect(net, "both.test", serve(saying()), ip_version="ipv6")
    assert reply.failure is Failure.CONNECT_REFUSED
    assert (await connect(net, "127.0.0.1", 80, ip_version="ipv6")).failure is Failure.DNS_NOT_FOUND


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """A port that takes no more: its queue is full, so that a SYN is dropped like by a silent firewall."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.3", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        yield listener.getsockname()
        for sock in waiting:
            sock.close()


async def test_a_silent_host_times_out_while_connecting(net: RealNet, full: tuple[str, int]) -> None:
    reply = await connect(net, *full, timeout_seconds=0.3)
    assert (reply.failure, reply.cause) == (Failure.CONNECT_TIMEOUT, "Timed out after 0.3 s while connecting")


async def test_a_silent_address_leaves_time_for_the_next(
    net: RealNet, names: NameServer, full: tuple[str, int]
) -> None:
    names.zone["half.test"] = [full[0], "127.0.0.1"]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", full[1]))
        listener.listen()
        reply = await connect(net, "half.test", full[1], timeout_seconds=2.0)
    assert (reply.failure, reply.remote_ip) == (None, "127.0.0.1")


async def test_no_route_is_our_own_fault_unless_the_kernel_says_that_the_host_is_unreachable(
    namespace: Namespace,
) -> None:
    namespace.ip("route add unreachable 198.51.100.0/24")
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    try:
        ours, theirs = await connect(net, "192.0.2.1", 80), await connect(net, "198.51.100.1", 80)
    finally:
        net.stop()
    assert (ours.failure, ours.cause) == (Failure.LOCAL, "This machine has no route to that network")
    assert (theirs.failure, theirs.cause) == (Failure.NO_ROUTE, "No route to host")


async def test_private_and_metadata_addresses_are_refused_even_behind_a_name(names: NameServer, serve: Any) -> None:
    names.zone["sly.test"] = ["169.254.169.254"]
    names.zone["inner.test"] = ["127.0.0.1"]
    net = RealNet(SystemClock(), allow_private=False, nameservers=[names.address])
    net.start()
    try:
        port = serve(saying())
        for host in ("sly.test", "inner.test", "127.0.0.1", "::ffff:7f00:1", "::1"):
            assert (await connect(net, host, port)).failure is Failure.ADDRESS_REFUSED
            for talk in (net.dial(host, port, timeout_seconds=20), net.exchange(host, port, b"", timeout_seconds=20)):
                with pytest.raises(Broken) as caught:
                    await run(net, talk)
                assert caught.value.failure is Failure.ADDRESS_REFUSED
    finally:
        net.stop()


# --- talking ----------------------------------------------------------------------------------------------------------


async def test_a_conversation_in_lines_and_bytes(net: RealNet, serve: Any) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        writer.write(await reader.readexactly(4))
        writer.write_eof()

    async def talk() -> list[bytes]:
        async with await net.dial("127.0.0.1", port, timeout_seconds=20) as stream:
            heard = [await stream.read_line()]
            await stream.write(b"ping")
            heard += [await stream.read_exactly(3), await stream.read_some(), await stream.read_some(), stream.received]
            return heard

    port = serve(echo)
    assert await run(net, talk()) == [b"220 ready\r\n", b"pin", b"g", b"", b"220 ready\r\nping"]


@pytest.mark.parametrize(
    ("steps", "failure", "cause"),
    [
        ([], Failure.EMPTY_REPLY, "The server closed the connection without an answer"),
        ([b"220 re"], Failure.TRUNCATED, "The server closed the connection before its answer was complete"),
        ([1.0], Failure.TIMEOUT_WAITING, "Timed out after 0.3 s while waiting for the answer"),
        ([b"2", 1.0], Failure.TIMEOUT_READING, "Timed out after 0.3 s while reading the answer"),
        ([b"2", 0.2, b"2", 0.2, b"2", 0.2], Failure.TIMEOUT_READING, "Timed out after 0.3 s while reading the answer"),
        ([b"x" * 9000], Failure.PROTOCOL, "The server sent a line of more than 8192 bytes"),
    ],
)
async def test_a_server_that_does_not_finish_its_line(
    net: RealNet, serve: Any, steps: list[Any], failure: Failure, cause: str
) -> None:
    async def talk() -> bytes:
        async with await net.dial("127.0.0.1", port, timeout_seconds=0.3) as stream:
            return await stream.read_line()

    port = serve(saying(*steps))
    with pytest.raises(Broken) as caught:
        await run(net, talk())
    assert (caught.value.failure, caught.value.cause, caught.value.ours) == (failure, cause, False)


async def test_a_server_that_never_stops_is_stopped(net: RealNet, serve: Any) -> None:
    async def talk() -> None:
        async with await net.dial("127.0.0.1", port, timeout_seconds=20) as stream:
            while await stream.read_some():
                pass

    port = serve(saying(*[b"x" * 65_536] * 64))
    with pytest.raises(Broken, match="more than 2 MiB"):
        await run(net, talk())


async def test_a_reset_is_told_as_one(net: RealNet, serve: Any) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def talk() -> None:
        async with await net.dial("127.0.0.1", port, timeout_seconds=20) as stream:
            await stream.write(b"x")
            await stream.read_line()

    port = serve(slam)
    with pytest.raises(Broken) as caught:
        await run(net, talk())
    assert (caught.value.failure, caught.value.cause) == (Failure.RESET, "Connection reset before an answer")


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(loop: LoopThread, authority: trustme.CA, names: NameServer) -> Iterator[Callable[..., int]]:
    """A TLS server on `mail.test` that greets; gives its port."""
    names.zone["mail.test"] = ["127.0.0.1"]
    servers = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        writer.close()

    def start(context: ssl.SSLContext | None = None) -> int:
        context = context or tls_context(authority.issue_cert("mail.test"))
        server = loop.run(asyncio.start_server(greet, "127.0.0.1", 0, ssl=context))
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        loop.loop.call_soon_threadsafe(server.close)


async def greeting(net: RealNet, host: str, port: int, **rest: Any) -> Any:
    async def talk() -> Any:
        async with await net.dial(host, port, timeout_seconds=20, tls=True, **rest) as stream:
            return await stream.read_line(), stream.certificate, stream.tls_handshake_time

    return await run(net, talk())


async def test_tls_by_name_with_its_certificate(net: RealNet, secure: Any, authority: trustme.CA) -> None:
    until = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
    port = secure(tls_context(authority.issue_cert("mail.test", not_after=until)))
    line, certificate, seconds = await greeting(net, "mail.test", port)
    assert (line, certificate.names, certificate.not_after_ms) == (
        b"220 hello\r\n",
        ("mail.test",),
        until.timestamp() * 1000,
    )
    assert seconds > 0


async def test_another_name_can_be_asked_for(net: RealNet, secure: Any) -> None:
    line, _, _ = await greeting(net, "127.0.0.1", secure(), server_name="mail.test")
    assert line == b"220 hello\r\n"


async def test_bad_certificates_are_told_in_the_words_of_web_pages(
    net: RealNet, secure: Any, authority: trustme.CA
) -> None:
    past = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    cases = [
        (
            authority.issue_cert("other.test"),
            Failure.TLS_WRONG_HOST,
            "TLS certificate is for other.test, not mail.test",
        ),
        (
            authority.issue_cert("mail.test", not_after=past),
            Failure.TLS_EXPIRED,
            r"TLS certificate expired \d+ days ago",
        ),
        (trustme.CA().issue_cert("mail.test"), Failure.TLS_UNTRUSTED, "TLS certificate is not trusted"),
    ]
    for shown, failure, words in cases:
        port = secure(tls_context(shown))
        with pytest.raises(Broken, match=words) as caught:
            await greeting(net, "mail.test", port)
        assert caught.value.failure is failure
        assert caught.value.certificate is not None
        line, certificate, _ = await greeting(net, "mail.test", port, verify_tls=False)
        assert line == b"220 hello\r\n"
        assert certificate is not None


async def test_what_is_not_tls_is_told(net: RealNet, serve: Any) -> None:
    for steps, failures in (
        ([b"220 plain text\r\n"], {Failure.TLS_NOT_SPOKEN}),
        ([], {Failure.TLS_FAILED, Failure.RESET}),  # by whether our greeting was there when it hung up
        ([2.0], {Failure.TIMEOUT_TLS}),
    ):
        port = serve(saying(*steps))
        with pytest.raises(Broken) as caught:
            await run(net, net.dial("127.0.0.1", port, timeout_seconds=0.4, tls=True))
        assert caught.value.failure in failures, caught.value.cause


async def test_bytes_in_clear_after_starttls_are_refused(net: RealNet, serve: Any) -> None:
    async def talk() -> None:
        async with await net.dial("127.0.0.1", port, timeout_seconds=20) as stream:
            await stream.read_line()
            await stream.start_tls()

    port = serve(saying(b"220 go ahead\r\n250 injected\r\n", 0.5))
    with pytest.raises(Broken, match="in clear"):
        await run(net, talk())


# --- datagrams --------------------------------------------------------------------------------------------------------


class Datagrams(asyncio.DatagramProtocol):
    """Answers the n-th datagram with the n-th list of answers."""

    def __init__(self, *answers: list[bytes]) -> None:
        self.answers = list(answers)
        self.heard: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        self.heard.append(data)
        for each in self.answers.pop(0) if self.answers else []:
            self.transport.sendto(each, source)


def listen(loop: LoopThread, *answers: list[bytes]) -> tuple[Datagrams, int]:
    async def start() -> tuple[Datagrams, int]:
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(*answers), local_addr=("127.0.0.1", 0)
        )
        return protocol, transport.get_extra_info("sockname")[1]

    found: tuple[Datagrams, int] = loop.run(start())
    return found


@pytest.mark.slow
async def test_a_datagram_is_sent_again_until_one_is_answered(net: RealNet, loop: LoopThread) -> None:
    server, port = listen(loop, [], [], [b"", b"wrong", b"right"])
    work = net.exchange("127.0.0.1", port, b"question", timeout_seconds=2.4, accept=lambda data: data == b"right")
    answer = await run(net, work)
    assert (answer.data, answer.remote_ip, server.heard) == (b"right", "127.0.0.1", [b"question"] * 3)


async def test_no_datagram_and_a_closed_port_are_told_apart(net: RealNet, loop: LoopThread) -> None:
    _, port = listen(loop)
    with pytest.raises(Broken) as caught:
        await run(net, net.exchange("127.0.0.1", port, b"", timeout_seconds=0.3))
    assert (caught.value.failure, caught.value.cause) == (
        Failure.CONNECT_TIMEOUT,
        "Timed out after 0.3 s without an answer",
    )
    with pytest.raises(Broken) as caught:
        await run(net, net.exchange("127.0.0.1", unused_port(), b"", timeout_seconds=20))
    assert (caught.value.failure, caught.value.cause) == (
        Failure.CONNECT_REFUSED,
        "Port unreachable: nothing listens there",
    )


async def test_a_port_that_a_far_host_says_is_closed_is_refused(namespace: Namespace, far_side: FarSide) -> None:
    far_side.answer = lambda packet: [complained(packet, 3, 3, socket.inet_aton("10.9.1.2"))]
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    try:
        with pytest.raises(Broken) as caught:
            await run(net, net.exchange("10.9.1.2", 9, b"hello", timeout_seconds=20))
    finally:
        net.stop()
    assert caught.value.failure is Failure.CONNECT_REFUSED
    assert len(far_side.heard) == 1  # at its word, before the next datagram is due
