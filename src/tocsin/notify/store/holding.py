"""The shelf of what is held back: whose allowance a page was counted against, and in which digest it stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, literal, select, update

from tocsin.notify.model import Kind, State
from tocsin.notify.store.tables import deliveries, delivery_events, digests
from tocsin.storage import Instant, Tx

Rows = Sequence[Row[Any]]
UNTOLD = 0
"""The `digest_id` of a held page that stands in no digest yet."""


def fresh_pages(tx: Tx, channel: str, urgency: int, limit: int) -> Rows:
    """(id, user_id, team_id) of the due pages of a channel to people that were never tried and may be held back, in
    order."""
    column = deliveries.c
    fresh = select(column.id, column.user_id, column.team_id).where(*_fresh(tx, channel, urgency))
    return tx.execute(fresh.order_by(column.due_at, column.id).limit(limit)).all()


def charged(tx: Tx, user_id: int, since: datetime, limit: int) -> int:
    """How many pages a person has had since then; counts no further than `limit`."""
    column = deliveries.c
    return _count(tx, select(column.id).where(column.user_id == user_id, column.charged_at > since).limit(limit))


def charged_to_team(tx: Tx, team_id: int, channel: str, since: datetime, limit: int) -> int:
    """How many pages a team has sent by a channel since then; counts no further than `limit`."""
    column = deliveries.c
    mine = select(column.id).where(column.team_id == team_id, column.channel == channel, column.charged_at > since)
    return _count(tx, mine.limit(limit))


def charge(tx: Tx, ids: Collection[int]) -> None:
    """Count these pages against their persons' allowances, once."""
    column = deliveries.c
    pages = update(deliveries).where(column.id.in_(ids), column.kind == Kind.PAGE, column.charged_at.is_(None))
    tx.execute(pages.values(charged_at=tx.now))


def due_to_targets(tx: Tx, channel: str, urgency: int, limit: int) -> Rows:
    """(id, target_id) of what is due by a channel to places of teams, in order."""
    column = deliveries.c
    due = (column.channel == channel, column.urgency == urgency, column.due_at <= tx.now, column.target_id > 0)
    mine = select(column.id, column.target_id).where(*due, column.critical.is_(False))
    return tx.execute(mine.order_by(column.due_at, column.id).limit(limit)).all()


def charged_to_target(tx: Tx, target_id: int, since: datetime, limit: int) -> int:
    """How many pages have left for a place since then; counts no further than `limit`."""
    column = deliveries.c
    mine = select(column.id).where(column.target_id == target_id, column.user_id == 0, column.charged_at > since)
    return _count(tx, mine.limit(limit))


def put_off(tx: Tx, channel: str, urgency: int, target_id: int, *, but: Collection[int], due_at: datetime) -> None:
    """All that is due to this place, `but` these, leaves later."""
    column = deliveries.c
    due = (column.channel == channel, column.urgency == urgency, column.due_at <= tx.now, column.critical.is_(False))
    late = update(deliveries).where(*due, column.target_id == target_id, column.id.not_in(but))
    tx.execute(late.values(due_at=due_at))


def hold(tx: Tx, channel: str, urgency: int, *, but: Collection[int], user_id: int | None, team_id: int | None) -> Rows:
    """Hold back what a person (or a team) has due by a channel and was never tried, `but` these; returns them."""
    column = deliveries.c
    whose = column.user_id == user_id if user_id is not None else column.team_id == team_id
    held = update(deliveries).where(*_fresh(tx, channel, urgency), whose, column.id.not_in(but))
    held = held.values(state=State.HELD, due_at=None, digest_id=UNTOLD)
    return tx.execute(
        held.returning(column.id, column.incident_id, column.user_id, column.team_id, column.channel, column.address)
    ).all()


def latest_digest(tx: Tx, user_id: int) -> Row[Any] | None:
    """(delivery_id, planned_at, open) of a person's latest digest."""
    return tx.execute(select(digests).where(digests.c.user_id == user_id)).first()


def put_digest(tx: Tx, user_id: int, delivery_id: int, planned_at: datetime) -> None:
    """From now on this is where the person's held pages go."""
    tx.execute(delete(digests).where(digests.c.user_id == user_id))
    tx.execute(insert(digests).values(user_id=user_id, delivery_id=delivery_id, planned_at=planned_at, open=True))


def close_digest(tx: Tx, delivery_id: int, user_id: int) -> int:
    """All that is held for a person stands in this digest now; returns how many there are."""
    column = deliveries.c
    tx.execute(update(digests).where(digests.c.delivery_id == delivery_id).values(open=False))
    mine = update(deliveries).where(column.digest_id == UNTOLD, column.user_id == user_id)
    return tx.execute(mine.values(digest_id=delivery_id)).rowcount


def in_digest(tx: Tx, delivery_id: int, limit: int) -> Rows:
    """The first pages that stand in a digest, as far as it says what they are about."""
    column = deliveries.c
    said = (column.id, column.notice, column.kind, column.incident_id, column.team_id, column.critical)
    mine = select(*said).where(column.digest_id == delivery_id)
    return tx.execute(mine.order_by(column.id).limit(limit)).all()


def append_to_all_in(tx: Tx, digest_id: int, state: str, detail: str) -> None:
    """Write the same line into the ledger of every page that stands in a digest."""
    column = deliveries.c
    lines = select(column.id, literal(tx.now, Instant), literal(state), column.attempts, literal(detail))
    into = insert(delivery_events).from_select(
        ["delivery_id", "at", "state", "attempt", "detail"], lines.where(column.digest_id == digest_id)
    )
    tx.execute(into)


def let_go(tx: Tx, digest_id: int) -> int:
    """Let the pages of a digest go out by themselves after all, whatever their persons have had; returns how many."""
    mine = update(deliveries).where(deliveries.c.digest_id == digest_id, deliveries.c.state == State.HELD)
    values = {"state": State.QUEUED, "due_at": tx.now, "charged_at": tx.now, "digest_id": None}
    return tx.execute(mine.values(**values)).rowcount


def cancel_held(tx: Tx, incident_id: int) -> list[int]:
    """Take back the held pages of an incident that stand in no digest yet; returns their ids."""
    column = deliveries.c
    untold = update(deliveries).where(column.incident_id == incident_id, column.digest_id == UNTOLD)
    return list(tx.execute(untold.values(state=State.CANCELLED, digest_id=None).returning(column.id)).scalars())


def _fresh(tx: Tx, channel: str, urgency: int) -> tuple[ColumnElement[bool], ...]:
    """Due pages of a channel that were never tried; critical alerts are never among them."""
    column = deliveries.c
    due = (column.channel == channel, column.urgency == urgency, column.due_at <= tx.now)
    fresh = (column.kind == Kind.PAGE, column.charged_at.is_(None), column.critical.is_(False))
    return (*due, *fresh, column.user_id > 0)


def _count(tx: Tx, some: Select[Any]) -> int:
    return int(tx.execute(select(func.count()).select_from(some.subquery())).scalar_one())
