"""What is wrong with a job, in words for the person who is woken by it."""

from __future__ import annotations

from datetime import datetime

from tocsin.heartbeats.model import Settings
from tocsin.heartbeats.rules.schedule import expected_after
from tocsin.kernel.clock import from_milliseconds
from tocsin.kernel.zones import zone


def silent(settings: Settings, last_beat_ms: int | None, now_ms: int) -> str:
    """`No heartbeat for 1 h 5 min (expected every 1 h)`."""
    since = "No heartbeat" if last_beat_ms is None else f"No heartbeat for {duration((now_ms - last_beat_ms) / 1000)}"
    if settings.schedule is None:
        return f"{since} (expected every {duration(settings.period)})"
    expected = None if last_beat_ms is None else expected_after(settings, from_milliseconds(last_beat_ms))
    if expected is None:
        return f"{since} (expected by the schedule {settings.schedule})"
    return f"{since} (expected at {_at(expected, settings.schedule_timezone)})"


def running(started_ms: int, limit_seconds: int, now_ms: int) -> str:
    """`Has been running for 2 h (expected to end within 1 h)`."""
    limit = duration(limit_seconds)
    return f"Has been running for {duration((now_ms - started_ms) / 1000)} (expected to end within {limit})"


def failed(exit_code: int | None) -> str:
    """`Failed: exit code 3` or `Reported failure`."""
    return "Reported failure" if exit_code is None else f"Failed: exit code {exit_code}"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `1 h 5 min`, `2 d 4 h`: the two largest parts."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {word}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


def _at(instant: datetime, zone_name: str) -> str:
    where = zone(zone_name)
    local = instant if where is None else instant.astimezone(where)
    return f"{local.day} {local.strftime('%b %Y, %H:%M')} {zone_name}"
