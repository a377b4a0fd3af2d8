"""Looking back: every ping that is kept, how much of the time a job was well, and what is forgotten."""

from __future__ import annotations

from datetime import datetime

from tocsin.heartbeats.actions.courses import courses
from tocsin.heartbeats.actions.heartbeats import find
from tocsin.heartbeats.actions.pinging import TYPE
from tocsin.heartbeats.model import Day, Heartbeat, KeptPing
from tocsin.heartbeats.rules import days as rules
from tocsin.heartbeats.store import pings as shelf
from tocsin.incidents import actions as incidents
from tocsin.kernel.availability import Availability, availability
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.errors import Invalid
from tocsin.kernel.zones import zone
from tocsin.storage import Tx

PINGS_KEPT = 1_000
"""Of each heartbeat, the newest: a day of a job that calls every other minute, years of one that calls every night."""
BODIES_KEPT = 100
"""Of each heartbeat, the newest: at 10 kB each, a megabyte."""
SURPLUS = 100
"""What may lie there beyond that until it is worth a clean-up."""
_CROWDED_AT_ONCE = 50


def pings(tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[KeptPing], int]:
    """One page of a heartbeat's pings, the newest first, and how many are kept. Raises NotFound."""
    heartbeat = find(tx, id, team_ids)
    return shelf.page(tx, heartbeat.id, page=page, per_page=per_page)


def latest_ping(tx: Tx, id: int) -> KeptPing | None:
    """The newest ping of whatever kind."""
    return shelf.latest(tx, id)


def sla(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, since: datetime | None, until: datetime | None
) -> tuple[Heartbeat, Availability]:
    """Availability since `since` (None, or before it existed: since it was created) until `until` (None: now)."""
    heartbeat = find(tx, id, team_ids)
    begin = heartbeat.created_at if since is None else max(since, heartbeat.created_at)
    end = tx.now if until is None else min(until, tx.now)
    period = (to_milliseconds(begin), max(to_milliseconds(begin), to_milliseconds(end)))
    outages = [
        (to_milliseconds(started), None if resolved is None else to_milliseconds(resolved))
        for started, resolved in incidents.downtime(
            tx, TYPE, id, from_milliseconds(period[0]), from_milliseconds(period[1])
        )
    ]
    return heartbeat, availability(period, outages, [])


def days(tx: Tx, id: int, team_ids: tuple[int, ...] | None, count: int, zone_name: str) -> list[Day]:
    """How it fared on each of the last `count` days of a zone, the oldest first. Raises NotFound, Invalid."""
    heartbeat = find(tx, id, team_ids)
    where = zone(zone_name)
    if where is None:
        raise Invalid.fields(timezone=f"'{zone_name[:80]}' is not a time zone that we know")
    edges = rules.edges(tx.now.astimezone(where).date(), count, where)
    now_ms = to_milliseconds(tx.now)
    (course,) = courses(tx, [heartbeat.id], (), (edges[0][1], now_ms))
    outages = [
        (to_milliseconds(started), None if resolved is None else to_milliseconds(resolved))
        for started, resolved in incidents.downtime(tx, TYPE, id, from_milliseconds(edges[0][1]), tx.now)
    ]
    return rules.days(edges, course, outages, now_ms)


def prune(tx: Tx, *, at_most: int) -> int:
    """Forget a bounded number of pings and bodies beyond what is kept; returns how many, 0 = nothing is left to forget.

    Nothing is touched before there is a surplus worth the work.
    """
    left = at_most
    found = shelf.crowded(
        tx, pings_over=PINGS_KEPT + SURPLUS, bodies_over=BODIES_KEPT + SURPLUS, limit=_CROWDED_AT_ONCE
    )
    for id, pinged, kept in found:
        if left > 0 and pinged > PINGS_KEPT + SURPLUS:
            left -= shelf.drop_oldest(tx, id, min(pinged - PINGS_KEPT, left))
        if left > 0 and kept > BODIES_KEPT + SURPLUS:
            left -= shelf.drop_oldest_bodies(tx, id, min(kept - BODIES_KEPT, left))
    return at_most - left
