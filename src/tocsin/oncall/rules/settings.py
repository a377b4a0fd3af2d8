"""What may be planned in a calendar, and what people are told when it may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.kernel.maintenance import DAYS
from tocsin.kernel.zones import zone
from tocsin.oncall.model import Interval, Layer, Restriction

MAX_NAME_CHARACTERS = 255
MAX_PEOPLE = 100
"""In one event, rotation or layer: a cycle of a hundred weeks is two years."""
MAX_LENGTH = 1_000
"""Hours, days or weeks of one turn."""
MAX_RESTRICTIONS = 50
"""Of one layer: seven days, and several windows in each."""
MAX_LOOK_AHEAD_MINUTES = 7 * 24 * 60
"""How long before a hand-off people may be told of it."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond these an instant is a slip of the pen, and windows get too long to lay out."""
INTERVALS = get_args(Interval)

_TOO_EARLY = "must be today at 00:00 UTC or later"
_TOO_LATE = "events ending before today at 00:00 UTC can't be updated or deleted"

Errors = dict[str, list[str]]


def midnight(now: datetime) -> datetime:
    """Today at 00:00 UTC: what ended before it is history, and stays as it is (contract part 2, 4.3)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def instant(text: object) -> datetime | None:
    """An ISO 8601 date or instant (without an offset: UTC) in UTC; None when it is none, or in another age."""
    try:
        read = datetime.fromisoformat(str(text).strip().replace(" UTC", "+00:00"))
        read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return read.replace(microsecond=read.microsecond // 1000 * 1000) if EARLIEST <= read < LATEST else None


def instants(given: Mapping[str, object]) -> dict[str, datetime]:
    """Every one of these fields as an instant. Raises Invalid that names those which are none."""
    read = {name: instant(value) for name, value in given.items()}
    wrong = {
        name: ["is not a time between 2000 and 2199: write it like 2026-01-15T09:00:00Z"]
        for name, value in read.items()
        if value is None
    }
    if wrong:
        raise Invalid.of(wrong)
    return {name: value for name, value in read.items() if value is not None}


def check_order(start: datetime, end: datetime, field: str = "ends_at", than: str = "starts_at") -> None:
    """Raises Invalid unless something ends after it starts."""
    if end <= start:
        raise Invalid.of({field: [f"must be after {than}"]})


def check_start(start: datetime, now: datetime) -> None:
    """Raises Invalid when an event would begin before today, in the contract's words (part 2, 0.2)."""
    if start < midnight(now):
        raise Invalid.values({"event": {"starts_at": [_TOO_EARLY]}})


def check_open(stretch_ends_at: datetime, now: datetime) -> None:
    """Raises Invalid when an event is history (contract part 2, 0.2)."""
    if stretch_ends_at < midnight(now):
        raise Invalid.of({"base": [_TOO_LATE]})


def check_people(count: int) -> None:
    """Raises Invalid for nobody, and for a crowd."""
    if not count:
        raise Invalid.fields(users="can't be blank: name at least one member of the team by e-mail")
    if count > MAX_PEOPLE:
        raise Invalid.fields(users=f"are too many (maximum is {MAX_PEOPLE})")


def check_turn(length: int, interval: str) -> None:
    """Raises Invalid when a turn of a rotation is none."""
    if interval not in INTERVALS:
        raise Invalid.values({"rotation_interval": list(INTERVALS)})
    if not 1 <= length <= MAX_LENGTH:
        raise Invalid.fields(rotation_length=f"must be between 1 and {MAX_LENGTH}")


def name_of(given: object) -> str | None:
    """A calendar's, layer's or import's name without blanks around it; None for none. Raises Invalid."""
    name = str(given or "").strip()
    if len(name) > MAX_NAME_CHARACTERS:
        raise Invalid.fields(name=f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)")
    return name or None


def check_minutes(minutes: int | None) -> None:
    """Raises Invalid when people would be told absurdly early of a hand-off."""
    if minutes is not None and not 1 <= minutes <= MAX_LOOK_AHEAD_MINUTES:
        raise Invalid.fields(handoff_notice_minutes=f"must be between 1 and {MAX_LOOK_AHEAD_MINUTES}, or null")


def layer_of(current: Layer, given: Mapping[str, Any], user_ids: Sequence[int] | None) -> Layer:
    """The layer after `given` (wire names, only what was sent); `user_ids` of its `users`. Raises Invalid."""
    values: dict[str, Any] = {}
    if user_ids is not None:
        check_people(len(user_ids))
        values["user_ids"] = tuple(user_ids)
    if "name" in given:
        values["name"] = name_of(given["name"]) or ""
    for name in ("rotation_length", "rotation_interval"):
        if given.get(name) is not None:
            values[name] = given[name]
    if given.get("starts_at") is not None:
        values.update(instants({"starts_at": given["starts_at"]}))
    if "ends_at" in given:
        sent = given["ends_at"]
        values["ends_at"] = None if sent is None else instants({"ends_at": sent})["ends_at"]
    errors: Errors = {}
    if given.get("timezone") is not None:
        values["timezone"] = _zone_of(given["timezone"], errors)
    if given.get("handoff_time") is not None:
        values["handoff_time"] = _time_of(given["handoff_time"], "handoff_time", "", errors)
    if "restrictions" in given:
        values["restrictions"] = _restrictions(given["restrictions"] or [], errors)
    if errors:
        raise Invalid.of(errors)
    layer = msgspec.structs.replace(current, **values)
    check_turn(layer.rotation_length, layer.rotation_interval)
    if layer.ends_at is not None:
        check_order(layer.starts_at, layer.ends_at)
    return layer


def _zone_of(text: object, errors: Errors) -> str:
    if zone(str(text)) is None:
        errors["timezone"] = [
            "is not a known time zone: use an IANA name like Europe/Prague or a Rails one like Prague"
        ]
    return str(text)


def _time_of(text: object, field: str, prefix: str, errors: Errors) -> str:
    parts = str(text).strip().split(":")
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= 2]
    if len(parts) != 2 or len(numbers) != 2 or numbers[0] > 23 or numbers[1] > 59:
        errors.setdefault(field, []).append(f"{prefix}must be a time of day like 09:00")
        return "00:00"
    return f"{numbers[0]:02}:{numbers[1]:02}"


def _restrictions(sent: Sequence[Any], errors: Errors) -> tuple[Restriction, ...]:
    if len(sent) > MAX_RESTRICTIONS:
        errors["restrictions"] = [f"has too many windows (maximum is {MAX_RESTRICTIONS})"]
        return ()
    found = []
    for number, window in enumerate(sent, 1):
        prefix = f"window {number}: "
        days = tuple(str(day).strip().lower()[:3] for day in window.get("days") or DAYS)
        if not set(days) <= set(DAYS):
            errors.setdefault("restrictions", []).append(f"{prefix}days must be of {', '.join(DAYS)}")
        times = [
            _time_of(window.get(name) or "00:00", "restrictions", f"{prefix}{name} ", errors)
            for name in ("time_from", "time_to")
        ]
        ordered = tuple(day for day in DAYS if day in days)
        found.append(Restriction(days=ordered, time_from=times[0], time_to=times[1]))
    return tuple(found)
