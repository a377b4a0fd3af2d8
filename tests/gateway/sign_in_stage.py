"""A stage for signing in: people with passwords, browsers that keep cookies, and the console between them."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
from sqlalchemy import select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.console import console_app
from tocsin.gateway import Door
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.signing_in import Settings, SigningIn
from tocsin.incidents import api as incidents
from tocsin.kernel import one_time
from tocsin.kernel.net import Net
from tocsin.registry import Catalogue
from tocsin.runtime.references import REFERENCES
from tocsin.runtime.wiring import people_operations
from tocsin.storage import Database, Tx

BASE_URL = "http://localhost:8080"
PASSWORD = "correct horse battery"
SECURITY = "/me/security"


class Stage:
    """Alice and Bob are the team Ops, Charlie is Other; Alice has a password."""

    def __init__(
        self, database: Database, clock: FakeClock, net: Net | None = None, sign_on: Settings | None = None,
        base_url: str = BASE_URL,
    ) -> None:  # fmt: skip
        self.database = database
        self.clock = clock
        self.base_url = base_url
        door = Door(database, Catalogue([*incidents.operations(REFERENCES), *people_operations()]), clock)
        self.signing_in = SigningIn(database, clock, base_url, net=net, sign_on=sign_on)
        self.app = console_app(database, door, clock, base_url, signing_in=self.signing_in)

    def browser(self, address: str = "192.0.2.7") -> httpx.AsyncClient:
        """Somebody's, with no cookies yet."""
        transport = httpx.ASGITransport(self.app, client=(address, 5000))
        headers = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        return httpx.AsyncClient(transport=transport, base_url=self.base_url, headers=headers)

    async def people(self) -> None:
        """Found the teams."""

        def found(tx: Tx) -> None:
            ops, other = accounts.ensure_team(tx, "Ops"), accounts.ensure_team(tx, "Other")
            for team, name in ((ops, "Alice Archer"), (ops, "Bob Builder"), (other, "Charlie Chan")):
                address = f"{name.split()[0].lower()}@example.com"
                user = accounts.create_user(
                    tx, email=address, name=name, password=PASSWORD if name.startswith("Alice") else None
                )
                accounts.join(tx, team.id, user.id)

        await self.database.write(found)

    async def sign_in(
        self, browser: httpx.AsyncClient, password: str = PASSWORD, email: str = "alice@example.com", **more: str
    ) -> httpx.Response:
        """Send the form."""
        return await browser.post("/sign-in", data={"email": email, "password": password, **more})

    async def deed(self, browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
        """Send a form of the security page."""
        page = await browser.get(SECURITY)
        return await browser.post(path, data={"csrf": token(page), **fields})

    async def set_up_codes(self, browser: httpx.AsyncClient) -> tuple[str, list[str]]:
        """Alice sets up an authenticator: (its secret, the recovery codes)."""
        assert (await self.deed(browser, f"{SECURITY}/codes")).status_code == 303
        found = re.search(r"<code>([A-Z2-7 ]{20,})</code>", (await browser.get(SECURITY)).text)
        assert found
        secret = found[1].replace(" ", "")
        shown = await self.deed(browser, f"{SECURITY}/codes/confirm", code=self.code(secret))
        assert shown.status_code == 200, shown.text
        codes = re.search(r"<pre[^>]*><code>([^<]+)</code>", shown.text)
        assert codes
        return secret, codes[1].split()

    def code(self, secret: str) -> str:
        """What an authenticator shows now."""
        return one_time.code_at(secret, one_time.step_of(self.clock.now()))

    async def user_id(self, name: str = "alice") -> int:
        user = await self.database.read(accounts.user_by_email, f"{name}@example.com")
        assert user is not None
        return user.id

    async def log(self) -> list[str]:
        """The sentences of the audit log."""
        chosen = select(audit_entries.c.sentence).order_by(audit_entries.c.id)
        return await self.database.read(lambda tx: list(tx.execute(chosen).scalars()))


def token(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def hidden(page: httpx.Response, name: str) -> str:
    """A hidden field of a form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


def is_in(answer: httpx.Response, there: str = "/") -> bool:
    """Whether that let somebody in."""
    gives: Any = [line for line in answer.headers.get_list("set-cookie") if line.startswith("tocsin_session=session_")]
    return bool(gives) and answer.status_code == 303 and answer.headers["location"] == there
