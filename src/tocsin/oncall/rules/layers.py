"""Whose turn it is in a layer: a rotation that never runs out, computed for the window that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.maintenance import DAYS
from tocsin.oncall.model import Layer, Restriction
from tocsin.oncall.rules.wall import DAY, HOUR, WEEK, Wall, local_time, wall

Piece = tuple[int, int, tuple[int, ...]]
"""(start, end, user ids), in milliseconds: what every level of a plan comes down to."""

STEPS = {"hour": HOUR, "day": DAY, "week": WEEK}
_MONDAY = 4 * DAY
"""1970-01-05, in local milliseconds: weeks are counted from there."""
_DOUBLE_HOURS = 48
"""Hand-offs that one clock change can swallow: those of every hour of the day that a zone has skipped or repeated."""


def pieces(layer: Layer, start: int, end: int, present: Collection[int] | None) -> list[Piece]:
    """Who has the layer within [start, end), in order; times at which it counts for nothing are left out.

    The place of a person who has left the team is taken by the next one in the rotation who has not.
    """
    start = max(start, to_milliseconds(layer.starts_at))
    if layer.ends_at is not None:
        end = min(end, to_milliseconds(layer.ends_at))
    if start >= end:
        return []
    clock = wall(layer.timezone, start, end)
    turns = _present_turns(layer.user_ids, present)
    if not turns:
        return []
    if not layer.restrictions:
        return list(_turns(layer, clock, start, end, turns))
    return list(_within(_turns(layer, clock, start, end, turns), windows(layer.restrictions, clock, start, end)))


def windows(restrictions: Collection[Restriction], clock: Wall, start: int, end: int) -> list[tuple[int, int]]:
    """The times within [start, end) at which any restriction is open, in order and not overlapping.

    A window opens the first time that the wall clock shows its beginning and closes the last time that it shows its
    end: when the clocks go back it is longer, never shorter.
    """
    found: list[tuple[int, int]] = []
    first_day = clock.local(start) // DAY - 2
    last_day = clock.local(end) // DAY + 1
    for restriction in restrictions:
        opens, closes = local_time(restriction.time_from), local_time(restriction.time_to)
        if closes <= opens:
            closes += DAY
        days = {DAYS.index(day) for day in restriction.days}
        for day in range(first_day, last_day + 1):
            if (day - _MONDAY // DAY) % 7 in days:
                window = max(start, clock.first(day * DAY + opens)), min(end, clock.last(day * DAY + closes))
                if window[0] < window[1]:
                    found.append(window)
    return _joined(found)


def _turns(layer: Layer, clock: Wall, start: int, end: int, turns: tuple[int, ...]) -> Iterator[Piece]:
    """One piece for each hand-off within the window; `turns[i]` is whoever takes the i-th place."""
    step = layer.rotation_length * STEPS[layer.rotation_interval]
    base = _base(layer, clock)
    number = max(0, (clock.local(start) - base) // step)
    for _ in range(_DOUBLE_HOURS):  # when an hour is repeated the wall shows less than it has shown before
        if clock.first(base + (number + 1) * step) > start:
            break
        number += 1
    at = start
    while at < end:
        following = min(end, clock.first(base + (number + 1) * step))
        if following > at:
            yield at, following, (turns[number % len(turns)],)
            at = following
        number += 1


def _base(layer: Layer, clock: Wall) -> int:
    """The local time from which hand-offs are counted: that of the hand-off on the day on which the layer begins."""
    began = to_milliseconds(layer.starts_at)
    own = wall(layer.timezone, began, began)  # the clock around the window may know nothing of that year
    return own.local(began) // DAY * DAY + local_time(layer.handoff_time)


def _present_turns(user_ids: tuple[int, ...], present: Collection[int] | None) -> tuple[int, ...]:
    if present is None or all(id in present for id in user_ids):
        return user_ids
    count = len(user_ids)
    turns = []
    for place in range(count):
        following = (user_ids[(place + further) % count] for further in range(count))
        found = next((id for id in following if id in present), None)
        if found is None:
            return ()
        turns.append(found)
    return tuple(turns)


def _within(turns: Iterator[Piece], open_times: list[tuple[int, int]]) -> Iterator[Piece]:
    """The parts of the turns that lie in the windows; both are in order."""
    index = 0
    for start, end, users in turns:
        while index < len(open_times) and open_times[index][1] <= start:
            index += 1
        further = index
        while further < len(open_times) and open_times[further][0] < end:
            yield max(start, open_times[further][0]), min(end, open_times[further][1]), users
            further += 1


def _joined(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for window in sorted(found):
        if joined and window[0] <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], window[1])
        else:
            joined.append(window)
    return joined
