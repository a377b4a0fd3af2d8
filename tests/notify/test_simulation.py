"""Random days of the outbox: answers, crashes, jumps of time, cancellations, and what must hold after them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent
from tocsin.storage import Tx

STEPS = 120


class Day:
    """Two workers that may die between sending and marking, and a provider with moods."""

    def __init__(self, ops: Ops, seed: int) -> None:
        self.ops = ops
        self.dice = random.Random(seed)
        self.held: list[tuple[Message, Answer]] = []
        self.planned: set[int] = set()
        self.accepted: Counter[int] = Counter()
        self.refused: set[int] = set()
        self.keys: dict[int, set[str]] = {}
        self.cancelled_incidents: set[int] = set()

    async def plan(self) -> None:
        incident_id = self.dice.randint(1, 5)
        later = timedelta(seconds=self.dice.choice([0, 0, 30, 180]))
        self.planned.add(
            await self.ops.page(
                incident_id=incident_id, planned_at=self.ops.clock.now() + later, channel=f"c{self.dice.randint(1, 2)}"
            )
        )
        self.cancelled_incidents.discard(incident_id)
        self.ops.clock.wind(milliseconds=1)

    async def claim(self) -> None:
        channel = self.dice.choice(["c1", "c2"])
        for message in await self.ops.database.write(
            actions.claim, channel, self.dice.randint(1, 4), "https://t.example"
        ):
            assert message.notice.incident_id not in self.cancelled_incidents, "a cancelled page was claimed"
            self.keys.setdefault(message.delivery_id, set()).add(message.key)
            mood = self.dice.random()
            if mood < 0.5:
                self.accepted[message.delivery_id] += 1
                self.held.append((message, Sent("accepted")))
            elif mood < 0.9:
                self.held.append((message, Retry("busy")))
            else:
                self.refused.add(message.delivery_id)
                self.held.append((message, GiveUp("no such person")))

    async def settle(self) -> None:
        if self.held:
            message, answer = self.held.pop(self.dice.randrange(len(self.held)))
            await self.ops.database.write(actions.settle, message.delivery_id, message.attempt, answer)

    async def crash(self) -> None:
        self.held.clear()

    async def cancel(self) -> None:
        incident_id = self.dice.randint(1, 5)
        await self.ops.database.write(actions.cancel, incident_id, "acknowledged")
        self.cancelled_incidents.add(incident_id)

    async def wait(self) -> None:
        self.ops.clock.wind(seconds=self.dice.choice([1, 10, 61, 300]))

    async def live(self) -> None:
        deeds = [
            self.plan,
            self.claim,
            self.claim,
            self.settle,
            self.settle,
            self.crash,
            self.cancel,
            self.wait,
            self.wait,
        ]
        for _ in range(STEPS):
            await self.dice.choices(deeds, weights=[3, 4, 4, 5, 5, 1, 0.5, 2, 2])[0]()

    async def finish(self) -> None:
        """The provider recovers; whatever is left is sent."""
        self.held.clear()
        for _ in range(5):
            self.ops.clock.wind(seconds=rules.LONGEST_WAIT_SECONDS)
            for channel in ("c1", "c2"):
                for message in await self.ops.database.write(actions.claim, channel, 1_000, "https://t.example"):
                    self.accepted[message.delivery_id] += 1
                    await self.ops.database.write(
                        actions.settle, message.delivery_id, message.attempt, Sent("accepted")
                    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_every_planned_page_ends_where_the_facts_say(
    ops: Ops, clock: FakeClock, seed: int
) -> None:
    day = Day(ops, seed)
    await day.live()
    await day.finish()

    def ends(tx: Tx) -> dict[int, str]:
        lines = [line for incident_id in range(1, 6) for line in actions.log(tx, incident_id)]
        return {line.delivery_id: line.state for line in sorted(lines, key=lambda line: line.at)}

    found = await ops.database.read(ends)
    assert set(found) == day.planned, "no page is lost, none appears from nowhere"
    for id, state in found.items():
        assert state in ("sent", "given_up", "cancelled"), "everything comes to an end"
        if state == "sent":
            assert day.accepted[id] > 0, "nothing is called sent that no server took"
        if state == "given_up":
            assert id in day.refused
    assert all(len(keys) == 1 for keys in day.keys.values()), "a repeated message carries the same key"
    look = await ops.database.read(actions.look)
    assert (look.due, look.next_at) == ((), None), "nothing is left over"
