"""Checks a gRPC server by the question that such servers are made to answer: are you serving?"""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import unquote

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.events import TrailersReceived as Trailers
from h2.exceptions import ProtocolError

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import SECRET_HEADERS, Header, Outcome, conversation, ports_of, timeout_of, words

KINDS = ("grpc",)
USUAL_PORT = 443
PLAIN_PORTS = frozenset({80, 8080, 9090, 50051})
"""What servers without TLS listen on in the examples of every gRPC library."""
PATH = "/grpc.health.v1.Health/Check"
HEALTH = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
"""`ServingStatus` of the gRPC health checking protocol."""
CODES = {
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    16: "UNAUTHENTICATED",
}
UNIMPLEMENTED, NOT_FOUND = 12, 5
OURS = frozenset({
    "connection", "content-length", "content-type", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding",
    "upgrade",
})  # fmt: skip
"""Headers that make the call what it is (RFC 9113, 8.2.2; gRPC over HTTP/2): another value would be our own mistake."""
PIECE_BYTES = 1_024
"""Taken apart at once. A piece may hold a hundred frames, and that happens on the thread of all checks."""
MAX_READS = 1_000
"""Pieces of an answer; a server that says nothing to the point in so many is not one."""
MAX_MESSAGE_BYTES = 4_096
"""The answer itself is two bytes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up a gRPC check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """None: encrypted unless the port is one that is usually in clear."""
    grpc_service: str | None = None
    """None: the server as a whole."""
    request_headers: list[Header] | None = None


class Answer(msgspec.Struct):
    """What has come back so far."""

    http_status: str = ""
    content_type: str = ""
    grpc_status: str = ""
    grpc_message: str = ""
    body: bytes = b""
    ended: str | None = None
    """None while more may come; else how it ended, empty when as it should."""


async def check(settings: Settings, net: Net) -> Outcome:
    """`grpc.health.v1.Health/Check` over HTTP/2; only SERVING is up."""
    port = ports_of(settings.port, USUAL_PORT)[0]
    return await conversation(
        net,
        settings.url,
        port,
        partial(_talk, settings, port),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=settings.ip_version,
        secrets=tuple(
            header.value for header in settings.request_headers or () if header.name.lower() in SECRET_HEADERS
        ),
    )


async def _talk(settings: Settings, port: int, stream: Stream) -> str | None:
    tls = port not in PLAIN_PORTS if settings.tls is None else settings.tls
    if tls:
        await stream.start_tls(verify_tls=settings.verify_ssl, alpn=("h2",))
    http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    answer = Answer()
    try:
        http.initiate_connection()
        http.send_headers(1, _headers(settings, port, tls))
        http.send_data(1, question(settings.grpc_service or ""), end_stream=True)
        await stream.write(http.data_to_send())
        for _ in range(MAX_READS):
            data = await stream.read_some(PIECE_BYTES)
            if not data:
                answer.ended = "The server closed the connection before it answered"
                break
            for event in http.receive_data(data):
                _take(answer, event)
                if isinstance(event, DataReceived) and event.flow_controlled_length:
                    http.acknowledge_received_data(event.flow_controlled_length, 1)
            if answer.ended is not None:
                break  # before anything is sent: a server may answer and hang up at once
            await stream.write(http.data_to_send())
            await asyncio.sleep(0)
        else:
            answer.ended = "The server talks and does not answer"
    except (ProtocolError, UnicodeDecodeError, ValueError) as error:
        return f"Not a gRPC server: {words(str(error).encode())}"
    return complaint(answer)


def question(service: str) -> bytes:
    """A `HealthCheckRequest` in gRPC's frame: not compressed, four bytes of length."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def complaint(answer: Answer) -> str | None:
    """What is wrong with an answer, in words; None if nothing is."""
    if answer.ended:
        return answer.ended
    if answer.http_status != "200":
        return f"Status {words(answer.http_status.encode())} instead of a gRPC answer"
    if not answer.content_type.startswith("application/grpc"):
        return "Not a gRPC server: it answers with something else"
    if answer.grpc_status not in ("", "0"):
        return _refusal(answer)
    health = serving_status(answer.body)
    if health == 1:
        return None
    return f"The server says {HEALTH.get(health, health)}" if health is not None else "The server's answer is empty"


def serving_status(body: bytes) -> int | None:
    """`status` of a `HealthCheckResponse` in gRPC's frame; None for what is none."""
    if len(body) < 5 or body[0] != 0:
        return None
    message = body[5 : 5 + int.from_bytes(body[1:5], "big")]
    if not message:
        return 0  # the default of the field, which is not sent
    return message[1] if len(message) >= 2 and message[0] == 0x08 and message[1] < 0x80 else None


def _refusal(answer: Answer) -> str:
    code = int(answer.grpc_status) if answer.grpc_status.isascii() and answer.grpc_status.isdecimal() else -1
    if code == UNIMPLEMENTED:
        return "The server does not speak the gRPC health protocol (UNIMPLEMENTED)"
    if code == NOT_FOUND:
        return "The server does not know this service (NOT_FOUND)"
    said = words(unquote(answer.grpc_message).encode())
    return f"gRPC status {CODES.get(code, answer.grpc_status[:20])}" + (f": {said}" if said else "")


def _take(answer: Answer, event: Event) -> None:
    if isinstance(event, (ResponseReceived, Trailers)):
        for raw_name, raw_value in event.headers or ():
            name, value = _text(raw_name), _text(raw_value)
            if name == ":status":
                answer.http_status = value
            elif name == "content-type":
                answer.content_type = value
            elif name == "grpc-status":
                answer.grpc_status = value
            elif name == "grpc-message":
                answer.grpc_message = value
    elif isinstance(event, DataReceived):
        answer.body = (answer.body + bytes(event.data or b""))[:MAX_MESSAGE_BYTES]
    elif isinstance(event, StreamEnded):
        answer.ended = ""
    elif isinstance(event, StreamReset):
        answer.ended = f"The server broke off the call (HTTP/2 error {int(event.error_code or 0)})"
    elif isinstance(event, ConnectionTerminated) and answer.ended is None and event.error_code:
        answer.ended = f"The server ended the connection (HTTP/2 error {int(event.error_code)})"


def _text(header: str | bytes) -> str:
    return header.decode("utf-8", "replace") if isinstance(header, bytes) else header


def _headers(settings: Settings, port: int, tls: bool) -> list[tuple[str, str]]:
    own = [
        (header.name.strip().lower(), (header.value or "").strip())
        for header in settings.request_headers or ()
        if header.name.strip() and not header.name.startswith(":") and header.name.strip().lower() not in OURS
    ]
    host = f"[{settings.url.strip('[]')}]" if ":" in settings.url else settings.url
    return [
        (":method", "POST"),
        (":scheme", "https" if tls else "http"),
        (":path", PATH),
        (":authority", f"{host}:{port}"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "Tocsin"),
        *own,
    ]


def _varint(count: int) -> bytes:
    digits = bytearray()
    while True:
        count, digit = count >> 7, count & 127
        digits.append(digit | (128 if count else 0))
        if not count:
            return bytes(digits)
