"""When something fails, what it leans on is looked at at once: the cause should be known before the second page."""

from __future__ import annotations

from tocsin.kernel.clock import Clock
from tocsin.monitors.actions.watching import Watched
from tocsin.monitors.model import Observation, Verdict

AGAIN_SECONDS = 5.0
"""Thousands may lean on one router, and fail together: it is looked at once in this time, not thousands of times."""


class Neighbours:
    """Remembers what is failing. Asked on the probe's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failing: set[int] = set()
        self._asked: dict[int, float] = {}

    def to_check(self, seen: Observation, watched: Watched | None) -> list[int]:
        """The monitors to check now that this was seen; none when it has failed before, and none twice in a while."""
        if watched is None or not watched.depends_on or seen.verdict is Verdict.UNKNOWN:
            return []
        if seen.verdict is Verdict.UP:
            self._failing.discard(seen.monitor_id)
            return []
        if seen.monitor_id in self._failing:
            return []
        self._failing.add(seen.monitor_id)
        now = self._clock.monotonic()
        due = [id for id in watched.depends_on if now - self._asked.get(id, now - AGAIN_SECONDS) >= AGAIN_SECONDS]
        self._asked.update(dict.fromkeys(due, now))
        return due

    def forget(self, monitor_id: int) -> None:
        """It is watched no more."""
        self._failing.discard(monitor_id)
        self._asked.pop(monitor_id, None)
