"""Notices silence: looks at every heartbeat when its call should have come, and never takes our own absence for it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from tocsin.heartbeats.actions import watching
from tocsin.heartbeats.actions.pinging import TOPIC
from tocsin.kernel.clock import Clock, from_milliseconds
from tocsin.storage import Database

log = structlog.get_logger()

MARKED_EVERY = timedelta(seconds=5)
"""How often it is written down that we are there, at the most; a look comes every fifteen seconds at the least."""
SILENCE = timedelta(seconds=45)
"""Three idle looks in which nothing could be written: while the database was away, pings got lost as well."""
AT_ONCE = 20
"""Incidents opened in one commit: when a whole site falls silent, pings and pages go on between them."""
MOST_LATE = 1_000
"""In one look: the next one follows at once, and in between it is seen that we move."""
ROUNDS = 20
"""Together 10,000 deadlines in one look."""


class Deadlines:
    """Claims the deadlines that have come; any number of these may run at once."""

    name = "heartbeats"
    topic = TOPIC

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        self.lag_seconds = 0.0
        self.absences = 0
        """Noticed since the start."""
        self.missed = 0
        """Deadlines that passed without a call, since the start."""
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self._marked_at: datetime | None = None

    async def run_once(self) -> datetime | None:
        """Judge what is due, bounded; returns when the next deadline comes."""
        judged = 0
        for _ in range(ROUNDS):
            await self._mark()  # a long look at many that are late is no absence
            seen = await self._database.read(watching.due)
            if not seen:
                break
            late = await self._database.write(watching.put_off, seen)
            for start in range(0, len(late), AT_ONCE):
                await asyncio.gather(*(self._miss(id, due_ms) for id, due_ms in late[start : start + AT_ONCE]))
            judged += len(late)
            if judged >= MOST_LATE:
                break
        next_ms = await self._database.read(watching.earliest)
        next_at = None if next_ms is None else from_milliseconds(next_ms)
        late_by = 0.0 if next_at is None else (self._clock.now() - next_at).total_seconds()
        self.lag_seconds = max(0.0, late_by)  # what is still due after this look, not what it has just dealt with
        return next_at

    async def _mark(self) -> None:
        """At the start any time since the last mark was an absence: how long ago we went away is not known exactly."""
        now = self._clock.now()
        if self._marked_at is not None and timedelta(0) <= now - self._marked_at < MARKED_EVERY:
            return
        silence = timedelta(0) if self._marked_at is None else SILENCE
        absence = await self._database.write(watching.note_alive, silence // timedelta(milliseconds=1))
        self._marked_at = now
        if absence is not None:
            self.absences += 1

    async def _miss(self, heartbeat_id: int, due_ms: int) -> None:
        """One heartbeat, one transaction: a fault with one must not hold up the pages of another."""
        try:
            late = await self._database.write(watching.miss, heartbeat_id, due_ms, self._base_url)
        except Exception as error:
            log.exception("a deadline could not be judged, will be tried again", heartbeat_id=heartbeat_id,
                          error=str(error))  # fmt: skip
            await self._database.write(watching.try_again, heartbeat_id, due_ms)
        else:
            self.missed += late
