"""When we do not watch on purpose: the weekly maintenance window of a monitor or a heartbeat."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from tocsin.kernel.zones import at_wall_clock, local_midnight, zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_LOOK_AHEAD_DAYS = 8
"""A weekly window begins or ends at least once within these."""


class Window(Protocol):
    """What is set about the window, under the wire's names (contract part 1, 3.1)."""

    @property
    def maintenance_from(self) -> str | None: ...
    @property
    def maintenance_to(self) -> str | None: ...
    @property
    def maintenance_timezone(self) -> str | None: ...
    @property
    def maintenance_days(self) -> tuple[str, ...] | None: ...


def in_maintenance(settings: Window, now: datetime) -> bool:
    """Whether `now` lies inside the window: from `maintenance_from` (included) to `maintenance_to` (excluded).

    The window is open on the days listed, by the wall clock of its zone. One that goes past midnight needs both days:
    its evening counts on the first, its morning on the second (contract part 1, 3.1).
    """
    return any(start <= now < end for start, end in _windows(settings, now, -1, 1))


def next_change(settings: Window, now: datetime) -> datetime | None:
    """The next instant after `now` at which `in_maintenance` changes; None when it never does."""
    edges = sorted({edge for window in _windows(settings, now, -1, _LOOK_AHEAD_DAYS) for edge in window if edge > now})
    inside = in_maintenance(settings, now)
    return next((edge for edge in edges if in_maintenance(settings, edge) is not inside), None)


def windows(settings: Window, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The pieces of the window, as it is set now, that touch the time from `since` to `until`, in order."""
    pieces = _windows(settings, since, -1, (until - since).days + 2)
    return sorted((start, end) for start, end in pieces if end > since and start < until)


def has_window(settings: Window) -> bool:
    """Whether a window is set up at all."""
    return bool(settings.maintenance_from and settings.maintenance_to and settings.maintenance_days)


def wall_time(text: str) -> time:
    """`HH:MM` or `HH:MM:SS`. Raises ValueError for anything else."""
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) == 2 for part in parts):
        raise ValueError(f"'{text}' is not a time of day")
    hour, minute, second = (*(int(part) for part in parts), 0)[:3]
    return time(hour, minute, second)


def _windows(settings: Window, now: datetime, first: int, last: int) -> list[tuple[datetime, datetime]]:
    """The pieces of the window whose local date lies `first` to `last` days from today's, as UTC instants."""
    where = zone(settings.maintenance_timezone or "UTC")
    if not has_window(settings) or where is None:
        return []
    begin = wall_time(settings.maintenance_from or "")
    end = wall_time(settings.maintenance_to or "")
    pieces: list[tuple[datetime, datetime]] = []
    for offset in range(first, last + 1):
        day = local_midnight(now, where, offset)
        if DAYS[day.weekday()] in (settings.maintenance_days or ()):
            pieces.extend(_of_one_day(day, begin, end, where))
    return pieces


def _of_one_day(day: datetime, begin: time, end: time, where: ZoneInfo) -> list[tuple[datetime, datetime]]:
    midnight = at_wall_clock(day, time(0), where)
    next_midnight = at_wall_clock(day + timedelta(days=1), time(0), where)
    if begin < end:
        return [(at_wall_clock(day, begin, where), at_wall_clock(day, end, where))]
    if begin == end:  # the whole day
        return [(midnight, next_midnight)]
    return [(midnight, at_wall_clock(day, end, where)), (at_wall_clock(day, begin, where), next_midnight)]
