"""One timer for thousands of things that each have their time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

MIN_PAUSE_SECONDS = 0.005
"""The timer goes off at most 200 times a second: what is due together is woken together, up to 5 ms late."""
NEVER = float("inf")
_log = logging.getLogger(__name__)


class Timed(Protocol):
    """Something that can be woken: when (monotonic seconds), or `NEVER` once it is over."""

    alarm: float


Item = TypeVar("Item", bound=Timed)


class Deadlines(Generic[Item]):
    """`wake(item)` when an item's alarm comes. An item is forgotten by setting its alarm to `NEVER` or anew.

    Most waits have one of few lengths, so each length has a queue that is in order by itself; what was forgotten is
    dropped when its turn comes.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float], wake: Callable[[Item], None]
    ) -> None:
        self._loop = loop
        self._monotonic = monotonic
        self._wake = wake
        self._queues: dict[int, deque[tuple[float, Item]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = NEVER

    def set(self, item: Item, now: float, seconds: float) -> None:
        """Wake `item` in so many seconds (to the millisecond, at least one), and not when it was to be woken before."""
        milliseconds = max(1, int(seconds * 1000))
        alarm = item.alarm = now + milliseconds / 1000
        queue = self._queues.get(milliseconds)
        if queue is None:
            queue = self._queues[milliseconds] = deque()
        queue.append((alarm, item))
        if alarm < self._timer_due:
            self._arm(alarm, now)

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._queues.clear()

    def _arm(self, alarm: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = alarm
        self._timer = self._loop.call_later(max(MIN_PAUSE_SECONDS, alarm - now), self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_due = None, NEVER
        now = self._monotonic()
        due: list[Item] = []
        following = NEVER
        for milliseconds, queue in list(self._queues.items()):
            while queue:
                alarm, item = queue[0]
                if item.alarm != alarm:
                    queue.popleft()
                elif alarm <= now:
                    queue.popleft()
                    item.alarm = NEVER
                    due.append(item)
                else:
                    following = min(following, alarm)
                    break
            else:
                del self._queues[milliseconds]
        if following < self._timer_due:
            self._arm(following, now)
        for item in due:
            try:
                self._wake(item)
            except Exception:  # the others must be woken all the same
                _log.exception("something whose time had come could not be woken")
