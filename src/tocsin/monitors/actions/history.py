"""Looking back: how fast it answered, and how much of the time it worked."""

from __future__ import annotations

from datetime import datetime

from tocsin.incidents import actions as incidents
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.monitors.actions.monitors import find
from tocsin.monitors.model import Availability, Monitor, Sample
from tocsin.monitors.rules.availability import availability
from tocsin.monitors.store import samples as shelf
from tocsin.monitors.store import states as state_shelf
from tocsin.storage import Tx

MAX_POINTS = 20_000
"""Per answer: two days at one check every ten seconds."""


def response_times(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, from_ms: int, to_ms: int
) -> tuple[Monitor, dict[str, list[Sample]]]:
    """What was measured in the period, by region, oldest first; beyond the detailed days, one average per hour."""
    monitor = find(tx, id, team_ids)
    packed = shelf.hour_rows(tx, id, from_ms, to_ms)
    found: list[Sample] = []
    detailed = {(row.region, row.hour_ms) for row in packed}
    for region, figures in shelf.figures_of(tx, id, from_ms, to_ms):
        if (region, figures.hour_ms) not in detailed:
            found.append(Sample(id, region, figures.hour_ms, figures.average))
    through = {(row.region, row.hour_ms): row.batch_id for row in packed}
    for row in packed:
        found.extend(shelf.unpack_hour(row))
    for batch_id, sample in shelf.recent_of(tx, id):
        hour_ms = sample.at_ms // shelf.HOUR_MS * shelf.HOUR_MS
        if batch_id > through.get((sample.region, hour_ms), 0):
            found.append(sample)
    regions: dict[str, list[Sample]] = {}
    for sample in sorted(found, key=lambda sample: sample.at_ms):
        if from_ms <= sample.at_ms < to_ms:
            regions.setdefault(sample.region, []).append(sample)
    return monitor, {region: samples[-MAX_POINTS:] for region, samples in sorted(regions.items())}


def sla(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, since: datetime | None, until: datetime | None
) -> tuple[Monitor, Availability]:
    """Availability since `since` (None, or before it existed: since it was created) until `until` (None: now)."""
    monitor = find(tx, id, team_ids)
    begin = monitor.created_at if since is None else max(since, monitor.created_at)
    end = tx.now if until is None else min(until, tx.now)
    period = (to_milliseconds(begin), max(to_milliseconds(begin), to_milliseconds(end)))
    outages = [
        (to_milliseconds(started), None if resolved is None else to_milliseconds(resolved))
        for started, resolved in incidents.downtime(
            tx, "monitor", id, from_milliseconds(period[0]), from_milliseconds(period[1])
        )
    ]
    gaps = [
        (gap.from_ms, period[1] if gap.to_ms is None else gap.to_ms) for gap in state_shelf.gaps_of(tx, id, *period)
    ]
    return monitor, availability(period, outages, gaps)
