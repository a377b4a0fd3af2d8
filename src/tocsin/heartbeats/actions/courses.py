"""How many heartbeats fared in a period, in a few queries whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tocsin.heartbeats.actions.pinging import TYPE
from tocsin.heartbeats.model import Heartbeat, HeartbeatStatus
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.kernel.availability import Course, Interval
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.maintenance import has_window, windows
from tocsin.storage import Tx, events

MAX_TURNS = 20_000
"""Pauses and their ends that one look takes into account, the newest."""
AT_ONCE = 400
"""Heartbeats in one statement: an old SQLite takes no more than 999 values."""
_PAUSED, _RESUMED = "heartbeat.paused", "heartbeat.unpaused"


def courses(tx: Tx, ids: Collection[int], group_ids: Collection[int], period: Interval) -> list[Course]:
    """These heartbeats and those in these groups, as they fared from `period[0]` to `period[1]` (ms), each once.

    A job that has never called, or not since it was resumed, is as if paused: nothing is known of it. Its maintenance
    windows are those that are set now.
    """
    groups = sorted(group_ids)
    wanted = set(ids)
    for start in range(0, len(groups), AT_ONCE):
        wanted.update(shelf.ids_in_groups(tx, groups[start : start + AT_ONCE]))
    ordered = sorted(wanted)
    found: list[Course] = []
    for start in range(0, len(ordered), AT_ONCE):
        some = ordered[start : start + AT_ONCE]
        pauses = _pauses(tx, some, period)
        found += [_course(tx, each, pauses.get(each.id, ()), period) for each in shelf.by_ids(tx, some)]
    return found


def _course(tx: Tx, heartbeat: Heartbeat, pauses: Sequence[Interval], period: Interval) -> Course:
    paused = list(pauses)
    if heartbeat.paused_at is not None:
        paused.append((to_milliseconds(heartbeat.paused_at), period[1]))
    elif heartbeat.status is HeartbeatStatus.PENDING:
        begun = heartbeat.created_at if heartbeat.standing.last_beat_ms is None else tx.now
        paused.append((to_milliseconds(begun), period[1]))
    since, until = map(from_milliseconds, period)
    maintenance = windows(heartbeat.settings, since, until) if has_window(heartbeat.settings) else ()
    return Course(
        owner_type=TYPE,
        id=heartbeat.id,
        team_id=heartbeat.team_id,
        group_id=heartbeat.heartbeat_group_id,
        since_ms=to_milliseconds(heartbeat.created_at),
        paused=tuple(paused),
        maintenance=tuple((to_milliseconds(begin), to_milliseconds(end)) for begin, end in maintenance),
    )


def _pauses(tx: Tx, ids: Sequence[int], period: Interval) -> dict[int, list[Interval]]:
    """The pauses that have ended; one that lasts stands in the heartbeat itself."""
    found: dict[int, list[Interval]] = {}
    if period[1] - period[0] <= 1:
        return found
    since: dict[int, int] = {}
    turns = events.turns(
        tx, (_PAUSED, _RESUMED), resource_type=TYPE, resource_ids=ids, since=from_milliseconds(period[0]),
        limit=MAX_TURNS,
    )  # fmt: skip
    for id, at, name in turns:
        if name == _PAUSED:
            since.setdefault(id, to_milliseconds(at))
        elif id in since or id not in found:
            found.setdefault(id, []).append((since.pop(id, period[0]), to_milliseconds(at)))
    return found
