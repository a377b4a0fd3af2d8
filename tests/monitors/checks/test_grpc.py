"""gRPC servers: a real one that is well, unwell, without a health service and encrypted, and servers that are none."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
import trustme
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, says, scripted, silent
from tocsin.monitors.checks.grpc import Answer, complaint, question, serving_status
from tocsin.monitors.model import Verdict


@contextmanager
def grpc_server(statuses: dict[str, int] | None, certificate: trustme.LeafCert | None = None) -> Iterator[int]:
    """`statuses` None: a server without the health service. Yields its port."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    if statuses is not None:
        servicer = health.HealthServicer()
        for name, status in statuses.items():
            servicer.set(name, status)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if certificate is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait(5)


SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_real_server_is_up_as_a_whole_and_by_service(check: Check) -> None:
    with grpc_server({"": SERVING, "shop.Orders": SERVING}) as port:
        assert check("grpc", port=str(port), tls=False).verdict is Verdict.UP
        assert check("grpc", port=str(port), tls=False, grpc_service="shop.Orders").verdict is Verdict.UP
        unknown = check("grpc", port=str(port), tls=False, grpc_service="shop.Returns")
    assert (unknown.verdict, unknown.cause) == (Verdict.DOWN, "The server does not know this service (NOT_FOUND)")


def test_a_server_that_says_it_does_not_serve_is_down(check: Check) -> None:
    with grpc_server({"": NOT_SERVING}) as port:
        outcome = check("grpc", port=str(port), tls=False)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, "The server says NOT_SERVING")


def test_metadata_is_sent_but_what_makes_the_call_a_call_stays_ours(check: Check) -> None:
    names = ["TE", "Host", "Connection", "Content-Length", "Content-Type", "x-team"]
    with grpc_server({"": SERVING}) as port:
        outcome = check(
            "grpc", port=str(port), tls=False, request_headers=[{"name": name, "value": "7"} for name in names]
        )
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def test_a_server_that_answers_and_breaks_the_connection_at_once_is_up(check: Check) -> None:
    encoder = Encoder()
    head = encoder.encode([(":status", "200"), ("content-type", "application/grpc")])
    tail = encoder.encode([("grpc-status", "0")])
    answer = frame(4, 0, 0, b"") + frame(1, 4, 1, head) + frame(0, 0, 1, b"\0\0\0\0\2\x08\x01") + frame(1, 5, 1, tail)

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()  # a reset, not an end

    with scripted(serve) as port:
        outcome = check("grpc", port=str(port), tls=False)
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_a_server_that_talks_without_end_is_down(check: Check) -> None:
    with scripted(says(frame(4, 0, 0, b"") + frame(6, 0, 0, b"12345678") * 80_000)) as port:
        outcome = check("grpc", port=str(port), tls=False, request_timeout=30_000)
    assert outcome.verdict is Verdict.DOWN


def test_a_server_without_the_health_service_is_told_apart(check: Check) -> None:
    with grpc_server(None) as port:
        outcome = check("grpc", port=str(port), tls=False)
    assert outcome.cause == "The server does not speak the gRPC health protocol (UNIMPLEMENTED)"


def test_tls_with_alpn_is_spoken_and_the_certificate_watched(
    check: Check, names: NameServer, authority: trustme.CA
) -> None:
    names.zone["api.example"] = ["127.0.0.1"]
    with grpc_server({"": SERVING}, authority.issue_cert("api.example")) as port:
        outcome = check("grpc", url="api.example", port=str(port))
        stranger = check("grpc", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.certificate_expires_ms is not None
    assert stranger.verdict is Verdict.DOWN


@pytest.mark.parametrize("line", [b"220 mail.example ESMTP\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_that_speaks_something_else_is_down(check: Check, line: bytes) -> None:
    with scripted(says(line)) as port:
        outcome = check("grpc", port=str(port), tls=False, request_timeout=1_000)
    assert outcome.verdict is Verdict.DOWN


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("grpc", port=str(free_port()), tls=False).cause == "Connection refused"
    with scripted(silent) as port:
        outcome = check("grpc", port=str(port), tls=False, request_timeout=500)
    assert "Timed out after 0.5 s" in (outcome.cause or "")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(http_status="502"), "Status 502 instead of a gRPC answer"),
        (Answer(http_status="200", content_type="text/html"), "Not a gRPC server: it answers with something else"),
        (
            Answer(http_status="200", content_type="application/grpc", grpc_status="14", grpc_message="no%20backend"),
            "gRPC status UNAVAILABLE: no backend",
        ),
        (Answer(http_status="200", content_type="application/grpc", grpc_status="0"), "The server's answer is empty"),
    ],
)
def test_answers_that_are_no_health_are_told_in_words(answer: Answer, cause: str) -> None:
    assert complaint(answer) == cause


@pytest.mark.slow
@given(st.binary(max_size=40))
def test_no_body_is_too_odd_to_be_read(body: bytes) -> None:
    status = serving_status(body)
    assert status is None or 0 <= status < 128


@given(st.text(max_size=300))
def test_the_question_is_the_one_that_protobuf_would_write(service: str) -> None:
    wire = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert question(service) == b"\x00" + len(wire).to_bytes(4, "big") + wire
