"""The shelf of sessions: in which browsers people are signed in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, insert, select, update

from tocsin.accounts.model import Session
from tocsin.accounts.store.people import memberships
from tocsin.storage import Instant, Tx, metadata
from tocsin.storage.tables import Id

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("means", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("client_address", Text, nullable=True),
    Column("client_name", Text, nullable=True),
    Column("ended_at", Instant, nullable=True),
    Column("proved_at", Instant, nullable=True),  # since when nobody else can have sat down at it; null: its beginning
    Index("ix_sessions_user_id", "user_id", "id"),
    Index("ix_sessions_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)

_SESSION = select(*(column for column in sessions.c if column.name not in ("fingerprint", "ended_at"))).where(
    sessions.c.ended_at.is_(None)
)


def insert_session(
    tx: Tx, *, user_id: int, team_id: int | None, fingerprint: str, means: str, expires_at: datetime,
    client_address: str | None, client_name: str | None,
) -> Session:  # fmt: skip
    kept: dict[str, Any] = {
        "user_id": user_id, "team_id": team_id, "means": means, "created_at": tx.now, "last_seen_at": tx.now,
        "proved_at": tx.now, "expires_at": expires_at, "client_address": client_address, "client_name": client_name,
    }  # fmt: skip
    id = tx.insert(insert(sessions).values(fingerprint=fingerprint, **kept))
    return Session(id=id, **kept)


def session_by_fingerprint(tx: Tx, fingerprint: str) -> Session | None:
    """The one that is still good."""
    chosen = _SESSION.where(sessions.c.fingerprint == fingerprint, sessions.c.expires_at > tx.now)
    row = tx.execute(chosen).first()
    return None if row is None else Session(**row._mapping)


def sessions_of(tx: Tx, user_id: int, at_most: int) -> list[Session]:
    """A person's, the newest first."""
    chosen = _SESSION.where(sessions.c.user_id == user_id, sessions.c.expires_at > tx.now)
    return [Session(**row._mapping) for row in tx.execute(chosen.order_by(sessions.c.id.desc()).limit(at_most))]


def update_session(tx: Tx, id: int, **values: Any) -> None:
    tx.execute(update(sessions).where(sessions.c.id == id).values(**values))


def end_sessions(tx: Tx, user_id: int, *, only: int | None = None, but: int | None = None) -> int:
    """End those of a person: all, `only` one, or all `but` one; returns how many."""
    mine = [sessions.c.user_id == user_id, sessions.c.ended_at.is_(None)]
    if only is not None:
        mine.append(sessions.c.id == only)
    if but is not None:
        mine.append(sessions.c.id != but)
    return tx.execute(update(sessions).where(*mine).values(ended_at=tx.now)).rowcount


def session_by_id(tx: Tx, id: int) -> Session | None:
    """The one that is still good."""
    row = tx.execute(_SESSION.where(sessions.c.id == id, sessions.c.expires_at > tx.now)).first()
    return None if row is None else Session(**row._mapping)


def leave_team(tx: Tx, user_id: int, team_id: int) -> None:
    """Let none of a person's sessions look at that team any more."""
    tx.execute(
        update(sessions).where(sessions.c.user_id == user_id, sessions.c.team_id == team_id).values(team_id=None)
    )


def shares_team(tx: Tx, team_ids: Collection[int] | None, user_id: int) -> bool:
    """Whether somebody is in one of these teams (None = in any)."""
    chosen = select(memberships.c.id).where(memberships.c.user_id == user_id).limit(1)
    if team_ids is not None:
        chosen = chosen.where(memberships.c.team_id.in_(team_ids))
    return tx.execute(chosen).first() is not None


def remove_sessions(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete those that were over before then; returns how many."""
    old = select(sessions.c.id).where(sessions.c.expires_at < before).order_by(sessions.c.expires_at).limit(at_most)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(sessions).where(sessions.c.id.in_(ids)))
    return len(ids)
