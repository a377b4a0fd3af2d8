"""What a tool call costs: MCP through the door, in both revisions of the protocol, by a team's token and by an agent.

    python bench/tools.py [--seconds 4] [--rounds 3]

The server runs on core 0 in one process (uvicorn, uvloop, httptools; SQLite on disk), the client on core 1: eight raw
sockets, kept alive. Every call of an agent, reads too, is written down durably before it is answered. The reference is
the official kit alone: the same wire, a tool that answers at once, no token, door or record. CPU is the server's user
and system time per call. Nothing is asserted; the aim is 1,000 us.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from api import cpu_seconds, opened
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents import actions as agents
from tocsin.gateway import Door
from tocsin.kernel.clock import SystemClock
from tocsin.mcp import Mcp
from tocsin.monitors import actions as monitors
from tocsin.monitors import api as monitors_api
from tocsin.registry import Catalogue
from tocsin.runtime.memory import settle
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Tx
from tocsin.storage.migrate import migrate

CLIENTS = 8
REVISIONS = ("2026-07-28", "2025-11-25")
CASES = (
    ("monitor, a team's token", "team", "monitor", {"id": 1}),
    ("monitor, an agent", "agent", "monitor", {"id": 1}),
    ("monitors (50 of 1,000), a team's token", "team", "monitors", {}),
    ("the official kit alone", "", "nothing", {}),
)


def seed(folder: Path) -> dict[str, str]:
    """A thousand monitors of one team; returns the tokens of the team and of an agent."""

    def fill(tx: Tx) -> dict[str, str]:
        team = accounts.ensure_team(tx, "Bench")
        owner = accounts.create_user(tx, email="ann@example.com", name="Ann", password=None)
        accounts.join(tx, team.id, owner.id, Role.ADMIN)
        for number in range(1_000):
            attributes = {"url": f"https://{number}.example.com/health", "pronounceable_name": f"Service {number}"}
            monitors.create(tx, team.id, attributes, monitors_api.Limits(), "https://tocsin.example")
        wish = {"name": "Bench-bot", "levels": {"monitors": "read"}, "requests_per_minute": 1_000_000}
        agent = agents.create(tx, team.id, wish, granted_by="Ann", owner_id=owner.id)
        return {
            "team": accounts.create_token(tx, team_id=team.id, name="bench"),
            "agent": agents.issue_token(tx, agent)[1],
        }

    database = opened(folder)
    migrate(database)
    tokens = database.submit_write(fill).result()
    database.close()
    return tokens


def ours(folder: Path) -> Any:
    catalogue = Catalogue(operations(load({}, {})))
    return Mcp(Door(opened(folder), catalogue, SystemClock()), SystemClock())


def kit(folder: Path) -> Any:
    """The least that the official kit does for a call."""
    import mcp_types as wire
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    async def call(ctx: Any, params: Any) -> dict[str, Any]:
        answer = {"content": [{"type": "text", "text": "Done."}], "structuredContent": {"done": True}}
        return {**answer, "isError": False, "resultType": "complete"}

    server: Any = Server("bench", get_tool_input_schema=lambda name: None)
    server.middleware = []
    server.add_request_handler("tools/call", wire.CallToolRequestParams, call)
    sessions = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    running: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not running:
            running.append(sessions.run())
            await running[0].__aenter__()
        await sessions.handle_request(scope, receive, send)

    return app


def serve(make: Callable[[Path], Any], folder: Path, listener: socket.socket) -> None:
    """One process on core 0, until it is told to stop."""
    import uvicorn
    import uvloop

    os.sched_setaffinity(0, {0})
    application = make(folder)
    settle()
    config = uvicorn.Config(
        application, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False
    )
    uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


def request(revision: str, token: str, tool: str, arguments: dict[str, Any]) -> bytes:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    names = ""
    if revision == "2026-07-28":
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        names = f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {revision}\r\n{names}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def call(port: int, sent: bytes, seconds: float) -> int:
    """How many calls were answered within the time."""
    until = time.perf_counter() + seconds

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.perf_counter() < until:
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or b'"isError":true' in body:
                raise RuntimeError((head + body)[:800].decode())
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*(one() for _ in range(CLIENTS))))


def measure(make: Callable[[Path], Any], folder: Path, sent: bytes, seconds: float) -> tuple[float, float]:
    """(CPU in us per call, calls per second)"""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        process = multiprocessing.get_context("fork").Process(target=serve, args=(make, folder, listener), daemon=True)
        process.start()
        assert process.pid is not None
        try:
            asyncio.run(call(port, sent, 1.0))  # warm
            before, began = cpu_seconds(process.pid), time.perf_counter()
            count = asyncio.run(call(port, sent, seconds))
            elapsed, cpu = time.perf_counter() - began, cpu_seconds(process.pid) - before
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.join(10)
    return cpu / count * 1e6, count / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    table = Table(title=f"One tool call, {CLIENTS} connections")
    for heading in ("call", "revision", "CPU us", "calls/s"):
        table.add_column(heading, justify="right" if heading in ("CPU us", "calls/s") else "left")
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        tokens = seed(folder)
        for words, who, tool, arguments in CASES:
            for revision in REVISIONS:
                sent = request(revision, tokens.get(who, "none"), tool, arguments)
                make = ours if who else kit
                found = [measure(make, folder, sent, options.seconds) for _ in range(options.rounds)]
                cpu, rate = (median(column) for column in zip(*found, strict=True))
                table.add_row(words, revision, f"{cpu:,.0f}", f"{rate:,.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
