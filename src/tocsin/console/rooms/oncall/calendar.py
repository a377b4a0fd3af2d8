"""Lays a schedule out as people hang it on the wall: months and weeks, who has which stretch, and where nobody is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

COLOURS = 6
"""Of the design's series; a name stands beside each, so two people may share one."""
HOUR_PIXELS = 26
DAY = timedelta(days=1)
MINUTES = 24 * 60
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A member of the team as a calendar shows them."""

    id: str
    email: str
    name: str
    initials: str
    colour: int
    """1 to `COLOURS`."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call from when to when; nobody in a gap."""

    starts_at: datetime
    ends_at: datetime
    people: tuple[Person, ...]

    @property
    def names(self) -> str:
        """Everybody by name; `nobody` in a gap."""
        return ", ".join(person.name for person in self.people) or "nobody"

    @property
    def short(self) -> str:
        """The same where there is little room."""
        return ", ".join(person.initials for person in self.people) or "nobody"

    @property
    def colour(self) -> int:
        """That of the first of them; 0 in a gap."""
        return self.people[0].colour if self.people else 0


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch as it is drawn; `x` and `width` in per cent of the row, `y` and `height` in pixels of a day."""

    x: float
    width: float
    y: float = 0
    height: float = 0
    words: str
    colour: int
    title: str
    over: bool
    """It lies in the past: a gap there calls for nothing."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a calendar."""

    on: date
    outside: bool
    """Of the month before or after."""
    today: bool
    words: str
    """What a screen reader says: the date, and who is on call."""
    starts: str
    """Its midnight as a form has it, e.g. `2026-12-01T00:00`."""
    ends: str
    clock_changes: str
    """`forward`, `back` or empty."""
    gap: bool
    number: int


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a month."""

    days: Sequence[Day]
    bars: Sequence[Bar]
    now: float | None
    """Where in the row it is now, in per cent."""


def people_of(members: Sequence[Mapping[str, Any]], order: Sequence[str]) -> dict[str, Person]:
    """Everybody by address. `order`: addresses that have colours first, as their turns follow each other."""
    known = {member["email"]: member for member in members if member["id"] is not None}
    emails = [email for email in dict.fromkeys(order) if email]
    emails += [email for email in sorted(known) if email not in emails]
    found: dict[str, Person] = {}
    alike: Counter[str] = Counter()
    for place, email in enumerate(emails):
        member = known.get(email, {})
        names = [name for name in (member.get("first_name"), member.get("last_name")) if name]
        initials = "".join(name[0] for name in names).upper() or email[:2].upper()
        alike[initials] += 1
        found[email] = Person(
            id=str(member.get("id") or ""),
            email=email,
            name=" ".join(names) or email,
            # A second Ada Lovelace is AL2: colours repeat, so initials must not.
            initials=initials if alike[initials] == 1 else f"{initials}{alike[initials]}",
            colour=place % COLOURS + 1,
        )
    return found


def stretches(shifts: Sequence[Mapping[str, Any]], people: Mapping[str, Person]) -> list[Stretch]:
    """An answer of `on_calls.shifts`, read."""
    return [
        Stretch(
            starts_at=datetime.fromisoformat(shift["starts_at"]),
            ends_at=datetime.fromisoformat(shift["ends_at"]),
            people=tuple(people[email] if email in people else _stranger(email) for email in shift["users"]),
        )
        for shift in shifts
    ]


def month_window(first: date) -> tuple[date, date]:
    """The whole weeks that show a month: (the first Monday, the Monday after the last day)."""
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    start = first - timedelta(days=first.weekday())
    end = following + timedelta(days=-following.weekday() % 7)
    return start, end


def midnight(on: date, zone: ZoneInfo) -> datetime:
    """When a day begins, in UTC."""
    return datetime.combine(on, time(), zone).astimezone(UTC)


def month(first: date, plan: Sequence[Stretch], zone: ZoneInfo, now: datetime) -> list[Week]:
    """A month by its weeks."""
    start, end = month_window(first)
    weeks = []
    monday = start
    while monday < end:
        weeks.append(week_row(monday, plan, zone, now, first.month))
        monday += DAY * 7
    return weeks


def week_row(monday: date, plan: Sequence[Stretch], zone: ZoneInfo, now: datetime, month: int | None = None) -> Week:
    """One week as a row of a month. `month`: days of others are outside."""
    days = [_day(monday + DAY * index, plan, zone, now, month) for index in range(7)]
    return Week(days=days, bars=_bars(monday, plan, zone, now), now=_place(now, monday, zone))


def week(monday: date, plan: Sequence[Stretch], zone: ZoneInfo, now: datetime) -> tuple[list[Day], list[Bar]]:
    """A week by its hours: its days, and the bars of each by the clock on the wall."""
    days = [_day(monday + DAY * index, plan, zone, now, None) for index in range(7)]
    bars = []
    for index, day in enumerate(days):
        begins, ends = midnight(day.on, zone), midnight(day.on + DAY, zone)
        for each in plan:
            if each.starts_at >= ends or each.ends_at <= begins:
                continue
            top = 0.0 if each.starts_at <= begins else _minutes(each.starts_at, zone)
            bottom = MINUTES if each.ends_at >= ends else _minutes(each.ends_at, zone)
            bars.append(
                Bar(
                    x=round(index * 100 / 7, 3),
                    width=round(100 / 7, 3),
                    y=top * HOUR_PIXELS / 60,
                    height=max(2.0, (bottom - top) * HOUR_PIXELS / 60),
                    words=each.names,
                    colour=each.colour,
                    title=_title(each, zone),
                    over=each.ends_at <= now,
                )
            )
    return days, bars


def now_in_week(monday: date, now: datetime, zone: ZoneInfo) -> tuple[float, float] | None:
    """(x in per cent, y in pixels) of this instant in a week; None when it lies elsewhere."""
    local = now.astimezone(zone)
    index = (local.date() - monday).days
    return (round(index * 100 / 7, 3), _minutes(now, zone) * HOUR_PIXELS / 60) if 0 <= index < 7 else None


def written(at: datetime, zone: ZoneInfo) -> str:
    """An instant as a form has it: `2026-12-01T09:00` on the wall clock of the zone."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def read(text: str, zone: ZoneInfo) -> datetime | None:
    """What a form says, in UTC; None when it is no time. One that the clock skips is read as if it had not."""
    try:
        at = datetime.fromisoformat(text.strip())
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def spoken(at: datetime, zone: ZoneInfo) -> str:
    """An instant as people say it: `Mon 7 Dec, 09:00`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def _stranger(email: str) -> Person:
    return Person(id="", email=email, name=email, initials=email[:2].upper(), colour=1)


def _day(on: date, plan: Sequence[Stretch], zone: ZoneInfo, now: datetime, month: int | None) -> Day:
    begins, ends = midnight(on, zone), midnight(on + DAY, zone)
    within = [each for each in plan if each.starts_at < ends and each.ends_at > begins]
    said = []
    for each in within:
        until = "" if each.ends_at >= ends else f" until {each.ends_at.astimezone(zone):%H:%M}"
        said.append(f"{each.names}{until}")
    length = ends - begins
    return Day(
        on=on,
        outside=month is not None and on.month != month,
        today=now.astimezone(zone).date() == on,
        words=f"{NAMES[on.weekday()]} {on.day} {on:%B}: {', then '.join(said) or 'not laid out'}",
        starts=f"{on.isoformat()}T00:00",
        ends=f"{(on + DAY).isoformat()}T00:00",
        clock_changes="forward" if length < DAY else "back" if length > DAY else "",
        gap=any(not each.people for each in within),
        number=on.day,
    )


def _bars(monday: date, plan: Sequence[Stretch], zone: ZoneInfo, now: datetime) -> list[Bar]:
    begins, ends = midnight(monday, zone), midnight(monday + DAY * 7, zone)
    bars = []
    for each in plan:
        if each.starts_at >= ends or each.ends_at <= begins:
            continue
        left = _place(max(each.starts_at, begins), monday, zone) or 0.0
        right = 100.0 if each.ends_at >= ends else _place(each.ends_at, monday, zone) or 0.0
        wide = right - left
        # In less than a third of a day there is room for initials alone.
        words = each.names if wide > 100 / 7 * 0.9 else each.short if wide > 100 / 7 * 0.3 else ""
        bars.append(
            Bar(
                x=round(left, 3),
                width=round(max(wide, 0.3), 3),
                words=words,
                colour=each.colour,
                title=_title(each, zone),
                over=each.ends_at <= now,
            )
        )
    return bars


def _title(each: Stretch, zone: ZoneInfo) -> str:
    names = each.names[:1].upper() + each.names[1:]
    return f"{names}: {spoken(each.starts_at, zone)} to {spoken(each.ends_at, zone)}"


def _place(at: datetime, monday: date, zone: ZoneInfo) -> float | None:
    """Where in the week an instant lies, in per cent; None outside of it."""
    index = (at.astimezone(zone).date() - monday).days
    return (index + _minutes(at, zone) / MINUTES) * 100 / 7 if 0 <= index < 7 else None


def _minutes(at: datetime, zone: ZoneInfo) -> float:
    local = at.astimezone(zone)
    return local.hour * 60 + local.minute + local.second / 60
