"""The official MCP client for Python finds the way in by itself, and is let in by a person at the consent page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from mcp import ClientSession
from tests.cli.program import Server
from tests.gateway.oauth_stage import fields, sealed

pytestmark = pytest.mark.slow
CALLBACK = "http://127.0.0.1:3030/callback"


class Memory:
    """Where the client keeps its tokens."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Person:
    """Who sits before the browser, and presses Allow."""

    def __init__(self, server: Server) -> None:
        email = re.search(r"\S+@\S+", server.output)
        password = re.search(r"Password\W+(\S+)", server.output)
        assert email
        assert password
        self._who = {"email": email[0], "password": password[1]}
        self._answer: dict[str, str] = {}
        self.iss: str | None = None
        """What an attacker puts in the place of our name."""
        self.asked: list[str] = []

    async def opens(self, address: str) -> None:
        self.asked.append(address)
        parts = urlsplit(address)
        async with httpx.AsyncClient(base_url=f"{parts.scheme}://{parts.netloc}") as browser:
            page = await browser.get(f"{parts.path}?{parts.query}")
            sent = {"step": "sign in", "form": sealed(page), **self._who}
            page = await browser.post("/oauth/authorize", data=sent)
            sent = fields(page) | {"form": sealed(page), "answer": "yes"}
            done = await browser.post("/oauth/authorize", data=sent)
        assert done.status_code == 303, done.text
        query = parse_qs(urlsplit(done.headers["location"]).query)
        self._answer = {name: values[0] for name, values in query.items()}

    async def comes_back(self) -> AuthorizationCodeResult:
        answer = self._answer
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=self.iss or answer.get("iss"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as started:
        yield started


def client(server: Server, person: Person, memory: Memory, **metadata: str) -> httpx2.AsyncClient:
    """A program that uses the official client; its first call is refused, and so it asks to be let in."""
    base = f"http://127.0.0.1:{server.port}"
    provider = OAuthClientProvider(
        server_url=f"{base}/mcp",
        client_metadata=OAuthClientMetadata(
            client_name="Official client",
            redirect_uris=[AnyUrl(CALLBACK)],
            **metadata,  # type: ignore[arg-type]
        ),
        storage=memory,
        redirect_handler=person.opens,
        callback_handler=person.comes_back,
    )
    return httpx2.AsyncClient(base_url=base, auth=provider, timeout=60)


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
async def test_the_official_client_is_let_in_and_refreshes(server: Server, method: str) -> None:
    person, memory = Person(server), Memory()
    async with client(server, person, memory, token_endpoint_auth_method=method) as program:
        answer = await program.get("/api/v2/whoami")
        assert answer.status_code == 200, answer.text
        assert "Official client" in answer.text
        assert memory.tokens is not None
        assert memory.tokens.scope == "read"
        first = memory.tokens
        async with (
            streamable_http_client(f"http://127.0.0.1:{server.port}/mcp", http_client=program) as (receive, send),
            ClientSession(receive, send) as session,
        ):
            await session.initialize()
            names = {tool.name for tool in (await session.list_tools()).tools}
        assert {"monitors", "incident", "whoami"} <= names
        assert "delete_monitor" not in names
        provider = program.auth
        assert isinstance(provider, OAuthClientProvider)
        provider.context.token_expiry_time = 1.0
        assert (await program.get("/api/v2/whoami")).status_code == 200
        assert memory.tokens.refresh_token not in (None, first.refresh_token)
        assert memory.tokens.access_token != first.access_token
    assert len(person.asked) == 1, "the person is not asked again"
    assert "resource=" in person.asked[0]
    assert memory.client is not None
    assert bool(memory.client.client_secret) == (method != "none")


async def test_the_official_client_notices_a_mix_up(server: Server) -> None:
    person, memory = Person(server), Memory()
    person.iss = "https://evil.example"
    async with client(server, person, memory, token_endpoint_auth_method="none") as program:
        with pytest.raises(OAuthFlowError, match="iss"):
            await program.get("/api/v2/whoami")
    assert memory.tokens is None
