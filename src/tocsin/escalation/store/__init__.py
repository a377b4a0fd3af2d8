"""The shelf of escalations: one row per incident, with the instant at which its next page is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text, delete, insert, select, update

from tocsin.escalation.model import Escalation, Note, Plan, Standing
from tocsin.storage import Tx
from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id, Instant, Json, metadata

escalations = Table(
    "escalations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False, unique=True),
    Column("team_id", Id, nullable=False),
    Column("plan", Json, nullable=False),
    Column("notice", Json, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("next_page_at", Instant, nullable=True, index=True),
    Column("paged_user_ids", Json, nullable=False),
    Column("stopped_at", Instant, nullable=True),
    Column("reason", Text, nullable=True),
    sqlite_autoincrement=True,
)

moves_with_the_clock(
    escalations.c.opened_at,
    escalations.c.since,
    escalations.c.next_page_at,
    topic="escalations",
    concerned=lambda now: escalations.c.next_page_at.is_not(None),
)

escalation_notes = Table(
    "escalation_notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("title", Text, nullable=False),
    Column("content", Text, nullable=False),
    Index("ix_escalation_notes_incident_id", "incident_id", "id"),
    sqlite_autoincrement=True,
)


def put(
    tx: Tx,
    *,
    incident_id: int,
    team_id: int,
    plan: Plan,
    notice: msgspec.Struct,
    opened_at: datetime,
    next_at: datetime | None,
) -> int:
    """Start an incident's escalation, in place of any earlier one. Returns its id."""
    tx.execute(delete(escalations).where(escalations.c.incident_id == incident_id))
    return tx.insert(
        insert(escalations).values(
            incident_id=incident_id,
            team_id=team_id,
            plan=plan,
            notice=notice,
            opened_at=opened_at,
            since=tx.now - timedelta(milliseconds=1),  # the first window (since, now] holds what is due at once
            next_page_at=next_at,
            paged_user_ids=[],
        )
    )


def running(tx: Tx, incident_id: int) -> Escalation | None:
    """The escalation of an incident, if it was not stopped."""
    row = tx.execute(
        select(escalations).where(escalations.c.incident_id == incident_id, escalations.c.stopped_at.is_(None))
    ).first()
    return None if row is None else _escalation(row)


def standing(tx: Tx, incident_id: int) -> Standing:
    """How far the paging about an incident has come; of one that never began, nothing."""
    column = escalations.c
    row = tx.execute(
        select(column.stopped_at, column.next_page_at, column.paged_user_ids).where(column.incident_id == incident_id)
    ).first()
    if row is None:
        return Standing(running=False, next_page_at=None, paged_user_ids=())
    return Standing(row.stopped_at is None, row.next_page_at, tuple(row.paged_user_ids))


def renew(tx: Tx, incident_id: int, notice: msgspec.Struct) -> None:
    """Say something else from now on, while it runs."""
    column = escalations.c
    running = update(escalations).where(column.incident_id == incident_id, column.stopped_at.is_(None))
    tx.execute(running.values(notice=notice))


def notice_of(tx: Tx, escalation_id: int) -> Any:
    """The stored notice as plain data."""
    return tx.execute(select(escalations.c.notice).where(escalations.c.id == escalation_id)).scalar_one()


def overdue(tx: Tx, now: datetime, limit: int) -> list[tuple[int, datetime]]:
    """(incident id, instant) of the escalations with a page due by `now`, the oldest first."""
    column = escalations.c.next_page_at
    rows = tx.execute(
        select(escalations.c.incident_id, column).where(column <= now).order_by(column, escalations.c.id).limit(limit)
    )
    return [(row.incident_id, row.next_page_at) for row in rows]


def earliest(tx: Tx) -> datetime | None:
    """The next instant at which any escalation has a page due."""
    column = escalations.c.next_page_at
    return tx.execute(select(column).where(column.is_not(None)).order_by(column).limit(1)).scalar()


def claim(tx: Tx, escalation: Escalation, *, since: datetime, next_at: datetime | None) -> bool:
    """Take the window up to `since` for ourselves; False when another worker (or a stop) was there first."""
    return _swap(tx, escalation, since=since, next_page_at=next_at)


def hasten(tx: Tx, escalation: Escalation, *, opened_at: datetime, next_at: datetime) -> bool:
    """Move the whole plan to an earlier beginning, its next page to `next_at`; False when somebody was faster."""
    return _swap(tx, escalation, opened_at=opened_at, next_page_at=next_at)


def _swap(tx: Tx, escalation: Escalation, **values: datetime | None) -> bool:
    """Compare and set: only while it runs on and its next page is still the one that we saw."""
    answer = tx.execute(
        update(escalations)
        .where(
            escalations.c.id == escalation.id,
            escalations.c.next_page_at == escalation.next_page_at,
            escalations.c.stopped_at.is_(None),
        )
        .values(**values)
    )
    return answer.rowcount == 1


def remember_paged(tx: Tx, escalation_id: int, user_ids: Sequence[int]) -> None:
    """Write down whom this escalation has paged so far."""
    tx.execute(update(escalations).where(escalations.c.id == escalation_id).values(paged_user_ids=list(user_ids)))


def postpone(tx: Tx, incident_id: int, until: datetime) -> None:
    """Look at this one again later; the window is left open, so that nothing in it is skipped."""
    tx.execute(
        update(escalations)
        .where(escalations.c.incident_id == incident_id, escalations.c.next_page_at <= tx.now)
        .values(next_page_at=until)
    )


def stop(tx: Tx, incident_id: int, reason: str) -> bool:
    """Nothing more is due for this incident. Returns whether an escalation was running."""
    answer = tx.execute(
        update(escalations)
        .where(escalations.c.incident_id == incident_id, escalations.c.stopped_at.is_(None))
        .values(stopped_at=tx.now, reason=reason, next_page_at=None)
    )
    return answer.rowcount == 1


def forget(tx: Tx, incident_id: int) -> None:
    """Delete everything about an incident's escalation."""
    for table in (escalations, escalation_notes):
        tx.execute(delete(table).where(table.c.incident_id == incident_id))


def note(tx: Tx, incident_id: int, title: str, content: str) -> None:
    """Leave a remark for the timeline."""
    tx.execute(insert(escalation_notes).values(incident_id=incident_id, at=tx.now, title=title, content=content))


def noted(tx: Tx, incident_id: int, title: str, *, since: datetime) -> bool:
    """Whether a remark with that title was left at `since` or later."""
    column = escalation_notes.c
    statement = select(column.id).where(column.incident_id == incident_id, column.title == title, column.at >= since)
    return tx.execute(statement.limit(1)).first() is not None


def notes(tx: Tx, incident_id: int, limit: int) -> list[Note]:
    """The newest remarks about an incident's escalation."""
    rows = tx.execute(
        select(escalation_notes)
        .where(escalation_notes.c.incident_id == incident_id)
        .order_by(escalation_notes.c.id.desc())
        .limit(limit)
    )
    return [Note(row.id, row.at, row.title, row.content) for row in rows]


def _escalation(row: Any) -> Escalation:
    return Escalation(
        id=row.id,
        incident_id=row.incident_id,
        team_id=row.team_id,
        plan=msgspec.convert(row.plan, Plan),
        opened_at=row.opened_at,
        since=row.since,
        next_page_at=row.next_page_at,
        paged_user_ids=tuple(row.paged_user_ids),
    )
