"""An outage as the public sees it: on the page, in feeds and badges, from its first minute to its last."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from tests.world import BASE_URL, World
from tocsin.accounts import actions as accounts
from tocsin.gateway.readers import mail_link
from tocsin.kernel.vault import Vault
from tocsin.pages.app import Pages
from tocsin.pages.renewal import Renewal
from tocsin.runtime.public import readers
from tocsin.storage import Tx

pytestmark = pytest.mark.slow


class Reader:
    """Somebody outside who looks at the page now and then."""

    def __init__(self, world: World) -> None:
        self._pages = Pages(readers(world.database), base_url=BASE_URL, clock=world.clock, vault=Vault("x" * 32))
        self._renewal = Renewal(self._pages, world.clock)
        self._world = world

    async def sees(self, path: str = "") -> str:
        await self._world.fast_forward(seconds=2)
        await self._renewal.run_once()

        async def app(scope, receive, send):  # type: ignore[no-untyped-def]
            assert self._pages.takes(scope)
            await self._pages(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
            answer = await client.get(f"/status/acme{path}")
        assert answer.status_code == 200, answer.text
        return answer.text


async def test_the_public_follows_an_outage_from_its_first_minute_to_its_last(world: World) -> None:
    monitor = await world.monitor("shop", name="shop-7.internal")
    body = {"company_name": "Acme", "subdomain": "acme", "timezone": "UTC", "automatic_reports": True}
    page = (await world.api("POST", "/v2/status-pages", body)).json()["data"]["id"]
    resource = {"resource_id": monitor, "resource_type": "Monitor", "public_name": "Our shop"}
    made = await world.api("POST", f"/v2/status-pages/{page}/resources", resource)
    assert made.status_code == 201, made.text
    await world.fast_forward(seconds=35)
    reader = Reader(world)
    assert "All systems operational" in await reader.sees()
    world.site("shop").down()
    await world.fast_forward(seconds=40)
    home = await reader.sees()
    assert "Our shop" in home
    assert "All systems operational" not in home
    assert "shop-7.internal" not in home, "our own names are nobody's business"
    assert "status: down" in await reader.sees("/badge.svg")
    await world.fast_forward(minutes=2)  # what is over at once is not reported
    feed = await reader.sees("/feed.rss")
    assert feed.count("<item>") == 1
    assert "[Down]" in feed
    world.site("shop").up()
    await world.fast_forward(minutes=5)
    assert "All systems operational" in await reader.sees()
    assert "[Resolved]" in await reader.sees("/feed.rss")
    assert '"indicator":"none"' in await reader.sees("/api/v2/status.json")


async def test_only_a_member_of_its_team_is_mailed_a_link_to_a_private_page(world: World) -> None:
    def team(tx: Tx) -> int:
        return accounts.ensure_team(tx, "Ops").id

    ops = await world.database.read(team)
    for email in ("Alice@example.com", "charlie@example.com", "nobody@example.com", "x" * 400):
        await mail_link(world.database, ops, email, "Acme {secret}", lambda id: (f"{BASE_URL}/unlock/", f"{id}.s3cret"))
    await world.settle()
    (mail,) = world.mail_to("alice@example.com")
    assert len(world.mails()) == 1
    assert f"{BASE_URL}/unlock/" in mail.text
    assert ".s3cret" in mail.text
    rows = await world.database.read(lambda tx: str(tx.execute(text("SELECT * FROM deliveries")).all()))
    assert "s3cret" not in rows, "no table shows it"
