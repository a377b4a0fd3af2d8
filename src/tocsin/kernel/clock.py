"""What time it is: the only place in Tocsin that asks the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    """Where the present comes from. The real one below; the tests' one can be wound forward."""

    def now(self) -> datetime:
        """The present instant: aware, UTC, whole milliseconds (what the wire and the tables can hold)."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for measuring how long something took."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return from_milliseconds(time.time_ns() // 1_000_000)

    monotonic = staticmethod(time.monotonic)  # itself, without a call of ours around it: each check asks three times


def to_milliseconds(instant: datetime) -> int:
    """An aware instant as whole milliseconds since 1970 UTC (the form of every instant in our tables)."""
    return (instant - EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The inverse of `to_milliseconds`, exact."""
    return EPOCH + _MILLISECOND * milliseconds


def to_wire(instant: datetime) -> str:
    """UTC ISO-8601 with milliseconds and Z, e.g. `2026-01-15T10:30:00.000Z` (contract part 1, 2.1)."""
    text: str = msgspec.to_builtins(instant if instant.tzinfo is UTC else instant.astimezone(UTC))
    return f"{text[:23]}Z" if len(text) > _WHOLE_SECONDS else f"{text[:19]}.000Z"


def retry_after_seconds(text: str, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date); None = it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - now).total_seconds())


_WHOLE_SECONDS = len("2026-01-15T10:30:00Z")
"""What msgspec writes (in a quarter of `isoformat`'s time) when there is no fraction; else six digits of it."""
