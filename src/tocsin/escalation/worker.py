"""Keeps the promise of the plan: when nobody has answered in time, the next person is paged."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from tocsin.escalation import actions
from tocsin.kernel.clock import Clock
from tocsin.storage import Database

log = structlog.get_logger()


class Escalations:
    """Claims the escalations whose next page is due and queues the pages; any number of these may run at once."""

    name = "escalations"
    topic = actions.TOPIC

    def __init__(self, database: Database, clock: Clock) -> None:
        self.lag_seconds = 0.0
        self._database = database
        self._clock = clock

    async def run_once(self) -> datetime | None:
        """Queue what is due, at most `actions.BATCH` incidents; returns when the next page of all is due."""
        overdue = await self._database.read(actions.overdue)
        await asyncio.gather(*(self._page(incident_id) for incident_id, _ in overdue))
        next_at = await self._database.read(actions.earliest)
        late = (self._clock.now() - next_at).total_seconds() if next_at is not None else 0.0
        self.lag_seconds = max(0.0, late)  # what is still due after this look, not what it has just dealt with
        return next_at

    async def _page(self, incident_id: int) -> None:
        """One incident, one transaction: a fault with one must not hold up the pages of another."""
        try:
            await self._database.write(actions.page_due, incident_id)
        except Exception as error:
            log.exception("paging failed, will be tried again", incident_id=incident_id, error=str(error))
            await self._database.write(actions.postpone, incident_id)
