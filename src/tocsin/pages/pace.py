"""How often everything is looked through: with every ring of a busy house it would be all that is done."""

from __future__ import annotations

from tocsin.kernel.clock import Clock

MIN_PAUSE_SECONDS = 1.0
"""Between two looks, however often it rings."""
SHARE = 20.0
"""The next look comes after so many times as long as the last one took: thousands of pages cost a twentieth of a
thread."""


class Pace:
    """Of one worker. Instants: monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_at = float("-inf")

    def wait_seconds(self) -> float:
        """How long it is too early to look again; 0 = not."""
        return max(0.0, self._next_at - self._clock.monotonic())

    def looked(self, began: float) -> None:
        """A look that began then is done."""
        now = self._clock.monotonic()
        self._next_at = now + max(MIN_PAUSE_SECONDS, (now - began) * SHARE)
