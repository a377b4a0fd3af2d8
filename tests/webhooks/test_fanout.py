"""Every event reaches every webhook that wants it, exactly once: also when events become visible out of order."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest
from sqlalchemy import func, select

from tests.webhooks.conftest import Ops
from tocsin.storage import Tx, events
from tocsin.webhooks import actions
from tocsin.webhooks.model import Listener, Trigger
from tocsin.webhooks.rules import payloads
from tocsin.webhooks.store.tables import deliveries

EVENTS = 300
SEED = 20261123


def planned(tx: Tx) -> list[int]:
    return list(tx.execute(select(deliveries.c.event_id).order_by(deliveries.c.id)).scalars())


@pytest.mark.slow
async def test_an_event_that_becomes_visible_after_a_later_one_is_not_passed_over(postgres_ops: Ops) -> None:
    """On PostgreSQL ids are given out before the commit: a mark "up to here" would lose the slower of two."""
    ops = postgres_ops
    await ops.webhook()
    written, go_on = threading.Event(), threading.Event()
    ids: list[int] = []

    def slow(tx: Tx) -> None:
        ids.append(ops.record(tx, "started", 1, ops.team_id))
        written.set()
        assert go_on.wait(10)

    late = ops.database.submit_write(slow)
    assert await asyncio.to_thread(written.wait, 10)
    later = await ops.database.write(ops.record, "started", 2, ops.team_id)
    fan_out = ops.workers()[0]
    await fan_out.run_once()
    assert await ops.database.read(planned) == [later]
    go_on.set()
    await asyncio.wrap_future(late)
    await fan_out.run_once()
    assert ids[-1] < later or len(ids) > 1
    assert sorted(await ops.database.read(planned)) == sorted([ids[-1], later])


@pytest.mark.slow
async def test_many_writers_and_two_workers_at_once_lose_and_double_nothing(ops: Ops) -> None:
    for _ in range(2):
        await ops.webhook()
    chance = random.Random(SEED)
    done = False

    async def hand_on() -> None:
        fan_out = ops.workers()[0]
        while not done:
            await fan_out.run_once()
            await asyncio.sleep(0)

    workers = [asyncio.create_task(hand_on()) for _ in range(2)]
    await asyncio.gather(*(ops.happen("started", incident=chance.randrange(20) + 1) for _ in range(EVENTS)))
    done = True
    await asyncio.gather(*workers)
    await ops.workers()[0].run_once()
    pairs = select(deliveries.c.webhook_id, deliveries.c.event_id, func.count()).group_by(
        deliveries.c.webhook_id, deliveries.c.event_id
    )
    counted = await ops.database.read(lambda tx: tx.execute(pairs).all())
    assert len(counted) == EVENTS * 2
    assert {number for _, _, number in counted} == {1}
    assert await ops.database.read(lambda tx: events.due(tx, 10)) == []


async def test_the_messages_about_one_incident_are_planned_in_its_order(ops: Ops) -> None:
    id = await ops.webhook()
    story = ["started", "acknowledged", "resolved"] * 30
    await ops.happen(*story)
    await ops.workers()[0].run_once()
    assert [delivery.event for delivery in await ops.log(id)] == [f"incident.{name}" for name in story]


@pytest.mark.slow
async def test_a_storm_is_handed_on_a_thousand_events_at_a_look(sqlite_ops: Ops) -> None:
    ops = sqlite_ops
    await ops.webhook()

    def storm(tx: Tx) -> None:
        for number in range(1_100):
            ops.record(tx, "started", number, ops.team_id)

    await ops.database.write(storm)
    fan_out = ops.workers()[0]
    assert await fan_out.run_once() == ops.clock.now(), "it says that there is more"
    assert len(await ops.database.read(planned)) == 999, "and the webhook's own creation"
    assert await fan_out.run_once() is None
    assert fan_out.lag_seconds == 0


async def test_the_lag_is_the_age_of_the_oldest_event_that_waits(ops: Ops) -> None:
    await ops.happen("started")
    ops.clock.wind(seconds=42)
    ids, oldest = await ops.database.read(actions.waiting_events, 10)
    assert len(ids) == 1
    assert oldest is not None
    assert (ops.clock.now() - oldest).total_seconds() == 42


@pytest.mark.parametrize(
    ("trigger", "name", "data", "wanted"),
    [
        (Trigger.INCIDENT, "incident.started", {}, True),
        (Trigger.INCIDENT, "incident.comment", {}, False),
        (Trigger.INCIDENT, "incident.escalated", {}, False),
        (Trigger.INCIDENT, "monitor.created", {}, False),
        (Trigger.MONITOR, "monitor.created", {}, True),
        (Trigger.MONITOR, "monitor.updated", {"changed": ["url"]}, True),
        (Trigger.MONITOR, "monitor.updated", {"changed": ["paused"]}, False),
        (Trigger.MONITOR, "monitor.paused", {}, True),
        (Trigger.MONITOR, "monitor.blind", {}, False),
        (Trigger.MONITOR, "monitor_group.created", {}, False),
        (Trigger.MONITOR, "incident.started", {}, False),
        (Trigger.ON_CALL, "incident.started", {}, False),
        (Trigger.ON_CALL, "on_call.changed", {}, True),
    ],
)
def test_who_is_told_of_what(trigger: Trigger, name: str, data: dict[str, object], wanted: bool) -> None:
    listener = Listener(id=1, team_id=1, trigger_type=trigger, events=("started",), after_event_id=0)
    assert payloads.wants(listener, name, data) is wanted
