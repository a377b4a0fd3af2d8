"""The shelf of what goes on by itself: found when it is to end, and let be when its own person has answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, select

from tocsin.notify.model import Kind, State
from tocsin.notify.store.tables import deliveries, delivery_events
from tocsin.storage import Tx

Rows = Sequence[Row[Any]]
_TAKEN = (State.SENT, State.DELIVERED, State.SEEN, State.ACKNOWLEDGED, State.UNDELIVERED)
"""A provider took it, whatever was heard of it since."""


def pages(tx: Tx, incident_id: int, channels: Collection[str]) -> Rows:
    """The open pages of an incident by these channels that a provider has taken and named, and when each was handed
    over (`tried_at`): the line of the attempt says that, because the one of the acceptance is missing where a receipt
    was quicker."""
    column, event = deliveries.c, delivery_events.c
    tried = select(func.max(event.at)).where(event.delivery_id == column.id, event.state == State.SENDING)
    mine = select(deliveries, tried.scalar_subquery().label("tried_at")).where(
        column.incident_id == incident_id,
        column.channel.in_(channels),
        column.kind == Kind.PAGE,
        column.open.is_(True),
        column.provider_id.is_not(None),
        column.state.in_(_TAKEN),
    )
    return tx.execute(mine.order_by(column.id)).all()


def planned(tx: Tx, incident_id: int, provider_id: str) -> bool:
    """Whether it is to be called off already, or was."""
    column = deliveries.c
    mine = select(column.id).where(column.incident_id == incident_id, column.kind == Kind.CALL_OFF)
    return tx.execute(mine.where(column.provider_id == provider_id).limit(1)).first() is not None


def spare(tx: Tx, provider_id: str) -> None:
    """Take away what was planned to end this call in this very transaction: nobody can have seen it."""
    column = deliveries.c
    planned = select(column.id).where(
        column.provider_id == provider_id,
        column.kind == Kind.CALL_OFF,
        column.planned_at == tx.now,
        column.attempts == 0,
    )
    ids = [row.id for row in tx.execute(planned)]
    if ids:
        tx.execute(delete(delivery_events).where(delivery_events.c.delivery_id.in_(ids)))
        tx.execute(delete(deliveries).where(column.id.in_(ids)))
