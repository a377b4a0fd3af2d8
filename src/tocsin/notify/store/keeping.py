"""The shelf is tidied: what is long finished goes, with its ledger."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select

from tocsin.notify.store.tables import deliveries, delivery_events, page_breaches
from tocsin.storage import Tx


def finished(tx: Tx, before: datetime, spared: Collection[int], limit: int) -> list[int]:
    """The oldest deliveries planned before then of which nothing more will come, but for the spared incidents'."""
    column = deliveries.c
    old = select(column.id).where(
        column.planned_at < before, column.due_at.is_(None), column.incident_id.not_in(spared)
    )
    return list(tx.execute(old.order_by(column.planned_at).limit(limit)).scalars())


def deliveries_of(tx: Tx, incident_ids: Collection[int], limit: int) -> list[int]:
    """The deliveries of these incidents."""
    column = deliveries.c
    return list(tx.execute(select(column.id).where(column.incident_id.in_(incident_ids)).limit(limit)).scalars())


def remove(tx: Tx, ids: Collection[int], at_most: int) -> int:
    """Delete deliveries with their ledger, lines first, in all at most so many rows; returns how many rows."""
    event = delivery_events.c
    lines = select(event.id).where(event.delivery_id.in_(ids)).order_by(event.delivery_id, event.id)
    room = at_most - len(ids)
    line_ids = list(tx.execute(lines.limit(room + 1)).scalars())
    if line_ids:
        tx.execute(delete(delivery_events).where(event.id.in_(line_ids[:room])))
    if len(line_ids) > room:  # a long ledger goes in several rounds, its delivery with the last
        return room
    tx.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))
    return len(line_ids) + len(ids)


def remove_breaches(tx: Tx, before: datetime, spared: Collection[int], limit: int) -> int:
    """Delete the oldest breaches recorded before then, but for the spared incidents'; returns how many."""
    column = page_breaches.c
    if limit <= 0:
        return 0
    old = select(column.id).where(column.recorded_at < before, column.incident_id.not_in(spared))
    ids = list(tx.execute(old.order_by(column.recorded_at).limit(limit)).scalars())
    return tx.execute(delete(page_breaches).where(column.id.in_(ids))).rowcount if ids else 0


def remove_breaches_of(tx: Tx, incident_ids: Collection[int]) -> int:
    """Delete what is recorded about these incidents; returns how many."""
    return tx.execute(delete(page_breaches).where(page_breaches.c.incident_id.in_(incident_ids))).rowcount
