"""The engine between probe and database: what it writes, what it judges, and what it does when it cannot write."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from tests.monitors.test_actions_monitors import BASE, Site
from tests.time import FakeClock
from tocsin.kernel.clock import to_milliseconds
from tocsin.monitors import actions
from tocsin.monitors.actions import packing
from tocsin.monitors.model import CheckSpec, MonitorStatus, Observation, Verdict
from tocsin.monitors.worker import Engine, Packer
from tocsin.monitors.worker.engine import MAX_JUDGING_TRIES
from tocsin.storage import Database, Tx


class Hands:
    """A probe that checks nothing: it remembers what it was given, and a test reports for it."""

    def __init__(self) -> None:
        self.specs: dict[int, CheckSpec] = {}
        self.asked: list[int] = []

    def replace(self, specs: Iterable[CheckSpec]) -> None:
        self.specs = {spec.monitor_id: spec for spec in specs}

    def put(self, spec: CheckSpec) -> None:
        self.specs[spec.monitor_id] = spec

    def remove(self, monitor_id: int) -> None:
        self.specs.pop(monitor_id, None)

    def check_now(self, monitor_id: int) -> None:
        self.asked.append(monitor_id)


class Watch:
    """A site, an engine and a probe by hand."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.clock = clock
        self.database = database
        self.site = Site(database, clock)
        self.restart()

    def restart(self) -> None:
        """Another process on the same database."""
        self.hands = Hands()
        self.engine = Engine(self.database, self.clock, BASE)
        self.engine.attach(self.hands)

    async def beat(self) -> None:
        await self.engine.run_once()

    def see(self, verdict: Verdict, **values: Any) -> None:
        """The probe has just made a check of the site's monitor."""
        now = to_milliseconds(self.clock.now())
        spec = self.hands.specs[self.site.id]
        seen = Observation(
            monitor_id=self.site.id, revision=spec.revision, region="eu", started_ms=now, ended_ms=now + 40,
            verdict=verdict, cause=None if verdict is Verdict.UP else "Connection refused", response_time=0.04,
            connection_time=0.01, **values,
        )  # fmt: skip
        self.engine.deliver([seen])
        deadline = time.monotonic() + 10
        while self.engine.judging and time.monotonic() < deadline:
            time.sleep(0.001)

    def gaps(self) -> list[tuple[int | None, str, float]]:
        """(monitor, reason, seconds) of every gap that has ended."""

        def rows(tx: Tx) -> list[tuple[int | None, str, float]]:
            found = tx.connection.exec_driver_sql("SELECT monitor_id, reason, to_ms - from_ms FROM observation_gaps")
            return [(row[0], row[1], row[2] / 1000) for row in found if row[2] is not None]

        return self.database.submit_read(rows).result(10)

    def count(self, table: str) -> int:
        def rows(tx: Tx) -> int:
            return int(tx.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

        return self.database.submit_read(rows).result(10)


@pytest.fixture
def watch(database: Database, clock: FakeClock) -> Watch:
    return Watch(database, clock)


async def test_a_new_monitor_reaches_the_probe_at_the_next_beat_and_a_paused_one_leaves_it(watch: Watch) -> None:
    await watch.beat()
    watch.site.create()
    await watch.beat()
    assert watch.hands.specs[watch.site.id].settings["url"] == "https://shop.example.com"
    watch.site.update(paused=True)
    await watch.beat()
    assert watch.hands.specs == {}
    watch.site.update(paused=False)
    await watch.beat()
    assert watch.site.id in watch.hands.specs
    watch.site.write(actions.delete, watch.site.id, None, BASE)
    await watch.beat()
    assert watch.hands.specs == {}


async def test_a_steady_success_is_written_with_the_beat_and_not_before(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    watch.see(Verdict.UP)
    assert watch.site.monitor.status is MonitorStatus.UP
    first = watch.site.monitor.last_checked_at
    watch.clock.wind(seconds=30)
    watch.see(Verdict.UP)
    assert watch.site.monitor.last_checked_at == first
    await watch.beat()
    assert watch.site.monitor.last_checked_at == first + timedelta(seconds=30)
    assert watch.count("sample_batches") == 1
    assert watch.engine.samples_written == 2


async def test_a_failure_and_the_recovery_are_judged_at_once(watch: Watch) -> None:
    watch.site.create(recovery_period=0)
    await watch.beat()
    watch.see(Verdict.UP)
    watch.clock.wind(seconds=30)
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None
    watch.clock.wind(seconds=30)
    watch.see(Verdict.UP)
    assert watch.site.incident is None
    watch.clock.wind(seconds=30)
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None


async def test_a_restarted_engine_knows_where_everything_stood(watch: Watch) -> None:
    watch.site.create(recovery_period=0)
    await watch.beat()
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None
    watch.restart()
    await watch.beat()
    watch.clock.wind(seconds=3)
    watch.see(Verdict.UP)
    assert watch.site.incident is None


async def test_the_time_without_an_engine_is_a_gap(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    watch.clock.wind(minutes=20)
    watch.restart()
    await watch.beat()
    assert watch.gaps() == [(None, "not running", 1200.0)]


async def test_a_machine_that_slept_did_not_watch(watch: Watch) -> None:
    await watch.beat()
    watch.clock.wind(hours=8)
    await watch.beat()
    assert watch.gaps() == [(None, "not running", 28_800.0)]


@pytest.mark.slow
async def test_a_batch_of_many_monitors_is_written_in_one_beat(watch: Watch) -> None:
    ids = [watch.site.create(url=f"https://{number}.example.com").id for number in range(20)]
    await watch.beat()
    for round in range(2):
        watch.clock.wind(seconds=30)
        for watch.site.id in ids:
            watch.see(Verdict.UP)
        await watch.beat()
        assert watch.count("sample_batches") == round + 1
    now = watch.clock.now()
    assert {watch.site.write(actions.find, id, None).last_checked_at for id in ids} == {now}


async def test_a_quick_restart_is_no_gap(watch: Watch) -> None:
    await watch.beat()
    watch.clock.wind(seconds=5)
    watch.restart()
    await watch.beat()
    assert watch.gaps() == []


async def test_our_own_failure_opens_no_incident_is_said_once_and_becomes_a_gap(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    watch.see(Verdict.UP)
    for _ in range(5):
        watch.clock.wind(seconds=30)
        watch.see(Verdict.UNKNOWN)
        await watch.beat()
    assert watch.site.incident is None
    assert watch.site.monitor.status is MonitorStatus.UP
    watch.clock.wind(seconds=30)
    watch.see(Verdict.UP)
    await watch.beat()
    assert watch.gaps() == [(watch.site.id, "unknown", 150.0)]
    told = watch.database.submit_read(
        lambda tx: tx.connection.exec_driver_sql(
            "SELECT name FROM events WHERE resource_type = 'probe' ORDER BY id"
        ).all()
    ).result(10)
    assert [row[0] for row in told] == ["probe.blind", "probe.seeing"]


async def test_a_maintenance_window_takes_the_monitor_off_the_probe_and_gives_it_back(watch: Watch) -> None:
    watch.site.create(maintenance_from="12:30:00", maintenance_to="13:00:00", confirmation_period=3600)
    await watch.beat()
    watch.see(Verdict.UP)
    watch.clock.wind(minutes=20)
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None
    watch.clock.wind(minutes=11)
    await watch.beat()
    assert watch.hands.specs == {}
    assert watch.site.incident is None
    assert watch.site.monitor.status is MonitorStatus.MAINTENANCE
    watch.clock.wind(minutes=30)
    await watch.beat()
    assert watch.site.id in watch.hands.specs
    assert watch.site.monitor.status is MonitorStatus.UP
    assert (watch.site.id, "maintenance", 1800.0) in watch.gaps()


async def test_a_maintenance_window_that_could_not_be_written_down_turns_at_a_later_beat(
    sqlite_database: Database, clock: FakeClock
) -> None:
    watch = Watch(sqlite_database, clock)
    watch.site.create(maintenance_from="12:30:00", maintenance_to="13:00:00")
    await watch.beat()
    clock.wind(minutes=31)
    refuse = "CREATE TRIGGER refuse BEFORE {} ON observation_gaps BEGIN SELECT RAISE(ABORT, 'not today'); END"
    for deed, watched in (("INSERT", False), ("UPDATE", True)):
        await watch.database.write(lambda tx, deed=deed: tx.connection.exec_driver_sql(refuse.format(deed)))
        with pytest.raises(IntegrityError):
            await watch.beat()
        await watch.database.write(lambda tx: tx.connection.exec_driver_sql("DROP TRIGGER refuse"))
        clock.wind(seconds=2)
        await watch.beat()
        assert (watch.site.id in watch.hands.specs) is watched
        clock.wind(minutes=30)


@pytest.mark.parametrize(
    ("column", "value"), [("secrets", "sealed:with another key"), ("settings", '{"check_frequency": "often"}')]
)
async def test_one_monitor_that_cannot_be_read_is_said_and_the_others_are_watched(
    watch: Watch, column: str, value: str
) -> None:
    lost = watch.site.create(auth_username="shop", auth_password="hunter2").id
    watch.site.create(url="https://other.example.com")
    damage = f"UPDATE monitors SET {column} = '{value}' WHERE id = {lost}"
    await watch.database.write(lambda tx: tx.connection.exec_driver_sql(damage))
    await watch.beat()
    assert list(watch.hands.specs) == [watch.site.id]
    assert watch.engine.unreadable == 1
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None
    watch.site.id = lost
    assert watch.site.monitor.status is MonitorStatus.PENDING
    watch.site.update(pronounceable_name="Shop")
    await watch.beat()
    assert watch.engine.unreadable == 1, "a new name does not make up for a password"
    watch.site.update(auth_username="shop", auth_password="hunter3")
    await watch.beat()
    assert watch.engine.unreadable == 0
    assert watch.hands.specs[lost].settings["auth_password"] == "hunter3"


async def test_an_outage_after_the_clock_was_set_back_is_seen_at_once(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    for _ in range(2):
        watch.see(Verdict.UP)
        watch.clock.wind(seconds=30)
        await watch.beat()
    watch.clock.wind(hours=-1)
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None


async def test_when_the_confirmation_period_ends_a_check_is_made_and_not_an_hour_later(watch: Watch) -> None:
    watch.site.create(confirmation_period=60, recovery_period=300, check_frequency=3600)
    await watch.beat()
    watch.see(Verdict.UP)
    await watch.beat()
    watch.see(Verdict.UP)
    watch.clock.wind(hours=1)
    watch.see(Verdict.DOWN)
    for _ in range(59):
        watch.clock.wind(seconds=1)
        await watch.beat()
    assert watch.hands.asked == []
    watch.restart()
    await watch.beat()
    watch.clock.wind(seconds=1)
    await watch.beat()
    await watch.beat()
    assert watch.hands.asked == [watch.site.id]
    watch.see(Verdict.DOWN)
    assert watch.site.monitor.status is MonitorStatus.DOWN
    watch.clock.wind(hours=1)
    watch.see(Verdict.UP)
    watch.clock.wind(seconds=300)
    await watch.beat()
    assert watch.hands.asked == [watch.site.id] * 2
    watch.see(Verdict.UP)
    assert watch.site.monitor.status is MonitorStatus.UP
    watch.clock.wind(hours=1)
    await watch.beat()
    assert watch.hands.asked == [watch.site.id] * 2


async def test_an_edited_monitor_is_judged_under_its_new_settings_only(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    stale = watch.hands.specs[watch.site.id]
    watch.site.update(url="https://new.example.com")
    watch.see(Verdict.DOWN)
    assert watch.site.incident is None
    assert watch.hands.asked == []
    await watch.beat()
    assert watch.hands.specs[watch.site.id].revision > stale.revision
    assert watch.hands.asked == [watch.site.id]
    watch.hands.specs[watch.site.id], new = stale, watch.hands.specs[watch.site.id]
    watch.see(Verdict.DOWN)  # a check that was still under way
    await watch.beat()
    assert watch.hands.asked == [watch.site.id] * 2
    watch.hands.specs[watch.site.id] = new
    await watch.beat()
    assert watch.hands.asked == [watch.site.id] * 2
    watch.see(Verdict.DOWN)
    assert watch.site.incident is not None


@pytest.mark.slow
async def test_while_the_database_is_locked_verdicts_wait_and_are_judged_in_order(
    sqlite_database: Database, clock: FakeClock
) -> None:
    watch = Watch(sqlite_database, clock)
    watch.site.create(recovery_period=0)
    await watch.beat()
    watch.see(Verdict.UP)
    impatient = "PRAGMA busy_timeout=50"
    watch.database.submit_write(lambda tx: tx.connection.exec_driver_sql(impatient)).result(10)
    # After a failure the writer opens a new connection: it must not wait its five seconds either.
    event.listen(watch.database.engine, "connect", lambda driver, record: driver.execute(impatient))
    path = watch.database.url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    now = to_milliseconds(clock.now())
    spec = watch.hands.specs[watch.site.id]

    def seen(after_seconds: int, verdict: Verdict) -> Observation:
        start = now + after_seconds * 1000
        return Observation(monitor_id=watch.site.id, revision=spec.revision, region="eu", started_ms=start,
                           ended_ms=start + 5, verdict=verdict)  # fmt: skip

    watch.engine.deliver([seen(30, Verdict.DOWN)])
    clock.wind(seconds=61)
    await watch.beat()
    watch.engine.deliver([seen(60, Verdict.UP)])
    await watch.beat()
    assert watch.engine.waiting == 1
    assert watch.engine.lag_seconds > 0
    other.execute("ROLLBACK")
    other.close()
    await watch.beat()
    assert watch.engine.waiting == 0
    assert watch.engine.lag_seconds == 0
    assert watch.site.incident is None
    assert watch.count("incidents") == 1  # the outage that began and ended meanwhile is known


async def test_an_outage_that_the_database_refused_for_once_is_judged_at_the_next_beat(
    sqlite_database: Database, clock: FakeClock
) -> None:
    watch = Watch(sqlite_database, clock)
    watch.site.create()
    await watch.beat()
    watch.see(Verdict.UP)
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON incidents BEGIN SELECT RAISE(ABORT, 'not today'); END"
    await watch.database.write(lambda tx: tx.connection.exec_driver_sql(refuse))
    clock.wind(seconds=30)
    watch.see(Verdict.DOWN)
    await watch.beat()
    assert (watch.engine.waiting, watch.site.incident) == (1, None)
    await watch.database.write(lambda tx: tx.connection.exec_driver_sql("DROP TRIGGER refuse"))
    await watch.beat()
    assert watch.engine.waiting == 0
    assert watch.site.incident is not None


@pytest.mark.slow
async def test_what_the_database_refuses_for_ever_does_not_hold_up_what_comes_later(
    sqlite_database: Database, clock: FakeClock
) -> None:
    watch = Watch(sqlite_database, clock)
    watch.site.create()
    await watch.beat()
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON incidents BEGIN SELECT RAISE(ABORT, 'never'); END"
    await watch.database.write(lambda tx: tx.connection.exec_driver_sql(refuse))
    watch.see(Verdict.DOWN)
    for _ in range(MAX_JUDGING_TRIES):
        await watch.beat()
    assert watch.engine.waiting == 0
    assert watch.engine.judging_failures == 1


async def test_what_was_measured_can_be_seen_before_and_after_it_is_packed(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    for _ in range(4):
        watch.clock.wind(seconds=30)
        watch.see(Verdict.UP)
        await watch.beat()
    now = to_milliseconds(watch.clock.now())

    def points() -> list[tuple[int, float, float | None]]:
        work = (actions.response_times, watch.site.id, None, now - 86_400_000, now + 1)
        _, regions = watch.database.submit_read(*work).result(10)
        return [(s.at_ms, s.response_time, s.tls_handshake_time) for s in regions["eu"]]

    before = points()
    assert [(at - now, time, tls) for at, time, tls in before] == [
        (-90_000, 0.04, None), (-60_000, 0.04, None), (-30_000, 0.04, None), (0, 0.04, None),
    ]  # fmt: skip
    packer = Packer(watch.database, watch.clock)
    await packer.run_once()
    assert watch.count("sample_batches") == 0
    assert points() == before


async def test_packing_again_after_a_crash_adds_nothing_twice(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    watch.see(Verdict.UP)
    await watch.beat()
    _, _, unpacked = await watch.database.read(packing.read_unpacked, 100)
    await watch.database.write(packing.pack, unpacked)  # and here it dies, before the batches are forgotten
    now = to_milliseconds(watch.clock.now())
    for _ in range(2):
        _, regions = await watch.database.read(actions.response_times, watch.site.id, None, 0, now + 1)
        assert len(regions["eu"]) == 1
        await Packer(watch.database, watch.clock).run_once()


async def test_after_two_days_an_hour_is_one_average_and_after_a_year_it_is_gone(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    hour = to_milliseconds(watch.clock.now())
    for _ in range(3):
        watch.clock.wind(minutes=10)
        watch.see(Verdict.UP)
    await watch.beat()
    packer = Packer(watch.database, watch.clock)
    await packer.run_once()
    watch.clock.wind(hours=50)
    await packer.run_once()
    assert watch.count("sample_hours") == 0
    later = to_milliseconds(watch.clock.now())
    _, regions = await watch.database.read(actions.response_times, watch.site.id, None, 0, later)
    assert [(s.at_ms, s.response_time) for s in regions["eu"]] == [(hour, 0.04)]
    watch.clock.wind(days=402)
    await packer.run_once()
    assert watch.count("sample_days") == 0
