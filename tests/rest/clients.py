"""Who calls the API in tests: Alice's team, Charlie's team, a global token, a stranger and nobody."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from tocsin.accounts import actions as accounts
from tocsin.gateway import Door
from tocsin.kernel.clock import SystemClock
from tocsin.registry import Catalogue, Operation
from tocsin.rest.app import Api
from tocsin.storage import Database, Tx

BASE = "https://tocsin.example"
ALICES_TEAM = "Alice's team"
CHARLIES_TEAM = "Charlie's team"


class Clients:
    """One HTTP client for each, all speaking to the same API in this process."""

    def __init__(self, api: Api, tokens: dict[str, str]) -> None:
        def client(token: str | None) -> httpx.AsyncClient:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url=BASE, headers=headers)  # type: ignore[arg-type]

        self.api = api
        self.tokens = tokens
        self.alice = client(tokens[ALICES_TEAM])
        self.charlie = client(tokens[CHARLIES_TEAM])
        self.everyone = client(tokens["global"])
        self.nobody = client(None)
        self.stranger = client("not-a-token")


async def clients(database: Database, operations: Iterable[Operation], base_url: str | None = None) -> Clients:
    """The callers, with teams and tokens made for them, of an API over `operations`."""
    catalogue = Catalogue(operations)
    api = Api(Door(database, catalogue, SystemClock()), catalogue, base_url=base_url)
    return Clients(api, await database.write(tokens))


def tokens(tx: Tx) -> dict[str, str]:
    """A team with a person and a token for Alice and for Charlie, and a global token, by name."""
    found = {"global": accounts.create_token(tx, team_id=None, name="global")}
    for name in (ALICES_TEAM, CHARLIES_TEAM):
        found[name] = accounts.create_token(tx, team_id=accounts.ensure_team(tx, name).id, name=name)
    return found
