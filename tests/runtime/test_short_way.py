"""Requests on the short way and on the long one share a connection: every answer comes in its turn."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn

from tocsin.runtime.connection import Connection, Outcome

QUICK = b"GET /quick/%d HTTP/1.1\r\nhost: t\r\n\r\n"
LONG = b"GET /long HTTP/1.1\r\nhost: t\r\n\r\n"
IDLE_SECONDS = 0.3


class Way:
    """Takes `/quick/…`, and answers when the test says so."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.seen: list[Any] = []
        self.waiting: list[Callable[[Outcome], None]] = []
        self.at_once = True
        self.came = asyncio.Event()

    def ready(self, url: bytes, headers: Any, always: Any) -> bytes | None:
        """`/known` is known at sight."""
        if url != b"/known":
            return None
        self.seen.append(always)
        return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nat"

    def begin(self, method: bytes, url: bytes, headers: Any, address: str | None, told: Any) -> bool:
        if not url.startswith(b"/quick") or any(name == b"content-length" for name, _ in headers):
            return False
        self.taken.append(url)
        self.came.set()
        if self.at_once:
            asyncio.get_running_loop().call_soon(told, True)
        else:
            self.waiting.append(told)
        return True

    def outcome(self, outcome: Outcome, address: str | None) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        if outcome is True:
            return 200, b"OK", []
        return (404, b"none", []) if outcome is False else (503, b"trouble", [(b"retry-after", b"5")])


class Server:
    def __init__(self, way: Way, state: Any, port: int) -> None:
        self.way = way
        self.state = state
        self.port = port

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, said: bytes, answers: int) -> list[tuple[int, bytes]]:
        """So many answers on one connection; every body is two bytes long, or as long as it says."""
        reader, writer = await self.open()
        with contextlib.closing(writer):
            writer.write(said)
            return [await answer(reader) for _ in range(answers)]


async def answer(reader: asyncio.StreamReader, head: bool = False) -> tuple[int, bytes]:
    lines = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = re.search(rb"content-length: (\d+)", lines)
    assert length is not None
    return int(lines[9:12]), b"" if head else await reader.readexactly(int(length[1]))


async def long(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.05)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"long"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    config = uvicorn.Config(long, ws="none", lifespan="off", log_config=None)
    config.timeout_keep_alive = IDLE_SECONDS  # type: ignore[assignment]
    config.load()
    state, way = uvicorn.server.ServerState(), Way()
    listening = await asyncio.get_running_loop().create_server(
        lambda: Connection(config, state, {}, short_way=way), "127.0.0.1", 0
    )
    yield Server(way, state, listening.sockets[0].getsockname()[1])
    listening.close()


async def test_many_on_one_connection_one_after_the_other(server: Server) -> None:
    reader, writer = await server.open()
    with contextlib.closing(writer):
        for number in range(50):
            writer.write(QUICK % number)
            assert await answer(reader) == (200, b"OK")
    assert len(server.way.taken) == server.state.total_requests == 50
    assert not server.state.tasks


async def test_pipelined_requests_of_both_kinds_are_answered_in_their_order(server: Server) -> None:
    said = QUICK % 1 + LONG + QUICK % 2 + QUICK % 3 + LONG
    bodies = [body for _, body in await server.ask(said, 5)]
    assert bodies == [b"OK", b"long", b"long", b"long", b"long"], "what waits behind another goes the long way"
    assert server.way.taken == [b"/quick/1"]


KNOWN = b"GET /known HTTP/1.1\r\nhost: t\r\n\r\n"


async def test_what_is_known_at_sight_is_answered_in_its_turn(server: Server) -> None:
    said = KNOWN + QUICK % 1 + KNOWN + LONG + KNOWN + QUICK % 2
    bodies = [body for _, body in await server.ask(said, 6)]
    assert bodies == [b"at", b"OK", b"long", b"long", b"long", b"long"], "what waits behind another goes the long way"
    reader, writer = await server.open()
    with contextlib.closing(writer):
        for _ in range(20):
            for said, body in ((KNOWN, b"at"), (LONG, b"long"), (QUICK % 3, b"OK"), (KNOWN, b"at")):
                writer.write(said)
                assert await answer(reader) == (200, body)
    assert all(always is server.state.default_headers for always in server.way.seen)
    assert not server.state.tasks


@pytest.mark.parametrize(
    "said",
    [b"HEAD /known HTTP/1.1\r\nhost: t\r\n\r\n", b"GET /known HTTP/1.0\r\nhost: t\r\n\r\n",
     b"GET /known HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n", b"POST /known HTTP/1.1\r\nhost: t\r\n\r\n"],
)  # fmt: skip
async def test_only_a_plain_get_on_a_connection_that_stays_open_is(server: Server, said: bytes) -> None:
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(said)
        assert (await answer(reader, head=True))[0] == 200
    assert not server.way.seen


async def test_a_client_that_goes_after_it_leaves_nothing_behind(server: Server) -> None:
    reader, writer = await server.open()
    writer.write(KNOWN)
    assert await answer(reader) == (200, b"at")
    writer.transport.abort()
    await asyncio.sleep(0.02)
    assert not server.state.connections
    assert await server.ask(KNOWN, 1) == [(200, b"at")]


async def test_nothing_behind_it_is_begun_before_its_answer(server: Server) -> None:
    server.way.at_once = False
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(QUICK % 1 + LONG)
        await server.way.came.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        server.way.waiting.pop()(True)
        assert [await answer(reader), await answer(reader)] == [(200, b"OK"), (200, b"long")]


@pytest.mark.parametrize("piece", [1, 7, 33])
async def test_a_request_may_come_in_pieces(server: Server, piece: int) -> None:
    reader, writer = await server.open()
    with contextlib.closing(writer):
        said = QUICK % 1 + QUICK % 2
        for start in range(0, len(said), piece):
            writer.write(said[start : start + piece])
            await asyncio.sleep(0.002)
        assert [await answer(reader), await answer(reader)] == [(200, b"OK")] * 2
    assert server.way.taken[0] == b"/quick/1"


async def test_head_has_no_body_and_an_old_client_is_hung_up_on(server: Server) -> None:
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(b"HEAD /quick/1 HTTP/1.1\r\nhost: t\r\n\r\n")
        assert await answer(reader, head=True) == (200, b"")
        writer.write(b"GET /quick/2 HTTP/1.0\r\n\r\n")
        rest = await asyncio.wait_for(reader.read(), 5)
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in rest
    assert rest.endswith(b"\r\n\r\nOK")


async def test_who_asks_to_be_hung_up_on_is_and_others_are_not(server: Server) -> None:
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(QUICK % 1)
        await answer(reader)
        writer.write(b"GET /quick/2 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
        assert b"connection: close\r\n" in await asyncio.wait_for(reader.read(), 5)


async def test_what_waits_for_permission_or_wants_another_protocol_goes_the_long_way(server: Server) -> None:
    expecting = b"POST /quick/1 HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(expecting)
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert await answer(reader) == (200, b"long")
    upgrading = b"GET /quick/1 HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    assert await server.ask(upgrading, 1) == [(200, b"long")]
    assert server.way.taken == []


async def test_what_went_wrong_is_said(server: Server) -> None:
    server.way.at_once = False
    reader, writer = await server.open()
    with contextlib.closing(writer):
        for outcome, status in ((False, 404), (OSError(), 503), (True, 200)):
            server.way.came.clear()
            writer.write(QUICK % 1)
            await server.way.came.wait()
            server.way.waiting.pop()(outcome)
            assert (await answer(reader))[0] == status


async def test_a_client_that_is_gone_is_not_answered_and_nothing_is_left_of_it(server: Server) -> None:
    server.way.at_once = False
    _, writer = await server.open()
    writer.write(QUICK % 1)
    await server.way.came.wait()
    writer.transport.abort()
    while server.state.connections:
        await asyncio.sleep(0.01)
    server.way.waiting.pop()(True)
    assert not server.state.tasks
    assert await server.ask(LONG, 1) == [(200, b"long")]


async def test_a_server_that_stops_answers_what_it_has_taken_and_then_hangs_up(server: Server) -> None:
    server.way.at_once = False
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(QUICK % 1)
        await server.way.came.wait()
        (connection,) = server.state.connections
        connection.shutdown()
        server.way.waiting.pop()(True)
        rest = await asyncio.wait_for(reader.read(), 5)
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in rest


async def test_a_server_that_can_wait_no_longer_says_so_once(server: Server) -> None:
    server.way.at_once = False
    reader, writer = await server.open()
    with contextlib.closing(writer):
        writer.write(QUICK % 1)
        await server.way.came.wait()
        for task in server.state.tasks:
            task.cancel(msg="stopping")
        assert (await answer(reader))[0] == 503
        server.way.waiting.pop()(True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("said", [QUICK % 1, LONG])
async def test_an_idle_connection_is_closed_in_its_time_and_not_before(server: Server, said: bytes) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await server.open()
    with contextlib.closing(writer):
        for _ in range(4):  # longer in all than it may be idle
            writer.write(said)
            await answer(reader)
            await asyncio.sleep(IDLE_SECONDS / 3)
        writer.write(said)
        await answer(reader)
        since = loop.time()
        assert await asyncio.wait_for(reader.read(), 5) == b""
    assert loop.time() - since > IDLE_SECONDS * 0.8


@pytest.mark.slow
async def test_one_that_is_answered_late_is_not_idle(server: Server) -> None:
    server.way.at_once = False
    reader, writer = await server.open()
    with contextlib.closing(writer):
        for _ in range(2):
            server.way.came.clear()
            writer.write(QUICK % 1)
            await server.way.came.wait()
            await asyncio.sleep(IDLE_SECONDS * 1.5)
            server.way.waiting.pop()(True)
            assert await answer(reader) == (200, b"OK")
