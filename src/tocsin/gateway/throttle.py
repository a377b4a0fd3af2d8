"""Slows down whoever keeps guessing: a wrong token now and then is a mistake, hundreds a minute are an attack."""

from __future__ import annotations

import threading
from collections import Counter

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TooMany

WINDOW_SECONDS = 60
REFUSALS_PER_ADDRESS = 300
"""In one window. Each refusal is a durable row: without a bound, a stranger could fill the disk."""
REFUSALS_IN_ALL = 600
"""In one window, from however many addresses."""


class StillTooMany(TooMany):
    """The same again within the same minute: it stands in the log once, else a loop could fill the disk with it."""


class Throttle:
    """Counts refused strangers by address, in memory: a restart forgives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window = 0
        self._refused: Counter[str] = Counter()

    def exhausted(self, address: str | None) -> bool:
        """Whether this address, or all strangers together, have used up the present window."""
        self._turn()
        return self._refused[address or ""] >= REFUSALS_PER_ADDRESS or self._refused.total() >= REFUSALS_IN_ALL

    def refused(self, address: str | None) -> None:
        """One more stranger was turned away."""
        self._turn()
        self._refused[address or ""] += 1

    def too_many(self) -> TooMany:
        """What a stranger hears from then on, with the end of the window."""
        wait = WINDOW_SECONDS - int(self._clock.monotonic()) % WINDOW_SECONDS
        return TooMany("Too many requests without a valid token. Try again later.", retry_after_seconds=wait)

    def _turn(self) -> None:
        window = int(self._clock.monotonic()) // WINDOW_SECONDS
        if window != self._window:
            self._window = window
            self._refused.clear()


class Paces:
    """Counts the calls of each agent, in memory: who asks too often is told when to come back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # transactions run on several threads
        self._window = 0
        self._calls: Counter[int] = Counter()

    def take(self, agent_id: int, per_minute: int) -> None:
        """One more call. Raises TooMany when there have been as many within this minute as there may be."""
        now = int(self._clock.monotonic())
        with self._lock:
            if now // WINDOW_SECONDS != self._window:
                self._window = now // WINDOW_SECONDS
                self._calls.clear()
            self._calls[agent_id] += 1
            over = self._calls[agent_id] - per_minute
        if over > 0:
            wait = WINDOW_SECONDS - now % WINDOW_SECONDS
            words = f"This agent may call {per_minute} times a minute. Try again later."
            raise (TooMany if over == 1 else StillTooMany)(words, retry_after_seconds=wait)
