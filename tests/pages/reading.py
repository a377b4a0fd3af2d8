"""The public pages over a real database, and somebody who reads them."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.status_pages.stage import Stage
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.gateway import Door
from tocsin.gateway.readers import is_member
from tocsin.kernel.vault import Vault
from tocsin.mcp.public import Telling
from tocsin.pages.app import Pages
from tocsin.pages.renewal import Renewal
from tocsin.pages.visiting import Visitors
from tocsin.registry import Catalogue
from tocsin.runtime.public import readers
from tocsin.status_pages import actions
from tocsin.status_pages.api.visitors import VISITOR_OPERATIONS
from tocsin.storage import Database

BASE_URL = "https://tocsin.example"
ACME = "/status/acme"


class Public(Stage):
    """Everything of a page, and the web before it. `mailed`: the sign-in links that members were sent."""

    def __init__(self, database: Database, clock: FakeClock, vault: Vault) -> None:
        super().__init__(database)
        self.clock = clock
        self.readings = 0
        self.broken = False
        self.mailed: list[str] = []
        known = readers(database)

        async def reading(page_id: int) -> Any:
            self.readings += 1
            if self.broken:
                raise ConnectionError("the database is gone")
            return await known.reading(page_id)

        self.door = Door(database, Catalogue(VISITOR_OPERATIONS), clock)
        self.pages = Pages(
            known.__class__(**{**{name: getattr(known, name) for name in known.__struct_fields__}, "reading": reading}),
            base_url=BASE_URL,
            clock=clock,
            vault=vault,
            trusted_proxies=["10.0.0.0/8"],
            visitors=Visitors(database, self.door, clock, BASE_URL),
            is_member=lambda team_id, user_id: is_member(database, team_id, user_id),
            mail_link=self._mail,
            telling=Telling,
        )
        self.renewal = Renewal(self.pages, clock)
        self.address = "192.0.2.1"

    async def _mail(self, team_id: int, email: str, page: str, link_of: Any) -> None:
        def member(tx: Any) -> int | None:
            user = accounts.user_by_email(tx, email)
            return user.id if user is not None and accounts.is_member(tx, team_id, user.id) else None

        user_id = await self.database.read(member)
        if user_id is not None:
            self.mailed.append("".join(link_of(user_id)))

    async def open(self, **attributes: Any) -> int:
        """Publish the page `acme`; returns its id."""
        page = await self.page(**attributes)
        await self.ring()
        return page

    async def change(self, page_id: int, **attributes: Any) -> None:
        await self.database.write(actions.update_page, page_id, None, attributes, BASE_URL)
        await self.ring()

    async def ring(self) -> None:
        """Something happened, and readers come a second later."""
        await self.renewal.run_once()
        self.clock.wind(seconds=1.5)
        await self.renewal.run_once()

    async def ask(
        self, path: str, method: str = "GET", host: str = "tocsin.example", client: httpx.AsyncClient | None = None,
        **more: Any,
    ) -> httpx.Response:  # fmt: skip
        """One request; `client` keeps cookies."""
        if client is not None:
            return await client.request(method, f"https://{host}{path}", **more)
        async with self.browser() as browser:
            return await browser.request(method, f"https://{host}{path}", **more)

    def browser(self) -> httpx.AsyncClient:
        """Somebody who reads, with cookies of their own."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._app, client=(self.address, 5000)))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if self.pages.takes(scope):
            await self.pages(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"the rest of Tocsin"})


def token_in(text: str) -> str:
    """The form's token, as a browser would send it back."""
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    return found[1]
