"""Maintenance windows: days, nights, zones and the two odd nights of the year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import DAYS, Settings
from tocsin.monitors.rules.maintenance import in_maintenance, next_change

EVENING = Settings(maintenance_from="22:00:00", maintenance_to="23:30:00", maintenance_timezone="Berlin",
                   maintenance_days=("mon",))  # fmt: skip
NIGHT = msgspec.structs.replace(EVENING, maintenance_to="02:00:00", maintenance_days=("mon", "tue"))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@pytest.mark.parametrize(
    ("when", "inside"),
    [
        ("2026-03-02T21:59:59", False),
        ("2026-03-02T22:00:00", True),
        ("2026-03-02T23:29:59", True),
        ("2026-03-02T23:30:00", False),
        ("2026-03-03T22:30:00", False),
    ],
)
def test_a_window_is_open_from_its_first_second_to_before_its_last_on_its_days(when: str, inside: bool) -> None:
    assert in_maintenance(EVENING, berlin(when)) is inside


@pytest.mark.parametrize(
    ("when", "inside"),
    [
        ("2026-03-02T01:00:00", True),
        ("2026-03-02T23:00:00", True),
        ("2026-03-03T01:59:59", True),
        ("2026-03-03T02:00:00", False),
        ("2026-03-03T23:00:00", True),
        ("2026-03-04T01:00:00", False),
    ],
)
def test_a_night_counts_its_evening_on_the_first_day_and_its_morning_on_the_second(when: str, inside: bool) -> None:
    assert in_maintenance(NIGHT, berlin(when)) is inside


def test_the_wall_clock_of_the_zone_counts_in_summer_and_in_winter() -> None:
    assert in_maintenance(EVENING, datetime(2026, 1, 5, 21, 0, tzinfo=UTC))
    assert in_maintenance(EVENING, datetime(2026, 7, 6, 20, 0, tzinfo=UTC))
    assert not in_maintenance(EVENING, datetime(2026, 7, 6, 21, 45, tzinfo=UTC))


def test_a_window_over_the_skipped_hour_still_closes() -> None:
    sunday = msgspec.structs.replace(EVENING, maintenance_from="01:30:00", maintenance_to="02:30:00",
                                     maintenance_days=("sun",))  # fmt: skip
    assert in_maintenance(sunday, datetime(2026, 3, 29, 0, 45, tzinfo=UTC))
    assert not in_maintenance(sunday, datetime(2026, 3, 29, 1, 45, tzinfo=UTC))


def test_without_a_window_nothing_ever_changes() -> None:
    assert next_change(Settings(), datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert not in_maintenance(Settings(), datetime(2026, 1, 1, tzinfo=UTC))


windows = st.builds(
    lambda begin, end, days, zone: Settings(
        maintenance_from=f"{begin // 60:02}:{begin % 60:02}:00", maintenance_to=f"{end // 60:02}:{end % 60:02}:00",
        maintenance_days=tuple(days), maintenance_timezone=zone,
    ),
    st.integers(0, 1439), st.integers(0, 1439), st.lists(st.sampled_from(DAYS), unique=True, min_size=1),
    st.sampled_from(["UTC", "Berlin", "Pacific Time (US & Canada)", "Asia/Kathmandu", "Hobart"]),
)  # fmt: skip


@pytest.mark.slow
@given(windows, st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(1, 10_000))
def test_nothing_changes_before_the_next_change(settings: Settings, moment: datetime, minutes: int) -> None:
    now = moment.replace(tzinfo=UTC)
    following = next_change(settings, now)
    if following is None:
        assert in_maintenance(settings, now + timedelta(minutes=minutes)) is in_maintenance(settings, now)
        return
    assert following > now
    assert in_maintenance(settings, following) is not in_maintenance(settings, now)
    probe = now + (following - now) * (minutes / 10_001)
    assert in_maintenance(settings, probe) is in_maintenance(settings, now)
