"""The events that a rotation of the API makes, and what becomes of those that were there before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tocsin.kernel.errors import Invalid
from tocsin.oncall.model import Event, Rotation, Stretch

MAX_EVENTS = 20_000
"""Of one calendar: shifts of eight hours for eighteen years. Layers never end and cost no events."""

_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


def consecutive(rotation: Rotation, since: datetime) -> list[Stretch]:
    """The events of a rotation that end after `since`, each of one user (contract part 2, 4.2).

    Whose turn it is counts from the start of the rotation, whatever of it is past. A turn is so many hours of 60
    minutes, whatever the clocks on the wall do: its start names an offset and no zone. Raises Invalid for too many.
    """
    turn = rotation.rotation_length * _UNITS[rotation.rotation_interval]
    begin, end = rotation.start_rotations_at, rotation.end_rotations_at
    number = max(0, (since - begin) // turn)
    if (end - begin) // turn - number >= MAX_EVENTS:
        raise Invalid.fields(
            end_rotations_at=f"would make more than {MAX_EVENTS} events: end earlier, take longer turns, "
            "or add a layer, which needs no end"
        )
    found = []
    while begin + number * turn < end:
        start = begin + number * turn
        until = min(end, start + turn)
        if until > since:
            user_id = rotation.user_ids[number % len(rotation.user_ids)]
            found.append(Stretch(starts_at=start, ends_at=until, user_ids=(user_id,)))
        number += 1
    return found


def outside(event: Event, start: datetime, end: datetime) -> list[Stretch]:
    """What of an event is left when [start, end) is taken out of it: nothing, a part, or a part on each side."""
    parts = ((event.starts_at, min(event.ends_at, start)), (max(event.starts_at, end), event.ends_at))
    return [Stretch(starts_at=at, ends_at=until, user_ids=event.user_ids) for at, until in parts if at < until]


def span(stretches: Iterable[Stretch]) -> tuple[datetime, datetime] | None:
    """From the first beginning to the last end; None when there are none."""
    listed = list(stretches)
    if not listed:
        return None
    return min(each.starts_at for each in listed), max(each.ends_at for each in listed)
