"""How a job fared day by day: what a bar of ninety days is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tocsin.heartbeats.model import Day
from tocsin.kernel.availability import Course, Interval, clipped, merged, total, without
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.zones import at_wall_clock


def edges(today: date, count: int, where: ZoneInfo) -> list[tuple[date, int]]:
    """Each of the last `count` days with the instant (ms) at which it begins, and the end of the last one."""
    days = [today - timedelta(days=back) for back in range(count - 1, -2, -1)]
    return [(day, to_milliseconds(at_wall_clock(datetime.combine(day, time(0)), time(0), where))) for day in days]


def days(
    edges: Sequence[tuple[date, int]], course: Course, outages: Sequence[tuple[int, int | None]], now_ms: int
) -> list[Day]:
    """The days between these edges, the oldest first; the last one as far as it has come.

    `outages`: (started, ended or None), ms. Time before the heartbeat was made, and in which it was paused, was not
    watched; an outage in maintenance is none.
    """
    unwatched = merged([(0, course.since_ms), *course.paused])
    held = without(merged(course.maintenance), unwatched)
    blind = merged([*unwatched, *held])
    spells = [(start, now_ms if end is None else end) for start, end in outages]
    return [
        _day(day, (start, min(end, now_ms)), unwatched, held, blind, spells)
        for (day, start), (_, end) in pairwise(edges)
    ]


def _day(
    day: date,
    period: Interval,
    unwatched: Sequence[Interval],
    held: Sequence[Interval],
    blind: Sequence[Interval],
    spells: Sequence[Interval],
) -> Day:
    length = max(0, period[1] - period[0])
    pieces = [piece for spell in spells if (piece := without(clipped([spell], period), blind))]
    down = total(merged(part for piece in pieces for part in piece))
    maintenance = total(clipped(held, period))
    watched = length - total(clipped(blind, period))
    if down:
        status = "downtime"
    elif watched <= 0 and maintenance == 0:
        status = "not_monitored"
    else:
        status = "maintenance" if maintenance else "operational"
    return Day(
        date=day.isoformat(),
        status=status,
        downtime=down // 1000,
        maintenance=maintenance // 1000,
        incidents=len(pieces),
        availability=None if watched <= 0 else round(100 * (1 - down / watched), 4),
    )
