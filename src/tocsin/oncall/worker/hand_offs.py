"""Notices the moment at which somebody else goes on call, and tells both; closes requests for cover in time."""

from __future__ import annotations

from datetime import datetime

import structlog

from tocsin.kernel.clock import Clock
from tocsin.oncall import actions
from tocsin.oncall.store.tables import TOPIC
from tocsin.storage import Database

log = structlog.get_logger()

ROUNDS = 10
"""Batches of one look: after a thousand calendars others come first."""


class HandOffs:
    """A worker of the runtime (see `runtime.loop`). Pages do not wait for it: they ask who is on call themselves."""

    name = "on_call"
    topic = TOPIC

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Look at the calendars that are due; returns when the next one is."""
        if await self._database.read(actions.teams_without_default):
            await self._database.write(actions.ensure_defaults)
        for _ in range(ROUNDS):
            due = await self._database.read(actions.due_looks)
            if not due:
                break
            for calendar_id, seen in due:
                await self._look(calendar_id, seen)
        instants = [await self._database.read(actions.next_look), await self._expire()]
        next_at = min((at for at in instants if at is not None), default=None)
        late = 0.0 if next_at is None else (self._clock.now() - next_at).total_seconds()
        self.lag_seconds = max(0.0, late)
        return next_at

    async def _look(self, calendar_id: int, seen: datetime) -> None:
        """One calendar, one transaction: a fault with one must not hold up the others."""
        try:
            await self._database.write(actions.hand_over, calendar_id, seen)
        except Exception as error:
            log.exception("a hand-off failed, will be tried again", calendar_id=calendar_id, error=str(error))
            await self._database.write(actions.postpone_look, calendar_id)

    async def _expire(self) -> datetime | None:
        next_at = await self._database.read(actions.next_expiry)
        if next_at is not None and next_at <= self._clock.now():
            await self._database.write(actions.expire_due)
            next_at = await self._database.read(actions.next_expiry)
        return next_at
