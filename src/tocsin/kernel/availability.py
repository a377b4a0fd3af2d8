"""How much of the time something worked, counting only the time in which somebody was watching."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class Availability(msgspec.Struct, frozen=True):
    """Percent; the rest whole seconds and a count (contract part 1, 3.6)."""

    availability: float
    total_downtime: int
    number_of_incidents: int
    longest_incident: int
    average_incident: int


Interval = tuple[int, int]
"""From (included) to (excluded), milliseconds since 1970 UTC."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How something that is watched fared in a period, but for its outages. What lasts still ends with the period."""

    owner_type: str
    """How incidents name its kind, e.g. `monitor`."""
    id: int
    team_id: int
    group_id: int | None = None
    since_ms: int
    """When watching it began."""
    paused: tuple[Interval, ...] = ()
    maintenance: tuple[Interval, ...] = ()
    """Its own windows; one that is open now is among them."""
    degraded: tuple[Interval, ...] = ()
    """It was up, but not as it should be."""
    blind: tuple[Interval, ...] = ()
    """When we ourselves could not see it: counts neither for nor against it."""


def availability(
    period: Interval, outages: Sequence[tuple[int, int | None]], unwatched: Iterable[Interval]
) -> Availability:
    """The figures of `monitor_sla` (contract part 1, 3.6) over `period`.

    `outages`: (started, resolved or None) of confirmed incidents; `unwatched`: what is left out of both sides of the
    ratio: gaps, pauses and maintenance. A period in which nobody watched counts as available.
    """
    blind = merged(clipped(unwatched, period))
    lengths = []
    down: list[Interval] = []
    for started, resolved in outages:
        pieces = without(clipped([(started, period[1] if resolved is None else resolved)], period), blind)
        if pieces:
            down.extend(pieces)
            lengths.append(total(pieces))
    watched = max(0, period[1] - period[0]) - total(blind)
    downtime = total(merged(down))  # incidents of one monitor may overlap: time is counted once
    ratio = 1.0 if watched <= 0 else 1 - downtime / watched
    return Availability(
        availability=round(100 * ratio, 4),
        total_downtime=downtime // 1000,
        number_of_incidents=len(lengths),
        longest_incident=max(lengths, default=0) // 1000,
        average_incident=sum(lengths) // len(lengths) // 1000 if lengths else 0,
    )


def total(intervals: Iterable[Interval]) -> int:
    """The summed length, milliseconds."""
    return sum(end - start for start, end in intervals)


def clipped(intervals: Iterable[Interval], period: Interval) -> list[Interval]:
    """The parts that lie inside `period`."""
    inside = ((max(start, period[0]), min(end, period[1])) for start, end in intervals)
    return [(start, end) for start, end in inside if start < end]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time as disjoint intervals in order."""
    result: list[Interval] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def without(intervals: Iterable[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """`intervals` minus `holes` (disjoint, in order)."""
    result: list[Interval] = []
    for start, end in intervals:
        for hole_start, hole_end in holes:
            if hole_end <= start:
                continue
            if hole_start >= end:
                break
            if hole_start > start:
                result.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            result.append((start, end))
    return result
