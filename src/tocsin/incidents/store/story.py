"""Every line of an incident's story: what changed, and what people wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from tocsin.incidents.model import Change, Comment
from tocsin.incidents.store.tables import incident_changes, incident_comments
from tocsin.storage import Tx


def tell(tx: Tx, incident_id: int, act: str, title: str, content: str, actor: str | None = None) -> None:
    """Write one line of the story."""
    tx.execute(
        insert(incident_changes).values(
            incident_id=incident_id, at=tx.now, act=act, actor=actor, title=title, content=content
        )
    )


def changes(tx: Tx, incident_id: int, limit: int) -> list[Change]:
    """The newest lines of the story."""
    rows = tx.execute(
        select(incident_changes)
        .where(incident_changes.c.incident_id == incident_id)
        .order_by(incident_changes.c.id.desc())
        .limit(limit)
    )
    return [Change(**row._mapping) for row in rows]


def latest(tx: Tx, incident_id: int, act: str) -> datetime | None:
    """When that was last done to an incident."""
    column = incident_changes.c
    done = select(column.at).where(column.incident_id == incident_id, column.act == act)
    return tx.execute(done.order_by(column.id.desc()).limit(1)).scalar()


def add_comment(tx: Tx, comment: dict[str, Any]) -> int:
    """Insert a comment; returns its id."""
    return tx.insert(insert(incident_comments).values(created_at=tx.now, updated_at=tx.now, **comment))


def comments(tx: Tx, incident_id: int, limit: int) -> list[Comment]:
    """The newest comments, oldest of them first."""
    rows = tx.execute(
        select(incident_comments)
        .where(incident_comments.c.incident_id == incident_id)
        .order_by(incident_comments.c.id.desc())
        .limit(limit)
    )
    return [Comment(**row._mapping) for row in reversed(rows.all())]


def comment(tx: Tx, incident_id: int, id: int) -> Comment | None:
    """One comment of an incident."""
    row = tx.execute(
        select(incident_comments).where(incident_comments.c.id == id, incident_comments.c.incident_id == incident_id)
    ).first()
    return None if row is None else Comment(**row._mapping)


def edit_comment(tx: Tx, id: int, content: str) -> None:
    """Replace a comment's text."""
    tx.execute(update(incident_comments).where(incident_comments.c.id == id).values(content=content, updated_at=tx.now))


def remove_comment(tx: Tx, id: int) -> None:
    """Delete a comment."""
    tx.execute(delete(incident_comments).where(incident_comments.c.id == id))
