"""How many monitors fared in a period, and how fast they answered, in a few queries whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from tocsin.kernel.availability import Course, Interval
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.monitors.actions.monitors import PAUSED
from tocsin.monitors.actions.recording import MAINTENANCE
from tocsin.monitors.model import Gap
from tocsin.monitors.rules.maintenance import in_maintenance
from tocsin.monitors.store import courses as shelf
from tocsin.monitors.store import samples as sample_shelf
from tocsin.storage import Tx, events

MAX_TURNS = 20_000
"""Changes between degraded and not that one look takes into account, the newest: far more than a page can show."""
AT_ONCE = 400
"""Monitors in one statement: an old SQLite takes no more than 999 values."""
_BEGINS = "monitor.degraded"
_ENDS = ("monitor.recovered", "monitor.paused")


def courses(tx: Tx, ids: Collection[int], group_ids: Collection[int], period: Interval) -> list[Course]:
    """These monitors and those in these groups, as they fared from `period[0]` to `period[1]` (ms), each once.

    What a monitor shows now is part of it when the period reaches to now.
    """
    found = {
        outline.id: outline
        for some, groups in _parts(sorted(ids), sorted(group_ids))
        for outline in shelf.outlines(tx, some, groups)
    }
    all = [outline for _, outline in sorted(found.items())]
    result: list[Course] = []
    for start in range(0, len(all), AT_ONCE):
        some_outlines = all[start : start + AT_ONCE]
        some = [outline.id for outline in some_outlines]
        gaps = shelf.gaps_of(tx, some, *period)
        degraded = _degraded(tx, some, period)
        everybody = [_stretch(gap, period) for gap in gaps.get(None, ())]
        result += [
            _course(outline, gaps.get(outline.id, ()), everybody, degraded.get(outline.id, ()), period, tx.now)
            for outline in some_outlines
        ]
    return result


def quarters(tx: Tx, ids: Collection[int], from_ms: int, count: int) -> dict[int, list[float | None]]:
    """The average response time (seconds) of each quarter of an hour from `from_ms` on; None = nothing was measured."""
    return sample_shelf.quarters(tx, sorted(ids), from_ms, count)


def _parts(ids: Sequence[int], group_ids: Sequence[int]) -> Iterable[tuple[Sequence[int], Sequence[int]]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE], ()
    for start in range(0, len(group_ids), AT_ONCE):
        yield (), group_ids[start : start + AT_ONCE]


def _course(
    outline: shelf.Outline,
    gaps: Sequence[Gap],
    blind: Sequence[Interval],
    degraded: Sequence[Interval],
    period: Interval,
    now: datetime,
) -> Course:
    paused = [_stretch(gap, period) for gap in gaps if gap.reason == PAUSED]
    if outline.paused_ms is not None:
        paused.append((outline.paused_ms, period[1]))
    maintenance = [_stretch(gap, period) for gap in gaps if gap.reason == MAINTENANCE]
    if outline.window is not None and in_maintenance(outline.window, now):  # the engine may not have noted it yet
        maintenance.append((to_milliseconds(now), period[1]))
    worse = list(degraded)
    if outline.degraded_since_ms is not None:
        worse.append((outline.degraded_since_ms, period[1]))
    own = [_stretch(gap, period) for gap in gaps if gap.reason not in (PAUSED, MAINTENANCE)]
    return Course(
        owner_type="monitor",
        id=outline.id,
        team_id=outline.team_id,
        group_id=outline.group_id,
        since_ms=outline.created_ms,
        paused=tuple(paused),
        maintenance=tuple(maintenance),
        degraded=tuple(worse),
        blind=(*blind, *own),
    )


def _stretch(gap: Gap, period: Interval) -> Interval:
    return gap.from_ms, period[1] if gap.to_ms is None else gap.to_ms


def _degraded(tx: Tx, ids: Sequence[int], period: Interval) -> dict[int, list[Interval]]:
    """When each was up, but not as it should be, as far as that has ended: the rest stands in its state."""
    found: dict[int, list[Interval]] = {}
    if period[1] - period[0] <= 1:
        return found  # an instant: its state says all
    since: dict[int, int] = {}
    turns = events.turns(
        tx, (_BEGINS, *_ENDS), resource_type="monitor", resource_ids=ids, since=from_milliseconds(period[0]),
        limit=MAX_TURNS,
    )  # fmt: skip
    for id, at, name in turns:
        if name == _BEGINS:
            since.setdefault(id, to_milliseconds(at))
        elif id in since:
            found.setdefault(id, []).append((since.pop(id), to_milliseconds(at)))
        elif id not in found and name == _ENDS[0]:  # it had begun before the period
            found[id] = [(period[0], to_milliseconds(at))]
    return found
