"""Tells people by itself how large an outage has become, ends what nobody confirms, writes instructions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from tocsin.escalation import actions as escalation
from tocsin.incidents import actions
from tocsin.kernel.clock import Clock
from tocsin.storage import Database

AFTER_A_FAULT = timedelta(seconds=15)
"""When something could not be done through a fault of ours: soon enough for news, rare enough for the log."""
log = structlog.get_logger()


class Storms:
    """Claims the groups of which there is news, the reopened incidents whose time has come, and what agents have
    acknowledged without a person's word; any number may run."""

    name = "storms"
    topic = actions.STORMS_TOPIC
    lag_seconds = 0.0

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        """`base_url`: for the links in messages."""
        self._database = database
        self._clock = clock
        self._base_url = base_url

    async def run_once(self) -> datetime | None:
        """Do what is due, a bounded part of it; returns when the next is due."""
        groups, lapsed, unconfirmed = await self._database.read(actions.due)
        done = [await _do(self._database, actions.expire, incident_id, self._base_url) for incident_id in unconfirmed]
        done += [await _do(self._database, actions.tell_news_of, group_id, self._base_url) for group_id in groups]
        done += [await _do(self._database, actions.lapse, incident_id, self._base_url) for incident_id in lapsed]
        next_at = await self._database.read(actions.earliest)
        now = self._clock.now()
        self.lag_seconds = max(0.0, (now - next_at).total_seconds()) if next_at is not None else 0.0
        return _again(next_at, now, all(done))


class Instructions:
    """Claims the instructions that are to be written, and the checklists to be reminded of; any number may run."""

    name = "instructions"
    topic = escalation.ERRANDS_TOPIC
    lag_seconds = 0.0

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        """`base_url`: for the links in messages."""
        self._database = database
        self._clock = clock
        self._base_url = base_url

    async def run_once(self) -> datetime | None:
        """Do what is due, a bounded part of it; returns when the next is due."""
        due = await self._database.read(escalation.errands_due)
        done = [await _do(self._database, actions.carry_out_instructions, id, self._base_url) for id in due]
        next_at = await self._database.read(escalation.earliest_errand)
        now = self._clock.now()
        self.lag_seconds = max(0.0, (now - next_at).total_seconds()) if next_at is not None else 0.0
        return _again(next_at, now, all(done))


async def _do(database: Database, work: Callable[..., Any], id: int, base_url: str) -> bool:
    """One transaction each: a fault with one must not hold up the others."""
    try:
        await database.write(work, id, base_url=base_url)
    except Exception as error:
        log.exception("something about an incident failed, will be tried again", id=id, error=str(error))
        return False
    return True


def _again(next_at: datetime | None, now: datetime, all_done: bool) -> datetime | None:
    """When to look again; after a fault not at once."""
    return next_at if next_at is None or all_done else max(next_at, now + AFTER_A_FAULT)
