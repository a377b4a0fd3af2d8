"""How what agents say reaches whoever answers it: the official kit over HTTP, from its start to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

from mcp.server.lowlevel import Server as Kit
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

STOP_SECONDS = 2.0

logging.getLogger("mcp").setLevel(logging.WARNING)  # it tells of every request, and ours are counted already


class Transport:
    """Both revisions on one address; `open` and `close` belong to one event loop.

    `streams`: keep sessions and say things before the answer, e.g. progress. Ours never does: what holds no state can
    be answered by any process.
    """

    def __init__(self, kit: Kit[Any], *, streams: bool = False) -> None:
        self._sessions = StreamableHTTPSessionManager(kit, json_response=not streams, stateless=not streams)
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Be ready for requests."""
        ready = asyncio.Event()
        self._running = asyncio.create_task(self._run(ready))
        await ready.wait()

    async def close(self) -> None:
        """End what is still being answered."""
        self._stopping.set()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=STOP_SECONDS)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await self._sessions.handle_request(scope, receive, send)

    async def _run(self, ready: asyncio.Event) -> None:
        """In a task of its own, since what is entered here must be left by the same task."""
        async with self._sessions.run():
            ready.set()
            await self._stopping.wait()
