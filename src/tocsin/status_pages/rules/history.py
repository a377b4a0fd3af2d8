"""Turns how a resource stood into what people read off a bar: its days, its last hours, its availability."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from tocsin.kernel.availability import Interval, clipped, total
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.zones import at_wall_clock
from tocsin.status_pages.model import DayStatus, State
from tocsin.status_pages.model.views import Slot
from tocsin.status_pages.rules.standing import CLEAR, Layers, state

SLOTS = 48
SLOT_MS = 30 * 60_000
"""The last 24 hours in half hours."""
DAY_MS = 24 * 60 * 60_000
QUARTERS = 96
QUARTER_MS = 15 * 60_000
"""The last 24 hours in quarters of an hour."""
_DIGITS = 6
"""Of an availability between 0 and 1: half a minute in a year."""


class Calendar(msgspec.Struct, frozen=True):
    """The days that a page shows, by its own clock on the wall, the oldest first."""

    edges: tuple[int, ...]
    """Where each begins, and where the last one ends: ms since 1970 UTC. Days of 23 or 25 hours are among them."""
    well: tuple[DayStatus, ...]
    """Each as it looks when all was well."""


@lru_cache(maxsize=256)
def calendar(today: date, count: int, where: ZoneInfo) -> Calendar:
    """The last `count` days up to `today`. A date that the zone has skipped is a day of no length."""
    days = [today - timedelta(days=back) for back in range(count - 1, -2, -1)]
    edges = [to_milliseconds(at_wall_clock(datetime.combine(day, time(0)), time(0), where)) for day in days]
    well = (
        DayStatus(day=day.isoformat(), status=State.OPERATIONAL if start < end else State.NOT_MONITORED)
        for day, (start, end) in zip(days, pairwise(edges), strict=False)
    )
    return Calendar(tuple(edges), tuple(well))


def history(layers: Layers, calendar: Calendar, until_ms: int) -> tuple[tuple[DayStatus, ...], float]:
    """(the days, the availability from 0 to 1 over them as far as anybody watched); `until_ms`: the end of what was."""
    if layers is CLEAR:
        return calendar.well, 1.0
    down, degraded, maintenance, off = (
        _by_day(part, calendar.edges) for part in (layers.down, layers.degraded, layers.maintenance, layers.off)
    )
    days = list(calendar.well)
    for place, well in enumerate(calendar.well):
        if down[place] or degraded[place] or maintenance[place] or off[place]:
            length = min(calendar.edges[place + 1], until_ms) - calendar.edges[place]
            days[place] = DayStatus(
                day=well.day,
                status=_status(down[place], degraded[place], maintenance[place], off[place] >= length),
                downtime_duration=down[place] // 1000,
                maintenance_duration=maintenance[place] // 1000,
                degraded_duration=degraded[place] // 1000,
            )
    return tuple(days), share(layers, (calendar.edges[0], until_ms))


def share(layers: Layers, period: Interval) -> float:
    """The availability from 0 to 1 in a period, as far as anybody watched."""
    down, maintenance, off = (total(clipped(part, period)) for part in (layers.down, layers.maintenance, layers.off))
    watched = period[1] - period[0] - maintenance - off
    return round(1.0 if watched <= 0 else 1 - down / watched, _DIGITS)


def watched_a_day(layers: Layers, period: Interval) -> bool:
    """Whether somebody watched for 24 hours of a period."""
    return period[1] - period[0] - total(layers.off) >= DAY_MS


def intraday(layers: Layers, now: datetime) -> tuple[Slot, ...]:
    """The half hours of the last day, the one that has begun last; each as bad as it ever was in it."""
    now_ms = to_milliseconds(now)
    first = now_ms // SLOT_MS * SLOT_MS - (SLOTS - 1) * SLOT_MS
    starts = [first + place * SLOT_MS for place in range(SLOTS)]
    return tuple(
        Slot(from_milliseconds(start), state(layers, (start, min(start + SLOT_MS, now_ms + 1)))) for start in starts
    )


def first_quarter_ms(now: datetime) -> int:
    """Where the first quarter of an hour of a chart begins whose last one has begun by now."""
    return to_milliseconds(now) // QUARTER_MS * QUARTER_MS - (QUARTERS - 1) * QUARTER_MS


def _by_day(stretches: Sequence[Interval], edges: tuple[int, ...]) -> list[int]:
    """How many milliseconds of these fall into each day."""
    found = [0] * (len(edges) - 1)
    for start, end in stretches:
        start, end = max(start, edges[0]), min(end, edges[-1])
        place = bisect_right(edges, start) - 1
        while start < end:
            stop = min(end, edges[place + 1])
            found[place] += stop - start
            start = stop
            place += 1
    return found


def _status(down: int, degraded: int, maintenance: int, all_off: bool) -> State:
    if down:
        return State.DOWNTIME
    if degraded:
        return State.DEGRADED
    if maintenance:
        return State.MAINTENANCE
    return State.NOT_MONITORED if all_off else State.OPERATIONAL
