"""When a person is not to be woken for what can wait: hours of the week on their own wall clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from tocsin.contacts.model import QuietHours
from tocsin.kernel.maintenance import DAYS
from tocsin.kernel.zones import at_wall_clock, local_midnight, zone


def quiet_until(hours: Iterable[QuietHours], at: datetime) -> datetime | None:
    """When the quiet hours that hold at `at` end, the latest of several; None when none hold.

    Hours belong to the day on which they begin: Friday 22:00 to 07:00 ends on Saturday morning. The wall clock counts,
    so a night in which the clocks change is an hour longer or shorter.
    """
    ends = [end for each in hours for begin, end in _windows(each, at) if begin <= at < end]
    return max(ends, default=None)


def _windows(hours: QuietHours, at: datetime) -> list[tuple[datetime, datetime]]:
    """Those that begin yesterday or today in their own zone, as UTC instants."""
    where = zone(hours.timezone)
    if where is None:
        return []
    begin, end = time.fromisoformat(hours.time_from), time.fromisoformat(hours.time_to)
    found = []
    for offset in (-1, 0):
        day = local_midnight(at, where, offset)
        if DAYS[day.weekday()] not in hours.days:
            continue
        last = day if begin < end else day + timedelta(days=1)
        found.append((at_wall_clock(day, begin, where), at_wall_clock(last, end, where)))
    return found
