"""Lets only so much be drawn at once and in a row: readers who attack a page slow down pages, never the paging."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tocsin.kernel.clock import Clock

T = TypeVar("T")

AT_ONCE = 2
"""Drawn at the same time in one process."""
REST = 3.0
"""After its work a place rests so many times as long as it worked: with two places, drawing gets half of one core at
most, whatever is asked for, and everything else the other half."""
MAX_REST_SECONDS = 1.0
MAX_WAITING = 200
"""Who comes beyond that is told to come back: each one waiting holds a connection."""


class Busy(Exception):
    """Too many wait already."""


class Slots:
    """A few places in which work is done, and a short queue before them."""

    def __init__(self, clock: Clock, at_once: int = AT_ONCE, waiting: int = MAX_WAITING, rest: float = REST) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._rest = rest
        self.waiting = 0

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` in the next free place. Raises Busy, and what `work` raises."""
        if self.waiting >= self._most_waiting:
            raise Busy
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        began = self._clock.monotonic()
        try:
            return await work()
        finally:
            rest = min((self._clock.monotonic() - began) * self._rest, MAX_REST_SECONDS)
            if rest > 0:
                asyncio.get_running_loop().call_later(rest, self._places.release)
            else:
                self._places.release()
