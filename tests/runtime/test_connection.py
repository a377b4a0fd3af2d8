"""A stranger's headers have a limit in bytes and in time, and everybody else is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from tocsin.runtime.connection import MAX_HEADER_BYTES, Connection


class Hasty(Connection):
    header_timeout_seconds = 0.2


async def hello(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(hello, http=Hasty, ws="none", lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def talk(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_headers_without_end_are_cut_off(port: int) -> None:
    answer = await talk(port, b"GET / HTTP/1.1\r\nx: " + b"x" * (16 * MAX_HEADER_BYTES))
    assert answer == b"" or b" 431 " in answer


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n"])
async def test_headers_that_do_not_end_in_time_are_not_waited_for(port: int, said: bytes) -> None:
    assert await talk(port, said) == b""


async def test_two_requests_on_one_connection_are_answered(port: int) -> None:
    one = b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 40_000 + b"\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert (await talk(port, one + one + last)).count(b"200 OK") == 3


async def test_a_large_body_is_no_large_header(port: int) -> None:
    body = b"x" * 4 * MAX_HEADER_BYTES
    said = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await talk(port, said + body)).startswith(b"HTTP/1.1 200")
