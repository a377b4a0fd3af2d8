"""Keeps the public pages in step with what happens: whenever anything does, they are drawn anew for whoever asks."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.kernel.clock import Clock
from tocsin.pages.app import Pages
from tocsin.storage.events import EVENTS_TOPIC

MIN_PAUSE_SECONDS = 1.0
"""Between two readings of the directory, however often it rings."""
SHARE = 20.0
"""It is read again after so many times as long as reading it took: thousands of pages cost a twentieth of a thread."""


class Renewal:
    """A worker of the runtime."""

    name = "status_pages"
    topic = EVENTS_TOPIC
    lag_seconds = 0.0

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._clock = clock
        self._next_at = float("-inf")

    async def run_once(self) -> datetime | None:
        """Mark everything as out of date, and read which pages there are."""
        self._pages.rung()
        began = self._clock.monotonic()
        wait = self._next_at - began
        if wait > 0:
            return self._clock.now() + timedelta(seconds=wait)
        await self._pages.renew_directory()
        took = self._clock.monotonic() - began
        self._next_at = self._clock.monotonic() + max(MIN_PAUSE_SECONDS, took * SHARE)
        return None
