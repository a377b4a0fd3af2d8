"""The whole product behind MCP and REST on one socket; Alice and Bob are in one team, Charlie is in another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest
from mcp.client.client import Client

from tests.mcp.agents import agent, serving
from tests.rest.clients import ALICES_TEAM, CHARLIES_TEAM, Clients, tokens
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.gateway import Door
from tocsin.mcp import Mcp
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database, Tx


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What a test has in its hand."""

    at: Clients
    """Everybody as REST clients."""
    url: str
    catalogue: Catalogue
    door: Door
    database: Database

    @property
    def alice(self) -> str:
        return self.at.tokens[ALICES_TEAM]

    @property
    def charlie(self) -> str:
        return self.at.tokens[CHARLIES_TEAM]

    def agent(
        self, token: str | None = None, mode: str = "2026-07-28", **headers: str
    ) -> AbstractAsyncContextManager[Client]:
        """Alice's agent, or whose token it is."""
        return agent(f"{self.url}/mcp", token or self.alice, mode, **headers)


def _people(tx: Tx) -> None:
    for team_name, email in (
        (ALICES_TEAM, "alice@tocsin.example"),
        (ALICES_TEAM, "bob@tocsin.example"),
        (CHARLIES_TEAM, "charlie@tocsin.example"),
    ):
        user = accounts.create_user(tx, email=email, name=email.partition("@")[0].title(), password=None)
        accounts.join(tx, accounts.ensure_team(tx, team_name).id, user.id, Role.ADMIN)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue(operations(load({}, {})))


@pytest.fixture
async def house(sqlite_database: Database, catalogue: Catalogue, clock: FakeClock) -> AsyncIterator[House]:
    await sqlite_database.write(_people)
    door = Door(sqlite_database, catalogue, clock)
    api = Api(door, catalogue, base_url="https://tocsin.example")
    secrets = await sqlite_database.write(tokens)
    mcp = Mcp(door, clock)
    with serving(mcp) as url:
        yield House(at=Clients(api, secrets), url=url, catalogue=catalogue, door=door, database=sqlite_database)
