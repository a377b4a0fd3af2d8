"""Reads the calendars that are kept elsewhere; what was read last stays in force until a newer copy has come."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpRequest, Net
from tocsin.kernel.vault import without_credentials
from tocsin.oncall import actions
from tocsin.oncall.actions.importing import AHEAD, BACK, READ_WHOLE_EVERY
from tocsin.oncall.rules.importing import Person, Read, Unreadable, read
from tocsin.oncall.store.imports import Poll
from tocsin.oncall.store.tables import IMPORTS_TOPIC
from tocsin.storage import Database

log = structlog.get_logger()

AT_ONCE = 4
TIMEOUT_SECONDS = 20.0
"""For one calendar with everything."""


class Imports:
    """A worker of the runtime (see `runtime.loop`)."""

    name = "on_call_imports"
    topic = IMPORTS_TOPIC

    def __init__(self, database: Database, clock: Clock, net: Net) -> None:
        self._database = database
        self._clock = clock
        self._net = net
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Read what is due, a few at a time; returns when the next one is."""
        next_at = await self._database.read(actions.next_poll)
        if next_at is None or next_at > self._clock.now():
            self.lag_seconds = 0.0
            return next_at
        claimed = await self._database.write(actions.claim_polls, AT_ONCE)
        await asyncio.gather(*(self._read(poll, people) for poll, people in claimed))
        next_at = await self._database.read(actions.next_poll)
        self.lag_seconds = max(0.0, (self._clock.now() - next_at).total_seconds()) if next_at is not None else 0.0
        return next_at

    async def _read(self, poll: Poll, people: list[Person]) -> None:
        try:
            result, etag = await self._fetch(poll, people)
        except Exception as error:
            log.exception("reading a calendar failed", import_id=poll.id, error=str(error))
            result, etag = "could not be read through a fault of ours; see the server's log", ""
        await self._database.write(actions.settle_poll, poll, result, etag)

    async def _fetch(self, poll: Poll, people: list[Person]) -> tuple[Read | str | None, str]:
        """(what it says, why there is nothing, or None for "unchanged"; the copy's ETag)"""
        if not poll.url:
            return "cannot be asked: the key that opens its address is lost, so set the address anew", ""
        now = self._clock.now()
        fresh = poll.read_at is not None and now - poll.read_at < READ_WHOLE_EVERY
        headers = [("Accept", "text/calendar, */*;q=0.5")]
        if fresh and poll.etag and not poll.failures:
            headers.append(("If-None-Match", poll.etag))
        response = await self._net.fetch(
            HttpRequest(url=poll.url, headers=tuple(headers), timeout_seconds=TIMEOUT_SECONDS)
        )
        if response.failure is not None:
            return f"could not be fetched: {without_credentials(response.cause or str(response.failure))}", ""
        if response.status_code == 304:
            return None, ""
        if response.status_code != 200:
            return f"could not be fetched: its server answered with status {response.status_code}", ""
        if response.truncated:
            return f"is too large: {len(response.body)} bytes and more", ""
        try:
            result = await asyncio.to_thread(read, response.body, people, now - BACK, now + AHEAD, poll.timezone)
        except Unreadable as error:
            return str(error), ""
        etag = next((value for name, value in response.headers if name.lower() == "etag"), "")
        return result, etag[:200]
