"""How a monitor fared, day by day: what the bars on its page show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from tocsin.kernel.availability import Course
from tocsin.monitors.rules.availability import Interval, availability, clipped, merged, total

DAY_MS = 24 * 3_600_000


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day (UTC). Whole seconds; `availability` in percent, None when nobody watched."""

    day: str
    status: str
    """The worst of it: `downtime`, `degraded`, `maintenance`, `operational`, or `not_monitored` when nobody watched."""
    availability: float | None
    downtime: int
    incidents: int
    degraded: int
    maintenance: int


def first_day_ms(now_ms: int, count: int) -> int:
    """Where the first of the last `count` days begins; today is the last."""
    return now_ms // DAY_MS * DAY_MS - (count - 1) * DAY_MS


def days_of(course: Course, outages: Sequence[tuple[int, int | None]], from_ms: int, now_ms: int) -> list[Day]:
    """Each day from `from_ms` (the beginning of one) to now. `outages`: (start, end or None) of confirmed ones."""
    return [_day(course, outages, (start, min(start + DAY_MS, now_ms))) for start in range(from_ms, now_ms + 1, DAY_MS)]


def _day(course: Course, outages: Sequence[tuple[int, int | None]], day: Interval) -> Day:
    before = [(0, course.since_ms)]
    unwatched = [*before, *course.paused, *course.maintenance, *course.blind]
    figures = availability(day, outages, unwatched)
    watched = day[1] - day[0] - total(merged(clipped(unwatched, day)))
    maintenance, degraded = (total(merged(clipped(each, day))) for each in (course.maintenance, course.degraded))
    if figures.number_of_incidents:
        status = "downtime"
    elif degraded:
        status = "degraded"
    elif maintenance:
        status = "maintenance"
    else:
        status = "operational" if watched > 0 else "not_monitored"
    return Day(
        day=datetime.fromtimestamp(day[0] / 1000, UTC).date().isoformat(), status=status,
        availability=figures.availability if watched > 0 else None, downtime=figures.total_downtime,
        incidents=figures.number_of_incidents, degraded=degraded // 1000, maintenance=maintenance // 1000,
    )  # fmt: skip
