"""Looks at everything that happens, and plans a message for every system that wants to know."""

from __future__ import annotations

from datetime import datetime

from tocsin.kernel.clock import Clock
from tocsin.storage import Database
from tocsin.storage.events import EVENTS_TOPIC
from tocsin.webhooks import actions

EVENTS_AT_ONCE = 25
"""Events in one transaction: a page must not wait behind the fan-out of a storm (at most 100 messages for each)."""
ROUNDS = 40
"""Transactions of one look: after a thousand events others come first."""


class FanOut:
    """A worker of the runtime (see `runtime.loop`)."""

    name = "webhook_events"
    topic = EVENTS_TOPIC

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Hand on what happened since the last look; returns when to come again."""
        for _ in range(ROUNDS):
            ids, oldest = await self._database.read(actions.waiting_events, EVENTS_AT_ONCE)
            now = self._clock.now()
            self.lag_seconds = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
            if not ids:
                return None
            await self._database.write(actions.hand_on, ids)
        return self._clock.now()
