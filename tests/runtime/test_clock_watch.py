"""A clock that is set back: what was due in ten minutes is due in ten minutes, not in an hour and ten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

import tocsin.runtime.wiring  # noqa: F401 - imports every concept, so that every table is declared
from tests.duty import put_on_call
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.escalation.worker import Escalations
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Kind, Opening
from tocsin.notify import actions as notify
from tocsin.notify.model import Retry
from tocsin.notify.store import deliveries
from tocsin.runtime.clock_watch import ClockWatch
from tocsin.storage import Database, MemoryBus, Tx, metadata, shifting
from tocsin.storage.tables import Instant

HOUR = timedelta(hours=1)
TEAM_WAIT_SECONDS = 600


def outage(tx: Tx) -> int:
    """Alice is paged at once, Bob in ten minutes if she does not answer."""
    team = accounts.ensure_team(tx, "Ops")
    for name in ("Alice", "Bob"):
        address = f"{name.lower()}@example.com"
        accounts.join(tx, team.id, accounts.create_user(tx, email=address, name=name, password=None).id)
    put_on_call(tx, team.id, "alice@example.com")
    opening = Opening(
        team_id=team.id, owner_type=None, owner_id=None, kind=Kind.MANUAL, name="Shop", cause="Fire", confirmed=True,
        paging=Paging(team_wait=TEAM_WAIT_SECONDS),
    )  # fmt: skip
    return incidents.open(tx, opening, "https://tocsin.example").id


def paged(tx: Tx) -> list[str]:
    return list(tx.execute(select(deliveries.c.address).order_by(deliveries.c.id)).scalars())


async def watched(database: Database, clock: FakeClock) -> ClockWatch:
    watch = ClockWatch(database, clock)
    await watch.run_once()
    return watch


@pytest.mark.parametrize("back", [HOUR, timedelta(days=2, milliseconds=7), timedelta(seconds=3)])
async def test_the_next_person_is_paged_after_the_same_time_as_without_the_step(
    database: Database, clock: FakeClock, bus: MemoryBus, back: timedelta
) -> None:
    watch = await watched(database, clock)
    await database.write(outage)
    escalations = Escalations(database, clock)
    clock.wind(seconds=100)
    clock.step(-back)
    await watch.run_once()
    assert await bus.wait("escalations", 0.01)
    clock.wind(seconds=TEAM_WAIT_SECONDS - 105)
    await escalations.run_once()
    assert await database.read(paged) == ["alice@example.com"]
    clock.wind(seconds=5)
    await escalations.run_once()
    assert await database.read(paged) == ["alice@example.com", "bob@example.com"]


async def test_a_page_that_is_to_be_tried_again_is_tried_in_time(database: Database, clock: FakeClock) -> None:
    watch = await watched(database, clock)
    await database.write(outage)
    (message,) = await database.write(notify.claim, "email", 10, "")
    await database.write(notify.settle, message.delivery_id, message.attempt, Retry("busy", 60))
    clock.step(-HOUR)
    await watch.run_once()
    clock.wind(seconds=55)
    assert await database.write(notify.claim, "email", 10, "") == []
    clock.wind(seconds=5)
    assert len(await database.write(notify.claim, "email", 10, "")) == 1


async def test_a_step_while_nobody_ran_is_found_at_the_start(database: Database, clock: FakeClock) -> None:
    await watched(database, clock)
    await database.write(outage)
    clock.step(-HOUR)
    await watched(database, clock)
    clock.wind(seconds=TEAM_WAIT_SECONDS)
    await Escalations(database, clock).run_once()
    assert await database.read(paged) == ["alice@example.com", "bob@example.com"]


@pytest.mark.parametrize("step", [HOUR, timedelta(days=400), timedelta(seconds=-2), timedelta(0)])
async def test_steps_forward_and_the_daily_work_of_a_time_service_move_nothing(
    database: Database, clock: FakeClock, step: timedelta
) -> None:
    watch = await watched(database, clock)
    await database.write(outage)
    before = await database.read(instants)
    clock.step(step)
    await watch.run_once()
    await watch.run_once()
    assert await database.read(instants) == before


async def test_one_step_moves_once_however_often_one_looks_and_also_across_a_restart(
    database: Database, clock: FakeClock
) -> None:
    watch = await watched(database, clock)
    await database.write(outage)
    clock.step(-HOUR)
    await watch.run_once()
    after = await database.read(instants)
    await watch.run_once()
    await watched(database, clock)
    assert await database.read(instants) == after


def instants(tx: Tx) -> list[object]:
    from tocsin.escalation.store import escalations

    columns = escalations.c.opened_at, escalations.c.since, escalations.c.next_page_at
    return [tx.execute(select(*columns)).all(), tx.execute(select(deliveries.c.due_at)).all()]


def test_every_instant_at_which_something_is_due_moves_or_is_known_not_to() -> None:
    """A new column of this kind must be thought about: see `storage.shifting`."""
    waiting = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Instant)
        and column.name.endswith(("due_at", "next_at", "_until", "page_at", "news_at", "lapses_at", "recover_at"))
    }
    unmoved = {
        "events.due_at",  # a mark: nothing waits for the instant
        "domain_watches.next_at",  # a look at a registry may be a day late
        "status_page_images.due_at",  # so may a logo
    }
    assert waiting - set(shifting.moving()) == unmoved
