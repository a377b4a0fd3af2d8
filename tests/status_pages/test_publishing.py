"""What waits for its time becomes public in that very second, once, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.status_pages.stage import Stage
from tests.time import START, FakeClock
from tocsin.incidents.store.tables import incidents
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.status_pages import actions
from tocsin.status_pages.model import ReportType, State
from tocsin.status_pages.store.tables import updates
from tocsin.status_pages.worker import AutomaticReports, Publishing
from tocsin.storage import Database, Tx, shifting
from tocsin.storage.events import events


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


async def scheduled(stage: Stage, page: int, minutes: float, **attributes: Any) -> int:
    at = to_wire(START + timedelta(minutes=minutes))
    given = {"title": "Later", "message": "Now it is known.", "published_at": at, **attributes}
    return (await stage.database.write(actions.create_report, page, None, given)).id


def rows(tx: Tx) -> list[tuple[Any, ...]]:
    column = updates.c
    found = tx.execute(select(column.applied_at, column.due_at, column.told_through_id).order_by(column.id))
    return [tuple(row) for row in found]


def published(tx: Tx) -> int:
    return len(tx.execute(select(events.c.id).where(events.c.name == "status_update.published")).all())


async def test_an_update_takes_effect_when_its_time_comes_and_not_before(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    shop = await stage.resource(page)
    report = await scheduled(stage, page, 10, affected_resources=[(shop, "downtime")])
    end = {"message": "Over.", "published_at": to_wire(START + timedelta(minutes=20)), "notify_subscribers": False,
           "affected_resources": [(shop, "resolved")]}  # fmt: skip
    await stage.database.write(actions.create_update, page, report, None, end)
    worker = Publishing(stage.database, clock)

    async def seen() -> tuple[State, list[str]]:
        view = await stage.database.read(actions.view, page)
        assert view is not None
        return view.state, [update.message for each in (*view.current, *view.recent) for update in each.updates]

    clock.wind(minutes=9, seconds=59)
    assert await worker.run_once() == START + timedelta(minutes=10)
    assert await seen() == (State.OPERATIONAL, [])
    clock.wind(seconds=1)
    assert await worker.run_once() == START + timedelta(minutes=20)
    assert await seen() == (State.DOWNTIME, ["Now it is known."])
    assert await stage.database.read(rows) == [(clock.now(), None, 0), (None, START + timedelta(minutes=20), None)]
    clock.wind(minutes=15)  # nobody looked in time
    assert await worker.run_once() is None
    assert await seen() == (State.OPERATIONAL, ["Over.", "Now it is known."])
    found = await stage.database.read(actions.find_report, page, report, None)
    assert found.ends_at == START + timedelta(minutes=20), "the time that it shows"


async def test_two_workers_publish_everything_once(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    for number in range(10):
        await scheduled(stage, page, 1 + number / 100)
    clock.wind(minutes=5)
    await asyncio.gather(*(Publishing(stage.database, clock).run_once() for _ in range(2)))
    assert await stage.database.read(published) == 10
    assert {row[1] for row in await stage.database.read(rows)} == {None}


@pytest.mark.slow  # its failure is logged with everything around it
async def test_one_update_that_cannot_be_published_keeps_back_no_other(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    broken, whole = await scheduled(stage, page, 1), await scheduled(stage, page, 2)
    await stage.database.write(
        lambda tx: tx.execute(
            updates.update().where(updates.c.status_report_id == broken).values(affected_resources=[{"nonsense": 1}])
        )
    )
    clock.wind(minutes=5)
    worker = Publishing(stage.database, clock)
    assert await worker.run_once() == clock.now() + timedelta(seconds=30), "it is tried again"
    assert worker.lag_seconds == 0.0
    assert await stage.database.read(actions.report_view, page, whole) is not None
    await stage.database.write(
        lambda tx: tx.execute(
            updates.update().where(updates.c.status_report_id == broken).values(affected_resources=[])
        )
    )
    clock.wind(seconds=30)
    assert await worker.run_once() is None
    assert await stage.database.read(actions.report_view, page, broken) is not None


async def test_what_is_taken_back_or_made_a_draft_before_its_time_is_never_seen(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    deleted, drafted, moved = [await scheduled(stage, page, 1) for _ in range(3)]
    update_of = {
        report: (await stage.database.read(actions.find_report, page, report, None)).updates[0].id
        for report in (drafted, moved)
    }
    await stage.database.write(actions.delete_report, page, deleted, None)
    later = {"published_at": to_wire(START + timedelta(minutes=30))}
    await stage.database.write(
        actions.change_update, page, drafted, update_of[drafted], None, {"draft": True}
    )  # fmt: skip
    await stage.database.write(actions.change_update, page, moved, update_of[moved], None, later)
    clock.wind(minutes=5)
    assert await Publishing(stage.database, clock).run_once() == START + timedelta(minutes=30)
    assert await stage.database.read(published) == 0


async def test_two_pairs_of_workers_report_an_outage_once(stage: Stage, clock: FakeClock) -> None:
    """On both databases, from the rows of an incident alone."""
    page = await stage.page(automatic_reports=True, custom_css='a { content: "\\"automatic_reports\\":true" }')
    await stage.page(subdomain="other", custom_css='{"automatic_reports":true}')  # it only says so
    monitor = await stage.monitor()
    await stage.resource(page, monitor)
    await stage.resource(2, monitor)
    incident = await stage.incident(monitor, clock.now())
    workers = [AutomaticReports(stage.database, clock) for _ in range(2)]
    publishing = [Publishing(stage.database, clock) for _ in range(2)]

    async def work() -> list[tuple[str, str, int]]:
        await workers[0].run_once()
        await workers[1].run_once()
        await asyncio.gather(*(worker.run_once() for worker in publishing))
        found, _ = await stage.database.read(actions.list_reports, page, None, page=1, per_page=50)
        return [(each.title, each.aggregate_state.value, len(each.updates)) for each in found]

    assert await work() == []
    clock.wind(seconds=60)
    assert await work() == [("Shop is down", "downtime", 1)]
    clock.wind(seconds=60)
    await stage.database.write(
        lambda tx: tx.execute(update(incidents).where(incidents.c.id == incident).values(resolved_at=tx.now))
    )
    assert await work() == [("Shop is down", "operational", 2)]
    clock.wind(seconds=60)
    assert await work() == [("Shop is down", "operational", 2)]
    assert await stage.database.read(actions.list_reports, 2, None, page=1, per_page=50) == ([], 0)


async def test_a_clock_that_is_set_back_makes_no_report_repeat_itself(stage: Stage, clock: FakeClock) -> None:
    """Else what is told now counts before what was told an hour ago by the wrong clock, and is told again and again."""
    page = await stage.page(automatic_reports=True)
    monitor = await stage.monitor()
    await stage.resource(page, monitor)
    incident = await stage.incident(monitor, clock.now())
    noticing, publishing = AutomaticReports(stage.database, clock), Publishing(stage.database, clock)
    await noticing.run_once()
    clock.wind(minutes=2)
    await publishing.run_once()
    clock.wind(hours=-1)
    await stage.database.write(
        lambda tx: tx.execute(
            update(incidents).where(incidents.c.id == incident).values(status="Resolved", resolved_at=tx.now)
        )
    )
    for _ in range(5):
        clock.wind(seconds=2)
        await noticing.run_once()
    (report,), _ = await stage.database.read(actions.list_reports, page, None, page=1, per_page=50)
    assert [update.affected_resources[0].status for update in report.updates] == ["downtime", "resolved"]
    assert report.ends_at is not None
    view = await stage.database.read(actions.view, page)
    assert view is not None
    assert view.state is State.OPERATIONAL


async def test_a_clock_that_is_set_back_publishes_nothing_before_its_time(stage: Stage, clock: FakeClock) -> None:
    """The time was said by a person, who means the true one: what is moved would be public an hour too early."""
    page = await stage.page()
    await scheduled(stage, page, 120)
    clock.wind(hours=-1)
    await stage.database.write(shifting.shift, timedelta(hours=1))
    assert await Publishing(stage.database, clock).run_once() == START + timedelta(minutes=120)
    clock.wind(hours=5)
    await stage.database.write(actions.put_off_update, 1)
    clock.wind(minutes=-10)
    await stage.database.write(shifting.shift, timedelta(minutes=10))
    next_at = await Publishing(stage.database, clock).run_once()
    assert next_at is not None
    assert next_at < clock.now() + timedelta(minutes=1), "a mere pause moves"


async def test_what_was_made_a_draft_while_publishing_failed_stays_one(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    report = await scheduled(stage, page, 1)
    clock.wind(minutes=5)
    await stage.database.write(actions.change_update, page, report, 1, None, {"draft": True})
    await stage.database.write(actions.put_off_update, 1)
    assert await stage.database.read(rows) == [(None, None, None)]


async def test_an_outage_begins_when_its_draft_is_published_unless_somebody_has_said_when(
    stage: Stage, clock: FakeClock
) -> None:
    """Else a report that was prepared on Monday makes an outage of two days on Wednesday."""
    page = await stage.page()
    shop = await stage.resource(page)
    given = {"title": "T", "message": "M", "draft": True, "affected_resources": [(shop, "downtime")]}
    said = {**given, "starts_at": to_wire(START - timedelta(hours=1))}
    planned = {**given, "report_type": "maintenance", "affected_resources": [(shop, "maintenance")]}
    open, told = [(await stage.database.write(actions.create_report, page, None, each)).id for each in (given, said)]
    short, long = [
        (await stage.database.write(actions.create_report, page, None, {**planned, "ends_at": to_wire(ends)})).id
        for ends in (START + timedelta(hours=1), START + timedelta(days=3))
    ]
    clock.wind(days=2)
    starts = [
        (await stage.database.write(actions.update_report, page, id, None, {"draft": False})).starts_at
        for id in (open, told, short, long)
    ]
    assert starts == [clock.now(), START - timedelta(hours=1), START, clock.now()]


async def test_what_is_down_for_years_keeps_no_younger_report_from_its_end(
    stage: Stage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.status_pages.actions.automatic.MAX_RUNNING", 2)
    page = await stage.page(automatic_reports=True)
    noticing, publishing = AutomaticReports(stage.database, clock), Publishing(stage.database, clock)
    incident = 0
    for number in range(4):
        monitor = await stage.monitor(f"m{number}")
        await stage.resource(page, monitor)
        incident = await stage.incident(monitor, clock.now())
        await noticing.run_once()
        clock.wind(minutes=2)
        await publishing.run_once()
    await stage.database.write(
        lambda tx: tx.execute(update(incidents).where(incidents.c.id == incident).values(resolved_at=tx.now))
    )
    clock.wind(seconds=5)
    await noticing.run_once()
    found, _ = await stage.database.read(actions.list_reports, page, None, page=1, per_page=50)
    assert [report.ends_at is None for report in reversed(found)] == [True, True, True, False]


async def test_reports_that_write_themselves_keep_nobody_from_writing_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.status_pages.actions.reports.MAX_REPORTS", 2)
    page = await stage.page()
    for _ in range(3):
        await stage.report(page, {}, START, kind=ReportType.AUTOMATIC)
    given = {"title": "It flaps", "message": "We know."}
    for _ in range(2):
        await stage.database.write(actions.create_report, page, None, given)
    with pytest.raises(Invalid, match="at most 2 reports"):
        await stage.database.write(actions.create_report, page, None, given)
