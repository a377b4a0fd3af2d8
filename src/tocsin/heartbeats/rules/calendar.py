"""Reads the calendar events of systemd timers (`OnCalendar=`), so that a schedule can be copied as it stands.

Taken: `[weekdays] [[year-]month-day] [hour:minute[:second]] [zone]`, each part a value, `*`, a list (`1,15`), a range
(`Mon..Fri`, `8..18`) or a repetition (`0/15`); `~` counts days from the end of the month; and the words `minutely`,
`hourly`, `daily`, `weekly`, `monthly`, `quarterly`, `semiannually`, `yearly`. Not taken: fractions of a second.
A time that the clock skips in spring does not happen on that day, as with systemd; one that it shows twice in autumn
happens the first time.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from tocsin.kernel.zones import zone

MAX_DAYS = 366 * 9
"""How far ahead the next day is looked for: 29 February can be eight years away."""
MAX_SKIPPED = 5_000
"""Times in a row that the clock skips or has shown already: an hour of seconds and more."""
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""The years of systemd."""

_WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DATE = re.compile(r"(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)")


class Event(msgspec.Struct, frozen=True):
    """A calendar event: the values that each part may have."""

    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    """1 to 31; with `from_end`, 1 is the last day of the month."""
    from_end: bool
    weekdays: frozenset[int]
    """0 is Monday."""
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]
    zone_name: str | None = None

    def happens_on(self, day: date) -> bool:
        number = calendar.monthrange(day.year, day.month)[1] - day.day + 1 if self.from_end else day.day
        return (
            day.month in self.months
            and number in self.days
            and day.weekday() in self.weekdays
            and day.year in self.years
        )

    def times_from(self, first: time) -> Iterator[time]:
        """The times of a day at or after `first`, in order."""
        for hour in self.hours:
            if hour < first.hour:
                continue
            for minute in self.minutes:
                if (hour, minute) < (first.hour, first.minute):
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= (first.hour, first.minute, first.second):
                        yield time(hour, minute, second)


@lru_cache(maxsize=4096)
def parse(text: str) -> Event:
    """Raises ValueError with words that complete "schedule …"."""
    words = _WORDS.get(text.strip().lower(), text).split()
    zone_name = None
    if len(words) > 1 and ":" not in words[-1] and _DATE.fullmatch(words[-1]) is None and zone(words[-1]):
        zone_name = words.pop()
    weekdays, day, clock = "*", "*-*-*", "00:00:00"
    if words and words[0][0].isalpha():
        weekdays = words.pop(0)
    if words and ":" not in words[0]:
        day = words.pop(0)
    if words and ":" in words[0]:
        clock = words.pop(0)
    if words or not text.strip():
        raise ValueError(
            f"has a part that no calendar event has: '{' '.join(words)[:40]}' "
            "(a cron expression has five fields, e.g. 0 2 * * *)"
        )
    matched = _DATE.fullmatch(day)
    if matched is None:
        raise ValueError(f"has a date that is not YEAR-MONTH-DAY or MONTH-DAY: '{day[:40]}'")
    year, month, mark, number = matched.groups()
    parts = clock.split(":")
    if not 2 <= len(parts) <= 3:
        raise ValueError(f"has a time that is not HOUR:MINUTE or HOUR:MINUTE:SECOND: '{clock[:40]}'")
    hour, minute, second = (*parts, "00")[:3]
    return Event(
        years=frozenset(_values("year", year or "*", FIRST_YEAR, LAST_YEAR)),
        months=frozenset(_values("month", month, 1, 12)),
        days=frozenset(_values("day", number, 1, 31)),
        from_end=mark == "~",
        weekdays=frozenset(_weekdays(weekdays)),
        hours=tuple(sorted(_values("hour", hour, 0, 23))),
        minutes=tuple(sorted(_values("minute", minute, 0, 59))),
        seconds=tuple(sorted(_values("second", second, 0, 59))),
        zone_name=zone_name,
    )


def next_after(event: Event, instant: datetime, where: ZoneInfo) -> datetime | None:
    """The first instant (UTC) after `instant` at which the event happens on the clocks of `where`; None: never."""
    local = instant.astimezone(where).replace(tzinfo=None)
    for skipped, naive in enumerate(_readings(event, local)):
        aware = naive.replace(tzinfo=where)
        found = aware.astimezone(UTC)
        if found > instant and found.astimezone(where).replace(tzinfo=None) == naive:
            return found
        if skipped >= MAX_SKIPPED:
            break
    return None


def _readings(event: Event, after: datetime) -> Iterator[datetime]:
    """The readings of a wall clock at which the event happens, from `after` on."""
    day, first = after.date(), after.time().replace(microsecond=0)
    for _ in range(MAX_DAYS):
        if event.happens_on(day):
            for at in event.times_from(first):
                yield datetime.combine(day, at)
        day, first = day + timedelta(days=1), time(0)


def _values(name: str, text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        found |= _item(name, item, low, high)
    return found


def _item(name: str, item: str, low: int, high: int) -> set[int]:
    span, slash, step_text = item.partition("/")
    step = _number(name, step_text, 1, high) if slash else 1
    if span == "*":
        return set(range(low, high + 1, step))
    first_text, dots, last_text = span.partition("..")
    first = _number(name, first_text, low, high)
    last = _number(name, last_text, low, high) if dots else (high if slash else first)
    if last < first:
        raise ValueError(f"has a range of the {name} that ends before it begins: '{item[:40]}'")
    return set(range(first, last + 1, step))


def _number(name: str, text: str, low: int, high: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 4 and low <= int(text) <= high:
        return int(text)
    raise ValueError(f"has a {name} that is not a number from {low} to {high}: '{text[:40]}'")


def _weekdays(text: str) -> set[int]:
    if text == "*":
        return set(range(7))
    found: set[int] = set()
    for item in text.rstrip(",").split(","):
        first, dots, last = item.partition("..")
        begin, end = _weekday(first), _weekday(last) if dots else _weekday(first)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return found


def _weekday(text: str) -> int:
    for number, name in enumerate(_WEEKDAYS):
        if len(text) >= 3 and (text.lower() == name or text.lower() == name[:3]):
            return number
    raise ValueError(f"has a day of the week that is none: '{text[:40]}'")
