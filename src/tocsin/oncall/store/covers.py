"""Requests for cover on the shelf."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tocsin.oncall.model import Cover, CoverRequest
from tocsin.oncall.store.tables import covers
from tocsin.storage import Tx


def add(tx: Tx, request: CoverRequest) -> int:
    """Insert a request; returns its id."""
    return tx.insert(
        insert(covers).values(
            calendar_id=request.calendar_id, user_id=request.user_id, asked_user_id=request.asked_user_id,
            starts_at=request.starts_at, ends_at=request.ends_at, swap_starts_at=request.swap_starts_at,
            swap_ends_at=request.swap_ends_at, message=request.message, state=request.state, decided_by_user_id=None,
            decided_at=None, expires_at=request.ends_at, created_at=tx.now,
        )
    )  # fmt: skip


def find(tx: Tx, calendar_id: int, id: int) -> CoverRequest | None:
    """One request of the calendar."""
    row = tx.execute(select(covers).where(covers.c.calendar_id == calendar_id, covers.c.id == id)).first()
    return None if row is None else _request(row)


def page(
    tx: Tx, calendar_id: int, state: str | None, *, page: int, per_page: int
) -> tuple[list[CoverRequest], int]:  # fmt: skip
    """One page, newest first, and how many there are in all."""
    conditions = [covers.c.calendar_id == calendar_id]
    if state is not None:
        conditions.append(covers.c.state == state)
    total = tx.execute(select(func.count()).select_from(covers).where(*conditions)).scalar_one()
    statement = select(covers).where(*conditions).order_by(covers.c.id.desc())
    rows = tx.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return [_request(row) for row in rows], int(total)


def count_open(tx: Tx, calendar_id: int) -> int:
    """How many wait for an answer."""
    counted = select(func.count()).select_from(covers)
    waiting = covers.c.calendar_id == calendar_id, covers.c.state == Cover.REQUESTED
    return int(tx.execute(counted.where(*waiting)).scalar_one())


def decide(tx: Tx, id: int, *, before: Cover, state: Cover, user_id: int | None) -> bool:
    """Move a request on, unless somebody else has moved it from `before` meanwhile."""
    moved = tx.execute(
        update(covers)
        .where(covers.c.id == id, covers.c.state == before)
        .values(state=state, decided_by_user_id=user_id, decided_at=tx.now, expires_at=None)
    )
    return moved.rowcount == 1


def expired(tx: Tx, limit: int) -> list[CoverRequest]:
    """Requests whose time for an answer is over, those that ended first at the front."""
    statement = select(covers).where(covers.c.expires_at <= tx.now).order_by(covers.c.expires_at).limit(limit)
    return [_request(row) for row in tx.execute(statement)]


def next_expiry(tx: Tx) -> datetime | None:
    """When the next request runs out."""
    found: datetime | None = tx.execute(select(func.min(covers.c.expires_at))).scalar()
    return found


def wait_until(tx: Tx, id: int, at: datetime) -> None:
    """It runs out at `at`."""
    tx.execute(update(covers).where(covers.c.id == id, covers.c.expires_at.is_not(None)).values(expires_at=at))


def forget(tx: Tx, calendar_id: int) -> None:
    """Delete all requests of a calendar."""
    tx.execute(delete(covers).where(covers.c.calendar_id == calendar_id))


def _request(row: Any) -> CoverRequest:
    return CoverRequest(
        id=row.id, calendar_id=row.calendar_id, team_id=0, user_id=row.user_id, asked_user_id=row.asked_user_id,
        starts_at=row.starts_at, ends_at=row.ends_at, swap_starts_at=row.swap_starts_at, swap_ends_at=row.swap_ends_at,
        message=row.message, state=Cover(row.state), decided_by_user_id=row.decided_by_user_id,
        decided_at=row.decided_at, created_at=row.created_at,
    )  # fmt: skip
