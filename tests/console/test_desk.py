"""What a page wants at once is found in one look; each answer, and each error, comes to the one who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request as WebRequest
from starlette.responses import Response

from tests.world import BASE_URL, World
from tocsin.accounts import actions as accounts
from tocsin.console.desk import Desk
from tocsin.gateway import Door
from tocsin.gateway.request import Reply, Request
from tocsin.gateway.signing_in.sessions import Sessions
from tocsin.kernel.errors import NotFound
from tocsin.storage import Tx

pytestmark = pytest.mark.slow


class Watched(Door):
    """Notes how many calls came with each look."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.looks: list[int] = []

    async def call(self, request: Request) -> Reply:
        self.looks.append(1)
        return await super().call(request)

    async def several(self, requests: Sequence[Request]) -> list[Reply | Exception]:
        self.looks.append(len(requests))
        return await super().several(requests)


def undrawn(template: str, **values: Any) -> Response:
    raise AssertionError("no page is drawn here")


async def desk_of(world: World, door: Door) -> Desk:
    def begin(tx: Tx) -> str:
        user = accounts.user_by_email(tx, "alice@example.com")
        assert user is not None
        return accounts.start_session(tx, user.id, means="password")

    secret = await world.database.write(begin)
    present = await Sessions(world.database, world.clock).open(secret, None, None)
    assert present is not None
    request = WebRequest({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""})
    return Desk(request, present, door, BASE_URL, undrawn, {}, world.clock.now())


async def test_what_is_wanted_at_once_is_found_in_one_look(world: World) -> None:
    shop = await world.monitor("shop", name="Shop")
    door = Watched(world.database, world.door.catalogue, world.clock)
    desk = await desk_of(world, door)
    (one, missing), counts, found = await asyncio.gather(
        asyncio.gather(
            desk.one("monitors.get", id=shop), desk.one("monitors.get", id=shop + 99), return_exceptions=True
        ),
        desk.flat("heartbeats.counts"),
        desk.many("monitors.list"),
    )
    assert not isinstance(one, BaseException)
    assert one["pronounceable_name"] == "Shop"
    assert isinstance(missing, NotFound)
    assert [each["id"] for each in found.items] == [str(shop)]
    assert set(counts.values()) == {0}
    assert door.looks == [4]


async def test_what_is_wanted_later_is_looked_for_later(world: World) -> None:
    door = Watched(world.database, world.door.catalogue, world.clock)
    desk = await desk_of(world, door)
    made = await desk.one("heartbeat_groups.create", name="Backups")
    found = await desk.one("heartbeat_groups.get", id=made["id"])
    assert found["name"] == "Backups"
    assert door.looks == [1, 1]


async def test_what_nobody_waits_for_any_more_disturbs_nobody(world: World) -> None:
    door = Watched(world.database, world.door.catalogue, world.clock)
    desk = await desk_of(world, door)
    left = asyncio.create_task(desk.many("monitors.list"))
    stays = asyncio.create_task(desk.many("heartbeats.list"))
    await asyncio.sleep(0)
    left.cancel()
    assert (await stays).total == 0
    with pytest.raises(asyncio.CancelledError):
        await left
