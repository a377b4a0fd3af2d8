"""What the public sees of a page: all of what it may, and not a word of what it may not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.status_pages.stage import Stage, hours
from tests.time import START, FakeClock
from tocsin.monitors import actions as monitors
from tocsin.monitors.model import Observation, Verdict
from tocsin.monitors.rules.settings import Limits
from tocsin.monitors.store import samples
from tocsin.status_pages import actions
from tocsin.status_pages.model import ReportType, State, Widget
from tocsin.status_pages.model.views import PageView, ReportView, ResourceView
from tocsin.storage import Database, Tx

DAY = timedelta(days=1)


@pytest.fixture
def stage(sqlite_database: Database, clock: FakeClock) -> Stage:
    clock.wind(days=-120)
    return Stage(sqlite_database)


async def see(stage: Stage, page_id: int) -> PageView:
    view = await stage.database.read(actions.view, page_id)
    assert view is not None
    return view


async def first(stage: Stage, page_id: int) -> ResourceView:
    return (await see(stage, page_id)).sections[0].resources[0]


def titles(reports: tuple[ReportView, ...]) -> list[str]:
    return [report.title for report in reports]


async def test_a_page_shows_its_sections_and_resources_in_order_with_their_days(
    stage: Stage, clock: FakeClock
) -> None:  # fmt: skip
    page = await stage.page(history=30, timezone="Prague")
    monitor = await stage.monitor()
    await stage.resource(page, monitor, public_name="Shop")
    await stage.resource(page, None, public_name="Phone line", position=0)
    clock.set(START)
    await stage.incident(monitor, START - DAY, START - DAY + hours(1))
    view = await see(stage, page)
    assert (view.state, view.made_at) == (State.OPERATIONAL, START)
    (section,) = view.sections
    assert [each.public_name for each in section.resources] == ["Phone line", "Shop"]
    shop = section.resources[1]
    assert len(shop.days) == 30
    assert (shop.days[-1].day, shop.status) == ("2026-03-02", State.OPERATIONAL)
    assert shop.days[-2].downtime_duration == 3_600
    assert shop.availability == pytest.approx(1 - 1 / (29 * 24 + 13), abs=1e-5)


async def test_what_is_known_of_a_page_that_is_not_there_is_nothing(stage: Stage) -> None:
    page = await stage.page()
    other = await stage.page(subdomain="other")
    report = await stage.report(other, {}, START)
    for seen in (actions.view, lambda tx, id: actions.month(tx, id, None)):
        assert await stage.database.read(seen, 99) is None
    assert await stage.database.read(actions.report_view, page, report) is None
    assert await stage.database.read(actions.report_view, other, 99) is None


SECRETS = ("db-7", "corp.example", "secret", "10.0.0.7", "Connection refused")


async def test_neither_names_nor_addresses_nor_causes_of_ours_are_in_any_view(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    group = await stage.monitor_group("db-7 cluster")
    monitor = await stage.monitor(monitor_group_id=group)
    await stage.resource(page, monitor, public_name="Shop", widget_type="response_times")
    await stage.resource(page, group, resource_type="MonitorGroup", public_name="All", widget_type="intraday_history")
    clock.set(START)
    await stage.incident(monitor, START - hours(1))
    report = await stage.report(page, {1: "downtime", 2: "degraded"}, START - hours(1))
    for found in (
        await see(stage, page),
        await stage.database.read(actions.month, page, None),
        await stage.database.read(actions.report_view, page, report),
    ):
        text = msgspec.json.encode(found).decode()
        assert "Shop" in text
        assert [word for word in SECRETS if word in text] == []


@pytest.mark.parametrize(
    "hidden",
    [{"draft": True}, {"applied": False}, {"draft_update": True}, {"draft": True, "applied": False}],
    ids=str,
)
@pytest.mark.parametrize("kind", [ReportType.MANUAL, ReportType.MAINTENANCE])
async def test_drafts_and_what_waits_are_nowhere(
    stage: Stage, clock: FakeClock, hidden: dict[str, Any], kind: ReportType
) -> None:
    page = await stage.page()
    shop = await stage.resource(page)
    clock.set(START)
    said = "maintenance" if kind is ReportType.MAINTENANCE else "downtime"
    for since, until in ((START - hours(1), START + hours(1)), (START - hours(9), START - hours(8)),
                         (START + hours(5), START + hours(6))):  # fmt: skip
        id = await stage.report(
            page, {shop: said}, since, until, kind=kind, title="CONFIDENTIAL", message="CONFIDENTIAL", **hidden
        )
        assert await stage.database.read(actions.report_view, page, id) is None
    view = await see(stage, page)
    assert (view.state, view.current, view.maintenance, view.recent) == (State.OPERATIONAL, (), (), ())
    month = await stage.database.read(actions.month, page, None)
    assert month is not None
    assert (month.reports, month.previous, month.previous_maintenance) == ((), None, None)
    assert "CONFIDENTIAL" not in msgspec.json.encode([view, month]).decode()
    found = await stage.database.read(actions.states_of, [actions_page(stage, view)])
    assert found == {page: State.OPERATIONAL}
    assert view.sections[0].resources[0].availability == 1.0


def actions_page(stage: Stage, view: PageView) -> Any:
    @dataclasses.dataclass
    class Page:
        id: int
        settings: Any
        created_at: Any

    return Page(view.id, view.settings, view.created_at)


async def test_of_a_visible_report_only_its_public_updates_are_shown(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    shop = await stage.resource(page)
    clock.set(START)
    report = await stage.report(page, {shop: "degraded"}, START - hours(2))
    await stage.database.write(
        lambda tx: stage._update(tx, page, report, [], START - hours(1), "CONFIDENTIAL", True, True)
    )
    await stage.database.write(
        lambda tx: stage._update(tx, page, report, [], START + hours(1), "CONFIDENTIAL", False, False)
    )
    await stage.update(page, report, {shop: "downtime"}, START - hours(1))
    (current,) = (await see(stage, page)).current
    assert [update.message for update in current.updates] == ["More.", "We are looking into it."]
    assert [update.affected[0].status for update in current.updates] == ["downtime", "degraded"]
    shown = await stage.database.read(actions.report_view, page, report)
    assert shown == current
    assert "CONFIDENTIAL" not in msgspec.json.encode(await stage.database.read(actions.month, page, None)).decode()


async def test_what_goes_on_what_is_planned_and_what_ended_lately_stand_apart(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    shop = await stage.resource(page)
    clock.set(START)
    maintenance = ReportType.MAINTENANCE
    for title, since, until, kind in (
        ("long over", -20 * DAY, -16 * DAY, ReportType.MANUAL),
        ("over", -3 * DAY, -2 * DAY, ReportType.MANUAL),
        ("done", -4 * DAY, -1 * DAY, maintenance),
        ("old but open", -40 * DAY, None, ReportType.MANUAL),
        ("open", -hours(1), None, ReportType.AUTOMATIC),
        ("later", 5 * DAY, 6 * DAY, maintenance),
        ("under way", -hours(1), hours(1), maintenance),
        ("far off", 91 * DAY, 92 * DAY, maintenance),
    ):
        says = "maintenance" if kind is maintenance else "degraded"
        ends = None if until is None else START + until
        await stage.report(page, {shop: says}, START + since, ends, kind=kind, title=title)
    view = await see(stage, page)
    assert titles(view.current) == ["open", "old but open"]
    assert titles(view.maintenance) == ["under way", "later"]
    assert titles(view.recent) == ["done", "over"]
    assert [report.state for report in view.recent] == [State.OPERATIONAL] * 2
    assert [report.state for report in view.maintenance] == [State.MAINTENANCE] * 2
    assert view.state is State.DEGRADED, "what a person says is not hidden by maintenance"


async def test_however_much_is_planned_and_over_what_goes_on_is_shown(
    stage: Stage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await stage.page()
    shop = await stage.resource(page)
    clock.set(START)
    monkeypatch.setattr(actions.viewing, "MAX_SHOWN", 3)
    monkeypatch.setattr(actions.standing, "MAX_REPORTS", 3)
    await stage.report(page, {shop: "downtime"}, START - 3 * DAY, title="Long outage")
    for number in range(1, 5):
        await stage.report(page, {shop: "maintenance"}, START + number * DAY, START + number * DAY + hours(1),
                           kind=ReportType.MAINTENANCE)  # fmt: skip
        await stage.report(page, {shop: "degraded"}, START - hours(number), START - hours(number) / 2)
    view = await see(stage, page)
    assert (titles(view.current), view.state) == (["Long outage"], State.DOWNTIME)
    assert len(view.maintenance) + len(view.recent) == 2


async def test_a_month_is_one_of_the_pages_own_calendar(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page(timezone="Auckland")  # thirteen hours ahead
    shop = await stage.resource(page)
    clock.set(START)
    for title, began in (
        ("end of January", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("in February", datetime(2026, 2, 28, 10, tzinfo=UTC)),
        ("in March already", datetime(2026, 2, 28, 12, tzinfo=UTC)),
    ):
        await stage.report(page, {shop: "degraded"}, began, START, title=title)
    await stage.report(
        page, {}, START + DAY, START + 2 * DAY, kind=ReportType.MAINTENANCE, title="to come"
    )  # fmt: skip

    async def month(name: str | None) -> Any:
        return await stage.database.read(actions.month, page, name)

    march, february, january = await month(None), await month("2026-02"), await month("2026-01")
    assert (march.month, titles(march.reports), march.previous, march.following) == (
        "2026-03", ["in March already"], "2026-02", None
    )  # fmt: skip
    assert (titles(february.reports), february.previous, february.following) == (["in February"], "2026-01", "2026-03")
    assert (titles(january.reports), january.previous, january.following) == (["end of January"], None, "2026-02")
    assert january.previous_maintenance is None
    await stage.report(page, {}, START - 70 * DAY, START - 69 * DAY, kind=ReportType.MAINTENANCE)
    january = await month("2026-01")
    assert (january.previous, january.previous_maintenance) == (None, "2025-12"), "each has a past of its own"
    for nonsense in ("2026-04", "2026-13", "2026-00", "26-1", "0000-01", "9999-12", "x", "", "2026-01\n"):
        assert await month(nonsense) is None, nonsense


async def test_what_was_not_watched_for_a_day_is_known_and_24_hours_have_an_availability_of_their_own(
    stage: Stage, clock: FakeClock
) -> None:  # fmt: skip
    page = await stage.page()
    monitor = await stage.monitor()
    await stage.resource(page, monitor, widget_type=Widget.INTRADAY_HISTORY)
    made = clock.now()
    clock.set(made + hours(23))
    await stage.incident(monitor, made + hours(1), made + hours(2))
    young = await first(stage, page)
    assert not young.watched_a_day
    assert young.availability == young.intraday_availability == pytest.approx(1 - 1 / 23, abs=1e-5)
    clock.set(made + hours(25.6))
    old = await first(stage, page)
    assert old.watched_a_day
    assert old.availability == pytest.approx(1 - 1 / 25.6, abs=1e-5)
    assert old.intraday_availability > old.availability


async def test_what_is_taken_off_the_page_is_gone_from_its_reports(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    shop, phone = await stage.resource(page), await stage.resource(page, public_name="Phone line")
    clock.set(START)
    await stage.report(page, {shop: "degraded", phone: "downtime"}, START - hours(2))
    await stage.database.write(actions.delete_resource, page, phone, None)
    view = await see(stage, page)
    assert [each.public_name for each in view.current[0].affected] == ["Shop"]
    assert view.state is State.DEGRADED


@pytest.mark.parametrize("whole_section", [False, True])
async def test_a_report_is_over_when_nothing_that_it_affects_is_on_the_page_any_more(
    stage: Stage, clock: FakeClock, whole_section: bool
) -> None:
    page = await stage.page()
    shop, phone = await stage.resource(page), await stage.resource(page, public_name="Phone line")
    section = (await stage.database.read(actions.list_sections, page, None))[0].id
    other = (await stage.database.write(actions.create_section, page, None, {"name": "More"})).id
    fax = await stage.resource(page, public_name="Fax", status_page_section_id=other)
    clock.set(START)
    only = await stage.report(page, {shop: "downtime"}, START - hours(2), title="only")
    with_the_well = await stage.report(page, {shop: "downtime", fax: "resolved"}, START - hours(2), title="well")
    ending = await stage.report(page, {shop: "degraded"}, START - hours(2), START + hours(5), title="ending")
    await stage.report(page, {shop: "downtime", fax: "degraded"}, START - hours(2), title="both")
    await stage.report(page, {}, START - hours(3), title="nobody")
    draft = await stage.report(page, {shop: "downtime"}, START - hours(2), draft=True)
    if whole_section:
        await stage.database.write(actions.delete_section, page, section, None)
    else:
        await stage.database.write(actions.delete_resource, page, phone, None)
        assert len((await see(stage, page)).current) == 5
        await stage.database.write(actions.delete_resource, page, shop, None)
    view = await see(stage, page)
    assert titles(view.current) == ["both", "nobody"]
    assert {report.id: report.ends_at for report in view.recent} == {
        only: START, with_the_well: START, ending: START
    }  # fmt: skip
    for id in (only, ending):  # what is said later neither moves the end nor is a new beginning
        await stage.database.write(
            actions.create_update, page, id, None, {"message": "It is over.", "affected_resources": []}
        )
        first = (await stage.database.read(actions.find_report, page, id, None)).updates[0]
        await stage.database.write(actions.change_update, page, id, first.id, None, {"message": "It was slow."})
    assert {report.ends_at for report in (await see(stage, page)).recent} == {START}
    says = {"message": "Now the fax.", "affected_resources": [(str(fax), "downtime")]}
    await stage.database.write(actions.create_update, page, only, None, says)
    assert "only" in titles((await see(stage, page)).current), "it goes on when something else is affected"
    assert (await stage.database.read(actions.find_report, page, draft, None)).ends_at is None


async def test_the_newest_are_known_however_old_they_are(database: Database, clock: FakeClock) -> None:
    stage = Stage(database)
    page = await stage.page()
    shop = await stage.resource(page)
    clock.set(START)
    old = START - 300 * DAY
    for number in range(52):
        at = old + hours(number)
        await stage.report(page, {shop: "degraded"}, at, at + hours(1), title=f"i{number}")
    for number in range(2):
        at = old - hours(number)
        await stage.report(page, {shop: "maintenance"}, at, at + hours(1), kind=ReportType.MAINTENANCE, title="m")
    await stage.report(page, {shop: "degraded"}, START - hours(1), title="open")
    await stage.report(page, {shop: "degraded"}, START - hours(1), draft=True, title="draft")
    await stage.report(page, {shop: "degraded"}, START - hours(1), applied=False, title="waits")
    await stage.report(page, {shop: "degraded"}, START + hours(1), title="to come")
    view = await see(stage, page)
    assert titles(view.latest) == ["open", *(f"i{number}" for number in range(51, 2, -1)), "m", "m"]
    assert view.latest[0] in view.current
    assert [update.message for update in view.latest[-1].updates] == ["We are looking into it."]
    assert view.recent == (), "the page itself tells of the last days alone"


async def test_a_monitor_of_another_team_is_as_good_as_gone(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    theirs = await stage.monitor("theirs", team="Charlie's")
    mine = await stage.monitor("mine")
    shop = await stage.resource(page, mine, widget_type="response_times")
    await stage.database.write(
        lambda tx: tx.connection.exec_driver_sql(
            f"UPDATE status_page_resources SET resource_id = {theirs} WHERE id = {shop}"
        )
    )
    seen = await first(stage, page)
    assert (seen.status, seen.response_times) == (State.NOT_MONITORED, ())


async def test_a_deleted_monitor_is_not_monitored(stage: Stage) -> None:
    page = await stage.page()
    monitor = await stage.monitor()
    await stage.resource(page, monitor)
    await stage.database.write(monitors.delete, monitor, None, "")
    seen = await first(stage, page)
    assert (seen.status, seen.availability) == (State.NOT_MONITORED, 1.0)
    assert {day.status for day in seen.days} == {State.NOT_MONITORED}


async def test_pauses_and_windows_are_seen_while_they_last_and_after(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    monitor = await stage.monitor()
    await stage.resource(page, monitor, widget_type="intraday_history")
    clock.set(START - hours(6))
    await stage.database.write(monitors.update, monitor, None, {"paused": True}, Limits(), "")
    assert (await first(stage, page)).status is State.NOT_MONITORED
    clock.set(START - hours(3))
    window = {"paused": False, "maintenance_from": "09:00", "maintenance_to": "10:00"}
    await stage.database.write(monitors.update, monitor, None, window, Limits(), "")
    seen = await first(stage, page)
    assert seen.status is State.MAINTENANCE, "before the engine has noted that the window is open"
    slots = [slot.status for slot in seen.intraday[-8:]]
    assert slots == [State.OPERATIONAL, *[State.NOT_MONITORED] * 6, State.MAINTENANCE]
    await stage.gap(monitor, START - hours(3), START - hours(2), "maintenance")
    clock.set(START)
    seen = await first(stage, page)
    assert seen.status is State.OPERATIONAL
    assert seen.days[-1].maintenance_duration == 3_600


async def test_a_slow_monitor_is_degraded_from_its_first_slow_check_to_its_last(
    stage: Stage, clock: FakeClock
) -> None:  # fmt: skip
    page = await stage.page()
    monitor = await stage.monitor()
    await stage.resource(page, monitor)
    clock.set(START - hours(2))

    async def check(degraded: str | None) -> None:
        at = int(clock.now().timestamp() * 1000)
        seen = Observation(
            monitor_id=monitor, revision=1, region="eu", started_ms=at, ended_ms=at, verdict=Verdict.UP,
            degraded=degraded,
        )  # fmt: skip
        await stage.database.write(monitors.record, seen, "")

    await check("Slow: 9 seconds at db-7.internal")
    assert (await first(stage, page)).status is State.DEGRADED
    clock.wind(hours=1)
    await check(None)
    clock.wind(hours=1)
    seen = await first(stage, page)
    assert (seen.status, seen.days[-1].degraded_duration, seen.availability) == (State.OPERATIONAL, 3_600, 1.0)


async def test_charts_show_what_was_measured_packed_or_not(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    monitor, other = await stage.monitor(), await stage.monitor("other")
    await stage.resource(page, monitor, widget_type="response_times")
    clock.set(START)
    end_ms = int(START.timestamp() * 1000)

    def measured(monitor_id: int, at_ms: int, seconds: float) -> Observation:
        return Observation(
            monitor_id=monitor_id, revision=1, region="eu", started_ms=at_ms, ended_ms=at_ms, verdict=Verdict.UP,
            response_time=seconds,
        )  # fmt: skip

    def work(tx: Any) -> None:
        old = end_ms - 2 * samples.HOUR_MS
        seen = [measured(monitor, old + minute * 60_000, 0.1 + 0.1 * (minute >= 15)) for minute in range(60)]
        samples.add_batch(tx, old, "eu", seen)
        data = samples.pack_hour(old, list(samples.unpack_batch(old, "eu", samples.pack_batch(old, seen))))
        samples.save_hour(tx, samples.Packed(monitor, old, "eu", 1, data), None)  # packed, and its batch not deleted
        samples.add_batch(tx, end_ms - 1000, "eu", [measured(monitor, end_ms, 0.3), measured(monitor, end_ms, 0.5),
                                                    measured(other, end_ms, 9.0)])  # fmt: skip

    await stage.database.write(work)
    chart = (await first(stage, page)).response_times
    assert len(chart) == 96
    assert chart[-1].at == START
    assert {point.at: point.seconds for point in chart if point.seconds is not None} == {
        START - timedelta(minutes=120): pytest.approx(0.1),
        START - timedelta(minutes=105): pytest.approx(0.2),
        START - timedelta(minutes=90): pytest.approx(0.2),
        START - timedelta(minutes=75): pytest.approx(0.2),
        START: pytest.approx(0.4),
    }


async def asked(stage: Stage, work: Callable[[Tx], object]) -> int:
    """How many questions this puts to the database."""

    def counted(tx: Any) -> int:
        count = 0
        real = tx.connection.execute

        def counting(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            return real(*arguments, **more)

        tx.connection.execute = counting
        try:
            work(tx)
        finally:
            del tx.connection.execute
        return count

    return await stage.database.write(counted)


async def test_the_number_of_questions_does_not_grow_with_the_page(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    await stage.resource(page, await stage.monitor("m0"), widget_type="response_times")
    few = await asked(stage, lambda tx: actions.view(tx, page))
    for number in range(1, 12):
        monitor = await stage.monitor(f"m{number}")
        shop = await stage.resource(page, monitor, widget_type="response_times")
        await stage.incident(monitor, START - hours(1))
        await stage.report(page, {shop: "degraded"}, START - DAY)
    clock.set(START)
    assert await asked(stage, lambda tx: actions.view(tx, page)) <= few + 2, (
        "updates of reports are asked for only when there are reports"
    )


async def test_whoever_fills_a_page_does_not_have_its_state_put_together_each_time(stage: Stage) -> None:
    """Terraform makes a thousand resources in a row, and pages to people wait behind each on SQLite."""
    page = await stage.page()
    given = {"resource_type": "ManuallyTrackedItem", "public_name": "Shop"}
    assert await asked(stage, lambda tx: actions.create_resource(tx, page, None, given)) <= 10
    assert await asked(stage, lambda tx: actions.update_resource(tx, page, 1, None, {"public_name": "Shops"})) <= 10
