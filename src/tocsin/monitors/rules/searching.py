"""Which monitors of a long list are meant, how many there are of each status, and in which order they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from tocsin.monitors.model import Line, MonitorStatus

DEGRADED = "degraded"
"""Asked for like a status, though such a monitor is up: it is not as it should be."""
STATUSES = (*(status.value for status in MonitorStatus), DEGRADED)
_RANKS = {
    status: rank
    for rank, status in enumerate(("down", "validating", DEGRADED, "pending", "maintenance", "up", "paused"))
}
"""The worst first."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; empty = whichever."""

    words: tuple[str, ...] = ()
    """Each must stand in the name or the URL, in capitals or not."""
    statuses: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    group_id: int | None = None
    """0: those that are in no group."""


def words_of(query: str) -> tuple[str, ...]:
    """What somebody typed, as words that must all be found."""
    return tuple(query.casefold().split())


def standing(line: Line) -> str:
    """The word for how it stands: its status, or that it is up and not as it should be."""
    if line.degraded_since_ms is not None and line.status is MonitorStatus.UP:
        return DEGRADED
    return line.status


def matching(lines: Iterable[Line], wanted: Wanted) -> tuple[list[Line], dict[str, int]]:
    """(those that are meant, how many of each status there are with all that is asked but the status)."""
    found, counts = [], Counter[str]()
    for line in lines:
        if not _meant(line, wanted):
            continue
        status = standing(line)
        counts[status] += 1
        if not wanted.statuses or status in wanted.statuses or line.status in wanted.statuses:
            found.append(line)
    return found, {status: counts[status] for status in STATUSES}


def ordered(lines: Sequence[Line], sort: str) -> list[Line]:
    """In the order of one of `SORTS`, or against it (`-name`); what is not known comes last, names break ties."""
    backwards = sort.startswith("-")
    key = SORTS[sort.removeprefix("-")]
    by_name = sorted(lines, key=lambda line: (line.name.casefold(), line.id))
    keyed = [(key(line), line) for line in by_name]
    known = [pair for pair in keyed if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=backwards)
    return [*(line for _, line in known), *(line for found, line in keyed if found is None)]


SORTS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.name.casefold(),
    "status": lambda line: _RANKS[standing(line)],
    "type": lambda line: line.monitor_type,
    "response_time": lambda line: line.response_us,
    "last_checked_at": lambda line: line.checked_ms,
    "created_at": lambda line: line.created_ms,
}
"""By what a list can be sorted; `status`: the worst first."""


def _meant(line: Line, wanted: Wanted) -> bool:
    if wanted.types and line.monitor_type not in wanted.types:
        return False
    if wanted.group_id is not None and (line.group_id or 0) != wanted.group_id:
        return False
    if not wanted.words:
        return True
    text = f"{line.name}\n{line.url}".casefold()
    return all(word in text for word in wanted.words)
