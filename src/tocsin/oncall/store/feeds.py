"""The secret addresses of iCal feeds on the shelf: found by the keyed hash of their token."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select

from tocsin.oncall.model import Feed
from tocsin.oncall.store.tables import feeds
from tocsin.storage import Tx


def add(tx: Tx, *, team_id: int, calendar_id: int | None, user_id: int | None, token: str) -> int:
    """Insert a feed; returns its id."""
    return tx.insert(
        insert(feeds).values(
            team_id=team_id, calendar_id=calendar_id, user_id=user_id, token_hash=_hash(tx, token),
            sealed_token=tx.vault.seal(token), created_at=tx.now,
        )
    )  # fmt: skip


def find(tx: Tx, id: int) -> Feed | None:
    """The feed of that id, whosever it is."""
    row = tx.execute(select(feeds).where(feeds.c.id == id)).first()
    return None if row is None else _feed(tx, row)


def find_by_token(tx: Tx, token: str) -> Feed | None:
    """Which feed a secret opens."""
    row = tx.execute(select(feeds).where(feeds.c.token_hash == _hash(tx, token))).first()
    return None if row is None else _feed(tx, row)


def page(tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[Feed], int]:
    """One page by id ascending, and how many there are in all."""
    conditions = [] if team_ids is None else [feeds.c.team_id.in_(team_ids)]
    total = tx.execute(select(func.count()).select_from(feeds).where(*conditions)).scalar_one()
    statement = select(feeds).where(*conditions).order_by(feeds.c.id)
    rows = tx.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return [_feed(tx, row) for row in rows], int(total)


def count(tx: Tx, team_id: int) -> int:
    """How many a team has."""
    return int(tx.execute(select(func.count()).select_from(feeds).where(feeds.c.team_id == team_id)).scalar_one())


def remove(tx: Tx, id: int) -> None:
    """Revoke a feed: its address leads nowhere from now on."""
    tx.execute(delete(feeds).where(feeds.c.id == id))


def forget(tx: Tx, calendar_id: int) -> None:
    """Revoke all feeds of a calendar."""
    tx.execute(delete(feeds).where(feeds.c.calendar_id == calendar_id))


def _hash(tx: Tx, token: str) -> str:
    """Keyed: whoever reads the database alone can open no feed."""
    return tx.vault.sign(f"on-call-feed:{token}")


def _feed(tx: Tx, row: Any) -> Feed:
    try:
        token = tx.vault.open(row.sealed_token)
    except ValueError:
        token = ""
    return Feed(
        id=row.id, team_id=row.team_id, calendar_id=row.calendar_id, user_id=row.user_id, token=token,
        created_at=row.created_at,
    )  # fmt: skip
