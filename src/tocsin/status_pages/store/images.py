"""Logos on the shelf: the picture behind an address, as it was when it was last fetched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from tocsin.status_pages.store.tables import images
from tocsin.storage import Tx


def addresses(tx: Tx, page_id: int) -> dict[str, str]:
    """The addresses of a page's pictures, by kind."""
    rows = tx.execute(select(images.c.kind, images.c.url).where(images.c.status_page_id == page_id))
    return {row.kind: row.url for row in rows}


def want(tx: Tx, page_id: int, kind: str, url: str, *, known: bool) -> None:
    """Have the picture behind an address fetched; what was there is shown until it is here."""
    if known:
        mine = (images.c.status_page_id == page_id) & (images.c.kind == kind)
        tx.execute(update(images).where(mine).values(url=url, due_at=tx.now, failures=0, failure=None, stale=True))
    else:
        tx.execute(insert(images).values(status_page_id=page_id, kind=kind, url=url, due_at=tx.now))


def forget(tx: Tx, page_id: int, kind: str) -> None:
    tx.execute(delete(images).where(images.c.status_page_id == page_id, images.c.kind == kind))


def find(tx: Tx, page_id: int, kind: str) -> Row[Any] | None:
    """(media_type, content) of a picture that is here."""
    mine = select(images.c.media_type, images.c.content).where(
        images.c.status_page_id == page_id, images.c.kind == kind, images.c.content.is_not(None)
    )
    return tx.execute(mine).first()


def kinds_here(tx: Tx, page_id: int) -> set[str]:
    """Which of a page's pictures are here."""
    mine = select(images.c.kind).where(images.c.status_page_id == page_id, images.c.content.is_not(None))
    return set(tx.execute(mine).scalars())


def take(tx: Tx, limit: int, lease_until: datetime) -> list[Row[Any]]:
    """Lease up to `limit` pictures that are due; each to one caller only."""
    column = images.c
    due = select(column.id).where(column.due_at <= tx.now).order_by(column.due_at).limit(limit)
    ids = list(tx.execute(due).scalars())
    if not ids:
        return []
    lease = (
        update(images)
        .where(column.id.in_(ids), column.due_at <= tx.now)
        .values(due_at=lease_until)
        .returning(column.id, column.status_page_id, column.kind, column.url, column.failures)
    )
    return list(tx.execute(lease).all())


def settle(tx: Tx, id: int, url: str, values: Mapping[str, Any]) -> bool:
    """Write down what came of fetching `url`; False when another address was set meanwhile."""
    done = tx.execute(update(images).where(images.c.id == id, images.c.url == url).values(**values))
    return done.rowcount == 1


def failures(tx: Tx, page_id: int) -> list[Row[Any]]:
    """(kind, url, failure, here, stale) of a page's pictures that could not be had when they were last asked for.

    `here`: there is one all the same; `stale`: that is of another address.
    """
    here = images.c.content.is_not(None).label("here")
    mine = select(images.c.kind, images.c.url, images.c.failure, here, images.c.stale).where(
        images.c.status_page_id == page_id, images.c.failure.is_not(None)
    )
    return list(tx.execute(mine.order_by(images.c.kind.desc())).all())


def next_due(tx: Tx) -> datetime | None:
    found: datetime | None = tx.execute(select(func.min(images.c.due_at))).scalar()
    return found
