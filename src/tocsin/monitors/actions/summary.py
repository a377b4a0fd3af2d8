"""A monitor at a glance: since when it stands as it stands, how it fared, day by day, and what will expire."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from tocsin.incidents import actions as incidents
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.monitors.actions.courses import courses
from tocsin.monitors.actions.history import sla
from tocsin.monitors.actions.monitors import find
from tocsin.monitors.model import Availability, Bucket, Domain, Monitor, MonitorStatus
from tocsin.monitors.rules.days import Day, days_of, first_day_ms
from tocsin.monitors.store import charts
from tocsin.monitors.store import states as state_shelf
from tocsin.storage import Tx

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """See the module's first sentence."""

    id: int
    monitor: Monitor
    since: datetime | None
    incident_id: int | None
    response_time: float | None
    """Seconds that its latest good check took."""
    windows: dict[str, Availability]
    days: list[Day]
    domain: Domain | None


class Chart(msgspec.Struct, frozen=True):
    """Response times averaged: regions in order, stretches of `bucket_ms` oldest first."""

    id: int
    bucket_ms: int
    regions: dict[str, list[Bucket]]


def summary(tx: Tx, id: int, team_ids: tuple[int, ...] | None, days: int) -> Summary:
    """`days`: how many, today included. Raises NotFound."""
    monitor = find(tx, id, team_ids)
    now_ms = to_milliseconds(tx.now)
    from_ms = first_day_ms(now_ms, days)
    outages = [
        (to_milliseconds(start), None if end is None else to_milliseconds(end))
        for start, end in incidents.downtime(tx, "monitor", id, from_milliseconds(from_ms), tx.now)
    ]
    (course,) = courses(tx, [id], (), (from_ms, now_ms))
    current = incidents.current(tx, "monitor", id)
    confirmed = None if current is None or current.status == "Unconfirmed" else current
    response_us = state_shelf.last_response_us(tx, id)
    return Summary(
        id=id,
        monitor=monitor,
        since=_since(monitor, None if confirmed is None else confirmed.started_at, outages),
        incident_id=None if confirmed is None else confirmed.id,
        response_time=None if response_us is None else response_us / 1_000_000,
        windows={name: sla(tx, id, team_ids, tx.now - length, None)[1] for name, length in WINDOWS.items()},
        days=days_of(course, outages, from_ms, now_ms),
        domain=None if monitor.domain is None else state_shelf.domain(tx, monitor.domain),
    )


def chart(tx: Tx, id: int, team_ids: tuple[int, ...] | None, from_ms: int, to_ms: int, points: int) -> Chart:
    """Response times from `from_ms` to `to_ms` in at most `points` stretches of equal length. Raises NotFound."""
    find(tx, id, team_ids)
    bucket_ms = max(1, -(-(to_ms - from_ms) // points))
    return Chart(id, bucket_ms, charts.buckets(tx, id, from_ms, to_ms, bucket_ms))


def _since(monitor: Monitor, failing: datetime | None, outages: list[tuple[int, int | None]]) -> datetime | None:
    if monitor.status is MonitorStatus.PAUSED:
        return monitor.paused_at
    if failing is not None:
        return failing
    if monitor.status is MonitorStatus.UP:
        ends = [end for _, end in outages if end is not None]
        return from_milliseconds(max(ends)) if ends else monitor.created_at
    return None
