"""A clock that stands still until a test winds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday noon, far from any change of daylight saving."""


class FakeClock:
    """Satisfies `kernel.clock.Clock`. `monotonic` moves with `now`."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds() + 1_000.0

    def wind(self, by: timedelta | None = None, **parts: float) -> None:
        """Go forward: `clock.wind(minutes=10)`."""
        self._now += by or timedelta(**parts)

    def step(self, by: timedelta) -> None:
        """Set the clock on the wall, as a time service does: `monotonic` does not move."""
        self._start += by
        self._now += by

    def set(self, instant: datetime) -> None:
        """Jump to an instant."""
        self._now = instant
