"""The shelf of escalations: one row per incident, with the instant at which its next page is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text, delete, insert, select, update

from tocsin.escalation.model import Course, Escalation, Moment, Note, Plan, Standing
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
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
    Column("course", Json, nullable=False),
    Column("owed", Json, nullable=False),
    Column("notice", Json, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("next_page_at", Instant, nullable=True, index=True),
    Column("paged_user_ids", Json, nullable=False),
    Column("told_target_ids", Json, nullable=False),
    Column("stopped_at", Instant, nullable=True),
    Column("reason", Text, nullable=True),
    sqlite_autoincrement=True,
)
"""`course` and `owed` hold their instants as milliseconds after `opened_at`: when the clock is set back, they move with
it."""

moves_with_the_clock(
    escalations.c.opened_at,
    escalations.c.since,
    escalations.c.next_page_at,
    topic="escalations",
    concerned=lambda now: escalations.c.stopped_at.is_(None),
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


def put(tx: Tx, escalation: Escalation, notice: msgspec.Struct) -> int:
    """Start an incident's escalation in place of any earlier one; its own id is not looked at. Returns its id."""
    tx.execute(delete(escalations).where(escalations.c.incident_id == escalation.incident_id))
    return tx.insert(
        insert(escalations).values(
            incident_id=escalation.incident_id, team_id=escalation.team_id, notice=notice, **_columns(escalation)
        )
    )


def running(tx: Tx, incident_id: int, *, stopped: bool = False) -> Escalation | None:
    """The escalation of an incident, if it was not stopped (`stopped`: if it was)."""
    column = escalations.c
    state = column.stopped_at.is_not(None) if stopped else column.stopped_at.is_(None)
    row = tx.execute(select(escalations).where(column.incident_id == incident_id, state)).first()
    return None if row is None else _escalation(row)


def standing(tx: Tx, incident_id: int) -> Standing:
    """How far the paging about an incident has come; of one that never began, nothing."""
    column = escalations.c
    row = tx.execute(
        select(column.stopped_at, column.next_page_at, column.paged_user_ids, column.told_target_ids).where(
            column.incident_id == incident_id
        )
    ).first()
    if row is None:
        return Standing(running=False, next_page_at=None, paged_user_ids=())
    return Standing(row.stopped_at is None, row.next_page_at, tuple(row.paged_user_ids), tuple(row.told_target_ids))


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


def claim(tx: Tx, seen: Escalation, after: Escalation) -> bool:
    """Let an escalation go on from what we saw to how it is to stand. Compare and set: False when another worker, or a
    stop, was there first."""
    column = escalations.c
    unchanged = (
        column.id == seen.id,
        column.next_page_at.is_not_distinct_from(seen.next_page_at),
        column.since == seen.since,
        column.stopped_at.is_(None),
    )
    values = _columns(after)
    if after.plan is seen.plan:
        del values["plan"]  # it is the same, and the largest
    return tx.execute(update(escalations).where(*unchanged).values(**values)).rowcount == 1


def remember_told(tx: Tx, escalation_id: int, *, user_ids: Sequence[int], target_ids: Sequence[int]) -> None:
    """Write down whom and what this escalation has alerted so far."""
    told = {"paged_user_ids": list(user_ids), "told_target_ids": list(target_ids)}
    tx.execute(update(escalations).where(escalations.c.id == escalation_id).values(**told))


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


def noted(tx: Tx, incident_id: int, title: str, content: str | None = None, *, since: datetime | None = None) -> bool:
    """Whether a remark with that title (and content) was left, at `since` or later."""
    column = escalation_notes.c
    statement = select(column.id).where(column.incident_id == incident_id, column.title == title)
    if content is not None:
        statement = statement.where(column.content == content)
    if since is not None:
        statement = statement.where(column.at >= since)
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
    course = msgspec.convert(_dated(row.course, row.opened_at, "runs", "due_at"), Course)
    return Escalation(
        id=row.id,
        incident_id=row.incident_id,
        team_id=row.team_id,
        plan=msgspec.convert(row.plan, Plan, str_keys=True),
        course=course,
        owed=tuple(msgspec.convert(moment, Moment) for moment in _dated({"": row.owed}, row.opened_at, "", "at")[""]),
        opened_at=row.opened_at,
        since=row.since,
        next_page_at=row.next_page_at,
        paged_user_ids=tuple(row.paged_user_ids),
        told_target_ids=tuple(row.told_target_ids),
    )


def _columns(escalation: Escalation) -> dict[str, Any]:
    """All that may change while it runs, as it is stored."""
    began_at = escalation.opened_at
    return {
        "plan": escalation.plan,
        "course": _course(escalation.course, began_at),
        "owed": [_moment(moment, began_at) for moment in escalation.owed],
        "opened_at": began_at,
        "since": escalation.since,
        "next_page_at": escalation.next_page_at,
        "paged_user_ids": list(escalation.paged_user_ids),
        "told_target_ids": list(escalation.told_target_ids),
    }


def _course(course: Course, opened_at: datetime) -> dict[str, Any]:
    runs = [{**_plain(run), "due_at": _after(run.due_at, opened_at)} for run in course.runs]
    return {"runs": runs, "turns": course.turns}


def _moment(moment: Moment, opened_at: datetime) -> dict[str, Any]:
    return {**_plain(moment), "at": _after(moment.at, opened_at)}


def _plain(record: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def _after(at: datetime, opened_at: datetime) -> int:
    return to_milliseconds(at) - to_milliseconds(opened_at)


def _dated(stored: dict[str, Any], opened_at: datetime, several: str, field: str) -> dict[str, Any]:
    """What was stored, with milliseconds after `opened_at` made instants again."""
    began = to_milliseconds(opened_at)
    records = [{**record, field: from_milliseconds(began + record[field])} for record in stored[several]]
    return {**stored, several: records}
