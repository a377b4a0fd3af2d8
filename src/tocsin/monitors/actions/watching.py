"""What the engine must know to watch: every monitor as a probe sees it, what has changed, and when it was blind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tocsin.incidents import actions as incidents
from tocsin.kernel.clock import to_milliseconds
from tocsin.monitors.model import CheckSpec, Gap, Monitor, Settings
from tocsin.monitors.rules.flapping import undamped
from tocsin.monitors.rules.maintenance import has_window
from tocsin.monitors.rules.patience import look_again_ms
from tocsin.monitors.store import monitors as shelf
from tocsin.monitors.store import states as state_shelf
from tocsin.storage import Tx

NOT_RUNNING = "not running"
"""The reason of the gap in which no engine was alive."""
BLIND = "unknown"
"""The reason of the gap in which checks failed through our own fault."""
SHORTEST_GAP_MS = 10_000
"""A restart within this is no gap: no check was missed that would not have come late anyway."""


class Watched(msgspec.Struct, frozen=True):
    """One monitor for the engine."""

    monitor_id: int
    revision: int
    spec: CheckSpec | None
    """None: paused, or unreadable."""
    steady: bool
    """Up with nothing in the air: one more good check needs no judging."""
    window: Settings | None
    """The settings when they hold a maintenance window."""
    unreadable: str = ""
    """Why it cannot be watched though it should be."""
    patience: tuple[int, int] = (0, 0)
    """The confirmation and the recovery period, seconds."""
    look_again_ms: int | None = None
    """When one of them ends that runs already."""
    depends_on: tuple[int, ...] = ()
    """What it leans on: looked at when it fails."""


def watched_after(tx: Tx, id: int, limit: int) -> list[Watched]:
    """The next monitors by id, of every team."""
    return [_watched(monitor) for monitor in shelf.after(tx, id, limit)]


def watched(tx: Tx, ids: Sequence[int]) -> list[Watched]:
    """Those of `ids` that exist."""
    return [_watched(monitor) for monitor in shelf.by_ids(tx, ids)]


def latest_change(tx: Tx) -> int:
    """Where the journal of changes stands."""
    return shelf.latest_change(tx)


def changed_since(tx: Tx, change_id: int, limit: int) -> tuple[int, list[int]]:
    """Where the journal stands after at most `limit` further changes, and the monitors that they touched."""
    found = shelf.changed_since(tx, change_id, limit)
    return (found[-1][0] if found else change_id), list(dict.fromkeys(id for _, id in found))


def revisions(tx: Tx) -> dict[int, int]:
    """Every monitor's revision, by id."""
    return shelf.revisions(tx)


def reopened(tx: Tx) -> list[int]:
    """The monitors about which an incident is open that somebody reopened: they are to be judged again."""
    return incidents.reopened_owners(tx, "monitor")


def begin_watching(tx: Tx) -> Gap | None:
    """An engine starts: the time since the last one was alive is a gap."""
    now_ms = to_milliseconds(tx.now)
    last_ms = state_shelf.alive(tx)
    state_shelf.mark_alive(tx, now_ms)
    if last_ms is None or now_ms - last_ms <= SHORTEST_GAP_MS:
        return None
    state_shelf.add_gap(tx, None, last_ms, now_ms, NOT_RUNNING)
    return Gap(last_ms, now_ms, NOT_RUNNING)


def note_gaps(tx: Tx, gaps: Iterable[tuple[int | None, int, int, str]]) -> None:
    """(monitor id or None for all, from, to in ms, reason) of stretches that nobody watched."""
    for monitor_id, from_ms, to_ms, reason in gaps:
        state_shelf.add_gap(tx, monitor_id, from_ms, to_ms, reason)


def trim(tx: Tx, gaps_before_ms: int) -> None:
    """Forget old journal rows and gaps."""
    shelf.trim_changes(tx)
    state_shelf.delete_gaps(tx, before_ms=gaps_before_ms)


def in_maintenance_now(tx: Tx, reason: str) -> list[int]:
    """The monitors whose maintenance was begun and not ended."""
    return state_shelf.open_gaps(tx, reason)


def _watched(monitor: Monitor) -> Watched:
    paused = monitor.paused_at is not None or bool(monitor.unreadable)
    patience = (monitor.settings.confirmation_period, monitor.settings.recovery_period)
    standing = monitor.standing if monitor.settings.flapping_damping else undamped(monitor.standing)
    return Watched(
        monitor_id=monitor.id,
        revision=monitor.revision,
        spec=None if paused else shelf.spec_of(monitor),
        steady=monitor.standing.steady,
        window=monitor.settings if has_window(monitor.settings) and not paused else None,
        unreadable=monitor.unreadable if monitor.paused_at is None else "",
        patience=patience,
        look_again_ms=None if paused else look_again_ms(standing, *patience),
        depends_on=monitor.settings.depends_on,
    )
