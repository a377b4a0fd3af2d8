"""Ends alerts that have stayed resolved for as long as their integration asks."""

from __future__ import annotations

from datetime import datetime

from tocsin.inbound import actions
from tocsin.inbound.actions.alerts import RECOVERIES_TOPIC
from tocsin.kernel.clock import Clock
from tocsin.storage import Database

AT_ONCE = 200
"""Alerts ended in one transaction: pages must not wait behind the end of a storm."""
ROUNDS = 50


class Recoveries:
    """A worker of the runtime (see `runtime.loop`)."""

    name = "inbound_recoveries"
    topic = RECOVERIES_TOPIC

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """End what is due; returns when the next one is due."""
        for _ in range(ROUNDS):
            if await self._database.write(actions.recover_due, AT_ONCE, self._base_url) < AT_ONCE:
                break
        next_at = await self._database.read(actions.next_recovery)
        now = self._clock.now()
        self.lag_seconds = max(0.0, (now - next_at).total_seconds()) if next_at is not None else 0.0
        return next_at
