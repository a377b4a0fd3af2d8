"""Random days of the outbox: answers, crashes, jumps of time, cancellations, and what must hold after them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.model import Answer, DeliveryEvent, GiveUp, Message, Receipt, Retry, Sent
from tocsin.storage import Tx

STEPS = 120


CHANNELS = ("c1", "c2", "email")
ARRIVED = ("sent", "delivered", "seen", "acknowledged")


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
        self.handed_on: set[int] = set()
        """Incidents of which it was said that nothing reaches Alice."""

    def given_up(self, tx: Tx, incident_id: int) -> None:
        self.handed_on.add(incident_id)

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
        channel = self.dice.choice(CHANNELS)
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
            await self._settle(message, answer)

    async def _settle(self, message: Message, answer: Answer) -> None:
        await self.ops.database.write(
            actions.settle, message.delivery_id, message.attempt, answer, self.given_up, received_within_seconds=60
        )

    async def hear(self) -> None:
        """The provider says what became of something that it took, perhaps before we have noted that it did."""
        if self.accepted:
            id = self.dice.choice(sorted(self.accepted))
            receipt = self.dice.choice([Receipt.DELIVERED, Receipt.DELIVERED, Receipt.UNDELIVERED, Receipt.SEEN])
            await self.ops.database.write(actions.receipt, id, receipt, "by the provider's word")

    async def look(self) -> None:
        await self.ops.database.write(actions.look_after, self.given_up)

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
            self.hear,
            self.look,
        ]
        for _ in range(STEPS):
            await self.dice.choices(deeds, weights=[3, 4, 4, 5, 5, 1, 0.5, 2, 2, 1, 2])[0]()

    async def finish(self) -> None:
        """The provider recovers; whatever is left is sent."""
        self.held.clear()
        for _ in range(5):
            self.ops.clock.wind(seconds=rules.LONGEST_WAIT_SECONDS)
            await self.look()
            for channel in CHANNELS:
                for message in await self.ops.database.write(actions.claim, channel, 1_000, "https://t.example"):
                    self.accepted[message.delivery_id] += 1
                    await self._settle(message, Sent("accepted"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_every_planned_page_ends_where_the_facts_say(
    ops: Ops, clock: FakeClock, seed: int
) -> None:
    day = Day(ops, seed)
    await day.live()
    await day.finish()

    def ends(tx: Tx) -> dict[int, DeliveryEvent]:
        lines = [line for incident_id in range(1, 6) for line in actions.log(tx, incident_id)]
        return {line.delivery_id: line for line in sorted(lines, key=lambda line: line.at)}

    found = await ops.database.read(ends)
    assert day.planned <= set(found), "no page is lost"
    for id, line in found.items():
        assert id in day.planned or line.channel == "email", "none appears from nowhere, but for the last resort"
        assert line.state in (*ARRIVED, "given_up", "cancelled", "undelivered"), "everything comes to an end"
        if line.state in ARRIVED:
            assert day.accepted[id] > 0, "nothing is called sent that no server took"
        if line.state == "given_up":
            assert id in day.refused
    for incident_id in {25, *range(1, 6)} - day.cancelled_incidents - day.handed_on:
        pages = await ops.database.read(actions.log, incident_id)
        assert not pages or any(line.state in ARRIVED for line in pages), "either she was reached, or it went on"
    assert all(len(keys) == 1 for keys in day.keys.values()), "a repeated message carries the same key"
    look = await ops.database.read(actions.look)
    assert look.due == (), "nothing is left over"
    assert look.next_at is None
