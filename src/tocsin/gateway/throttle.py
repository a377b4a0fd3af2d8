"""Slows down whoever keeps guessing: a wrong token now and then is a mistake, hundreds a minute are an attack."""

from __future__ import annotations

from collections import Counter

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TooMany

WINDOW_SECONDS = 60
REFUSALS_PER_ADDRESS = 300
"""In one window. Each refusal is a durable row: without a bound, a stranger could fill the disk."""
REFUSALS_IN_ALL = 600
"""In one window, from however many addresses."""


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
