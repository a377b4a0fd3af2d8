"""A monitor's days."""

from __future__ import annotations

from tocsin.kernel.availability import Course
from tocsin.monitors.rules.days import DAY_MS, days_of, first_day_ms

NOW = 20 * DAY_MS + DAY_MS // 2
FIRST = first_day_ms(NOW, 5)


def at(day: int, hour: float = 0) -> int:
    return FIRST + day * DAY_MS + round(hour * 3_600_000)


def test_each_day_is_as_bad_as_its_worst() -> None:
    course = Course(
        owner_type="monitor", id=1, team_id=1, since_ms=at(1),
        paused=((at(2), at(3)),), maintenance=((at(3, 1), at(3, 2)),), degraded=((at(4, 1), at(4, 2)),),
    )  # fmt: skip
    days = days_of(course, [(at(1, 23), at(2, 1))], FIRST, NOW)
    assert [day.status for day in days] == ["not_monitored", "downtime", "not_monitored", "maintenance", "degraded"]
    assert [day.availability for day in days] == [None, round(100 * 23 / 24, 4), None, 100.0, 100.0]
    assert (days[1].downtime, days[1].incidents) == (3_600, 1)
    assert (days[3].maintenance, days[4].degraded) == (3_600, 3_600)
    assert days[0].day == "1970-01-17"


def test_an_outage_that_lasts_ends_with_now() -> None:
    course = Course(owner_type="monitor", id=1, team_id=1, since_ms=0)
    days = days_of(course, [(at(4, 6), None)], FIRST, NOW)
    assert [day.downtime for day in days] == [0, 0, 0, 0, 6 * 3_600]
    assert days[4].availability == 50.0
