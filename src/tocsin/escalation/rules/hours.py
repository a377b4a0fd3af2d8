"""Reads the clocks on the walls: when a step's hour comes next, and whether it is within a branch's days and hours."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.escalation.model import Hours
from tocsin.kernel.zones import at_wall_clock, zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UTC = ZoneInfo("UTC")


def next_wall_clock(at: datetime, wall: str, timezone: str | None) -> datetime:
    """The first instant from `at` on at which the clock in that zone shows `wall` (`HH:MM`).

    A time that the clock skips in spring counts when it has skipped it; one that it shows twice, the first time.
    """
    where = _zone(timezone)
    local = at.astimezone(where)
    for days in range(3):  # a day may be missing, as Apia's 30 December 2011
        found = at_wall_clock(local.replace(tzinfo=None) + timedelta(days=days), _time(wall), where)
        if found >= at:
            return found
    return at + timedelta(days=1)


def within(hours: Hours, at: datetime) -> bool:
    """Whether the clock on the wall stands within these hours; over midnight, the day is that of the beginning."""
    local = at.astimezone(_zone(hours.timezone))
    since, until, now = _time(hours.since), _time(hours.until), local.time().replace(microsecond=0)
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if since == until:
        return _on(hours, today)
    if since < until:
        return _on(hours, today) and since <= now < until
    return (_on(hours, today) and now >= since) or (_on(hours, yesterday) and now < until)


def say(hours: Hours) -> str:
    """`Mon, Tue 09:00 to 17:00 (Prague)`: hours for people."""
    days = ", ".join(day.capitalize() for day in hours.days) if len(set(hours.days)) % 7 else "every day"
    clock = "all day" if hours.since == hours.until else f"{hours.since} to {hours.until}"
    return f"{days} {clock} ({hours.timezone or 'UTC'})"


def _on(hours: Hours, day: str) -> bool:
    return not hours.days or day in hours.days


def _time(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


def _zone(name: str | None) -> ZoneInfo:
    return (zone(name) if name else None) or _UTC
