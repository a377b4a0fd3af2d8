"""Two real Tocsins with real HTTP between them, and servers behind the door that behave badly."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import select

from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.door import Door
from tocsin.kernel.clock import SystemClock
from tocsin.proxy import Directory, Place
from tocsin.proxy.http_upstream import Timeouts
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database, Tx

QUICK = Timeouts(connect_seconds=1, total_seconds=1.5, room_seconds=1)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """The application on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False)
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


class Behind:
    """A real Tocsin that plays Better Stack, and all that it was asked."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """(method, path and query as bytes came, headers by name)."""
        self.bodies: list[bytes] = []
        catalogue = Catalogue(operations(load({}, {})))
        self._api = Api(Door(database, catalogue, SystemClock()), catalogue)
        self.token = ""

    async def people(self) -> None:
        def work(tx: Tx) -> str:
            team = accounts.ensure_team(tx, "Production")
            user = accounts.create_user(tx, email="pat@example.com", name="Pat", password=None)
            accounts.join(tx, team.id, user.id)
            return accounts.create_token(tx, team_id=team.id, name="For the gateway")

        self.token = await self.database.write(work)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        self.asked.append(
            (scope["method"], target, {name.decode(): value.decode() for name, value in scope["headers"]})
        )
        body = bytearray()

        async def heard() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        await self._api(scope, heard, send)
        self.bodies.append(bytes(body))

    async def api(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """As whoever works there: not through the door."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._api), base_url="http://behind") as client:
            return await client.request(
                method, f"/api{path}", json=json, headers={"Authorization": f"Bearer {self.token}"}
            )


class Stage:
    """A front with people and an agent, and whatever stands behind."""

    def __init__(self, world: World, token_file: Path) -> None:
        self.world = world
        self.token_file = token_file
        self.port = 0

    async def stand_before(self, url: str, token: str, timeouts: Timeouts = QUICK) -> None:
        """From now on this is behind the door."""
        await self.close()
        self.write_token(token)
        directory = Directory(Place(url, self.token_file), {}, lambda: "", timeouts)
        self.world.upstreams = directory
        self.world.crash()

    def write_token(self, token: str) -> None:
        descriptor = os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, f"{token}\n".encode())
        os.close(descriptor)

    async def hired(self, **more: Any) -> str:
        """An agent that reads incidents and monitors, acknowledges, must ask to page; its id."""
        body = {
            "name": "Triage-bot",
            "owner_email": "alice@example.com",
            "levels": {"incidents": "read", "monitors": "read"},
            "switches": {"acknowledge": "on", "page": "ask"},
            **more,
        }
        made = await self.world.api("POST", "/v2/agents", body)
        assert made.status_code == 201, made.text
        token = await self.world.api("POST", f"/v2/agents/{made.json()['data']['id']}/tokens", {})
        self.world.tokens["bot"] = token.json()["token"]
        return str(made.json()["data"]["id"])

    async def bot(self, method: str, path: str, json: Any = None) -> httpx.Response:
        return await self.world.api(method, path, json, "bot")

    async def log(self) -> list[tuple[str, str, str]]:
        """(operation, outcome, reason) of what agents did, oldest first."""

        def read(tx: Tx) -> list[tuple[str, str, str]]:
            column = audit_entries.c
            rows = tx.execute(
                select(column.operation, column.outcome, column.reason)
                .where(column.actor_kind == "agent")
                .order_by(column.id)
            )
            return [(row.operation, row.outcome, row.reason) for row in rows]

        await self.world.database.write(lambda tx: None)  # behind what is still being written
        return await self.world.database.read(read)

    async def close(self) -> None:
        if self.world.upstreams is not None:
            await self.world.upstreams.close()


Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def odd(answering: Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each request with whatever `answering` writes: its address, and the requests it had."""
    had: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                ),
                0,
            )
            had.append(head + await reader.readexactly(length))
            await answering(had[-1], writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}", had
    finally:
        server.close()


def answer(status: int, body: bytes, content_type: str = "application/json", more: str = "") -> Answering:
    """A plain answer."""

    async def write(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode()
            + body
        )

    return write


async def raw(port: int, request: bytes) -> tuple[int, bytes]:
    """Exactly these bytes; the status and all that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    try:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split(b" ")[1]), head
