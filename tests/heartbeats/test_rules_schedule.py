"""When the next call is expected, whatever the clocks do meanwhile."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.heartbeats.model import Settings
from tocsin.heartbeats.rules.schedule import expected_after, occurrence_after, on_wall_clock, usual_interval

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@cache
def transitions() -> list[tuple[ZoneInfo, datetime]]:
    """(zone, the last midnight UTC before its clock changes) over the coming two years, each sort of change once."""
    found: dict[tuple[datetime, timedelta, timedelta], tuple[ZoneInfo, datetime]] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        before = NOW.astimezone(zone).utcoffset()
        for day in range(731):
            at = datetime(2026, 11, 23, tzinfo=UTC) + day * DAY
            after = (at + DAY).astimezone(zone).utcoffset()
            assert before is not None
            assert after is not None
            if before != after:
                found.setdefault((at, before, after), (zone, at))
            before = after
    return list(found.values())


def reading(zone: ZoneInfo, day: date, wall: time) -> datetime:
    """When the clock first shows that time on that day; when it skips it, as much later as it was put forward."""
    return datetime.combine(day, wall, tzinfo=zone).astimezone(UTC)


def skipped(zone: ZoneInfo, day: date, wall: time) -> bool:
    at = reading(zone, day, wall).astimezone(zone)
    return (at.date(), at.time()) != (day, wall)


@pytest.mark.slow
def test_there_are_transitions_to_test() -> None:
    zones = {zone.key for zone, _ in transitions()}
    assert len(transitions()) > 30
    assert len(zones) > 10


@pytest.mark.slow
def test_a_daily_job_at_the_same_wall_time_is_expected_then_across_every_change_of_every_zone() -> None:
    for zone, midnight in transitions():
        for wall in (time(hour, minute, 7) for hour in range(24) for minute in (0, 15, 30, 45)):
            for offset in range(-2, 3):
                day = (midnight + offset * DAY).astimezone(zone).date()
                beat, due = reading(zone, day, wall), reading(zone, day + DAY, wall)
                expected = on_wall_clock(beat, DAY, zone)
                if skipped(zone, day, wall):  # it ran late once: no alarm may come of it, and none much too late
                    assert due <= expected <= due + 2 * HOUR
                else:
                    assert expected == due, (zone.key, beat, wall)


@pytest.mark.slow
def test_an_hourly_job_is_expected_every_hour_across_every_change() -> None:
    for zone, midnight in transitions():
        for minutes in range(0, 48 * 60, 20):
            beat = midnight - HOUR + timedelta(minutes=minutes)
            expected = on_wall_clock(beat, HOUR, zone)
            shift = abs_shift(zone, midnight)
            if shift == HOUR:
                assert expected == beat + HOUR, (zone.key, beat)
            else:  # half an hour: "at half past" comes half an hour sooner, once
                assert abs(expected - beat - HOUR) <= shift, (zone.key, beat)


def abs_shift(zone: ZoneInfo, midnight: datetime) -> timedelta:
    before, after = midnight.astimezone(zone).utcoffset(), (midnight + DAY).astimezone(zone).utcoffset()
    assert before is not None
    assert after is not None
    return abs(after - before)


def test_without_a_zone_a_day_is_24_hours() -> None:
    settings = Settings(period=86_400)
    assert expected_after(settings, NOW) == NOW + DAY
    summer = datetime(2027, 3, 27, 1, 30, tzinfo=UTC)
    berlin = Settings(period=86_400, server_timezone="Europe/Berlin")
    assert expected_after(berlin, summer) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)  # 02:30 is skipped: 03:30
    assert expected_after(berlin, datetime(2027, 3, 27, 12, tzinfo=UTC)) == datetime(2027, 3, 28, 11, tzinfo=UTC)


@given(
    st.integers(0, 2 * 366 * 86_400),
    st.integers(30, 40 * 86_400),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kolkata"]),
)
def test_on_the_wall_clock_a_period_is_never_off_by_more_than_the_shift(after: int, period: int, name: str) -> None:
    beat = NOW + timedelta(seconds=after)
    expected = on_wall_clock(beat, timedelta(seconds=period), ZoneInfo(name))
    assert expected > beat
    assert abs(expected - beat - timedelta(seconds=period)) <= 2 * HOUR


@pytest.mark.parametrize(
    ("schedule", "zone", "expected", "usual"),
    [
        ("0 2 * * *", "Europe/Berlin", datetime(2026, 11, 24, 1, tzinfo=UTC), 86_400),
        ("*/5 * * * *", "UTC", datetime(2026, 11, 23, 15, 5, tzinfo=UTC), 300),
        ("30 8 * * 1-5", "America/New_York", datetime(2026, 11, 24, 13, 30, tzinfo=UTC), 86_400),
        ("daily", "UTC", datetime(2026, 11, 24, tzinfo=UTC), 86_400),
        ("Mon *-*-* 03:00:00", "UTC", datetime(2026, 11, 30, 3, tzinfo=UTC), 7 * 86_400),
        ("*-*-* 02:00:00 Europe/Berlin", "UTC", datetime(2026, 11, 24, 1, tzinfo=UTC), 86_400),
    ],
)
def test_schedules_of_both_kinds(schedule: str, zone: str, expected: datetime, usual: int) -> None:
    assert occurrence_after(schedule, zone, NOW) == expected
    assert usual_interval(schedule, zone, NOW) == usual


@pytest.mark.parametrize(
    "schedule",
    ["61 * * * *", "0 0 30 2 *", "* * * *", "*-*-* *:*:0/10", "2020-01-01", "0 0 * * 9", "nightly", "1 2 3 4 5 6 7"],
)
def test_what_is_no_schedule_is_refused_in_words(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|names|must) "):
        usual_interval(schedule, "UTC", NOW)
