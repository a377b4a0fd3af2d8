"""Agents as they come: the official client over real HTTP, in either revision, and bare requests."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import httpx2
import uvicorn
import uvloop
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

MODES = ("legacy", "2026-07-28")
"""`legacy` shakes hands as 2025-11-25 does; the other speaks the newer revision from the first word."""
START_SECONDS = 30.0
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The application on a real socket on loopback, e.g. `http://127.0.0.1:43121`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: uvloop.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(START_SECONDS)


@asynccontextmanager
async def agent(url: str, token: str, mode: str = "2026-07-28", **headers: str) -> AsyncIterator[Client]:
    """The official client, connected; header names with underscores for hyphens."""
    sent = {"authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with (
        httpx2.AsyncClient(headers=sent, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


async def post(url: str, method: str, params: dict[str, Any] | None = None, **headers: str | None) -> httpx.Response:
    """One bare request of the newer revision; a header that is None is not sent."""
    params = {"_meta": ENVELOPE, **(params or {})}
    sent: dict[str, str | None] = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": params["name"]} if "name" in params else {}),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with httpx.AsyncClient(timeout=30) as http:
        kept = {name: value for name, value in sent.items() if value is not None}
        return await http.post(url, json=body, headers=kept)
