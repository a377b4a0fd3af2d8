"""WebSockets: a real server that echoes, one that wants to know who we are, and servers that are none."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import Request, Response, Server, ServerConnection, serve

from tests.kernel.conftest import tls_context
from tests.kernel.servers import LoopThread, NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, says, scripted, silent
from tocsin.monitors.model import Verdict

Start = Callable[..., int]


@pytest.fixture
def echo(loop: LoopThread) -> Iterator[Start]:
    """`echo(ssl=…)` starts a server that greets, then sends back whatever it gets; gives its port."""
    servers: list[Server] = []

    async def talk(connection: ServerConnection) -> None:
        await connection.send("welcome")
        async for message in connection:
            await connection.send(message)

    def guard(connection: ServerConnection, request: Request) -> Response | None:
        wants = request.path.startswith("/private")
        if wants and request.headers.get("Authorization") != "Basic d2F0Y2g6c2VzYW1l":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "who are you?")
        return None

    def start(tls: ssl.SSLContext | None = None, **options: Any) -> int:
        async def listen() -> Server:
            return await serve(talk, "127.0.0.1", 0, ssl=tls, process_request=guard, **options)

        server: Server = loop.run(listen())
        servers.append(server)
        port: int = next(iter(server.sockets)).getsockname()[1]
        return port

    yield start

    async def close(server: Server) -> None:
        server.close()
        await server.wait_closed()

    for server in servers:
        loop.run(asyncio.wait_for(close(server), 5))


def test_a_websocket_that_opens_is_up(check: Check, echo: Start) -> None:
    outcome = check("websocket", url=f"ws://127.0.0.1:{echo()}/live?room=1")
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_tls_is_spoken_and_the_certificate_watched(
    check: Check, echo: Start, names: NameServer, authority: trustme.CA
) -> None:
    names.zone["live.example"] = ["127.0.0.1"]
    port = echo(tls_context(authority.issue_cert("live.example")))
    outcome = check("websocket", url=f"wss://live.example:{port}/")
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.certificate_expires_ms is not None


def test_what_is_sent_must_come_back(check: Check, echo: Start) -> None:
    url = f"ws://127.0.0.1:{echo()}"
    answered: dict[str, Any] = {"request_body": '{"ping": 7}', "required_keyword": '"ping": 7'}
    assert check("websocket", url=url, **answered).verdict is Verdict.UP
    assert check("websocket", url=url, required_keyword="welcome").verdict is Verdict.UP
    missing = check("websocket", url=url, required_keyword="goodbye", request_timeout=500)
    assert (missing.verdict, missing.cause) == (Verdict.DOWN, "Keyword missing in 1 message")


def test_credentials_and_headers_are_sent(check: Check, echo: Start) -> None:
    url = f"ws://127.0.0.1:{echo()}/private"
    assert check("websocket", url=url, auth_username="watch", auth_password="sesame").verdict is Verdict.UP
    header = [{"id": "1", "name": "Authorization", "value": "Basic d2F0Y2g6c2VzYW1l"}]
    assert check("websocket", url=url, request_headers=header).verdict is Verdict.UP
    outcome = check("websocket", url=url)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, "Status 401 instead of a WebSocket")


def test_credentials_in_the_url_are_sent_as_for_web_pages(check: Check, echo: Start) -> None:
    port = echo()
    assert check("websocket", url=f"ws://watch:s%65same@127.0.0.1:{port}/private").verdict is Verdict.UP
    assert check("websocket", url=f"ws://watch:wrong@127.0.0.1:{port}/private").verdict is Verdict.DOWN


def test_letters_that_no_request_can_carry_are_sent_as_browsers_do(check: Check, echo: Start) -> None:
    outcome = check("websocket", url=f"ws://127.0.0.1:{echo()}/böards/1?name=Jürgen|x#top")
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_headers_that_make_it_a_websocket_are_ours_and_a_subprotocol_may_be_asked_for(
    check: Check, echo: Start
) -> None:
    own = [("Upgrade", "x"), ("Connection", "close"), ("Sec-WebSocket-Key", "x"), ("Host", "live.example")]
    headers = [{"name": name, "value": value} for name, value in [*own, ("Sec-WebSocket-Protocol", "mqtt, chat")]]
    outcome = check("websocket", url=f"ws://127.0.0.1:{echo(subprotocols=['chat'])}/", request_headers=headers)
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_a_server_that_repeats_our_credentials_does_not_give_them_away(check: Check) -> None:
    def repeat(connection: socket.socket) -> None:
        asked = connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%b" % (len(asked), asked))
        connection.recv(1)

    cookie = [{"name": "Cookie", "value": "session=top-secret"}]
    login = {"auth_username": "watch", "auth_password": "sesame"}
    with scripted(repeat) as port:
        outcome = check("websocket", url=f"ws://127.0.0.1:{port}/", request_headers=cookie, **login)
    assert outcome.evidence is not None
    assert b"Authorization: Basic [hidden]" in outcome.evidence.body
    assert b"top-secret" not in outcome.evidence.body


@pytest.mark.slow
def test_a_keyword_is_found_in_a_message_that_comes_in_many_pieces(check: Check) -> None:
    def dribble(connection: socket.socket) -> None:
        key = connection.recv(65_536).partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.sendall(
            b"HTTP/1.1 101 Hi\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % proof
        )
        pieces = [b"\x00\x01%c" % letter for letter in b"." * 20_000 + b"all is well" + b"." * 9]
        connection.sendall(b"\x01\x00" + b"".join(pieces) + b"\x80\x00")
        connection.recv(1)

    with scripted(dribble) as port:
        found = check("websocket", url=f"ws://127.0.0.1:{port}/", required_keyword="all is well")
        missing = check(
            "websocket", url=f"ws://127.0.0.1:{port}/", required_keyword="all is lost", request_timeout=3_000
        )
    assert (found.verdict, found.cause) == (Verdict.UP, None)
    assert (missing.verdict, missing.cause) == (Verdict.DOWN, "Keyword missing in 1 message")


@pytest.mark.parametrize(
    ("answer", "begins"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "Status 301 instead of a WebSocket"),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", "Status 400 instead of a WebSocket"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "Not a WebSocket"),
        (b"220 mail.example ESMTP\r\n", None),
        (b"", None),
    ],
)
def test_a_server_that_opens_no_websocket_is_down(check: Check, answer: bytes, begins: str | None) -> None:
    with scripted(says(b"", answer)) as port:
        outcome = check("websocket", url=f"ws://127.0.0.1:{port}/", request_timeout=1_000)
    assert outcome.verdict is Verdict.DOWN
    assert begins is None or (outcome.cause or "").startswith(begins), outcome.cause


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("websocket", url=f"ws://127.0.0.1:{free_port()}").cause == "Connection refused"
    with scripted(silent) as port:
        outcome = check("websocket", url=f"ws://127.0.0.1:{port}", request_timeout=500)
    assert "Timed out after 0.5 s" in (outcome.cause or "")
