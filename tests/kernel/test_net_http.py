"""Requests over the real network of this machine: each phase that can fail, and whom we never connect to."""

from __future__ import annotations

import asyncio
import base64
import datetime
import gzip
import socket
from typing import Any

import pytest
import trustme

from tests.kernel.conftest import tls_context
from tests.kernel.namespaces import Namespace
from tests.kernel.servers import HttpServer, LoopThread, NameServer, RawServer, answer
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import MAX_BODY_BYTES, Failure, HttpRequest, HttpResponse, Proxy, RealNet

LATER = 5.0
TRIES = 20
"""How often is asked again where this machine was too busy to tell."""


async def ask(net: RealNet, url: str, **options: Any) -> HttpResponse:
    certificate = options.pop("certificate", False)
    request = HttpRequest(**{"url": url, "timeout_seconds": 5.0, **options})
    for _ in range(TRIES):
        response = await net.fetch(request, certificate=certificate)
        if response.cause is None or "too busy" not in response.cause:
            break
    return response


# --- a good answer ----------------------------------------------------------------------------------------------------


async def test_an_answer_carries_status_headers_body_and_the_phases(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 200, b"hello", "X-A: b")
    response = await ask(net, server.url())
    assert (response.status_code, response.body, response.failure) == (200, b"hello", None)
    assert ("X-A", "b") in response.headers
    assert response.remote_ip == "127.0.0.1"
    assert response.connection_time is not None
    assert response.data_transfer_time is not None
    assert response.tls_handshake_time is None
    assert response.total_time > 0


async def test_every_request_is_made_on_a_connection_of_its_own(net: RealNet, server: HttpServer) -> None:
    peers: list[Any] = []

    async def handler(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")

    server.routes["/"] = handler
    for _ in range(3):
        assert (await ask(net, server.url())).status_code == 200
    assert len(set(peers)) == 3


async def test_method_headers_body_and_credentials_are_sent(net: RealNet, server: HttpServer) -> None:
    server.answer("/x", 201)
    response = await ask(
        net, server.url("/x"), method="PUT", headers=(("X-Key", "v"), ("X-Evil", "a\r\nX-More: b")), body=b"data",
        username="joe", password="s:c",
    )  # fmt: skip
    line, headers, body = server.requests[0]
    assert (response.status_code, line, body) == (201, "PUT /x HTTP/1.1", b"data")
    assert headers["x-key"] == "v"
    assert "x-more" not in headers
    assert headers["authorization"] == "Basic " + base64.b64encode(b"joe:s:c").decode()
    assert headers["user-agent"].startswith("Tocsin/")


async def test_nothing_of_one_request_is_left_for_the_next(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 200, b"x", "Set-Cookie: session=1; Path=/")
    await ask(net, server.url(), method="POST", headers=(("X-Key", "v"),), body=b"d", username="joe")
    await ask(net, server.url())
    await ask(net, server.url())
    for line, headers, body in server.requests[1:]:
        assert line == "GET / HTTP/1.1"
        assert not {"x-key", "authorization", "cookie"} & set(headers)
        assert body == b""


async def test_a_compressed_answer_is_read_in_clear(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 200, gzip.compress(b"hello world"), "Content-Encoding: gzip")
    assert (await ask(net, server.url())).body == b"hello world"


async def test_a_body_without_end_is_cut_off_and_counts_as_answered(net: RealNet, server: HttpServer) -> None:
    server.script("/", b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65_536] * (MAX_BODY_BYTES // 65_536 + 8), 20.0)
    response = await ask(net, server.url(), keep_body_bytes=1000)
    assert (response.status_code, response.failure) == (200, None)
    assert len(response.body) == 1000
    assert response.truncated


@pytest.mark.slow
async def test_a_small_zip_bomb_fills_no_memory(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 200, gzip.compress(b"\0" * 30_000_000), "Content-Encoding: gzip")
    response = await ask(net, server.url())
    assert response.truncated
    assert len(response.body) <= MAX_BODY_BYTES


# --- addresses --------------------------------------------------------------------------------------------------------


async def test_private_addresses_are_refused_when_the_setting_says_so(names: NameServer, server: HttpServer) -> None:
    net = RealNet(SystemClock(), allow_private=False, nameservers=[names.address])
    net.start()
    names.zone["inside.test"] = ["127.0.0.1"]
    for host in ("127.0.0.1", "inside.test"):
        response = await ask(net, server.url(host=host))
        assert response.failure is Failure.ADDRESS_REFUSED
    net.stop()
    assert server.requests == []


async def test_the_address_that_was_checked_is_the_one_connected_to(
    net: RealNet, server: HttpServer, names: NameServer
) -> None:
    names.zone["rebind.test"] = ["127.0.0.1"]
    server.answer("/", 200)
    assert (await ask(net, server.url(host="rebind.test"))).remote_ip == "127.0.0.1"
    names.zone["rebind.test"] = ["169.254.169.254"]
    response = await ask(net, server.url(host="rebind.test"))
    assert response.remote_ip == "127.0.0.1"
    assert [kind for name, kind in names.asked if name == "rebind.test"].count("A") == 1


async def test_of_several_addresses_the_refused_one_is_left_out(
    net: RealNet, server: HttpServer, names: NameServer
) -> None:
    names.zone["both.test"] = ["169.254.169.254", "127.0.0.1"]
    server.answer("/", 200)
    assert (await ask(net, server.url(host="both.test"))).remote_ip == "127.0.0.1"


async def test_the_ip_version_is_enforced_for_names_and_literals(
    net: RealNet, server: HttpServer, names: NameServer
) -> None:
    names.zone["four.test"] = ["127.0.0.1"]
    for host in ("127.0.0.1", "four.test"):
        response = await ask(net, server.url(host=host), ip_version="ipv6")
        assert response.failure is Failure.DNS_NOT_FOUND
        assert "IPv6" in (response.cause or "")


# --- failures ---------------------------------------------------------------------------------------------------------


async def test_a_name_that_does_not_exist(net: RealNet) -> None:
    response = await ask(net, "http://nope.test/")
    assert (response.failure, response.cause) == (Failure.DNS_NOT_FOUND, "Name does not exist")


async def test_a_refused_connection_is_the_targets_even_if_it_is_the_only_one(net: RealNet) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    response = await ask(net, f"http://127.0.0.1:{port}/")
    assert (response.failure, response.cause) == (Failure.CONNECT_REFUSED, "Connection refused")
    assert not response.ours


async def test_a_full_backlog_times_out_while_connecting(net: RealNet) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(busy.getsockname())
        await asyncio.sleep(0.05)
        response = await ask(net, f"http://127.0.0.1:{busy.getsockname()[1]}/", timeout_seconds=0.5)
        for filler in fillers:
            filler.close()
    assert response.failure is Failure.CONNECT_TIMEOUT
    assert response.cause == "Timed out after 0.5 s while connecting"


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True])
async def test_when_most_hosts_are_silent_at_once_our_name_servers_tell_whose_fault_it_is(
    net: RealNet, names: NameServer, silent: bool
) -> None:
    hosts = [f"{name}.test" for name in ("one", "two", "three", "four")]
    names.zone.update({host: ["127.0.0.1"] for host in hosts})
    for host in hosts:
        assert (await net.resolve(host)).failure is None
    names.silent = silent
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(busy.getsockname())
        port = busy.getsockname()[1]
        await asyncio.gather(*(ask(net, f"http://{host}:{port}/", timeout_seconds=0.3) for host in hosts[:3]))
        response = await ask(net, f"http://four.test:{port}/", timeout_seconds=0.3)
        for filler in fillers:
            filler.close()
    assert response.failure is (Failure.LOCAL if silent else Failure.CONNECT_TIMEOUT), response.cause


@pytest.mark.slow
async def test_each_phase_that_is_slow_is_named(net: RealNet, server: HttpServer, loop: LoopThread) -> None:
    server.script("/wait", LATER, answer(200))
    server.script("/read", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", LATER)
    mute = RawServer(loop, lambda reader, writer: asyncio.sleep(LATER))
    for url, failure, words in (
        (server.url("/wait"), Failure.TIMEOUT_WAITING, "while waiting for the answer"),
        (server.url("/read"), Failure.TIMEOUT_READING, "while reading the answer"),
        (f"https://127.0.0.1:{mute.port}/", Failure.TIMEOUT_TLS, "during the TLS handshake"),
    ):
        response = await ask(net, url, timeout_seconds=0.3)
        assert (response.failure, response.cause) == (failure, f"Timed out after 0.3 s {words}")
    mute.close()


async def test_a_name_that_is_slow_is_named_as_the_phase(net: RealNet, names: NameServer) -> None:
    names.zone["slow.test"] = None
    response = await ask(net, "http://slow.test/", timeout_seconds=0.3)
    assert response.failure is Failure.TIMEOUT_RESOLVING
    assert response.cause == "Timed out after 0.3 s while resolving the name"


async def test_what_is_rude_is_told_in_words(net: RealNet, loop: LoopThread) -> None:
    async def hang_up(reader: Any, writer: Any) -> None:
        await reader.readline()

    async def speak_otherwise(reader: Any, writer: Any) -> None:
        await reader.readline()
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async def reset(reader: Any, writer: Any) -> None:
        await reader.readline()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async def cut(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await writer.drain()

    for talk, failure in (
        (hang_up, {Failure.EMPTY_REPLY, Failure.RESET}),
        (speak_otherwise, {Failure.NOT_HTTP, Failure.RESET}),
        (reset, {Failure.RESET}),
        (cut, {Failure.TRUNCATED}),
    ):
        server = RawServer(loop, talk)
        response = await ask(net, f"http://127.0.0.1:{server.port}/")
        assert response.failure in failure, (talk, response.cause)
        assert response.cause
        server.close()


async def test_a_refused_ipv4_is_not_hidden_by_an_ipv6_without_a_route(net: RealNet, names: NameServer) -> None:
    names.zone["both.test"] = ["127.0.0.1", "2001:db8::1"]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    response = await ask(net, f"http://both.test:{port}/", timeout_seconds=2.0)
    # Whatever comes last of what happens to the two, it is not our own fault.
    assert response.failure in (Failure.CONNECT_REFUSED, Failure.CONNECT_TIMEOUT, Failure.NO_ROUTE)


async def test_a_network_that_we_have_no_route_to_is_our_own_failure(namespace: Namespace) -> None:
    net = RealNet(SystemClock(), nameservers=["127.0.0.1:1"])
    namespace.run(net.start)
    try:
        response = await ask(net, "http://[2001:db8::1]/", timeout_seconds=20.0)
    finally:
        net.stop()
    assert (response.failure, response.cause) == (Failure.LOCAL, "This machine has no route to that network")


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(names: NameServer) -> str:
    names.zone["shop.example"] = ["127.0.0.1"]
    return "shop.example"


async def test_a_trusted_certificate_is_read_when_asked_for(
    net: RealNet, loop: LoopThread, authority: trustme.CA, shop: str
) -> None:
    until = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
    server = HttpServer(loop, tls_context(authority.issue_cert(shop, not_after=until)))
    server.answer("/", 200)
    plain, asked = await ask(net, server.url(host=shop)), await ask(net, server.url(host=shop), certificate=True)
    server.close()
    assert (plain.status_code, plain.certificate) == (200, None)
    assert plain.tls_handshake_time is not None
    assert plain.tls_handshake_time > 0
    assert asked.certificate is not None
    assert asked.certificate.not_after_ms == until.timestamp() * 1000
    assert asked.certificate.names == (shop,)


async def test_a_bad_certificate_is_told_in_words(
    net: RealNet, loop: LoopThread, authority: trustme.CA, shop: str
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    expired = authority.issue_cert(
        shop, not_before=now - datetime.timedelta(days=30), not_after=now - datetime.timedelta(days=3, hours=1)
    )
    early = authority.issue_cert(shop, not_before=now + datetime.timedelta(days=2, hours=1))
    stranger = trustme.CA().issue_cert(shop)
    for certificate, failure, words in (
        (expired, Failure.TLS_EXPIRED, "TLS certificate expired 3 days ago"),
        (early, Failure.TLS_NOT_YET_VALID, "TLS certificate is not yet valid (it will be in 2 days)"),
        (authority.issue_cert("other.example"), Failure.TLS_WRONG_HOST,
         "TLS certificate is for other.example, not shop.example"),
        (stranger, Failure.TLS_UNTRUSTED, None),
    ):  # fmt: skip
        server = HttpServer(loop, tls_context(certificate))
        server.answer("/", 200)
        response = await ask(net, server.url(host=shop))
        lenient = await ask(net, server.url(host=shop), verify_tls=False)
        server.close()
        assert response.failure is failure, response.cause
        assert words is None or response.cause == words
        assert server.paths() == ["/"]
        assert lenient.status_code == 200


async def test_plain_http_on_a_tls_port_is_told_in_words(net: RealNet, loop: LoopThread) -> None:
    async def complain(reader: Any, writer: Any) -> None:
        await reader.read(100)
        writer.write(answer(400, b"this is plain HTTP"))
        await writer.drain()

    server = RawServer(loop, complain)
    response = await ask(net, f"https://127.0.0.1:{server.port}/")
    server.close()
    assert response.failure is Failure.TLS_NOT_SPOKEN
    assert response.cause == "The server does not speak TLS on this port"


# --- proxies ----------------------------------------------------------------------------------------------------------


async def test_a_proxy_is_gone_through_with_its_credentials(
    net: RealNet, server: HttpServer, names: NameServer
) -> None:
    names.zone["proxy.test"] = ["127.0.0.1"]
    server.answer("http://far.example/x", 200, b"by proxy")
    proxy = Proxy("proxy.test", server.port, "user", "pa:ss")
    response = await ask(net, "http://far.example/x", proxy=proxy)
    assert response.body == b"by proxy"
    assert server.requests[0][1]["proxy-authorization"] == "Basic " + base64.b64encode(b"user:pa:ss").decode()
    assert "far.example" not in [name for name, _ in names.asked]


async def test_a_proxys_address_is_checked_too(net: RealNet, names: NameServer) -> None:
    names.zone["proxy.test"] = ["169.254.169.254"]
    for host in ("proxy.test", "169.254.169.254"):
        response = await ask(net, "http://far.example/", proxy=Proxy(host, 80))
        assert response.failure is Failure.ADDRESS_REFUSED


async def test_a_metadata_address_is_not_asked_for_through_a_proxy_either(net: RealNet, server: HttpServer) -> None:
    response = await ask(net, "http://169.254.169.254/", proxy=Proxy("127.0.0.1", server.port))
    assert response.failure is Failure.ADDRESS_REFUSED
    assert server.requests == []


# --- the engine itself ------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_slow_target_delays_nobody(net: RealNet, server: HttpServer) -> None:
    server.script("/slow", LATER)
    server.answer("/fast", 200)
    slow = [asyncio.create_task(ask(net, server.url("/slow"), timeout_seconds=3.0)) for _ in range(50)]
    await asyncio.sleep(0.05)
    for _ in range(20):
        assert (await ask(net, server.url("/fast"))).status_code == 200
    assert not any(task.done() for task in slow)
    assert {each.failure for each in await asyncio.gather(*slow)} == {Failure.TIMEOUT_WAITING}


@pytest.mark.slow
async def test_of_many_that_go_on_together_each_is_told_its_own(net: RealNet, server: HttpServer) -> None:
    server.script("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    server.answer("/gone", 302, b"", "Location: /there")
    for number in range(40):
        server.answer(f"/{number}", 400 + number, str(number).encode())
    server.answer("/there", 200, b"there")
    paths = [path for number in range(40) for path in (f"/{number}", "/cut", "/gone")]
    for _ in range(3):
        found = await asyncio.gather(*(ask(net, server.url(path)) for path in paths))
        for path, response in zip(paths, found, strict=True):
            if path == "/cut":
                assert response.failure is Failure.TRUNCATED
            elif path == "/gone":
                assert (response.status_code, response.body) == (200, b"there")
            else:
                assert (response.status_code, response.body) == (400 + int(path[1:]), path[1:].encode())
                assert response.remote_ip == "127.0.0.1"


async def test_what_is_in_flight_at_the_end_is_ours(names: NameServer, server: HttpServer) -> None:
    net = RealNet(SystemClock(), nameservers=[names.address])
    net.start()
    server.script("/slow", LATER)
    names.zone["slow.test"] = None
    waiting = [asyncio.create_task(ask(net, url)) for url in (server.url("/slow"), "http://slow.test/")]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(net.stop)
    assert [each.failure for each in await asyncio.gather(*waiting)] == [Failure.LOCAL, Failure.LOCAL]
