"""Random days of storms, each repeatable by its seed: taken together, no outage is left in the dark."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.world import World
from tocsin.incidents import rules
from tocsin.notify.model import Limits

RACK = tuple(f"rack{number}" for number in range(8))
"""Each leans on the switch, and the switch on the router."""
ALONE = ("shop", "docs")
SITES = ("router", "switch", *RACK, *ALONE)
STEPS = 40
DAYS = int(os.environ.get("TOCSIN_SIMULATED_DAYS", "3"))
"""More of them find more; these few are what every run affords."""
SILENT_AT_MOST = rules.SUSPECT_WAIT + rules.SETTLE + timedelta(seconds=5)
"""How long an outage may go without a page of its own or of its cause: a cause is waited for, then ends, and the rest
settles."""


class Day:
    """One random day of a team whose things lean on each other."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.monitors: dict[str, int] = {}
        self.dark_since: dict[int, Any] = {}

    async def live(self) -> None:
        """Set up, live through the steps, then mend everything and wait until it is quiet."""
        for site in SITES:
            leans_on = ["switch"] if site in RACK else ["router"] if site == "switch" else []
            self.monitors[site] = await self.world.monitor(
                site,
                confirmation_period=self.chance.choice([0, 0, 60]),
                recovery_period=self.chance.choice([0, 60, 180]),
                team_wait=self.chance.choice([None, None, None, 120]),
                critical_alert=self.chance.random() < 0.1,
                depends_on=[self.monitors[name] for name in leans_on],
            )
        deeds = [self.toggle, self.blackout, self.light, self.answer, self.answer, self.crash, self.edit, self.meddle]
        for _ in range(STEPS):
            await self.chance.choice(deeds)()
            await self.world.fast_forward(seconds=self.chance.choice([1, 7, 31, 95, 240]))
            await self.look()
        await self.light()
        for monitor in self.monitors.values():
            await self.world.api("PATCH", f"/v2/monitors/{monitor}", {"paused": False})
        for _ in range(20):
            await self.world.fast_forward(minutes=3)
            await self.look()

    async def look(self) -> None:
        """About every outage, or about its cause, somebody was paged or has answered."""
        now = self.world.clock.now()
        rows = await self.world.database.read(lambda tx: list(tx.connection.exec_driver_sql(DARK).mappings()))
        self.dark_since = {row["id"]: self.dark_since.get(row["id"], now) for row in rows}
        for row in rows:
            silent = now - self.dark_since[row["id"]]
            assert silent <= SILENT_AT_MOST, f"for {silent} nobody was told of {dict(row)}"

    async def toggle(self) -> None:
        site = self.world.site(self.chance.choice(SITES))
        self.chance.choice([site.down, site.refuse, site.up])()

    async def blackout(self) -> None:
        for name in self.chance.choice([("router", "switch", *RACK), ("switch", *RACK), RACK]):
            self.world.site(name).down()

    async def light(self) -> None:
        for name in SITES:
            self.world.site(name).up()

    async def answer(self) -> None:
        pages = [mail for mail in self.world.mails() if "Down" in mail.subject]
        if pages:
            deed = self.chance.choice(["acknowledge", "acknowledge", "resolve"])
            await self.world.answer(self.chance.choice(pages), deed)

    async def crash(self) -> None:
        self.world.crash()

    async def edit(self) -> None:
        monitor = self.chance.choice(list(self.monitors.values()))
        body = self.chance.choice([{"paused": True}, {"paused": False}, {"paused": False}, {"team_wait": 60}])
        assert (await self.world.api("PATCH", f"/v2/monitors/{monitor}", body)).status_code == 200
        await self.world.settle()

    async def meddle(self) -> None:
        """Somebody merges, reopens or deletes what there is."""
        incidents = await self.world.incidents()
        if len(incidents) < 2:
            return
        one, other = self.chance.sample(incidents, 2)
        deed = self.chance.choice(["merge", "reopen", "delete"])
        path = f"/v3/incidents/{one['id']}"
        if deed == "delete":
            await self.world.api("DELETE", path)
        else:
            await self.world.api(
                "POST", f"{path}/{deed}", {"incident_ids": [int(other["id"])]} if deed == "merge" else {}
            )
        await self.world.settle()


@pytest.mark.parametrize("pages_per_hour", [0, 12])
@pytest.mark.parametrize("seed", range(1, DAYS + 1))
@pytest.mark.slow
async def test_a_random_day_of_storms(world: World, seed: int, pages_per_hour: int) -> None:
    world.limits = Limits(pages_per_hour=pages_per_hour)
    world.crash()
    day = Day(world, seed)
    await day.live()
    incidents = await world.incidents(resolved="false")
    assert incidents == [], "everything works again"
    assert await world.database.read(lambda tx: tx.connection.exec_driver_sql(LEFT_OVER).all()) == []
    states = await world.database.read(lambda tx: set(tx.connection.exec_driver_sql(STATES).scalars()))
    assert states <= ARRIVED | {"cancelled", "held"}, "nothing is left to send, nothing was given up"
    untold = await world.database.read(lambda tx: tx.connection.exec_driver_sql(UNTOLD).scalar())
    assert untold == 0, "what is held stands in a digest that was sent"


DARK = """
select i.id, i.name, i.incident_group_id, c.id as cause_id, c.status as cause_status from incidents i
left join incident_groups g on g.id = i.incident_group_id and g.ended_at is null
left join incidents c on c.id = g.cause_id and c.resolved_at is null
where i.status = 'Started' and i.acknowledged_at is null
and not exists (select 1 from deliveries d where d.incident_id = i.id and d.kind = 'page' and d.state <> 'cancelled'
                and d.planned_at >= coalesce(i.reopened_at, 0))
and (c.id is null or (c.acknowledged_at is null and not exists (
     select 1 from deliveries d where d.incident_id = c.id and d.kind = 'page' and d.state <> 'cancelled'
     and d.planned_at >= coalesce(c.reopened_at, 0))))
"""
LEFT_OVER = """
select 'group', id from incident_groups where ended_at is null
union select 'escalation', e.incident_id from escalations e where e.next_page_at is not null
union select 'dependency', d.incident_id from incident_dependencies d
"""
ARRIVED = {"sent", "delivered", "seen", "acknowledged"}
STATES = "select state from deliveries"
UNTOLD = """
select count(*) from deliveries h where h.state = 'held'
and not exists (select 1 from deliveries d where d.id = h.digest_id and d.state = 'sent')
"""
