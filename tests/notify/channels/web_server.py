"""A small HTTP server on loopback, of which the chats of these tests are made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

Headers = dict[str, str]
Answer = tuple[int, Any, Headers]
"""(status, JSON or bytes, further headers)."""


class WebServer:
    """Answers what `respond` says; remembers how often it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.requests = 0
        self.answers: list[Answer] = []
        """With which the next requests are answered before anything is taken."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        """One request; header names are in lower case."""
        raise NotImplementedError

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request at a time."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = (line.partition(":") for line in head[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in fields}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = head[0].split(" ")
                parts = urlsplit(target)
                self.requests += 1
                if self.answers:
                    status, answer, more = self.answers.pop(0)
                else:
                    status, answer, more = await self.respond(method, parts.path, parts.query, headers, body)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(content)}"]
                lines += [f"{name}: {value}" for name, value in more.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


S = TypeVar("S", bound=WebServer)


@asynccontextmanager
async def running(server: S) -> AsyncIterator[S]:
    """Run it while the block lasts."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
