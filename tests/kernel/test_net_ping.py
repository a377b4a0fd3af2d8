"""Pings: real echoes through real kernels, lost, refused, forged and forbidden."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.namespaces import FarSide, Namespace, complained, echoed
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Failure, Ping, RealNet, Reply, icmp
from tocsin.kernel.net.pinger import ECHOES, NOT_ALLOWED

ROUTER = socket.inet_aton("10.9.255.254")
ROUTER_V6 = socket.inet_pton(socket.AF_INET6, "fd09::ffff")
FAR = {"ipv4": "10.9.1.2", "ipv6": "fd09::2"}


@pytest.fixture
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNet]:
    yield from started()


def started(**options: object) -> Iterator[RealNet]:
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"], **options)  # type: ignore[arg-type]
    net.start()
    yield net
    net.stop()


@pytest.fixture(params=["unprivileged", "raw"])
def inside(request: pytest.FixtureRequest, namespace: Namespace, far_side: FarSide) -> Iterator[RealNet]:
    """A network in a namespace whose only link leads to the far side, with either kind of socket."""
    if request.param == "unprivileged":
        namespace.set("net.ipv4.ping_group_range", "0 2147483647")
        namespace.without_raw_sockets()
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    yield net
    net.stop()


async def ping(net: RealNet, host: str, timeout_seconds: float = 2.0, **rest: object) -> Reply:
    return await net.ask(Ping(host=host, timeout_seconds=timeout_seconds, **rest))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_this_machine_answers(net: RealNet, host: str) -> None:
    reply = await ping(net, host)
    assert (reply.failure, reply.remote_ip, reply.name_lookup_time) == (None, host, None)
    assert 0 < reply.response_time < 2


@pytest.mark.slow
async def test_five_thousand_pings_in_flight_on_one_socket_are_all_answered(net: RealNet) -> None:
    replies: list[Reply] = []
    request = Ping(host="127.0.0.1", timeout_seconds=60.0)  # so that nothing is sent again while the test runs

    def send_all() -> None:
        for _ in range(5_000):
            net.send(request, replies.append)

    net.post(send_all)
    async with asyncio.timeout(15):
        while len(replies) < 5_000:
            await asyncio.sleep(0.02)
    assert [reply.cause for reply in replies if reply.failure is not None] == []


@pytest.mark.parametrize("version", ["ipv4", "ipv6"])
async def test_a_host_on_the_other_side_answers(inside: RealNet, far_side: FarSide, version: str) -> None:
    far_side.answer = lambda packet: [echoed(packet)]
    reply = await ping(inside, FAR[version], 30.0)
    assert (reply.failure, reply.remote_ip) == (None, FAR[version])
    assert len(far_side.heard) == 1


@pytest.mark.slow
async def test_two_lost_echoes_of_three_are_no_outage(inside: RealNet, far_side: FarSide) -> None:
    far_side.answer = lambda packet: [echoed(packet)] if len(far_side.heard) == ECHOES else []
    reply = await ping(inside, FAR["ipv4"], 1.5)
    assert reply.failure is None
    assert reply.response_time < 1.0  # of the echo that was answered, not of the second's wait before it


@pytest.mark.slow
@pytest.mark.parametrize("version", ["ipv4", "ipv6"])
async def test_silence_is_told_after_three_echoes(inside: RealNet, far_side: FarSide, version: str) -> None:
    reply = await ping(inside, FAR[version], 0.9)
    assert (reply.failure, reply.cause) == (Failure.CONNECT_TIMEOUT, "No answer to 3 pings within 0.9 s")
    assert len(far_side.heard) == ECHOES


@pytest.mark.parametrize(
    ("version", "kind", "code", "words"),
    [
        ("ipv4", 3, 1, "Host unreachable, says 10.9.255.254"),
        ("ipv4", 3, 13, "Prohibited by a firewall on the way, says 10.9.255.254"),
        ("ipv4", 11, 0, "Time to live ran out on the way (a routing loop), says 10.9.255.254"),
        ("ipv6", 1, 3, "Host unreachable, says fd09::ffff"),
        ("ipv6", 3, 0, "Hop limit ran out on the way (a routing loop), says fd09::ffff"),
    ],
)
async def test_what_a_router_says_is_told(
    inside: RealNet, far_side: FarSide, version: str, kind: int, code: int, words: str
) -> None:
    router = ROUTER if version == "ipv4" else ROUTER_V6
    far_side.answer = lambda packet: [complained(packet, kind, code, router)]
    reply = await ping(inside, FAR[version], 0.6)
    assert (reply.failure, reply.cause) == (Failure.NO_ROUTE, words)


async def test_a_router_that_complains_once_does_not_make_an_outage(inside: RealNet, far_side: FarSide) -> None:
    far_side.answer = lambda packet: [complained(packet, 3, 1, ROUTER) if len(far_side.heard) == 1 else echoed(packet)]
    assert (await ping(inside, FAR["ipv4"], 0.6)).failure is None


@pytest.mark.slow
async def test_neither_forged_nor_foreign_answers_are_believed(inside: RealNet, far_side: FarSide) -> None:
    def forge(packet: bytes) -> list[bytes]:
        guessed = packet[:28] + bytes(16) + packet[44:]
        short = packet[:28]
        foreign = packet[:24] + struct.pack("!HH", 1, 1) + packet[28:]
        elsewhere = complained(packet[:16] + socket.inet_aton("10.9.9.9") + packet[20:], 3, 1, ROUTER)
        return [echoed(guessed), echoed(short), echoed(foreign), elsewhere, b"\x45", packet]

    far_side.answer = forge
    reply = await ping(inside, FAR["ipv4"], 0.9)
    assert reply.cause == "No answer to 3 pings within 0.9 s"


async def test_no_route_at_all_is_our_own_fault(inside: RealNet) -> None:
    reply = await ping(inside, "192.0.2.1", 0.9)
    assert (reply.failure, reply.cause) == (Failure.LOCAL, "This machine has no route to that network")
    assert (await ping(inside, "2001:db8::1", 0.9)).failure is Failure.LOCAL


@pytest.mark.slow
async def test_a_route_that_goes_away_between_two_echoes_is_our_own_fault(
    inside: RealNet, far_side: FarSide, namespace: Namespace
) -> None:
    asked = asyncio.create_task(ping(inside, FAR["ipv4"], 1.5))
    while not far_side.heard:
        await asyncio.sleep(0.01)
    namespace.ip("addr del 10.9.0.1/16 dev far0")
    reply = await asked
    assert (reply.failure, reply.cause) == (Failure.LOCAL, "This machine has no route to that network")


@pytest.mark.slow
async def test_an_answer_to_an_earlier_echo_counts_although_the_next_cannot_be_sent(
    inside: RealNet, far_side: FarSide, namespace: Namespace
) -> None:
    late: list[bytes] = []
    far_side.answer = lambda packet: late.append(echoed(packet)) or []  # type: ignore[func-returns-value]
    asked = asyncio.create_task(ping(inside, FAR["ipv4"], 3.0))
    while not late:
        await asyncio.sleep(0.01)
    namespace.ip("route replace prohibit 10.9.1.2/32")
    await asyncio.sleep(1.1)  # the second echo's time
    namespace.ip("route del prohibit 10.9.1.2/32")
    far_side.send(late[0])
    assert (await asked).failure is None


async def test_a_host_that_our_kernel_knows_to_be_unreachable_is_down(inside: RealNet, namespace: Namespace) -> None:
    namespace.ip("route add unreachable 192.0.2.0/24")
    reply = await ping(inside, "192.0.2.1", 0.9)
    assert (reply.failure, reply.cause) == (Failure.NO_ROUTE, "No route to host")


async def test_without_any_right_to_ping_nothing_is_said_about_the_host(namespace: Namespace) -> None:
    namespace.without_raw_sockets()
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    try:
        for host in ("127.0.0.1", "::1"):
            reply = await ping(net, host)
            assert (reply.failure, reply.cause) == (Failure.LOCAL, NOT_ALLOWED)
    finally:
        net.stop()


async def test_private_addresses_are_refused_when_they_are_switched_off() -> None:
    for net in started(allow_private=False):
        for host in ("127.0.0.1", "127.1", "0x7f000001", "::ffff:127.0.0.1", "169.254.169.254"):
            assert (await ping(net, host)).failure is Failure.ADDRESS_REFUSED, host


async def test_what_is_no_host_is_told() -> None:
    for net in started():
        assert (await ping(net, "not a host")).failure is Failure.BAD_URL


async def test_pings_in_flight_when_we_stop_end_as_ours(namespace: Namespace, far_side: FarSide) -> None:
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    asked = asyncio.create_task(ping(net, FAR["ipv4"], 5.0))
    while not far_side.heard:
        await asyncio.sleep(0.01)
    await asyncio.get_running_loop().run_in_executor(None, net.stop)
    assert (await asked).failure is Failure.LOCAL


# --- packets ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_break_the_readers(packet: bytes, v6: bool) -> None:
    icmp.read(v6, packet)
    icmp.read_ipv4(packet)
    icmp.read_ipv4(b"\x45" + bytes(8) + b"\x01" + packet)
    icmp.read(v6, bytes([3 if not v6 else 1, 1, 0, 0, 0, 0, 0, 0]) + packet)


@pytest.mark.slow
@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(min_size=16, max_size=16), st.booleans())
def test_an_echo_is_recognised_in_its_answer_and_in_an_error(
    identifier: int, sequence: int, cookie: bytes, v6: bool
) -> None:
    request = icmp.echo_request(v6, icmp.proof(identifier, sequence, cookie))
    answer = bytes([129 if v6 else 0]) + request[1:]
    assert icmp.read(v6, answer) == icmp.Heard(identifier, sequence, cookie)
    assert icmp.read(v6, request) is None
    address = bytes(range(16)) if v6 else bytes(range(4))
    header = bytes(6) + b"\x3a" + bytes(17) + address if v6 else b"\x45" + bytes(8) + b"\x01" + bytes(6) + address
    for quoted in (8, 12, len(request)):
        error = bytes([1 if v6 else 3, 3, 0, 0, 0, 0, 0, 0]) + header + request[:quoted]
        heard = icmp.read(v6, error)
        assert heard is not None
        assert (heard.identifier, heard.sequence, heard.address) == (identifier, sequence, address)
        assert cookie.startswith(heard.cookie)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(min_size=16, max_size=16))
def test_a_message_with_its_checksum_sums_up_to_nothing(identifier: int, sequence: int, cookie: bytes) -> None:
    request = icmp.echo_request(False, icmp.proof(identifier, sequence, cookie))
    assert sum(struct.unpack("!32H", request)) % 0xFFFF == 0
