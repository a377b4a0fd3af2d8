"""When the next call of a job is expected: so long after the last one, or when its schedule says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from tocsin.heartbeats.model import Settings
from tocsin.heartbeats.rules import calendar
from tocsin.kernel.zones import zone

MIN_PERIOD_SECONDS = 30
"""The API's (contract part 1, 5)."""
MIN_WALL_CLOCK_SECONDS = 3_600
"""Shorter periods know no wall clock: the API clears their `server_timezone`."""
CRON_FIELDS = 5
_LOOKED_THROUGH = 24
"""Occurrences from which the usual interval of a schedule is taken."""
_ONCE = 86_400
"""Shown for a schedule that names a single time."""


def expected_after(settings: Settings, instant: datetime) -> datetime | None:
    """When the next beat is expected after one at `instant` (UTC), without grace; None: never again."""
    if settings.schedule is not None:
        return occurrence_after(settings.schedule, settings.schedule_timezone, instant)
    where = None if settings.server_timezone is None else zone(settings.server_timezone)
    if where is None or settings.period < MIN_WALL_CLOCK_SECONDS:
        return instant + timedelta(seconds=settings.period)
    return on_wall_clock(instant, timedelta(seconds=settings.period), where)


def on_wall_clock(instant: datetime, period: timedelta, where: ZoneInfo) -> datetime:
    """The instant (UTC) at which the clocks of `where` show `period` more than at `instant`.

    A reading that the clock skips counts as if it had not been put forward (RFC 5545, 3.3.5): never too early. One that
    it shows twice counts the first time, as cron does it. A period no longer than the hour that autumn repeats runs
    through both: an hourly job does too.
    """
    local = instant.astimezone(where).replace(tzinfo=None) + period
    found = local.replace(tzinfo=where).astimezone(UTC)
    plain = instant + period
    if found <= instant:  # both readings of a repeated hour lie inside the period
        return plain
    repeated = found - plain
    return plain if timedelta(0) < repeated and period <= repeated else found


def occurrence_after(schedule: str, zone_name: str, instant: datetime) -> datetime | None:
    """The first instant (UTC) after `instant` that the schedule names; None: there is none. Raises ValueError."""
    where = zone(zone_name)
    if where is None:
        raise ValueError(f"has a time zone that we do not know: '{zone_name[:80]}'")
    if is_cron(schedule):
        return _cron_after(schedule, where, instant)
    event = calendar.parse(schedule)
    return calendar.next_after(event, instant, zone(event.zone_name or zone_name) or where)


def is_cron(schedule: str) -> bool:
    """Whether it is a cron expression: those have five fields, and a calendar event has four at most."""
    return len(schedule.split()) == CRON_FIELDS


def usual_interval(schedule: str, zone_name: str, now: datetime) -> int:
    """The commonest time between two of the coming occurrences, seconds: what clients see as `period`.

    Raises ValueError with words that complete "schedule …".
    """
    times = []
    at: datetime | None = now
    for _ in range(_LOOKED_THROUGH):
        at = None if at is None else occurrence_after(schedule, zone_name, at)
        if at is not None:
            times.append(at)
    if not times:
        raise ValueError("names no time that is still to come")
    gaps = [round((later - earlier).total_seconds()) for earlier, later in pairwise(times)]
    if min(gaps, default=MIN_PERIOD_SECONDS) < MIN_PERIOD_SECONDS:
        raise ValueError(f"must leave at least {MIN_PERIOD_SECONDS} seconds between two times")
    counted = Counter(gaps)
    return min(gaps, key=lambda gap: (-counted[gap], gap), default=_ONCE)


def _cron_after(schedule: str, where: ZoneInfo, instant: datetime) -> datetime | None:
    local = instant.astimezone(UTC if where.key in ("UTC", "Etc/UTC") else where)
    try:
        for found in CronSim(schedule, local):
            if found.astimezone(UTC) > instant:
                return found.astimezone(UTC)
    except CronSimError as error:
        raise ValueError(f"is not a cron expression: {str(error)[:60]}") from None
    except (OverflowError, RecursionError):
        raise ValueError("is not a cron expression") from None
    return None
