"""One cause, one page: a network that goes dark, told as stories."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.bell import Bell
from tests.notify.mailserver import mail_server
from tests.time import FakeClock
from tests.world import BASE_URL, World
from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Kind, Opening
from tocsin.storage import Database, Tx

MANY = int(os.environ.get("TOCSIN_FLOOD", "1000"))
"""Outages in one instant; ten thousand are the same, and take ten times as long."""


def downs(world: World) -> Counter[str]:
    """How many pages each person has got, by the beginning of the address."""
    pages = [mail for mail in world.mails() if mail.subject.startswith("[Tocsin] Down")]
    return Counter(mail.to.partition("@")[0] for mail in pages)


async def dark(world: World, number: int, **attributes: object) -> list[int]:
    """So many sites go dark together; returns the monitors."""
    monitors = [await world.monitor(f"site{n}", recovery_period=0, **attributes) for n in range(number)]
    await world.fast_forward(seconds=35)
    for n in range(number):
        world.site(f"site{n}").down()
    await world.fast_forward(seconds=35)
    return monitors


@pytest.mark.slow
async def test_forty_sites_that_fail_together_are_a_handful_of_mails(world: World) -> None:
    await dark(world, 40)
    assert downs(world) == {"alice": 5, "bob": 5}
    await world.fast_forward(seconds=40)
    incidents = await world.incidents()
    groups = {incident["attributes"]["incident_group_id"] for incident in incidents}
    assert len(incidents) == 40, "every outage is an incident of its own"
    assert len(groups) == 1
    assert None not in groups
    news = [mail for mail in world.mail_to("alice@example.com") if "39 more" in mail.subject]
    assert len(news) == 1
    assert "Also failing" in news[0].text
    assert "and 29 more" in news[0].text

    (cause,) = {incident["relationships"]["cause"]["data"]["id"] for incident in incidents[:-1]}
    assert "cause" not in incidents[-1]["relationships"]
    assert incidents[-1]["id"] == cause
    children = (await world.api("GET", f"/v3/incidents/{cause}/children?per_page=50")).json()
    assert len(children["data"]) == 39


@pytest.mark.slow
async def test_when_all_are_well_again_nobody_hears_of_the_silent_ones(world: World) -> None:
    await dark(world, 40)
    for n in range(40):
        world.site(f"site{n}").up()
    await world.fast_forward(minutes=5)
    assert {incident["attributes"]["status"] for incident in await world.incidents()} == {"Resolved"}
    assert downs(world) == {"alice": 5, "bob": 5}
    resolved = [mail for mail in world.mail_to("alice@example.com") if "Resolved" in mail.subject]
    assert len(resolved) == 5
    await world.fast_forward(minutes=30)
    assert await world.database.read(lambda tx: tx.connection.exec_driver_sql(
        "select count(*) from incident_groups where ended_at is null").scalar()) == 0  # fmt: skip


@pytest.mark.slow
async def test_one_that_stays_broken_when_the_others_recover_is_paged_about_after_all(world: World) -> None:
    await dark(world, 40)
    await world.fast_forward(seconds=60)
    before = downs(world)
    for n in range(39):
        world.site(f"site{n}").up()
    await world.fast_forward(minutes=3)
    open_ones = await world.incidents(resolved="false")
    assert len(open_ones) == 1
    assert downs(world) == {name: count + 1 for name, count in before.items()}
    assert "site39" in world.mail_to("alice@example.com")[-1].subject
    timeline = (await world.api("GET", f"/v3/incidents/{open_ones[0]['id']}/timeline")).json()["data"]
    titles = [item["attributes"]["data"]["title"] for item in timeline]
    assert "Part of another incident" in titles
    assert "Still failing" in titles


@pytest.fixture
async def postgres_world(postgres_database: Database, clock: FakeClock, bus: Bell) -> AsyncIterator[World]:
    async with mail_server() as mailbox:
        world = await World(postgres_database, clock, mailbox, bus).people()
        yield world
        await world.deliveries.close()


async def flood(world: World, number: int, kind: Kind) -> None:
    """So many outages in one instant, each in a transaction of its own, as many beside each other as there are."""
    team_id = await world.database.read(lambda tx: accounts.all_teams(tx)[0].id)

    def one(tx: Tx, owner_id: int) -> None:
        opening = Opening(
            team_id=team_id,
            owner_type="monitor",
            owner_id=owner_id,
            kind=kind,
            name=f"Site {owner_id}",
            cause="No route to host",
            paging=Paging(),
            confirmed=True,
        )
        incidents.open(tx, opening, BASE_URL)

    await asyncio.gather(*(world.database.write(one, owner_id) for owner_id in range(1, number + 1)))


async def mails_of_a_flood(world: World, number: int, kind: Kind) -> dict[str, Counter[str]]:
    """By person, how many mails of each sort came within ten minutes."""
    await flood(world, number, kind)
    for _ in range(40):
        await world.settle()
        world.clock.wind(seconds=15)
    found: dict[str, Counter[str]] = {}
    for mail in world.mails():
        sort = "down" if "Down" in mail.subject or "Incident" in mail.subject else "more"
        found.setdefault(mail.to.partition("@")[0], Counter())[sort] += 1
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_thousands_of_outages_at_once_are_a_handful_of_mails(world: World) -> None:
    found = await mails_of_a_flood(world, MANY, Kind.CHECK)
    assert found == {name: Counter(down=1, more=1) for name in ("alice", "bob")}, "one page, and how many more"
    assert len(await world.incidents(resolved="false")) == 50, "the first page of them"
    assert f"{MANY - 1} more" in world.mails()[-1].subject


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_thousands_that_nobody_may_take_together_are_sixty_pages_and_digests(world: World) -> None:
    found = await mails_of_a_flood(world, MANY, Kind.MANUAL)
    assert found == {name: Counter(down=60, more=1) for name in ("alice", "bob")}
    assert f"And {MANY - 60} more pages" in world.mail_to("alice@example.com")[-1].subject
    told = await world.database.read(
        lambda tx: tx.connection.exec_driver_sql(
            "select count(*) from deliveries h join deliveries d on d.id = h.digest_id"
            " where h.state = 'held' and d.state = 'sent'"
        ).scalar()
    )
    assert told == 2 * (MANY - 60), "each held page stands in a digest that the mail server took"


@pytest.mark.slow
async def test_on_postgresql_many_writers_at_once_come_to_the_same(postgres_world: World) -> None:
    found = await mails_of_a_flood(postgres_world, 300, Kind.CHECK)
    assert found == {name: Counter(down=1, more=1) for name in ("alice", "bob")}, "one page, and how many more"


@pytest.mark.slow
async def test_on_postgresql_what_nobody_may_take_together_is_held_back_too(postgres_world: World) -> None:
    found = await mails_of_a_flood(postgres_world, 300, Kind.MANUAL)
    assert found == {name: Counter(down=60, more=1) for name in ("alice", "bob")}
