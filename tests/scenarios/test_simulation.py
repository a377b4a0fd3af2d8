"""Random days, each repeatable by its seed: whatever happens in whatever order, no page is lost and none invented."""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.world import World

SITES = ("shop", "api", "docs", "mail")
STEPS = 60
DAYS = int(os.environ.get("TOCSIN_SIMULATED_DAYS", "8"))
"""More of them find more; these few are what every run affords."""
ON_TIME = timedelta(seconds=2)
"""A page leaves at once when the mail server takes it."""
ARRIVED = {"sent", "delivered", "seen", "acknowledged"}
"""States of a message that a server has taken."""


class Day:
    """One random day and what must be true at its end."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.monitors: dict[str, int] = {}
        self.down: set[str] = set()
        self.mail_was_down: list[tuple[datetime, datetime]] = []
        self._mail_down_since: datetime | None = None

    async def live(self) -> None:
        """Set up, live through the steps, then mend everything and wait until it is quiet."""
        for site in SITES:
            settings = {
                "confirmation_period": self.chance.choice([0, 0, 60]),
                "recovery_period": self.chance.choice([0, 60, 180]),
                "team_wait": self.chance.choice([None, 0, 120]),
            }
            self.monitors[site] = await self.world.monitor(site, **settings)
        for _ in range(STEPS):
            await self.chance.choice([self.toggle, self.toggle, self.answer, self.crash, self.mail, self.edit])()
            await self.world.fast_forward(seconds=self.chance.choice([1, 7, 31, 95, 240]))
        self.mail_works(True)
        for site in SITES:
            self.world.site(site).up()
            await self.world.api("PATCH", f"/v2/monitors/{self.monitors[site]}", {"paused": False})
        await self.world.fast_forward(minutes=30)

    async def toggle(self) -> None:
        site = self.chance.choice(SITES)
        self.down ^= {site}
        if site in self.down:
            self.chance.choice([self.world.site(site).down, self.world.site(site).refuse])()
        elif self.chance.random() < 0.2:
            self.world.site(site).unreachable_through_our_fault()
        else:
            self.world.site(site).up()

    async def answer(self) -> None:
        pages = [mail for mail in self.world.mails() if "Down" in mail.subject]
        if pages:
            deed = self.chance.choice(["acknowledge", "acknowledge", "resolve"])
            await self.world.answer(self.chance.choice(pages), deed)

    async def crash(self) -> None:
        self.world.crash()

    async def mail(self) -> None:
        self.mail_works(self._mail_down_since is not None)

    def mail_works(self, works: bool) -> None:
        now = self.world.clock.now()
        if works and self._mail_down_since is not None:
            # A mail put off waits at most five minutes for its next try.
            self.mail_was_down.append((self._mail_down_since, now + timedelta(minutes=5, seconds=5)))
            self._mail_down_since = None
        elif not works and self._mail_down_since is None:
            self._mail_down_since = now
        self.world.mailbox.answer_recipient = lambda address: None if works else "451 4.3.0 not now"

    async def edit(self) -> None:
        monitor = self.chance.choice(list(self.monitors.values()))
        body = self.chance.choice([{"paused": True}, {"paused": False}, {"recovery_period": 30}, {"team_wait": 60}])
        assert (await self.world.api("PATCH", f"/v2/monitors/{monitor}", body)).status_code == 200
        await self.world.settle()

    def mail_flowed(self, at: datetime) -> bool:
        """Whether a page planned at `at` met a working mail server at once."""
        return not any(since - ON_TIME <= at <= until for since, until in self.mail_was_down)


@pytest.mark.parametrize("seed", range(1, DAYS + 1))
@pytest.mark.slow
async def test_a_random_day(world: World, seed: int) -> None:
    day = Day(world, seed)
    await day.live()
    incidents = await world.incidents()
    assert all(incident["attributes"]["status"] == "Resolved" for incident in incidents), "everything works again"
    for site in SITES:
        assert await world.status(day.monitors[site]) == "up"

    rows = await world.database.read(lambda tx: list(tx.connection.exec_driver_sql(DELIVERIES).mappings()))
    assert {row["state"] for row in rows} <= ARRIVED | {"cancelled"}, "nothing is left to send, nothing was given up"
    pages = [row for row in rows if row["kind"] == "page"]
    twice = Counter((row["incident_id"], row["user_id"], row["planned_at"]) for row in pages)
    assert set(twice.values()) <= {1}, "no page was planned twice"

    paged = {row["incident_id"] for row in pages}
    assert {int(incident["id"]) for incident in incidents} <= paged, "no outage without a page"

    received = Counter(world.mailbox.message_ids())
    assert set(received.values()) <= {1}, "nobody got the same message twice: every crash here was between two looks"
    assert len(received) == sum(row["state"] in ARRIVED for row in rows), "counted as sent is what really arrived"

    for row in pages:
        planned = datetime.fromtimestamp(row["planned_at"] / 1000, tz=world.clock.now().tzinfo)
        if row["state"] in ARRIVED and day.mail_flowed(planned):
            late = row["sent_at"] - row["planned_at"]
            assert late <= ON_TIME.total_seconds() * 1000, f"page {row['id']} left {late} ms late"

    overlapping = await world.database.read(lambda tx: tx.connection.exec_driver_sql(OVERLAPPING).all())
    assert overlapping == [], "one site had two incidents at once"


DELIVERIES = """
select d.id, d.kind, d.state, d.incident_id, d.user_id, d.planned_at,
       (select min(e.at) from delivery_events e where e.delivery_id = d.id and e.state = 'sent') as sent_at
from deliveries d
"""
OVERLAPPING = """
select a.id, b.id from incidents a join incidents b on a.owner_id = b.owner_id and a.id < b.id
where a.kind = 'check' and b.kind = 'check' and b.started_at < a.resolved_at
"""
