"""A status page for AI agents: at `/mcp` below its address, to whoever may read the page, without a credential."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from tocsin.kernel.answers import JSON, Answer
from tocsin.kernel.clock import Clock
from tocsin.pages import headers
from tocsin.pages.asking import Asking, HeaderList, Receive, plain
from tocsin.pages.cache import Cache, Reading
from tocsin.pages.forms import whole
from tocsin.pages.outputs.agent_tools import TOOLS, draw
from tocsin.pages.slots import Slots
from tocsin.status_pages.model.views import Site

MAX_WAITING = 50
"""Questions that wait for their turn: speaking the protocol costs more than giving out a page that is drawn already."""
_ALLOWED: headers.Lines = (("allow", "POST, OPTIONS"),)
_PREFLIGHT: headers.Lines = (
    ("access-control-allow-methods", "POST, OPTIONS"),
    ("access-control-allow-headers", "content-type, accept, mcp-protocol-version, mcp-method, mcp-name"),
    ("access-control-max-age", "600"),
)

Tell = Callable[[str], Awaitable[bytes]]


class Telling(Protocol):
    """Speaks the protocol; what there is to tell comes from the page."""

    async def answer(self, scope: Mapping[str, Any], body: bytes, tell: Tell) -> tuple[int, HeaderList, bytes]: ...
    async def close(self) -> None: ...


class Agents:
    """What of a page stands at `/mcp`. Belongs to one event loop."""

    def __init__(self, cache: Cache, clock: Clock, load: Callable[[Mapping[str, str]], Telling] | None) -> None:
        """`load` brings whoever speaks the protocol, when the first agent comes; None = nobody does."""
        self._cache = cache
        self._slots = Slots(clock, waiting=MAX_WAITING)
        self._load = load
        self._telling: Telling | None = None

    async def answer(self, asking: Asking, site: Site, root: str, receive: Receive) -> Answer:
        """What is said to a reader who may read the page. Raises what reading a body and a page raises, and Busy."""
        lines = () if site.gate.closed else headers.ANY_ORIGIN
        if asking.method == "OPTIONS":
            return plain(204, "", *_ALLOWED, *lines, *(_PREFLIGHT if lines else ()))
        if asking.method != "POST" or self._load is None:
            return plain(405, "Here agents ask this page by POST, in the Model Context Protocol.", *_ALLOWED, *lines)
        body = await whole(receive)
        if self._telling is None:
            self._telling = self._load(TOOLS)
        telling = self._telling

        async def tell(tool: str) -> bytes:
            return await self._told(site, root, tool)

        status, said, text = await self._slots.run(lambda: telling.answer(asking.scope, body, tell))
        media_type = next((value.decode() for name, value in said if name == b"content-type"), JSON)
        more = (("cache-control", headers.CLOSED_PAGES), *headers.ALWAYS, *headers.UNINDEXED, *lines)
        return Answer(body=text, media_type=media_type, status=status, headers=more)

    async def close(self) -> None:
        if self._telling is not None:
            await self._telling.close()

    async def _told(self, site: Site, root: str, tool: str) -> bytes:
        """Drawn once for all who ask, until the page changes."""

        async def make(reading: Reading) -> Callable[[], Answer]:
            def drawn() -> Answer:
                structured, text = draw(reading.view, root, tool)
                return Answer(body=msgspec.json.encode({"structured": structured, "text": text}), media_type=JSON)

            return drawn

        kept = await self._cache.get(site, (site.id, "mcp", tool, ""), make)
        return kept.packed.plain.body
