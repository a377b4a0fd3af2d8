"""Questions to name servers: real ones on loopback, made to lose, cut, forge and refuse."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REQUIRE_ALL
from tests.kernel.namespaces import FarSide, Namespace, complained
from tests.kernel.servers import LoopThread, NameServer
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import Failure, Query, RealNet, Reply, dnswire
from tocsin.kernel.net.requests import Record

Answer = Callable[[dns.message.Message], list[bytes]]


class Server(asyncio.DatagramProtocol):
    """A name server on UDP and TCP. `answer` and `answer_tcp` give the bytes that go back."""

    def __init__(self, loop: LoopThread) -> None:
        self.asked: list[dns.message.Message] = []
        self.sources: list[Any] = []
        self.answer: Answer = lambda query: [answered(query).to_wire()]
        self.answer_tcp: Answer = lambda query: [answered(query).to_wire()]
        self._loop = loop
        self.port: int = loop.run(self._open())

    async def _open(self) -> int:
        tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = tcp.sockets[0].getsockname()[1]
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", port))
        return port

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        query = dns.message.from_wire(data)
        self.asked.append(query)
        self.sources.append(source)
        for each in self.answer(query):
            self.transport.sendto(each, source)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        query = dns.message.from_wire(await reader.readexactly(length))
        for each in self.answer_tcp(query):
            writer.write(len(each).to_bytes(2, "big") + each)
        writer.close()


def answered(
    query: dns.message.Message, *texts: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR
) -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.set_rcode(rcode)
    question = query.question[0]
    if rcode == dns.rcode.NOERROR:
        kind = dns.rdatatype.to_text(question.rdtype)
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *(texts or ("192.0.2.7",))))
    return reply


@pytest.fixture
def server(loop: LoopThread) -> Server:
    return Server(loop)


async def ask(
    net: RealNet, server: Server | int, name: str = "example.test", kind: str = "A", at: str = "127.0.0.1", **rest: Any
) -> Reply:
    port = server if isinstance(server, int) else server.port
    options: dict[str, Any] = {"timeout_seconds": 2.0, "server": at, **rest}
    return await net.ask(Query(port=port, name=name, record_type=kind, **options))


async def test_an_answer_comes_with_its_records(net: RealNet, server: Server) -> None:
    reply = await ask(net, server)
    assert (reply.failure, reply.rcode, reply.records) == (None, "NOERROR", (Record("A", "192.0.2.7"),))
    assert reply.remote_ip == "127.0.0.1"
    assert server.asked[0].flags & dns.flags.RD
    assert server.asked[0].edns == 0


@pytest.mark.parametrize(
    ("kind", "texts", "told"),
    [
        ("AAAA", ["2001:DB8::1"], ["2001:db8::1"]),
        ("MX", ["10 Mail.Example.TEST.", "20 b.example.test."], ["10 mail.example.test", "20 b.example.test"]),
        ("TXT", ['"v=spf1 -all"', '"one " "two"'], ["v=spf1 -all", "one two"]),
        ("CNAME", ["other.example.test."], ["other.example.test"]),
        ("NS", ["."], ["."]),
        ("SRV", ["1 2 443 web.example.test."], ["1 2 443 web.example.test"]),
        ("SOA", ["ns.example.test. root.example.test. 1 2 3 4 5"], ["ns.example.test root.example.test 1 2 3 4 5"]),
        ("CAA", ['0 issue "ca.test"'], ['0 issue "ca.test"']),
        ("HTTPS", ["1 . alpn=h2"], ['1 . alpn="h2"']),
        ("DS", ["1 13 2 " + "ab" * 32], ["1 13 2 " + "ab" * 32]),
    ],
)
async def test_records_of_every_type_are_read(
    net: RealNet, server: Server, kind: str, texts: list[str], told: list[str]
) -> None:
    server.answer = lambda query: [answered(query, *texts).to_wire()]
    reply = await ask(net, server, kind=kind)
    assert sorted((record.type, record.text) for record in reply.records) == sorted((kind, text) for text in told)


@pytest.mark.parametrize("rcode", [dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTAUTH])
async def test_an_error_is_an_answer_too(net: RealNet, server: Server, rcode: dns.rcode.Rcode) -> None:
    server.answer = lambda query: [answered(query, rcode=rcode).to_wire()]
    reply = await ask(net, server)
    assert (reply.failure, reply.rcode, reply.records) == (None, dns.rcode.to_text(rcode), ())


async def test_a_server_that_knows_no_edns_is_asked_without(net: RealNet, server: Server) -> None:
    def answer(query: dns.message.Message) -> list[bytes]:
        if query.edns >= 0:
            return [query.id.to_bytes(2, "big") + b"\x80\x01" + bytes(8)]  # FORMERR, without the question
        return [answered(query).to_wire()]

    server.answer = answer
    assert (await ask(net, server)).rcode == "NOERROR"
    assert [query.edns for query in server.asked] == [0, -1]


async def test_what_is_too_long_for_udp_is_asked_over_tcp(net: RealNet, server: Server) -> None:
    def cut(query: dns.message.Message) -> list[bytes]:
        reply = answered(query, rcode=dns.rcode.NXDOMAIN)
        reply.set_rcode(dns.rcode.NOERROR)
        reply.flags |= dns.flags.TC
        return [reply.to_wire()]

    addresses = [f"192.0.2.{number}" for number in range(150)]
    server.answer = cut
    server.answer_tcp = lambda query: [answered(query, *addresses).to_wire(max_size=65_535)]
    reply = await ask(net, server)
    assert {record.text for record in reply.records} == set(addresses)
    server.answer_tcp = lambda query: []
    broken = await ask(net, server)
    assert broken.cause is not None
    assert broken.cause.startswith("The answer is too long for UDP, and over TCP:")


@pytest.mark.slow
async def test_forged_answers_are_not_believed(net: RealNet, server: Server) -> None:
    def forge(query: dns.message.Message) -> list[bytes]:
        wrong_id, wrong_name, no_answer = answered(query), answered(query), answered(query)
        wrong_id.id ^= 1
        wrong_name.question[0].name = dns.name.from_text("other.test")
        wrong_kind = answered(query)
        wrong_kind.question[0].rdtype = dns.rdatatype.AAAA
        no_answer.flags &= ~dns.flags.QR
        empty = query.id.to_bytes(2, "big")
        return [each.to_wire() for each in (wrong_id, wrong_name, wrong_kind, no_answer)] + [b"", empty]

    server.answer = forge
    reply = await ask(net, server, timeout_seconds=0.9)
    assert (reply.failure, reply.cause) == (Failure.CONNECT_TIMEOUT, "No answer within 0.9 s")


@pytest.mark.slow
async def test_an_answer_from_another_address_is_not_believed(net: RealNet, server: Server) -> None:
    def elsewhere(query: dns.message.Message) -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.9", 0))
            other.sendto(answered(query).to_wire(), ("127.0.0.1", server.sources[-1][1]))
        return []

    server.answer = elsewhere
    assert (await ask(net, server, timeout_seconds=0.9)).failure is Failure.CONNECT_TIMEOUT


@pytest.mark.slow
async def test_two_lost_datagrams_of_three_are_no_outage(net: RealNet, server: Server) -> None:
    server.answer = lambda query: [answered(query).to_wire()] if len(server.asked) == 3 else []
    assert (await ask(net, server, timeout_seconds=2.4)).rcode == "NOERROR"


async def test_ids_and_ports_differ_from_question_to_question(net: RealNet, server: Server) -> None:
    for _ in range(40):
        await ask(net, server)
    assert len({query.id for query in server.asked}) > 30
    assert 2 <= len({port for _, port in server.sources}) <= 8


async def test_a_closed_port_is_refused_at_once(net: RealNet) -> None:
    reply = await ask(net, 1, timeout_seconds=30.0)
    assert (reply.failure, reply.cause) == (
        Failure.CONNECT_REFUSED,
        "Connection refused: no name server listens there",
    )


async def test_a_far_host_that_refuses_is_believed_and_a_network_without_a_route_is_ours(
    namespace: Namespace, far_side: FarSide
) -> None:
    far_side.answer = lambda packet: [complained(packet, 3, 3, socket.inet_aton("10.9.1.2"), quoted=len(packet))]
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    try:
        refused = await ask(net, 53, at="10.9.1.2", timeout_seconds=30.0)
        ours = await ask(net, 53, at="192.0.2.1")
    finally:
        net.stop()
    assert refused.failure is Failure.CONNECT_REFUSED
    assert (ours.failure, ours.cause) == (Failure.LOCAL, "This machine has no route to that network")


async def test_a_server_by_name_with_one_dead_address_still_answers(
    net: RealNet, server: Server, names: NameServer
) -> None:
    names.zone["ns.test"] = ["127.0.0.2", "127.0.0.1"]
    reply = await ask(net, server, at="ns.test")
    assert (reply.failure, reply.remote_ip) == (None, "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "kind"), [("a..b", "A"), ("x" * 64, "A"), ("example.test", "AXFR"), ("a." * 140, "A")]
)
async def test_what_cannot_be_asked_is_told(net: RealNet, server: Server, name: str, kind: str) -> None:
    assert (await ask(net, server, name, kind)).failure is Failure.BAD_URL


async def test_hundreds_of_questions_at_once_are_all_answered(net: RealNet, server: Server) -> None:
    replies = await asyncio.gather(*(ask(net, server, f"n{n}.test", timeout_seconds=20.0) for n in range(120)))
    assert {reply.rcode for reply in replies} == {"NOERROR"}


# --- dnsmasq ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def dnsmasq(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        if REQUIRE_ALL:
            pytest.fail("dnsmasq is not installed, and this run must not skip anything")
        pytest.skip("dnsmasq is not installed")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    texts = [f"--txt-record=long.test,{'x' * 200}{number}" for number in range(12)]
    command = [program, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1",
               "--bind-interfaces", f"--port={port}", "--conf-file=/dev/null", "--pid-file=", "--local=/test/",
               "--address=/web.test/192.0.2.8", "--mx-host=web.test,mail.web.test,5", *texts]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
        process.terminate()


async def test_dnsmasq_answers(net: RealNet, dnsmasq: int) -> None:
    assert (await ask(net, dnsmasq, "web.test")).records == (Record("A", "192.0.2.8"),)
    assert (await ask(net, dnsmasq, "web.test", "MX")).records == (Record("MX", "5 mail.web.test"),)
    assert (await ask(net, dnsmasq, "none.test")).rcode == "NXDOMAIN"
    assert (await ask(net, dnsmasq, "elsewhere.example")).rcode == "REFUSED"
    long = await ask(net, dnsmasq, "long.test", "TXT")  # beyond 1232 bytes: over TCP
    assert len(long.records) == 12


# --- messages ---------------------------------------------------------------------------------------------------------

ASKED = dnswire.question("example.test", "A")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(message: bytes) -> None:
    for each in (message, b"\0\0\x80\0\0\1\0\3\0\0\0\0" + ASKED + message):
        dnswire.identifier_of(each)
        if dnswire.answers(each, ASKED):
            try:
                dnswire.read(each, ASKED)
            except dnswire.Unreadable:
                pass


@given(st.sampled_from(sorted(dnswire.TYPES.values())), st.binary(max_size=80))
def test_no_record_data_breaks_the_reader(number: int, data: bytes) -> None:
    header = b"\0\0\x80\0\0\1\0\1\0\0\0\0" + ASKED + b"\xc0\x0c" + number.to_bytes(2, "big") + b"\0\1\0\0\0\x3c"
    message = header + len(data).to_bytes(2, "big") + data
    assert dnswire.answers(message, ASKED)
    try:
        dnswire.read(message, ASKED)
    except dnswire.Unreadable:
        pass


def test_a_name_that_points_at_itself_ends() -> None:
    loop = b"\0\0\x80\0\0\1\0\1\0\0\0\0" + ASKED + b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2"
    with pytest.raises(dnswire.Unreadable):
        dnswire.read(loop + b"\xc0" + bytes([len(loop)]), ASKED)


def test_an_international_name_is_asked_in_its_ascii_form() -> None:
    assert dnswire.question("müller.example", "mx") == b"\x0dxn--mller-kva\x07example\0\0\x0f\0\1"
