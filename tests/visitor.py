"""The browser of somebody who is signed in to the console, for stories that are told in a world."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.world import World


class Visitor:
    """The browser of a person who is signed in to the console; it follows no redirect."""

    def __init__(self, world: World, secret: str) -> None:
        self._world = world
        self._cookie = f"tocsin_session={secret}"

    async def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return await self._world.browse("GET", path, cookie=self._cookie)

    async def post(self, path: str, *, csrf: str | None = None, **fields: Any) -> httpx.Response:
        """Send a form as a page of theirs would: with what proves that it is ours, unless `csrf` is another. Then the
        workers do what follows."""
        if csrf is None:
            csrf = form_token(await self.get("/"))
        sent = await self._world.browse("POST", path, cookie=self._cookie, data={"csrf": csrf, **fields})
        await self._world.settle()
        return sent


def form_token(page: httpx.Response) -> str:
    """What proves that a form of this page is ours: every page in the console's frame has one, even a failed one."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]
