"""Remembers which monitors must be looked at before their next turn, because somebody waits for the answer."""

from __future__ import annotations

import heapq
import threading


class Appointments:
    """At most one per monitor. Made on any thread, kept on the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: list[tuple[int, int]] = []
        self._made: dict[int, int] = {}
        self._soon: set[int] = set()

    def make(self, monitor_id: int, at_ms: int | None) -> None:
        """Look at it then (ms); None: no more. One that was made before, even if it is over, is not made again."""
        with self._lock:
            if at_ms is None:
                self._made.pop(monitor_id, None)
            elif self._made.get(monitor_id) != at_ms:
                self._made[monitor_id] = at_ms
                heapq.heappush(self._heap, (at_ms, monitor_id))

    def soon(self, monitor_id: int) -> None:
        """Look at it with the next beat."""
        with self._lock:
            self._soon.add(monitor_id)

    def due(self, now_ms: int) -> set[int]:
        """The monitors to look at now; each is told once."""
        with self._lock:
            found, self._soon = self._soon, set()
            while self._heap and self._heap[0][0] <= now_ms:
                at_ms, id = heapq.heappop(self._heap)
                if self._made.get(id) == at_ms:
                    found.add(id)
        return found
