"""Notices that the machine's clock was set back, so that nobody is paged an hour late for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from tocsin.kernel.clock import Clock
from tocsin.storage import Database, Tx, shifting

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=5)
"""How long a step goes unnoticed at most."""
MARK_EVERY = timedelta(seconds=30)
"""How often the time is noted for the next start."""


class ClockWatch:
    """A worker of the runtime: compares the clock on the wall with the one that only runs forward.

    A clock that is set forward makes what waits due early; that is no loss, so nothing is done about it.
    """

    name = "clock"
    topic = "clock"
    lag_seconds = 0.0

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._last: tuple[datetime, float] | None = None
        self._mark_at = 0.0

    async def run_once(self) -> datetime | None:
        """Look at both clocks; returns when to look again."""
        now, running = self._clock.now(), self._clock.monotonic()
        if self._last is None:
            before = await self._database.write(shifting.resume)
            if before is not None:
                _say(*before)
        else:
            passed = timedelta(seconds=running - self._last[1])
            back = self._last[0] + passed - now
            if back > shifting.TOLERANCE:
                _say(back, await self._database.write(_shift, back))
        self._last = now, running
        if running >= self._mark_at:
            await self._database.write(shifting.mark)
            self._mark_at = running + MARK_EVERY.total_seconds()
        return now + LOOK_EVERY


def _shift(tx: Tx, by: timedelta) -> int:
    """With the mark, so that a crash right after it does not shift twice."""
    shifting.mark(tx)
    return shifting.shift(tx, by)


def _say(by: timedelta, moved: int) -> None:
    log.error(
        "the clock was set back: everything that waits is due as much earlier", seconds=by.total_seconds(), rows=moved
    )
