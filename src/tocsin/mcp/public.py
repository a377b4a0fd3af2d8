"""The Model Context Protocol for the agents of everybody: a few tools that tell, asked without any credential."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types as wire
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server as Kit
from mcp.shared.exceptions import MCPError

from tocsin import __version__
from tocsin.mcp.app import Headers, understood
from tocsin.mcp.transport import Transport

KEY = "tocsin.telling"
"""Where in the ASGI scope stands what tells."""
TTL_MS = 5_000
"""How long clients may keep which tools there are; the pages' own answers are kept as long."""

Tell = Callable[[str], Awaitable[bytes]]
"""Gives the answer of a tool: `{"structured": …, "text": …}` as JSON."""
Said = tuple[int, Headers, bytes]

Context = ServerRequestContext[Any, Any]


class Telling:
    """Tools by name, each without an argument. Belongs to one event loop; opened by the first who asks."""

    def __init__(self, tools: Mapping[str, str]) -> None:
        """`tools`: what each tells, by its name."""
        self._tools = [_tool(name, words) for name, words in tools.items()]
        self._names = frozenset(tools)
        kit: Kit[Any] = Kit("tocsin-status-page", version=__version__, get_tool_input_schema=lambda name: None)
        kit.middleware = []  # requests are traced by nobody
        kit.add_request_handler("tools/list", wire.PaginatedRequestParams, self._list)
        kit.add_request_handler("tools/call", wire.CallToolRequestParams, self._call)
        self._transport = Transport(kit)
        self._opening = asyncio.Lock()
        self._open = False

    async def answer(self, scope: Mapping[str, Any], body: bytes, tell: Tell) -> Said:
        """Status, headers and body of what is said to a POST."""
        async with self._opening:
            if not self._open:
                await self._transport.open()
                self._open = True
        said: list[Any] = [500, []]
        parts: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                said[:] = message["status"], message["headers"]
            else:
                parts.append(message.get("body", b""))

        asked = {**scope, KEY: tell, "headers": understood(scope["headers"])}
        await self._transport(asked, receive, send)
        return said[0], said[1], b"".join(parts)

    async def close(self) -> None:
        """Let go of what is still being answered."""
        if self._open:
            await self._transport.close()

    async def _list(self, ctx: Context, params: wire.PaginatedRequestParams) -> dict[str, Any]:
        if params.cursor is not None:
            raise MCPError(code=wire.INVALID_PARAMS, message="The list comes whole, without a cursor.")
        return {"tools": self._tools, "ttlMs": TTL_MS, "cacheScope": "public", "resultType": "complete"}

    async def _call(self, ctx: Context, params: wire.CallToolRequestParams) -> dict[str, Any]:
        if params.name not in self._names:
            words = f"There is no tool {params.name[:128]!r}: there are {', '.join(sorted(self._names))}."
            raise MCPError(code=wire.INVALID_PARAMS, message=words)
        if params.arguments:
            raise MCPError(code=wire.INVALID_PARAMS, message=f"{params.name} takes no arguments.")
        assert ctx.request is not None
        told = msgspec.json.decode(await ctx.request.scope[KEY](params.name))
        content = [{"type": "text", "text": told["text"]}]
        return {
            "content": content,
            "structuredContent": told["structured"],
            "isError": False,
            "resultType": "complete",
        }


def _tool(name: str, words: str) -> dict[str, Any]:
    hints = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
    return {
        "name": name,
        "title": name.capitalize(),
        "description": words,
        "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
        "outputSchema": {"type": "object"},
        "annotations": hints,
    }
