"""Who is on call, and when that changes: overrides before events, events before layers, a higher layer before a lower.

`shifts` lays out a window without a gap or an overlap, and `who` is one instant of it, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.oncall.model import Schedule, Shift, Stretch
from tocsin.oncall.rules.layers import Piece, pieces

LOOK_AHEAD = (timedelta(days=2), timedelta(days=32), timedelta(days=400))
"""How far a next change is looked for, a little and then more: most come soon. What is later is found in its time."""


def who(schedule: Schedule, at: datetime) -> tuple[int, ...]:
    """The people (user ids) who are on call at an instant; empty when nobody is."""
    return shifts(schedule, at, at + timedelta(milliseconds=1))[0].user_ids


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """The whole window [start, end), in order: each shift as long as the same people are on call, or nobody is.

    Only what is planned may be missing, never time: the shifts tile the window. An empty window has none.
    """
    begin, finish = to_milliseconds(start), to_milliseconds(end)
    if begin >= finish:
        return []
    holes = [(begin, finish)]
    plan: list[Piece] = []
    for level in _levels(schedule, begin, finish):
        holes = _fill(holes, level, plan)
        if not holes:
            break
    plan.extend((hole[0], hole[1], ()) for hole in holes)
    plan.sort()
    return [
        Shift(starts_at=from_milliseconds(at), ends_at=from_milliseconds(until), user_ids=users)
        for at, until, users in _merged(plan)
    ]


def next_change(schedule: Schedule, after: datetime) -> datetime | None:
    """The next instant at which other people are on call than at `after`; None: not within 400 days."""
    for ahead in LOOK_AHEAD:
        laid_out = shifts(schedule, after, after + ahead)
        if len(laid_out) > 1:
            return laid_out[1].starts_at
    return None


def at_once(stretches: Iterable[Stretch]) -> int:
    """How many of the stretches there are at one instant at the most."""
    edges = sorted(edge for each in stretches for edge in ((each.starts_at, 1), (each.ends_at, -1)))
    depth = deepest = 0
    for _, change in edges:  # at the same instant what ends comes first
        depth += change
        deepest = max(deepest, depth)
    return deepest


def _levels(schedule: Schedule, begin: int, finish: int) -> Iterator[list[Piece]]:
    """What there is to fill the window with, from the strongest to the weakest."""
    yield _flat(schedule.overrides, begin, finish, schedule.present, newest=True)
    yield _flat(schedule.events, begin, finish, schedule.present)
    yield _flat(schedule.imported, begin, finish, schedule.present)
    for layer in reversed(schedule.layers):
        yield pieces(layer, begin, finish, schedule.present)


def _flat(
    stretches: Iterable[Stretch], begin: int, finish: int, present: Collection[int] | None, newest: bool = False
) -> list[Piece]:
    """Stretches that may overlap as pieces that do not: with everybody of all, or with those of the newest alone."""
    kept: list[tuple[int, int, int, tuple[int, ...]]] = []
    for each in stretches:
        start, end = max(begin, to_milliseconds(each.starts_at)), min(finish, to_milliseconds(each.ends_at))
        users = each.user_ids if present is None else tuple(id for id in each.user_ids if id in present)
        if start < end and users:
            kept.append((each.id, start, end, users))
    kept.sort(reverse=newest)
    edges = sorted({edge for _, start, end, _ in kept for edge in (start, end)})
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for index, (_, start, end, _) in enumerate(kept):
        starting.setdefault(start, []).append(index)
        ending.setdefault(end, []).append(index)
    active: set[int] = set()
    found: list[Piece] = []
    for at, until in pairwise(edges):
        active.difference_update(ending.get(at, ()))
        active.update(starting.get(at, ()))
        if active:
            chosen = [min(active)] if newest else sorted(active)
            found.append((at, until, tuple(dict.fromkeys(id for index in chosen for id in kept[index][3]))))
    return found


def _fill(holes: list[tuple[int, int]], level: list[Piece], plan: list[Piece]) -> list[tuple[int, int]]:
    """Put into the plan what of the level lies in the holes; returns the holes that remain. All are in order."""
    remaining: list[tuple[int, int]] = []
    index = 0
    for hole_start, end in holes:
        at = hole_start
        while index < len(level) and level[index][1] <= at:
            index += 1
        further = index
        while further < len(level) and level[further][0] < end:
            start, until, users = level[further]
            if start > at:
                remaining.append((at, start))
            plan.append((max(at, start), min(end, until), users))
            at = min(end, until)
            further += 1
        if at < end:
            remaining.append((at, end))
    return remaining


def _merged(plan: list[Piece]) -> Iterator[Piece]:
    """Neighbours with the same people as one."""
    start, end, users = plan[0]
    for piece in plan[1:]:
        if piece[2] == users:
            end = piece[1]
            continue
        yield start, end, users
        start, end, users = piece
    yield start, end, users
