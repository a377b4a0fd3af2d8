"""Random days of incidents without their monitors: whatever is done in whatever order, nobody is left in the dark.

Quicker than whole days with monitors and mails (`tests/scenarios/test_storm_simulation.py`), so it lives through more
of them, with more that can go wrong: mute and critical monitors, a clock that is set back, pages that never arrive.
"""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.incidents.test_actions import BASE, Story, story
from tests.incidents.test_leases import hired
from tests.time import FakeClock
from tocsin.escalation import actions as escalation
from tocsin.escalation.model import Paging
from tocsin.escalation.rules import wanted_channels
from tocsin.incidents import actions, rules
from tocsin.incidents.model import Author, Incident, IncidentStatus
from tocsin.incidents.worker import Storms
from tocsin.kernel.errors import Conflict, Invalid, NotFound
from tocsin.notify import actions as notify
from tocsin.notify.model import Answer, GiveUp, Limits, Retry, Sent
from tocsin.storage import Tx, shifting

__all__ = ["story"]

OWNERS = 12
LEANS_ON = {2: (1,), 3: (2, 1), 4: (2, 1), 5: (2, 1), 6: (1,), 7: (1,)}
"""A router, a switch on it, and what hangs on either; the others stand alone."""
WAYS = (
    *(Paging() for _ in range(4)),
    Paging(team_wait=120),
    Paging(critical_alert=True),
    Paging(call=True),
    Paging(email=False, push=False),
)
STEPS = 120
DAYS = int(os.environ.get("TOCSIN_SIMULATED_DAYS", "4"))
"""More of them find more; these few are what every run affords."""
SILENT_AT_MOST = rules.WELL_LASTS + rules.SETTLE + rules.SUSPECT_WAIT + timedelta(seconds=5)
ANN = Author(name="Ann")


class Day:
    """One random day of a team: what its monitors would say, what people do, and what a clock and a mail server do."""

    def __init__(self, story: Story, clock: FakeClock, seed: int) -> None:
        self.story = story
        self.clock = clock
        self.chance = random.Random(seed)
        self.storms = Storms(story.database, clock, BASE)
        self.ways = {owner: self.chance.choice(WAYS) for owner in range(1, OWNERS + 1)}
        self.dark_since: dict[int, float] = {}
        self.told: list[str] = []
        self.bot = ANN

    async def live(self) -> None:
        self.bot = Author(name="Triage-bot", agent_id=await self.do(hired, self.story.team_id, 120))
        deeds = (
            [self.fail] * 4 + [self.mend] * 3 + [self.blackout, self.answer, self.answer, self.meddle, self.set_back]
        )
        for _ in range(STEPS):
            await self.chance.choice(deeds)()
            for _ in range(self.chance.choice([1, 1, 2, 8])):
                self.clock.wind(seconds=self.chance.choice([1, 15, 29, 61]))
                await self.work()
                await self.look()
        for _ in range(60):
            self.clock.wind(seconds=15)
            await self.work()
            await self.look()

    async def do(self, act: Any, *args: Any, **more: Any) -> Any:
        """What was refused was refused with a reason; anything else is a bug."""
        self.told.append(f"{self.clock.now():%H:%M:%S} {getattr(act, '__name__', act)} {args} {more}")
        try:
            return await self.story.do(act, *args, **more)
        except (Conflict, Invalid, NotFound) as error:
            self.told.append(f"  refused: {error}")
            return None

    async def fail(self, owner: int | None = None) -> None:
        """A check fails: as the engine would have it, depending on what it knows."""
        owner = owner or self.chance.randint(1, OWNERS)
        known = await self.known(owner)
        if known is None or known.status is not IncidentStatus.VALIDATING:
            confirmed = self.chance.random() < 0.8
            if known is not None and known.status is IncidentStatus.UNCONFIRMED:
                await self.do(actions.confirm, known.id, cause=None, evidence=None, base_url=BASE)
            elif known is None:
                leans_on = tuple(("monitor", on) for on in LEANS_ON.get(owner, ()))
                opening = self.story.opening(
                    owner_id=owner, name=f"Site {owner}", confirmed=confirmed, depends_on=leans_on,
                    paging=self.ways[owner],
                )  # fmt: skip
                await self.do(actions.open, opening, BASE)
            return
        await self.do(actions.failing_again, known.id, base_url=BASE)

    async def blackout(self) -> None:
        for owner in self.chance.sample(range(1, OWNERS + 1), OWNERS - 3):
            await self.fail(owner)

    async def mend(self) -> None:
        """A check succeeds: a suspicion is withdrawn, an outage looks well, and is over some time after that."""
        known = await self.known(self.chance.randint(1, OWNERS))
        if known is None:
            return
        if known.status is IncidentStatus.UNCONFIRMED:
            await self.do(actions.withdraw, known.id)
        elif known.status is IncidentStatus.VALIDATING:
            await self.do(actions.recover, known.id, why="It is well.", base_url=BASE)
        else:
            await self.do(actions.validating, known.id, base_url=BASE)

    async def known(self, owner: int) -> Incident | None:
        """The open incident of an owner."""
        found: Incident | None = await self.story.do(actions.current, "monitor", owner, "check")
        return found

    async def answer(self) -> None:
        incident = self.chance.choice(await self.incidents() or [None])
        if incident is not None:
            deed, who = self.chance.choice(
                [(actions.acknowledge, ANN), (actions.acknowledge, self.bot), (actions.resolve, ANN)]
            )
            await self.do(deed, incident.id, who, base_url=BASE)

    async def meddle(self) -> None:
        everything = await self.incidents()
        if len(everything) < 2:
            return
        one, other = self.chance.sample(everything, 2)
        deed = self.chance.choice(["merge", "reopen", "delete"])
        if deed == "merge" and rules.covers(one.paging, other.paging):  # else a person's word is all there is
            await self.do(actions.merge, one.id, [other], ANN)
        elif deed == "reopen":
            await self.do(actions.reopen, one.id, ANN, base_url=BASE)
        elif deed == "delete":
            await self.do(actions.delete, one.id, base_url=BASE)

    async def incidents(self) -> list[Incident]:
        ids = await self.story.do(lambda tx: tx.connection.exec_driver_sql("select id from incidents").scalars().all())
        return [await self.story.do(actions.find, id) for id in sorted(ids)[-OWNERS:]]

    async def set_back(self) -> None:
        """A time service sets the clock back, which is noticed."""
        if self.chance.random() < 0.3:
            by = timedelta(seconds=self.chance.choice([90, 4_000]))
            self.clock.step(-by)
            await self.do(shifting.shift, by)

    async def work(self) -> None:
        """All that the workers do by themselves; mail servers have their moods."""
        await self.storms.run_once()
        await self.story.worker.run_once()
        await self.story.do(self._send)

    def _send(self, tx: Tx) -> None:
        for message in notify.claim(tx, "email", 100, BASE, Limits(pages_per_hour=30)):
            mood = self.chance.random()
            answer: Answer = Sent("ok") if mood < 0.8 else Retry("busy") if mood < 0.97 else GiveUp("no such mailbox")
            notify.settle(tx, message.delivery_id, message.attempt, answer, escalation.bring_forward)

    async def look(self) -> None:
        """About every outage, or about a cause that fails too, everybody was paged, is about to be, or has answered."""
        now = self.clock.monotonic()
        dark = await self.story.do(self._dark)
        self.dark_since = {id: self.dark_since.get(id, now) for id in dark}
        for id, since in self.dark_since.items():
            if now - since > SILENT_AT_MOST.total_seconds():
                incident = await self.story.do(actions.find, id)
                lines = await self.story.titles(incident)
                raise AssertionError("\n".join([*self.told[-60:], f"nobody hears of {incident}", *lines]))

    def _dark(self, tx: Tx) -> list[int]:
        unconfirmed = actions.due(tx)[2]
        assert not unconfirmed, f"nobody has confirmed that an agent has {unconfirmed}, and people are not paged"
        rows = tx.connection.exec_driver_sql("select id from incidents where status = 'Started'").scalars().all()
        found = []
        for id in rows:
            incident = actions.find(tx, id)
            if not wanted_channels(incident.paging):
                continue
            cause = actions.cause_of(tx, incident)
            speaks = cause if cause is not None else incident
            fails = speaks.status in (IncidentStatus.STARTED, IncidentStatus.ACKNOWLEDGED)
            if not fails or not (speaks.acknowledged or self._heard(tx, speaks)):
                found.append(id)
        return found

    def _heard(self, tx: Tx, incident: Incident) -> bool:
        """Everybody is being paged about it: those whose turn has come have a page that was not taken back."""
        if not escalation.standing(tx, incident.id).running:
            return False

        people = {
            event.user_id for event in notify.log(tx, incident.id) if event.kind == "page" and event.state == "queued"
        } - _taken_back(notify.log(tx, incident.id))
        coming = {page.user_id for page in escalation.coming(tx, incident.id)}
        return bool(people) and {self.story.alice, self.story.bob} <= people | coming


def _taken_back(log: list[Any]) -> set[int]:
    """Whose latest page of an incident was cancelled."""
    last = {event.user_id: event.state for event in log if event.kind == "page"}
    return {user_id for user_id, state in last.items() if state == "cancelled"}


@pytest.mark.parametrize("seed", range(1, DAYS + 1))
@pytest.mark.slow
async def test_a_random_day_leaves_nobody_in_the_dark(story: Story, clock: FakeClock, seed: int) -> None:
    await Day(story, clock, seed).live()
