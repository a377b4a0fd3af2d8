"""A monitor that we ourselves cannot check for long may be down: people are told, once for all that are so together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tocsin.incidents.model import UNSEEN
from tocsin.kernel.clock import from_milliseconds
from tocsin.monitors.actions.recording import record
from tocsin.monitors.model import Monitor, Observation, Verdict
from tocsin.monitors.rules.maintenance import in_maintenance
from tocsin.monitors.store import monitors as shelf
from tocsin.storage import Tx, events

BLIND_EVENT = "probe.blind"
SEEING_EVENT = "probe.seeing"
NAMED = 5
"""Monitors that an incident's cause names besides its own; of the others it gives the number."""
LISTED = 100
"""Monitor ids in one event."""


class Told(msgspec.Struct, frozen=True):
    """One incident about monitors that cannot be checked."""

    cause: str
    monitor_ids: frozenset[int]
    """All that it speaks for."""


def note_sight(tx: Tx, name: str, words: str, monitor_ids: Sequence[int]) -> None:
    """Say that these monitors cannot be checked from now on, or can be again (`BLIND_EVENT`, `SEEING_EVENT`)."""
    events.record(
        tx,
        name,
        team_id=None,
        resource_type="probe",
        resource_id=0,
        cause=words,
        count=len(monitor_ids),
        monitor_ids=list(monitor_ids[:LISTED]),
    )


def cannot_see(tx: Tx, blind: Iterable[Observation], base_url: str) -> dict[int, Told]:
    """Open one incident per team, on the first of its monitors here; returns what was told, by that monitor.

    `blind`: the latest (unknown) observation of monitors that nobody was told of. What was changed, paused or is in
    maintenance is left out, and may be asked for again.
    """
    by_id = {seen.monitor_id: seen for seen in blind}
    teams: dict[int, list[Monitor]] = {}
    for monitor in shelf.by_ids(tx, sorted(by_id)):
        seen = by_id[monitor.id]
        if monitor.revision != seen.revision or monitor.paused_at is not None:
            continue
        if not in_maintenance(monitor.settings, from_milliseconds(seen.started_ms)):
            teams.setdefault(monitor.team_id, []).append(monitor)
    told = {}
    for first, *others in teams.values():
        cause = f"{UNSEEN}: {by_id[first.id].cause}"
        if others:
            names = [monitor.pronounceable_name for monitor in others[:NAMED]]
            more = len(others) - len(names)
            cause += f"; nor can {', '.join(names)}" + (f" and {more} more" if more else "")
        if still_blind(tx, by_id[first.id], cause, base_url):
            told[first.id] = Told(cause, frozenset(monitor.id for monitor in (first, *others)))
    return told


def still_blind(tx: Tx, seen: Observation, cause: str, base_url: str) -> bool:
    """Judge what we could not see as a failure. False when it was dropped."""
    return record(tx, msgspec.structs.replace(seen, verdict=Verdict.DOWN, cause=cause), base_url) is not None
