"""The protocol as its authors test it: our door with their fixtures behind it, and the product."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import opened
from tests.mcp.agents import serving
from tests.mcp.outsiders import HERE, installed, suite
from tests.rest.clients import ALICES_TEAM, tokens
from tocsin.gateway import Door
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.mcp import Mcp
from tocsin.registry import Catalogue
from tocsin.storage import MemoryBus

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.filterwarnings("ignore:The .* capability is deprecated"),  # the suite asks for it all the same
]

REVISIONS = ("2026-07-28", "2025-11-25")


def _with_token(app: Any, token: str) -> Any:
    """The suite shows no token, and ours lets in nobody without one."""

    async def showing(scope: Any, receive: Any, send: Any) -> None:
        if all(name != b"authorization" for name, _ in scope["headers"]):
            scope["headers"] = [*scope["headers"], (b"authorization", f"Bearer {token}".encode())]
        await app(scope, receive, send)

    return showing


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, catalogue: Catalogue
) -> Iterator[tuple[str, str]]:
    """(the suite's fixtures behind our door, the product), each an address."""
    installed()
    from tests.mcp.fixture_server import fixture_server

    path = tmp_path_factory.mktemp("conformance") / "tocsin.db"
    shutil.copy(sqlite_template, path)
    clock = SystemClock()
    database = opened(f"sqlite:///{path}", clock, MemoryBus(), Vault("a key for tests alone, of enough characters"))
    token = asyncio.run(database.write(tokens))[ALICES_TEAM]
    door = Door(database, catalogue, clock)
    fixtures = Mcp(door, clock, message_url="http://127.0.0.1", load=lambda: fixture_server)
    product = Mcp(door, clock, message_url="http://127.0.0.1")
    with serving(_with_token(fixtures, token)) as one, serving(_with_token(product, token)) as other:
        yield f"{one}/mcp", f"{other}/mcp"
    database.close()


@pytest.mark.parametrize("revision", REVISIONS)
async def test_all_that_a_revision_requires_is_met_behind_our_door(servers: tuple[str, str], revision: str) -> None:
    run = await suite("server", "--url", servers[0], "--requirements", revision)
    assert run.code == 0, run.output[-6_000:]
    assert re.search(r"Total: \d\d+ passed", run.output), run.output[-6_000:]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_product_fails_only_where_the_suites_own_tools_are_missing(
    servers: tuple[str, str], revision: str
) -> None:
    """What passes although the list says that it fails is an error too: the list only ever gets shorter."""
    known = str(HERE / f"expected-{revision}.yml")
    run = await suite("server", "--url", servers[1], "--requirements", revision, "--expected-failures", known)
    assert run.code == 0, run.output[-6_000:]
