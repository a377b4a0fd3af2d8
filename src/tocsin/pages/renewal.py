"""Keeps the public pages in step with what happens: whenever anything does, they are drawn anew for whoever asks."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.kernel.clock import Clock
from tocsin.pages.app import Pages
from tocsin.pages.pace import Pace
from tocsin.storage.events import EVENTS_TOPIC


class Renewal:
    """A worker of the runtime."""

    name = "status_pages"
    topic = EVENTS_TOPIC
    lag_seconds = 0.0

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._clock = clock
        self._pace = Pace(clock)

    async def run_once(self) -> datetime | None:
        """Mark everything as out of date, and read which pages there are."""
        self._pages.rung()
        wait = self._pace.wait_seconds()
        if wait > 0:
            return self._clock.now() + timedelta(seconds=wait)
        began = self._clock.monotonic()
        await self._pages.renew_directory()
        self._pace.looked(began)
        return None
