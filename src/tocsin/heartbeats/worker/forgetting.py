"""Forgets old pings: of each heartbeat only the newest are kept."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from tocsin.heartbeats.actions import history
from tocsin.kernel.clock import Clock
from tocsin.storage import Database, Tx

EVERY = timedelta(seconds=60)
ROWS_AT_ONCE = 1_000
"""Pings deleted in one transaction: pages must not wait behind a clean-up."""
ROUNDS = 500
"""Half a million pings a look: faster than they can come in for long."""
PAUSE_SECONDS = 0.01
"""Between two transactions: pings in the making go first."""


class Forgetting:
    """A worker of the runtime whose work nobody waits for."""

    name = "old pings"
    topic = "old pings"
    lag_seconds = 0.0

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run_once(self) -> datetime | None:
        """One bounded round of forgetting; returns when to come again."""
        for _ in range(ROUNDS):
            if await self._database.write(_prune) == 0:
                return self._clock.now() + EVERY
            await asyncio.sleep(PAUSE_SECONDS)
        return self._clock.now()


def _prune(tx: Tx) -> int:
    return history.prune(tx, at_most=ROWS_AT_ONCE)
