"""Publishes what waits for its time, and notices by itself what has to be reported."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from tocsin.kernel.clock import Clock
from tocsin.status_pages import actions
from tocsin.storage import Database
from tocsin.storage.events import EVENTS_TOPIC

log = structlog.get_logger()

ROUNDS = 20
"""Looks in one run: after two thousand updates others come first."""
LOOK_EVERY = timedelta(seconds=1)
"""How often it is looked at most what has to be reported: in a storm something happens a hundred times a second, and
pages to people come first."""


class Publishing:
    """A worker of the runtime (see `runtime.loop`): any number of these may run at once."""

    name = "status_page_publishing"
    topic = actions.PUBLISHING_TOPIC

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Publish what is due, bounded; returns when something is due next."""
        for _ in range(ROUNDS):
            due = await self._database.read(actions.due_updates)
            for page_id, report_id, id, seen in due:
                await self._publish(page_id, report_id, id, seen)
            if not due:
                break
        for page_id in await self._database.read(actions.due_automatic_pages):
            await self._report(page_id)
        next_at = await self._database.read(actions.next_publishing_at)
        late = 0.0 if next_at is None else (self._clock.now() - next_at).total_seconds()
        self.lag_seconds = max(0.0, late)
        return next_at

    async def _publish(self, page_id: int, report_id: int, id: int, seen: datetime) -> None:
        """One update, one transaction: a fault with one must not keep back another."""
        try:
            await self._database.write(actions.publish_due, page_id, report_id, id, seen)
        except Exception as error:
            log.exception("an update could not be published, will be tried again", update_id=id, error=str(error))
            await self._database.write(actions.put_off_update, id)

    async def _report(self, page_id: int) -> None:
        try:
            await self._database.write(actions.report_due_incidents, page_id)
        except Exception as error:
            log.exception("a page could not report, will try again", page_id=page_id, error=str(error))
            await self._database.write(actions.put_off_incidents, page_id)


class AutomaticReports:
    """A worker of the runtime: looks, whenever anything happened, whether a page has to say something of it."""

    name = "automatic_reports"
    topic = EVENTS_TOPIC

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._looked_at: datetime | None = None
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Note what is to be reported, and tell what has become of what was; returns when to come again, if rung in
        vain."""
        now = self._clock.now()
        if self._looked_at is not None and now - LOOK_EVERY < self._looked_at <= now:
            return self._looked_at + LOOK_EVERY
        self._looked_at = now
        found = await self._database.read(actions.outstanding_reports)
        if found.arrivals:
            await self._database.write(actions.note_incidents, found.arrivals)
        for page_id, report_id in found.stale:
            await self._go_on(page_id, report_id)
        return None

    async def _go_on(self, page_id: int, report_id: int) -> None:
        """One report, one transaction, and none for those that a person keeps open."""
        try:
            if await self._database.read(actions.report_has_news, page_id, report_id):
                await self._database.write(actions.bring_report_up_to_date, page_id, report_id)
        except Exception as error:
            log.exception("an automatic report could not go on", report_id=report_id, error=str(error))
