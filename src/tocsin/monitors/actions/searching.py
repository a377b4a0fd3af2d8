"""Finding monitors among thousands: the page that is meant, how many there are, and how each fared lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Spell
from tocsin.kernel.clock import to_milliseconds
from tocsin.metadata.model import Value
from tocsin.monitors.actions.courses import courses
from tocsin.monitors.model import Line, MonitorStatus
from tocsin.monitors.rules.availability import availability
from tocsin.monitors.rules.searching import Wanted, matching, ordered
from tocsin.monitors.store import lines as shelf
from tocsin.registry import Bounds
from tocsin.storage import Tx

AVAILABILITY_MS = 30 * 24 * 3_600_000
"""Over how long a list shows how available each was."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor of a list, with what is known of it beside its settings."""

    line: Line
    team_name: str
    group_name: str | None
    since_ms: int | None
    """Since when it has stood as it stands; None: not known, or longer than a list looks back."""
    availability: float | None
    """Percent of the last 30 days, as far as it was watched; None: it was not."""


def search(
    tx: Tx,
    team_ids: tuple[int, ...] | None,
    wanted: Wanted,
    *,
    sort: str,
    page: int,
    per_page: int,
    reach: Sequence[Bounds] | None = None,
    facts: Mapping[str, Sequence[Value]] | None = None,
) -> tuple[list[Found], int, dict[str, int]]:
    """One page of the monitors that are meant, how many there are in all, and how many of each status."""
    found, counts = matching(shelf.lines(tx, team_ids, reach=reach, facts=facts), wanted)
    some = ordered(found, sort)[(page - 1) * per_page : page * per_page]
    return _told(tx, some), len(found), counts


def _told(tx: Tx, lines: Sequence[Line]) -> list[Found]:
    teams = {id: accounts.team(tx, id).name for id in {line.team_id for line in lines}}
    groups = shelf.group_names(tx, sorted({line.group_id for line in lines if line.group_id is not None}))
    now_ms = to_milliseconds(tx.now)
    period = (now_ms - AVAILABILITY_MS, now_ms)
    ids = [line.id for line in lines]
    spells: dict[int, list[Spell]] = {}
    for spell in incidents.spells(tx, {"monitor": ids}, period[0], now_ms + 1):  # what begins now too
        spells.setdefault(spell.owner_id, []).append(spell)
    unwatched = {
        course.id: (*course.paused, *course.maintenance, *course.blind) for course in courses(tx, ids, (), period)
    }
    found = []
    for line in lines:
        mine = spells.get(line.id, [])
        since = max(period[0], line.created_ms)
        figures = availability((since, now_ms), [(each.from_ms, each.to_ms) for each in mine], unwatched[line.id])
        watched = line.checked_ms is not None and line.checked_ms > since
        found.append(
            Found(
                line=line, team_name=teams[line.team_id],
                group_name=None if line.group_id is None else groups.get(line.group_id), since_ms=_since(line, mine),
                availability=figures.availability if watched else None,
            )
        )  # fmt: skip
    return found


def _since(line: Line, spells: Sequence[Spell]) -> int | None:
    if line.status is MonitorStatus.PAUSED:
        return line.paused_ms
    if line.status in (MonitorStatus.DOWN, MonitorStatus.VALIDATING):
        return next((each.from_ms for each in reversed(spells) if each.to_ms is None), None)
    if line.status is MonitorStatus.UP:
        return max((each.to_ms for each in spells if each.to_ms is not None), default=line.created_ms)
    return None
