"""Leaves those unanswered who keep guessing: an answer costs money, and four digits can be tried."""

from __future__ import annotations

from collections import Counter

from tocsin.kernel.clock import Clock

WINDOW_SECONDS = 3600
FAILURES_PER_NUMBER = 10
"""Texts of one number within the hour that matched no alert; then it is not listened to until the hour is over."""
FAILURES_OF_STRANGERS = 200
"""Of all numbers together that nobody has proven to be theirs: each answer to them is paid for. Whoever floods us as a
stranger takes nothing away from those whom we know."""


class Guesses:
    """Counts failures by number, in memory: a restart forgives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window = 0
        self._failures: Counter[str] = Counter()
        self._of_strangers = 0

    def listens_to(self, number: str, *, known: bool) -> bool:
        """Whether this number is answered. `known`: somebody has proven that it is theirs."""
        window = int(self._clock.monotonic()) // WINDOW_SECONDS
        if window != self._window:
            self._window, self._of_strangers = window, 0
            self._failures.clear()
        if not known and self._of_strangers >= FAILURES_OF_STRANGERS:
            return False
        return self._failures[number] < FAILURES_PER_NUMBER

    def failed(self, number: str, *, known: bool) -> None:
        """One more text that matched nothing."""
        self._failures[number] += 1
        self._of_strangers += not known
