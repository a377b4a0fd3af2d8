"""Being on call as a database sees it: hand-offs told once by however many workers, warnings, people who leave."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.notify.store import deliveries
from tocsin.oncall import actions
from tocsin.oncall.worker import HandOffs
from tocsin.storage import Database, Tx, events

ALICE, BOB = "alice@example.com", "bob@example.com"


def team(tx: Tx) -> int:
    found = accounts.ensure_team(tx, "Ops")
    for email in (ALICE, BOB):
        user = accounts.create_user(tx, email=email, name=email.partition("@")[0].title(), password=None)
        accounts.join(tx, found.id, user.id)
    return found.id


def layer(tx: Tx, team_id: int, *users: str) -> int:
    calendar = actions.ensure_default(tx, team_id)
    given = {"users": list(users), "rotation_interval": "day", "timezone": "UTC", "handoff_time": "09:00"}
    return actions.create_layer(tx, calendar, given).id


def told(tx: Tx) -> list[str]:
    """Who got a message, and every change of who is on call, in order."""
    people = tx.execute(select(deliveries.c.address).order_by(deliveries.c.id)).scalars()
    changes = select(events.events.c.data).where(events.events.c.name == "on_call.changed")
    return [
        *people,
        *(" ".join(data["on_call"]["emails"]) for data in tx.execute(changes.order_by(events.events.c.id)).scalars()),
    ]


async def test_a_hand_off_is_told_once_by_however_many_workers(database: Database, clock: FakeClock) -> None:
    team_id = await database.write(team)
    await database.write(layer, team_id, ALICE, BOB)
    workers = [HandOffs(database, clock) for _ in range(3)]
    await asyncio.gather(*(worker.run_once() for worker in workers))
    assert await database.read(told) == [ALICE, ALICE]
    clock.wind(hours=21)
    await asyncio.gather(*(worker.run_once() for worker in workers))
    assert sorted(await database.read(told)) == sorted([ALICE, BOB, ALICE, ALICE, BOB])
    clock.wind(days=2)
    await workers[0].run_once()
    assert len(await database.read(told)) == 5, "slept through two hand-offs: the same person is on call as before"


async def test_the_next_look_is_at_the_next_hand_off_or_within_the_hour(database: Database, clock: FakeClock) -> None:
    team_id = await database.write(team)
    worker = HandOffs(database, clock)
    assert await worker.run_once() is None, "nothing is planned, so nothing can change"
    await database.write(layer, team_id, ALICE, BOB)
    assert await worker.run_once() == clock.now() + timedelta(hours=1)
    clock.wind(hours=20, minutes=30)
    assert await worker.run_once() == clock.now() + timedelta(minutes=30)


async def test_whoever_leaves_is_no_longer_on_call_and_a_layer_goes_on_with_the_others(
    database: Database, clock: FakeClock
) -> None:
    team_id = await database.write(team)
    await database.write(layer, team_id, ALICE, BOB)
    alice, bob = await database.read(lambda tx: [user.id for user in accounts.members(tx, team_id)])
    assert await database.read(actions.on_call, team_id, None, clock.now()) == [alice]
    await database.write(lambda tx: accounts.remove(tx, ALICE, (team_id,)))
    assert await database.read(actions.on_call, team_id, None, clock.now()) == [bob]
    (warning,) = await database.read(actions.warnings, team_id)
    assert warning.code == "on_call_member_left"
    assert warning.sentence.startswith("Primary schedule still names people who have left Ops: Alice")


async def test_gaps_and_rotations_of_one_are_warned_of(database: Database, clock: FakeClock) -> None:
    team_id = await database.write(team)
    assert await database.read(actions.warnings, team_id) == [], "whoever plans nothing works without schedules"
    calendar = await database.read(actions.ensure_default, team_id)
    given = {"starts_at": "2026-03-02T12:00:00Z", "ends_at": "2026-03-05T12:00:00Z", "users": [ALICE]}
    await database.write(actions.create_event, calendar, given)
    (gap,) = await database.read(actions.warnings, team_id)
    assert gap.code == "on_call_gap"
    assert gap.sentence == "Nobody is on call in Primary schedule from Thu 2026-03-05 12:00 UTC."
    await database.write(layer, team_id, BOB)
    (lonely,) = await database.read(actions.warnings, team_id)
    assert lonely.code == "one_person_rotation"
    other = await database.write(actions.create, team_id, {"name": "Tier 2"})
    found = await database.read(actions.warnings, team_id)
    assert (found[1].sentence, found[1].resource_id) == ("Nobody is on call in Tier 2 from now.", other.id)


async def test_a_team_founded_where_nobody_knew_of_calendars_gets_its_own(database: Database, clock: FakeClock) -> None:
    team_id = await database.write(team)
    await database.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM on_call_calendars"))
    assert await database.read(actions.on_call, team_id, None, clock.now()) == []
    await HandOffs(database, clock).run_once()
    assert (await database.read(actions.resolve, "default", (team_id,))).default_calendar
