"""Time-zone names as people and their tools give them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from tocsin.kernel.zones import RAILS_NAMES, at_wall_clock, zone


@pytest.mark.parametrize(
    ("name", "iana"),
    [
        ("Berlin", "Europe/Berlin"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("Kyiv", "Europe/Kiev"),
        ("New Delhi", "Asia/Kolkata"),
        ("UTC", "Etc/UTC"),
        ("Europe/Amsterdam", "Europe/Amsterdam"),
    ],
)
def test_rails_names_and_iana_names_mean_a_zone(name: str, iana: str) -> None:
    assert zone(name) == ZoneInfo(iana)


@pytest.mark.parametrize("name", ["Middle Earth", "", "../etc/passwd", "Europe", "\x00", "a" * 5000])
def test_other_names_mean_none(name: str) -> None:
    assert zone(name) is None


def test_every_rails_name_is_a_real_zone() -> None:
    assert len(RAILS_NAMES) > 140
    assert [name for name in RAILS_NAMES if zone(name) is None] == []


def test_a_time_that_the_clock_skips_and_one_that_it_shows_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring, autumn = datetime(2026, 3, 29), datetime(2026, 10, 25)
    assert at_wall_clock(spring, time(2, 30), berlin) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert at_wall_clock(autumn, time(2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
