"""A doorbell between the rooms: it only says "look now"; what there is to see stands in the database."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from typing import Protocol


class Bus(Protocol):
    """Rings topics. Losing a ring may cost time (until the listener's next look), never correctness."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits for `topic`. Callable from any thread."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Sleep until `topic` rings or the time is up; True when it rang (also if it rang since the last wait)."""
        ...


class MemoryBus:
    """The bus of a single process. One listener per topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung: set[str] = set()
        self._sleepers: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(list)

    def ring(self, topic: str) -> None:
        with self._lock:
            sleepers = self._sleepers.pop(topic, [])
            if not sleepers:
                self._rung.add(topic)
        for loop, event in sleepers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._lock:
            if topic in self._rung:
                self._rung.discard(topic)
                return True
            self._sleepers[topic].append(entry)
        try:
            await asyncio.wait_for(event.wait(), timeout_seconds)
        except TimeoutError:
            return False
        else:
            return True
        finally:
            with self._lock:
                if entry in self._sleepers.get(topic, []):
                    self._sleepers[topic].remove(entry)
