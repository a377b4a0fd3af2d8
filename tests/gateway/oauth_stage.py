"""A stage for OAuth: a program, a person's browser, and Tocsin between them, over HTTP without a socket."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from sqlalchemy import select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents.actions import authenticate
from tocsin.console import console_app
from tocsin.gateway import Door
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.oauth import Authority, Documents, TokenDesk
from tocsin.incidents import api as incidents
from tocsin.kernel.net import Net
from tocsin.kernel.vault import Vault
from tocsin.monitors.api import OPERATIONS as MONITORS
from tocsin.registry import Catalogue
from tocsin.rest.oauth import OAuthEndpoints
from tocsin.runtime.references import REFERENCES
from tocsin.runtime.wiring import people_operations
from tocsin.status_pages.api import OPERATIONS as STATUS_PAGES
from tocsin.storage import Database, Tx

BASE_URL = "http://tocsin.test"
RESOURCE = f"{BASE_URL}/mcp"
CALLBACK = "http://127.0.0.1:3000/callback"
ELSEWHERE = "https://app.example/callback"
PASSWORD = "correct horse battery staple"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
OFF = object()
"""In place of a parameter: it is left out."""


class Stage:
    """Alice and Bob are the team Ops, Charlie is Other; `browser` keeps cookies, `program` has none."""

    def __init__(self, database: Database, clock: FakeClock, vault: Vault, net: Net, base_url: str = BASE_URL) -> None:
        self.database = database
        self.clock = clock
        catalogue = Catalogue([*MONITORS, *incidents.operations(REFERENCES), *STATUS_PAGES, *people_operations()])
        door = self.door = Door(database, catalogue, clock)
        self.documents = Documents(net, clock)
        self.authority = Authority(database, door, clock, vault, self.documents, base_url)
        console = console_app(database, door, clock, base_url, authority=self.authority)
        endpoints = OAuthEndpoints(TokenDesk(database, clock, base_url))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await (endpoints if endpoints.takes(scope["path"]) else console)(scope, receive, send)

        self.app = app
        self.browser = self.client()
        self.program = self.client()

    def client(self, address: str = "192.0.2.7", base_url: str = BASE_URL) -> httpx.AsyncClient:
        """Somebody else, at this address."""
        transport = httpx.ASGITransport(self.app, client=(address, 5000))
        return httpx.AsyncClient(transport=transport, base_url=base_url)

    async def people(self) -> None:
        """Found the teams."""

        def found(tx: Tx) -> None:
            ops, other = accounts.ensure_team(tx, "Ops"), accounts.ensure_team(tx, "Other")
            for team, name in ((ops, "Alice Archer"), (ops, "Bob Builder"), (other, "Charlie Chan")):
                address = f"{name.split()[0].lower()}@example.com"
                password = None if team is other else PASSWORD  # a hash takes its time, on purpose
                user = accounts.create_user(tx, email=address, name=name, password=password)
                accounts.join(tx, team.id, user.id, Role.ADMIN)

        await self.database.write(found)

    async def register(self, **metadata: Any) -> dict[str, Any]:
        """Introduce a program."""
        sent = {
            "client_name": "Claude",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        answer = await self.program.post("/oauth/register", json=sent | metadata)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    @staticmethod
    def question(client: dict[str, Any], **changes: Any) -> str:
        """The address to which a program sends the browser."""
        asked: dict[str, Any] = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": client["redirect_uris"][0],
            "state": "s t/a+te",
            "scope": "read write",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": RESOURCE,
        } | changes
        kept = {name: value for name, value in asked.items() if value is not OFF}
        return f"/oauth/authorize?{urlencode(kept, doseq=True)}"

    async def ask(self, client: dict[str, Any], **changes: Any) -> httpx.Response:
        """Send the browser there."""
        return await self.browser.get(self.question(client, **changes))

    async def sign_in(
        self, page: httpx.Response, email: str = "alice@example.com", password: str = PASSWORD
    ) -> httpx.Response:
        """Fill in the first form."""
        fields = {"step": "sign in", "form": sealed(page), "email": email, "password": password}
        return await self.browser.post("/oauth/authorize", data=fields)

    async def choose(self, page: httpx.Response, answer: str = "yes", **choices: str) -> httpx.Response:
        """Fill in the second form: what is not said stays as it is proposed."""
        return await self.browser.post(
            "/oauth/authorize", data=fields(page) | {"form": sealed(page), "answer": answer} | choices
        )

    async def let_in(self, client: dict[str, Any], choices: dict[str, str] | None = None, **changes: Any) -> str:
        """All of it; returns the code."""
        page = await self.sign_in(await self.ask(client, **changes))
        assert page.status_code == 200, page.text
        answer = returned(await self.choose(page, **(choices or {})))
        return answer["code"]

    async def exchange(self, client: dict[str, Any], code: str, /, **changes: Any) -> httpx.Response:
        """The program fetches its tokens."""
        sent: dict[str, Any] = {
            "grant_type": "authorization_code",
            "client_id": client["client_id"],
            "code": code,
            "redirect_uri": client["redirect_uris"][0],
            "code_verifier": VERIFIER,
            "resource": RESOURCE,
        } | changes
        return await self.token(sent)

    async def token(self, sent: dict[str, Any], **options: Any) -> httpx.Response:
        """Ask at the token endpoint."""
        kept = {name: value for name, value in sent.items() if value is not OFF}
        return await self.program.post("/oauth/token", data=kept, **options)

    async def refresh(self, client: dict[str, Any], refresh_token: str, /, **changes: Any) -> httpx.Response:
        """The program fetches its next tokens."""
        sent = {"grant_type": "refresh_token", "client_id": client["client_id"], "refresh_token": refresh_token}
        return await self.token(sent | changes)

    async def lets_in(self, access_token: str) -> str | None:
        """The agent as which a token is recognised at the door."""
        found = await self.database.read(authenticate, access_token, None)
        return None if found is None else found[1].name

    async def log(self) -> list[str]:
        """The sentences of the audit log."""

        def read(tx: Tx) -> list[str]:
            return list(tx.execute(select(audit_entries.c.sentence).order_by(audit_entries.c.id)).scalars())

        return await self.database.read(read)


def sealed(page: httpx.Response) -> str:
    """What a page hands to the next."""
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


def fields(page: httpx.Response) -> dict[str, str]:
    """What stands in the second form."""
    found = {}
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)"[^>]*>(.*?)</select>', page.text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert chosen
        found[name] = chosen[1]
    hidden = re.search(r'name="team" value="(\d+)"', page.text)
    return found | ({"team": hidden[1]} if hidden else {})


def returned(answer: httpx.Response) -> dict[str, str]:
    """What the browser carries back to the program."""
    assert answer.status_code == 303, answer.text
    query = urlsplit(answer.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query).items()}
