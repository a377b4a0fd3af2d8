"""Random policies on random days, each repeatable by its seed: every page as a second, simpler reading foresees it.

Policies and facts are edited, incidents are taken on, transactions die at their end, two workers get in each other's
way and the process sleeps for hours. The other reading (`_Reading`) plays each policy as a coroutine that is told the
facts at the moment when its step is worked off; it shares no line with `escalation.rules`.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
from collections.abc import Callable, Generator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.duty import put_on_call
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation import actions
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType, Value
from tocsin.notify.model import Notice
from tocsin.notify.store import deliveries
from tocsin.storage import Database, Tx

SEEDS = int(os.environ.get("TOCSIN_SIMULATED_DAYS", "3"))
"""More of them find more; these few are what every run affords."""
STEPS = 80
NAMES = ("alice", "bob", "carol")
POLICIES = (1, 2, 3, 4)
TIERS = ("gold", "iron", None)

Step = dict[str, Any]
Policy = dict[str, Any]
Page = tuple[int, str, datetime]
"""(incident, whom, planned for)"""


class _Reading:
    """One incident as this file reads its policies."""

    def __init__(self, incident_id: int, snapshot: dict[int, Policy], root: int, at: datetime) -> None:
        self.incident_id = incident_id
        self.snapshot = deepcopy(snapshot)
        self.runs: list[tuple[datetime, int, Generator[Any, str | None, None]]] = []
        self.numbers = itertools.count()
        self.pages: list[Page] = []
        self.window: set[str] = set()
        self._begin(root, at, ())

    def work(self, now: datetime, tier: str | None) -> None:
        """Everything that is due by now happens; nobody is called twice in one go."""
        self.window = set()
        while self.runs and self.runs[0][0] <= now:
            _, _, run = heapq.heappop(self.runs)
            self._resume(run, tier)

    def _begin(self, policy_id: int, at: datetime, path: tuple[int, ...]) -> None:
        self._resume(self._play(policy_id, at, path), None)

    def _resume(self, run: Generator[Any, str | None, None], told: str | None) -> None:
        try:
            at = run.send(told)  # None begins it, too
        except StopIteration:
            return
        heapq.heappush(self.runs, (at, next(self.numbers), run))

    def _play(self, policy_id: int, at: datetime, path: tuple[int, ...]) -> Generator[Any, str | None, None]:
        """Yields the instant of each step and is resumed with what the incident says then."""
        if policy_id in path or policy_id not in self.snapshot:
            return
        path = (*path, policy_id)
        policy = self.snapshot[policy_id]
        takes_time = policy["repeat_delay"] or any(step["wait_before"] for step in policy["steps"])
        for round in range(1 + (policy["repeat_count"] if takes_time else 0)):
            if round:
                at += timedelta(seconds=policy["repeat_delay"])
            for step in policy["steps"]:
                at += timedelta(seconds=step["wait_before"])
                tier = yield at
                if step["type"] == "metadata_branching" and tier == step["metadata_values"][0]:
                    target = step.get("policy_id")
                    if target is None:
                        return
                    if target not in path and target in self.snapshot:
                        yield from self._play(target, at, path)
                        return
                for member in step.get("step_members", ()):
                    self._call(member, at, path)
        if policy["fallback_policy_id"] is not None:
            after = at + timedelta(seconds=policy["repeat_delay"])
            yield from self._play(policy["fallback_policy_id"], after, path)

    def _call(self, member: Step, at: datetime, path: tuple[int, ...]) -> None:
        if member["type"] == "policy":
            self._begin(member["id"], at, path)
            return
        name = "alice" if member["type"] == "current_on_call" else member["email"].partition("@")[0]
        if name not in self.window:
            self.window.add(name)
            self.pages.append((self.incident_id, name, at))


class Day:
    """One random day of a team with four policies that lead to one another."""

    def __init__(self, database: Database, clock: FakeClock, seed: int) -> None:
        self.database = database
        self.clock = clock
        self.chance = random.Random(seed)
        self.policies: dict[int, Policy] = {}
        self.readings: dict[int, _Reading] = {}
        self.tiers: dict[int, str | None] = {}
        self.foreseen: list[Page] = []

    async def do(self, work: Callable[..., Any], *args: Any) -> Any:
        return await self.database.write(work, *args)

    async def live(self) -> None:
        await self.do(self._found)
        for _ in range(STEPS):
            await self.chance.choice([self.open, self.edit, self.say, self.answer, self.nothing, self.nothing])()
            self.clock.wind(seconds=self.chance.choice([1, 7, 30, 30, 61, 300, 7_200]))
            await self.work()
        for _ in range(60):  # let what is left run out, step by step
            next_at = await self.do(actions.earliest)
            if next_at is None:
                break
            self.clock.wind(max(next_at - self.clock.now(), timedelta(0)))
            await self.work()
        for reading in self.readings.values():
            self.foreseen += reading.pages

    def _found(self, tx: Tx) -> None:
        team = accounts.ensure_team(tx, "Ops")
        self.team_id = team.id
        for name in NAMES:
            user = accounts.create_user(tx, email=f"{name}@x.example", name=name, password=None)
            accounts.join(tx, team.id, user.id)
        put_on_call(tx, team.id, "alice@x.example")
        for id in POLICIES:
            assert policies.create_policy(tx, team.id, None, {"name": f"P{id}"}).id == id
        for id in POLICIES:
            self._rewrite(tx, id)

    def _rewrite(self, tx: Tx, id: int) -> None:
        chance = self.chance
        policy = {
            "repeat_count": chance.choice([0, 0, 1, 2]),
            "repeat_delay": chance.choice([0, 60, 300]),
            "fallback_policy_id": chance.choice([None, *(other for other in POLICIES if other != id)]),
            "steps": [self._step() for _ in range(chance.choice([1, 1, 2, 3, 4]))],
        }
        policies.update_policy(tx, id, None, policy)
        self.policies[id] = deepcopy(policy)

    def _step(self) -> Step:
        chance = self.chance
        wait = {"wait_before": chance.choice([0, 30, 60, 120, 600])}
        if chance.random() < 0.3:
            values = {"metadata_key": "Tier", "metadata_values": [chance.choice(["gold", "iron"])]}
            target = chance.choice([None, *POLICIES])
            return {"type": "metadata_branching", **wait, **values, **({} if target is None else {"policy_id": target})}
        people: list[Step] = [{"type": "user", "email": f"{name}@x.example"} for name in NAMES] + [
            {"type": "current_on_call"}
        ]
        members: list[Step] = chance.sample(people, chance.choice([1, 1, 2]))
        if chance.random() < 0.2:
            members.append({"type": "policy", "id": chance.choice(POLICIES)})
        return {"type": "escalation", **wait, "step_members": members}

    # --- what happens -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        id, root, tier = len(self.readings) + 1, self.chance.choice(POLICIES), self.chance.choice(TIERS)
        self.tiers[id] = tier

        def begin(tx: Tx) -> None:
            self._put(tx, id, tier)
            notice = Notice(
                kind="page", incident_id=id, team_id=self.team_id, subject="Down", headline="Down", cause="503"
            )
            actions.start(tx, notice, Paging(policy_id=root))

        await self.do(begin)
        self.readings[id] = _Reading(id, self.policies, root, self.clock.now())
        self.readings[id].work(self.clock.now(), tier)

    async def edit(self) -> None:
        await self.do(self._rewrite, self.chance.choice(POLICIES))

    async def say(self) -> None:
        if self.tiers:
            id = self.chance.choice(list(self.tiers))
            self.tiers[id] = self.chance.choice(TIERS)
            await self.do(self._put, id, self.tiers[id])

    async def answer(self) -> None:
        if self.readings:
            id = self.chance.choice(list(self.readings))
            await self.do(actions.stop, id, "somebody is on it")
            self.readings[id].runs = []

    async def nothing(self) -> None:
        """A quiet moment."""

    async def work(self) -> None:
        """The worker looks; some transactions die before their commit, some are done twice."""
        for _ in range(20):
            due = await self.database.read(actions.overdue)
            if not due:
                return
            for id, _ in due:
                if self.chance.random() < 0.2:
                    with pytest.raises(ZeroDivisionError):
                        await self.do(_dying, id)
                    continue
                await self.do(actions.page_due, id)
                self.readings[id].work(self.clock.now(), self.tiers[id])
                if self.chance.random() < 0.2:
                    assert await self.do(actions.page_due, id) == 0

    def _put(self, tx: Tx, id: int, tier: str | None) -> None:
        facts = {"Tier": [] if tier is None else [Value(value=tier)]}
        metadata.put(tx, team_id=self.team_id, owner_type=OwnerType.INCIDENT, owner_id=id, facts=facts)


def _dying(tx: Tx, incident_id: int) -> None:
    actions.page_due(tx, incident_id)
    raise ZeroDivisionError


def _planned(tx: Tx) -> list[Page]:
    column = deliveries.c
    rows = tx.execute(deliveries.select().where(column.user_id > 0).order_by(column.id))
    return [(row.incident_id, row.address.partition("@")[0], row.planned_at) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
async def test_no_page_is_lost_and_none_is_made_twice(sqlite_database: Database, clock: FakeClock, seed: int) -> None:
    day = Day(sqlite_database, clock, seed)
    await day.live()
    planned = await sqlite_database.read(_planned)
    assert len(planned) == len(set(planned))
    assert day.foreseen, "a day on which nobody is called proves nothing"
    assert sorted(planned) == sorted(set(day.foreseen))
