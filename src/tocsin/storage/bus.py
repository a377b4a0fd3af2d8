"""A doorbell between the rooms: it only says "look now"; what there is to see stands in the database."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from typing import Protocol


class Bus(Protocol):
    """Rings topics. Losing a ring may cost time (until the listener's next look), never correctness."""

    def ring(self, topic: str) -> None:
        """Wake everybody who listens to `topic`. Callable from any thread."""
        ...

    def listen(self, topic: str, listener: str) -> None:
        """From now on a ring of `topic` is kept for this listener until it has heard it."""
        ...

    async def wait(self, topic: str, timeout_seconds: float, listener: str = "") -> bool:
        """Sleep until `topic` rings or the time is up; True when it rang (also if it rang since this listener's last
        wait)."""
        ...


class MemoryBus:
    """The bus of a single process. Each listener of a topic hears every ring, whoever else does; two that wait under
    one name are one listener. Whoever gives no name is the topic's first listener, for whom rings are always kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[str]] = {}
        self._rung: set[tuple[str, str]] = set()
        self._sleepers: dict[tuple[str, str], list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(list)

    def listen(self, topic: str, listener: str) -> None:
        with self._lock:
            self._listeners.setdefault(topic, set()).add(listener)

    def ring(self, topic: str) -> None:
        woken: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        with self._lock:
            for listener in self._listeners.get(topic, set()) | _UNNAMED:
                sleepers = self._sleepers.pop((topic, listener), [])
                if not sleepers:
                    self._rung.add((topic, listener))
                woken += sleepers
        for loop, event in woken:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, topic: str, timeout_seconds: float, listener: str = "") -> bool:
        key = (topic, listener)
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._lock:
            self._listeners.setdefault(topic, set()).add(listener)
            if key in self._rung:
                self._rung.discard(key)
                return True
            self._sleepers[key].append(entry)
        try:
            await asyncio.wait_for(event.wait(), timeout_seconds)
        except TimeoutError:
            return False
        else:
            return True
        finally:
            with self._lock:
                if entry in self._sleepers.get(key, []):
                    self._sleepers[key].remove(entry)


_UNNAMED = frozenset({""})
