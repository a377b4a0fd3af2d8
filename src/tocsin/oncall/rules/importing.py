"""Reads a calendar that is kept elsewhere: whose turn its events say it is, in iCal's own words (RFC 5545)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.zones import zone
from tocsin.oncall.model import Stretch
from tocsin.oncall.rules.wall import wall

MAX_EVENTS = 5_000
"""Of one calendar, and of what its repetitions come to within the window that is read."""
MAX_REPETITIONS = 200_000
"""That one event may come to between its beginning and the end of the window: each is looked at one by one."""
MAX_REPEATING = 200
"""Events of one calendar that repeat; each is laid out on its own."""
MAX_TITLES = 5
"""That are named when something is wrong with many."""
MAX_TITLE_CHARACTERS = 1_000
"""Of a title that are searched for a person: looking for an address in a word without end takes the square of its
length, and nothing else runs meanwhile."""
_A_DAY = {"SECONDLY": 86_400, "MINUTELY": 1_440, "HOURLY": 24}
_DAILY_OR_OFTENER = {*_A_DAY, "DAILY"}
_FREQUENCIES = {*_DAILY_OR_OFTENER, "WEEKLY", "MONTHLY", "YEARLY"}
_SELDOM = ("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYEASTER")
_RANGES = {"BYHOUR": (0, 23), "BYMINUTE": (0, 59), "BYSECOND": (0, 59), "BYMONTH": (1, 12)}
_EMAIL = re.compile(r"[^\s<>()\[\]:;,\"]+@[^\s<>()\[\]:;,\"]+\.[^\s<>()\[\]:;,\"]+")


class Unreadable(Exception):
    """What came is no calendar, or one that cannot be taken in; says why in words for people."""


class Person(msgspec.Struct, frozen=True):
    """A member of the team, as events may name them."""

    id: int
    email: str
    name: str


class Read(msgspec.Struct, frozen=True):
    """What a calendar says, and what of it could not be understood."""

    stretches: tuple[Stretch, ...]
    strange: tuple[str, ...]
    """The titles of events that name nobody in the team, each once, a few of them."""
    left_out: tuple[str, ...] = ()
    """The titles of events that repeat in a way that we do not lay out, a few of them."""


def read(text: bytes, people: Sequence[Person], start: datetime, end: datetime, timezone: str) -> Read:
    """The stretches between `start` and `end` that a calendar gives to people. Raises Unreadable.

    An event is whoever attends it, else whose address stands in its title, else whose name does. `timezone` is meant
    where the calendar names none.
    """
    import icalendar  # costs a tenth of a second and some memory, which only those pay who import calendars
    import recurring_ical_events

    try:
        calendar = icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        raise Unreadable(f"is not a calendar in iCal form ({str(error)[:100]})") from None
    if not isinstance(calendar, icalendar.Calendar):
        raise Unreadable("is not a calendar in iCal form")
    own = str(calendar.get("X-WR-TIMEZONE") or "")
    where = own if zone(own) is not None else timezone
    left_out = _leave_out(calendar, start, end)
    try:
        found = recurring_ical_events.of(calendar, skip_bad_series=True).between(start, end)
    except (ValueError, OverflowError, KeyError, AttributeError, TypeError) as error:
        raise Unreadable(f"has events that cannot be laid out ({str(error)[:100]})") from None
    if len(found) > MAX_EVENTS:
        raise Unreadable(f"has more than {MAX_EVENTS} events within the time that is read")
    understood = _understood(found, _Directory(people), where)
    return msgspec.structs.replace(understood, left_out=tuple(dict.fromkeys(left_out))[:MAX_TITLES])


class _Directory:
    """Who is who in a team."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._by_email = {person.email.lower(): person.id for person in people}
        self._names = [
            (re.compile(rf"(?<!\w){re.escape(person.name.casefold())}(?!\w)"), person.id)
            for person in people
            if person.name
        ]
        self._first_names = _unique_first_names(people)

    def named_by(self, event: Any) -> tuple[int, ...]:
        """Who an event is about; empty when it names nobody in the team."""
        attending = [str(each) for each in _listed(event.get("ATTENDEE")) if _attends(each)]
        summary = str(event.get("SUMMARY") or "")[:MAX_TITLE_CHARACTERS]
        for addresses in (attending, _EMAIL.findall(summary)):
            ids = [self._by_email.get(address.lower().removeprefix("mailto:")) for address in addresses]
            known = tuple(dict.fromkeys(id for id in ids if id is not None))
            if known:
                return known
        title = summary.casefold()
        placed = [(match.start(), id) for pattern, id in self._names if (match := pattern.search(title))]
        if placed:
            return tuple(dict.fromkeys(id for _, id in sorted(placed)))
        alone = self._first_names.get(title.strip())
        return () if alone is None else (alone,)


def _understood(found: Sequence[Any], directory: _Directory, timezone: str) -> Read:
    stretches = []
    strange: dict[str, None] = {}
    for event in found:
        if str(event.get("STATUS") or "").upper() == "CANCELLED":
            continue
        user_ids = directory.named_by(event)
        if not user_ids:
            strange[str(event.get("SUMMARY") or "an event without a title")[:100]] = None
            continue
        begin, until = _instant(event["DTSTART"].dt, timezone), _instant(event["DTEND"].dt, timezone)
        if begin < until:
            stretches.append(Stretch(starts_at=begin, ends_at=until, user_ids=user_ids))
    stretches.sort(key=lambda each: (each.starts_at, each.ends_at, each.user_ids))
    return Read(tuple(stretches), tuple(strange)[:MAX_TITLES])


def _leave_out(calendar: Any, start: datetime, end: datetime) -> list[str]:
    """Take out of a calendar what would take for ever to lay out, and bound the rest; returns the titles.

    Raises Unreadable when there are too many events altogether.
    """
    events = [component for component in calendar.subcomponents if component.name == "VEVENT"]
    if len(events) > MAX_EVENTS:
        raise Unreadable(f"has more than {MAX_EVENTS} events")
    repeating = [event for event in events if event.get("RRULE") is not None]
    refused = [event for event in repeating[:MAX_REPEATING] if not _is_bounded(event, start, end)]
    refused += repeating[MAX_REPEATING:]
    kept_out = {id(event) for event in refused}
    calendar.subcomponents = [each for each in calendar.subcomponents if id(each) not in kept_out]
    return [str(event.get("SUMMARY") or "an event without a title")[:100] for event in refused]


def _is_bounded(event: Any, start: datetime, end: datetime) -> bool:
    """Whether laying an event out ends soon; its rules end with the window afterwards."""
    begins = getattr(event.get("DTSTART"), "dt", None)
    whole_day = not isinstance(begins, datetime)
    day = begins.date() if isinstance(begins, datetime) else begins
    if day is None:
        return False
    days = max(0, (end.date() - day).days + 1)
    for rule in _listed(event.get("RRULE")):
        rate = _a_day(rule)
        if rate is None or rate * ((end - start).days + 1) > MAX_EVENTS or rate * days > MAX_REPETITIONS:
            return False
        if not rule.get("UNTIL") and not rule.get("COUNT"):
            rule["UNTIL"] = [end.date() if whole_day else end.astimezone(UTC)]
    return True


def _a_day(rule: Mapping[str, Any]) -> float | None:
    """How often a rule repeats within a day, at the most (RFC 5545, 3.3.10); None for one that may never come true.

    Whoever looks for the 30th of February day by day, or for hour 25, looks until the year 9999.
    """
    frequency = str((_listed(rule.get("FREQ")) or [""])[0]).upper()
    interval = _whole((_listed(rule.get("INTERVAL")) or [1])[0])
    if frequency not in _FREQUENCIES or interval is None or interval < 1:
        return None
    if frequency in _DAILY_OR_OFTENER and any(_listed(rule.get(part)) for part in _SELDOM):
        return None
    times = 1
    for part, (least, most) in _RANGES.items():
        numbers = [_whole(value) for value in _listed(rule.get(part))]
        if any(number is None or not least <= number <= most for number in numbers):
            return None
        if part != "BYMONTH":
            times *= max(1, len(numbers))
    return _A_DAY.get(frequency, 1) / (interval if frequency in _A_DAY else 1) * times


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _instant(value: date, timezone: str) -> datetime:
    """A beginning or an end as an instant; a day begins at midnight in the calendar's zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return from_milliseconds(to_milliseconds(value.astimezone(UTC)))
    shown = value.replace(tzinfo=UTC) if isinstance(value, datetime) else datetime.combine(value, time(0), tzinfo=UTC)
    local = to_milliseconds(shown)
    return from_milliseconds(wall(timezone, local, local).first(local))


def _attends(address: Any) -> bool:
    return str(getattr(address, "params", {}).get("PARTSTAT", "")).upper() != "DECLINED"


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _unique_first_names(people: Sequence[Person]) -> dict[str, int]:
    def pairs() -> Iterator[tuple[str, int]]:
        for person in people:
            yield person.name.casefold().partition(" ")[0], person.id

    names = [name for name, _ in pairs()]
    return {name: id for name, id in pairs() if name and names.count(name) == 1}
