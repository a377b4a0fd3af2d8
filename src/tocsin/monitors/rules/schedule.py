"""Whose turn is next: any number of monitors, each in its own rhythm."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Generic, TypeVar

SLOT_SECONDS = 1 / 32
"""What falls due within such a span is kept together and put in order once, when its first is asked for: 0.6 us a turn
with 40,000 monitors, where one heap of everybody takes 1.0, and walks through cold memory."""

Item = TypeVar("Item")
Turn = tuple[float, int, Item]
"""When it is due (seconds of any clock that begins near zero and never goes back), a number that no other turn has, and
who it is; the number keeps two of the same instant in order."""


class Schedule(Generic[Item]):
    """Turns in the order in which they are due."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Turn[Item]]] = {}
        self._numbers: list[int] = []
        """Of the slots that nobody has looked into: a heap."""
        self._begun = -1
        """The latest that somebody has."""
        self._open: list[Turn[Item]] = []
        """What is left of it, the next turn last."""

    def put(self, turn: Turn[Item]) -> None:
        """One more, in any order; what is past is next."""
        number = int(turn[0] // SLOT_SECONDS)
        slot = self._slots.get(number)
        if slot is not None:
            slot.append(turn)
        elif number > self._begun:
            self._slots[number] = [turn]
            heappush(self._numbers, number)
        else:
            self._open.append(turn)
            self._open.sort(reverse=True)

    def take(self, now: float) -> Turn[Item] | None:
        """The next one, taken out, if it is due at `now`."""
        if not self._open:
            if not self._numbers or self._numbers[0] * SLOT_SECONDS > now:
                return None
            self._begun = heappop(self._numbers)
            self._open = self._slots.pop(self._begun)
            self._open.sort(reverse=True)
        return self._open.pop() if self._open[-1][0] <= now else None

    @property
    def next_due(self) -> float:
        """When the next one is due; infinity when there is none."""
        if self._open:
            return self._open[-1][0]
        return min(self._slots[self._numbers[0]])[0] if self._numbers else float("inf")
