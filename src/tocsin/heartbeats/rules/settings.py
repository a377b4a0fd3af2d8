"""What may be set on a heartbeat, and what it means when something is left out or emptied (contract part 1, 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tocsin.heartbeats.model import Settings
from tocsin.heartbeats.rules.schedule import MIN_PERIOD_SECONDS, MIN_WALL_CLOCK_SECONDS, usual_interval
from tocsin.kernel.maintenance import DAYS, wall_time
from tocsin.kernel.zones import zone

MAX_PERIOD_SECONDS = 366 * 86_400
"""A job that runs once a year."""
MAX_TEAM_WAIT_SECONDS = 86_400
MAX_TEXT = 255
"""Characters of a name, a schedule or a keyword."""
MAX_SLUG = 100
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")

Errors = dict[str, list[str]]


def apply(current: Settings, given: Mapping[str, Any], now: datetime, *, new: bool) -> tuple[Settings, Errors]:
    """The settings after `given` (wire names, only what was sent) and everything wrong with them, by field.

    A null for what cannot be null gives its default back. `period` and `schedule` exclude each other, but a schedule
    may be sent back together with the period that answers show for it.
    """
    errors: Errors = {}
    values = {name: _plain(name, value) for name, value in given.items() if name in _SETTABLE}
    settings = msgspec.structs.replace(current, **values)
    for name, check in _CHECKS.items():
        complaint = check(settings)
        if complaint:
            errors.setdefault(name, []).append(complaint)
    settings = _timed(current, settings, given, now, errors, new=new)
    if bool(settings.maintenance_from) != bool(settings.maintenance_to):
        errors["maintenance_from" if settings.maintenance_to else "maintenance_to"] = ["can't be blank"]
    if settings.server_timezone is not None and settings.period < MIN_WALL_CLOCK_SECONDS:
        settings = msgspec.structs.replace(settings, server_timezone=None)  # as the API does
    return settings, errors


def checked_name(given: Mapping[str, Any], current: str, errors: Errors) -> str:
    """The name after `given`."""
    name = str(given.get("name", current) or "").strip()
    if not name:
        errors["name"] = ["Can't be blank."]
    elif len(name) > MAX_TEXT:
        errors["name"] = [f"is too long (maximum is {MAX_TEXT} characters)"]
    return name


def checked_slug(given: Mapping[str, Any], current: str | None, errors: Errors) -> str | None:
    """The slug after `given`: the name in ping URLs that carry a ping key."""
    slug = given.get("slug", current) or None
    if slug is not None and not is_slug(str(slug)):
        errors["slug"] = [f"must be at most {MAX_SLUG} of a-z, 0-9, - and _, and begin with a letter or digit"]
    return None if slug is None else str(slug)


def is_slug(text: str) -> bool:
    """Whether it can name a heartbeat in a URL."""
    return len(text) <= MAX_SLUG and _SLUG.fullmatch(text) is not None


def _timed(
    current: Settings, settings: Settings, given: Mapping[str, Any], now: datetime, errors: Errors, *, new: bool
) -> Settings:
    """With a schedule, the period is the schedule's usual interval; without one, it must be given."""
    if settings.schedule is None:
        if given.get("period", None if new else current.period) is None:
            errors["period"] = ["can't be blank"]
        elif not MIN_PERIOD_SECONDS <= settings.period <= MAX_PERIOD_SECONDS:
            errors["period"] = [f"must be between {MIN_PERIOD_SECONDS} and {MAX_PERIOD_SECONDS}"]
        return settings
    if errors.keys() & {"schedule", "schedule_timezone"}:
        return settings
    changed = (settings.schedule, settings.schedule_timezone) != (current.schedule, current.schedule_timezone)
    try:
        period = usual_interval(settings.schedule, settings.schedule_timezone, now) if changed else current.period
    except ValueError as error:
        errors["schedule"] = [str(error)]
        return settings
    if given.get("period") not in (None, period, current.period if not new else None):
        errors["period"] = ["can't be set together with a schedule: send schedule null to go by the period"]
    if given.get("server_timezone"):
        errors["server_timezone"] = ["can't be set together with a schedule: send schedule_timezone"]
    return msgspec.structs.replace(settings, period=period, server_timezone=None)


_DEFAULTS = Settings()
_SETTABLE = frozenset(Settings.__struct_fields__)
_NULLABLE = frozenset({
    "schedule", "server_timezone", "team_wait", "policy_id", "sort_index", "maintenance_from", "maintenance_to",
    "maintenance_timezone", "maintenance_days", "success_keyword", "failure_keyword",
})  # fmt: skip


def _plain(name: str, value: Any) -> Any:
    """A sent value in the form in which it is kept."""
    if value is None or value == "":
        return None if name in _NULLABLE else getattr(_DEFAULTS, name)
    if value == 0 and name == "policy_id":
        return None
    if isinstance(value, list):
        return tuple(value)
    return value.strip() if name in ("schedule", "schedule_timezone", "server_timezone") else value


def _between(name: str, low: int, high: int) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        value = getattr(settings, name)
        return None if value is None or low <= value <= high else f"must be between {low} and {high}"

    return check


def _short(name: str) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        long = len(getattr(settings, name) or "") > MAX_TEXT
        return f"is too long (maximum is {MAX_TEXT} characters)" if long else None

    return check


def _time_of_day(name: str) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        value = getattr(settings, name)
        try:
            if value is not None:
                wall_time(value)
        except ValueError:
            return "must be a time of day like 01:00:00"
        return None

    return check


def _days(settings: Settings) -> str | None:
    days = settings.maintenance_days or ()
    if all(day in DAYS for day in days) and len(set(days)) == len(days):
        return None
    return f"is invalid. Valid values are: {', '.join(DAYS)}"


def _any_zone(name: str) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        value = getattr(settings, name)
        return None if value is None or zone(value) is not None else f"'{value[:80]}' is not a time zone that we know"

    return check


def _iana_zone(settings: Settings) -> str | None:
    name = settings.server_timezone
    try:
        if name is not None:
            ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfo complains in three ways: unknown, malformed, a folder's name
        return f"'{str(name)[:80]}' is not an IANA time zone, e.g. Europe/Berlin"
    return None


_CHECKS: dict[str, Callable[[Settings], str | None]] = {
    "grace": _between("grace", 0, MAX_PERIOD_SECONDS),
    "team_wait": _between("team_wait", 0, MAX_TEAM_WAIT_SECONDS),
    "policy_id": _between("policy_id", 1, 2**62),
    "schedule": _short("schedule"),
    "schedule_timezone": _any_zone("schedule_timezone"),
    "server_timezone": _iana_zone,
    "success_keyword": _short("success_keyword"),
    "failure_keyword": _short("failure_keyword"),
    "maintenance_from": _time_of_day("maintenance_from"),
    "maintenance_to": _time_of_day("maintenance_to"),
    "maintenance_timezone": _any_zone("maintenance_timezone"),
    "maintenance_days": _days,
}
