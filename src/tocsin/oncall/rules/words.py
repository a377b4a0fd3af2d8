"""What people are told about being on call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.kernel.clock import to_wire


def at(instant: datetime) -> str:
    """An instant for people, e.g. `Mon 2026-03-02 09:00 UTC`."""
    return instant.strftime("%a %Y-%m-%d %H:%M UTC")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence; `nobody` for none."""
    if not names:
        return "nobody"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def changed(names: Sequence[str]) -> str:
    """The message of the outgoing webhook."""
    verb = "is" if len(names) < 2 else "are"
    sentence = f"{listed(names)} {verb} on-call now."
    return sentence[:1].upper() + sentence[1:]


def in_minutes(seconds: float) -> str:
    """How long it is until then, roughly, e.g. `in 2 hours`."""
    minutes = max(1, round(seconds / 60))
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size and (minutes % size == 0 or minutes >= 3 * size):
            number = round(minutes / size)
            return f"in {number} {word}{'' if number == 1 else 's'}"
    return "in a minute"


def stretch(start: datetime, end: datetime) -> str:
    """A stretch of time for people."""
    return f"{at(start)} to {at(end)}"


def wire(instant: datetime | None) -> str | None:
    """An instant for programs."""
    return None if instant is None else to_wire(instant)
