"""A handful of little sites on one port that break in turns, each in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

TURN_SECONDS = 45.0
"""Every so often it is the next site's turn to break."""
BROKEN_SECONDS = 25.0
"""How long a site stays broken in its turn."""
SLOW_SECONDS = 4.0
"""Longer than the demo's monitors wait for an answer."""


@dataclass(frozen=True)
class Site:
    """One site: its path, its name, how it breaks, and what its page says when it is well."""

    path: str
    name: str
    breaks: str
    """`error`, `slow`, `keyword`, `reset` or `never`."""
    words: str = "Welcome"


SITES = (
    Site("/shop", "Shop", "error", "Add to basket"),
    Site("/checkout", "Checkout", "slow", "Pay now"),
    Site("/search", "Search", "keyword", "42 results"),
    Site("/api/health", "Public API", "reset", "ok"),
    Site("/blog", "Blog", "never", "Latest posts"),
    Site("/docs", "Documentation", "never", "Getting started"),
)
_FLAKY = [site for site in SITES if site.breaks != "never"]


class Street:
    """All the sites behind one port."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._began = 0.0
        self._broken: Site | None = None

    async def serve(self, port: int) -> None:
        """Answer until cancelled."""
        self._began = asyncio.get_running_loop().time()
        server = await asyncio.start_server(self._answer, "127.0.0.1", port)
        async with server:
            await asyncio.gather(server.serve_forever(), self._break_in_turns())

    async def _break_in_turns(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(TURN_SECONDS - BROKEN_SECONDS)
            self._broken = _FLAKY[turn % len(_FLAKY)]
            self._tell(f"{self._broken.name} breaks now ({self._broken.breaks})")
            await asyncio.sleep(BROKEN_SECONDS)
            self._tell(f"{self._broken.name} is well again")
            self._broken = None
            turn += 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode("latin-1").split("?")[0]
                await self._page(path, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass
        finally:
            writer.close()

    async def _page(self, path: str, writer: asyncio.StreamWriter) -> None:
        site = next((site for site in SITES if site.path == path), None)
        if site is None:
            return await _send(writer, 404, "There is no such site in this street.")
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "error": lambda: _send(writer, 503, "The database is having its lunch."),
            "slow": lambda: _after(SLOW_SECONDS, _send, writer, 200, site.words),
            "keyword": lambda: _send(writer, 200, "0 results. The index seems to be empty."),
            "reset": lambda: _reset(writer),
        }
        if site is self._broken:
            return await ways[site.breaks]()
        return await _send(writer, 200, site.words)


async def _send(writer: asyncio.StreamWriter, status: int, words: str) -> None:
    body = f"<!doctype html><title>Demo</title><p>{words}</p>\n".encode()
    reason = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}[status]
    writer.write(
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
        "Server: demo-street\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()


async def _after(seconds: float, send: Callable[..., Awaitable[None]], *args: object) -> None:
    await asyncio.sleep(seconds)
    await send(*args)


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
