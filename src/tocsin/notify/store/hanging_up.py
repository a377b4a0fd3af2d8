"""The shelf of calls that may be live: found when they are to end, and let be when their own person has answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select

from tocsin.notify.model import Kind, State
from tocsin.notify.store.tables import deliveries, delivery_events
from tocsin.storage import Tx

Rows = Sequence[Row[Any]]
_LIVE = (State.SENT, State.DELIVERED, State.SEEN, State.UNDELIVERED)
"""A provider took it, and its person has not answered through it."""


def calls(tx: Tx, incident_id: int, channel: str, since: datetime) -> Rows:
    """The open pages of an incident by this channel that a provider has taken and named, of those handed over after
    `since`. When that was, the line of the attempt says: the one of the acceptance is missing where a receipt was
    quicker."""
    column, event = deliveries.c, delivery_events.c
    tried = select(event.id).where(event.delivery_id == column.id, event.state == State.SENDING, event.at > since)
    mine = select(deliveries).where(
        column.incident_id == incident_id,
        column.channel == channel,
        column.kind == Kind.PAGE,
        column.open.is_(True),
        column.provider_id.is_not(None),
        column.state.in_(_LIVE),
        tried.exists(),
    )
    return tx.execute(mine.order_by(column.id)).all()


def spare(tx: Tx, provider_id: str) -> None:
    """Take away what was planned to end this call in this very transaction: nobody can have seen it."""
    column = deliveries.c
    planned = select(column.id).where(
        column.provider_id == provider_id,
        column.kind == Kind.HANG_UP,
        column.planned_at == tx.now,
        column.attempts == 0,
    )
    ids = [row.id for row in tx.execute(planned)]
    if ids:
        tx.execute(delete(delivery_events).where(delivery_events.c.delivery_id.in_(ids)))
        tx.execute(delete(deliveries).where(column.id.in_(ids)))
