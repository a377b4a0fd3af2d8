"""The row of small bars that shows how something stood day by day, as one light drawing.

One `<path>` per state instead of one element per day: 90 days are some hundred bytes once compressed. What a colour
says, the form says too: a whole bar, a shorter one, a broken one, a hollow one, a stub.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

import msgspec
from markupsafe import Markup

from tocsin.status_pages.model import DayStatus, State
from tocsin.status_pages.model.views import ReportView, ResourceView, Slot

DENSE = 180
"""From so many on there is no room for gaps; where fewer are in sight, the style draws the gaps."""

_WIDTHS = ((14, 80), (31, 55), (48, 50), (DENSE, 40))
"""How much of its place a bar takes, in hundredths, up to so many bars; the style adds up to 3 pixels around it, which
make the corners round whatever the width."""
_HOLLOW = 18
"""By how much a hollow bar is wider, as the line around it is thinner."""
_FORMS: dict[State, tuple[str, int, tuple[int, ...]]] = {
    # class, where the form begins from above, and the heights of its parts and of the gaps between them
    State.OPERATIONAL: ("o", 2, (32,)),
    State.DEGRADED: ("g", 14, (20,)),
    State.DOWNTIME: ("d", 2, (11, 10, 11)),
    State.MAINTENANCE: ("m", 1, (34,)),
    State.NOT_MONITORED: ("n", 30, (4,)),
}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring places of a bar of which the same is to be said: one row of its table."""

    first: int
    last: int
    state: State
    duration_seconds: int = 0
    """How long it was disturbed or in maintenance; 0 = nothing to say."""
    reports: tuple[ReportView, ...] = ()

    @property
    def places(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@lru_cache(maxsize=4096)
def drawing(states: tuple[State, ...]) -> Markup:
    """The paths of one row, to be put into an `<svg>` whose width is the number of states."""
    paths = []
    for state, (name, top, heights) in _FORMS.items():
        places = [place for place, found in enumerate(states) if found is state]
        if not places:
            continue
        width = next((width for most, width in _WIDTHS if len(states) <= most), 100)
        if state is State.MAINTENANCE and width < 100:
            width = min(width + _HOLLOW, 95)
        outline, back = _outline(heights, _number(width))
        d = f"M{_number(places[0] * 100 + (100 - width) // 2)} {top}{outline}"
        for before, place in pairwise(places):
            d += f"m{place - before} {-back}{outline}"
        paths.append(f'<path class="{name}" d="{d}"/>')
    return Markup("").join(Markup(path) for path in paths)  # noqa: S704  # numbers and words of ours alone


def _outline(heights: tuple[int, ...], width: str) -> tuple[str, int]:
    """The parts of one form, and how far below the first the last one begins."""
    parts, down = [], 0
    for part, gap in zip(heights[::2], (*heights[1::2], 0), strict=True):
        parts.append(f"h{width}v{part}h-{width}z")
        if gap:
            down += part + gap
            parts.append(f"m0 {part + gap}")
    return "".join(parts), down


def _number(hundredths: int) -> str:
    """`.4`, `12.3`, `1`: the shortest way."""
    return f"{hundredths / 100:g}".removeprefix("0") or "0"


def day_runs(resource: ResourceView, reports: Sequence[tuple[ReportView, date, date]]) -> list[Run]:
    """What is to be said of a resource's days, quiet ones left out, the latest first.

    `reports`: with the first and last day of each by the page's calendar.
    """
    runs: list[Run] = []
    about = [entry for entry in reports if any(each.resource_id == resource.id for each in entry[0].affected)]
    for place, day in enumerate(resource.days):
        told = _told(about, day.day) if about else ()
        if day.status is State.OPERATIONAL and not told and not _disturbed(day):
            continue
        run = Run(first=place, last=place, state=day.status, duration_seconds=_disturbed(day), reports=told)
        if runs and run.state is State.NOT_MONITORED and not told and _continues(runs[-1], run):
            run = msgspec.structs.replace(run, first=runs.pop().first)
        runs.append(run)
    return runs[::-1]


def _told(about: Sequence[tuple[ReportView, date, date]], day: str) -> tuple[ReportView, ...]:
    when = date.fromisoformat(day)
    return tuple(report for report, first, last in about if first <= when <= last)


def _disturbed(day: DayStatus) -> int:
    return day.downtime_duration or day.degraded_duration or day.maintenance_duration


def _continues(before: Run, run: Run) -> bool:
    return before.state is run.state and before.last + 1 == run.first and not before.reports


def slot_runs(slots: Sequence[Slot]) -> list[Run]:
    """The same for the slices of the last 24 hours."""
    runs: list[Run] = []
    for place, slot in enumerate(slots):
        if slot.status is State.OPERATIONAL:
            continue
        run = Run(first=place, last=place, state=slot.status)
        if runs and _continues(runs[-1], run):
            run = msgspec.structs.replace(run, first=runs.pop().first)
        runs.append(run)
    return runs[::-1]


def slot_length(slots: Sequence[Slot]) -> timedelta:
    return slots[1].at - slots[0].at if len(slots) > 1 else timedelta(minutes=30)


def slot_period(slots: Sequence[Slot], run: Run) -> tuple[datetime, datetime]:
    """From when to when a run of slots lasts."""
    return slots[run.first].at, slots[run.last].at + slot_length(slots)
