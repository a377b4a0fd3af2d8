"""Messages to subscribers on the shelf: planned once for each update and subscriber, leased to one sender."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, exists, func, insert, select, update

from tocsin.status_pages.model import Affected, ReportType
from tocsin.status_pages.model.notices import Kind, Part, State
from tocsin.status_pages.store.tables import notices, reports, subscribers, updates
from tocsin.storage import Tx

MAX_PARTS = 50
"""Updates of one report that a message carries: the newest."""
_column = notices.c


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """An update with its report, as they stand now."""

    update_id: int
    page_id: int
    message: str
    published_at: datetime
    visible: bool
    affected: tuple[Affected, ...]
    told_through_id: int | None
    report_id: int
    title: str
    report_type: ReportType
    starts_at: datetime
    ends_at: datetime | None
    report_affected: tuple[Affected, ...]
    created_at: datetime
    updated_at: datetime


def telling(tx: Tx, limit: int) -> list[tuple[int, datetime]]:
    """(id, since when it is visible) of the first update of each page that is still to be planned for subscribers."""
    column = updates.c
    first = (
        select(func.min(column.id).label("id"))
        .where(column.told_through_id.is_not(None))
        .group_by(column.status_page_id)
        .order_by("id")
        .limit(limit)
        .subquery()
    )
    statement = select(column.id, column.applied_at, column.published_at).join(first, first.c.id == column.id)
    return [(row.id, row.applied_at or row.published_at) for row in tx.execute(statement.order_by(column.id))]


def reported(tx: Tx, update_ids: Collection[int]) -> dict[int, Reported]:
    """Updates by id; what was deleted is left out."""
    column, report = updates.c, reports.c
    statement = (
        select(
            column.id, column.status_page_id, column.message, column.published_at, column.draft, column.applied_at,
            column.affected_resources, column.told_through_id, report.id.label("report_id"), report.title,
            report.report_type, report.starts_at, report.ends_at, report.draft.label("report_draft"),
            report.affected_resources.label("report_affected"), report.created_at, report.updated_at,
        )
        .join(reports, report.id == column.status_report_id)
        .where(column.id.in_(update_ids))
    )  # fmt: skip
    return {
        row.id: Reported(
            update_id=row.id,
            page_id=row.status_page_id,
            message=row.message,
            published_at=row.published_at,
            visible=row.applied_at is not None and not row.draft and not row.report_draft,
            affected=_affected(row.affected_resources),
            told_through_id=row.told_through_id,
            report_id=row.report_id,
            title=row.title,
            report_type=ReportType(row.report_type),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            report_affected=_affected(row.report_affected),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in tx.execute(statement)
    }


def parts(tx: Tx, report_id: int) -> list[Part]:
    """The visible updates of a report, the newest first."""
    column = updates.c
    statement = (
        select(column.id, column.message, column.published_at)
        .where(column.status_report_id == report_id, column.applied_at.is_not(None), column.draft.is_(False))
        .order_by(column.published_at.desc(), column.id.desc())
        .limit(MAX_PARTS)
    )
    return [Part(id=row.id, message=row.message, published_at=row.published_at) for row in tx.execute(statement)]


def underway(tx: Tx) -> tuple[frozenset[int], frozenset[int]]:
    """(the updates of which subscribers are being told, those of which they will be when their time comes)"""
    column = updates.c
    now = tx.execute(select(column.id).where(column.told_through_id.is_not(None))).scalars()
    later = tx.execute(select(column.id).where(column.due_at.is_not(None), column.notify_subscribers)).scalars()
    return frozenset(now), frozenset(later)


def audience(tx: Tx, page_id: int) -> list[tuple[str, tuple[int, ...], int]]:
    """(kind, the resources they have chosen, how many) of those who are told of a page's updates."""
    column = subscribers.c
    alike = (column.kind, column.status_page_resource_ids)
    mine = (column.status_page_id == page_id, column.confirmed_at.is_not(None), column.unsubscribed_at.is_(None))
    counted = select(*alike, func.count().label("number")).where(*mine).group_by(*alike)
    return [(row.kind, tuple(row.status_page_resource_ids), row.number) for row in tx.execute(counted)]


def newest(tx: Tx) -> int:
    """The id of the last message; 0 when there is none."""
    return tx.execute(select(func.max(_column.id))).scalar() or 0


def asked_since(tx: Tx, id: int) -> dict[int, int]:
    """How many mails that ask for a confirmation were planned after this message, by page."""
    fresh = select(_column.status_page_id, func.count().label("number")).where(
        _column.id > id, _column.kind == Kind.CONFIRM.value
    )
    return {row.status_page_id: row.number for row in tx.execute(fresh.group_by(_column.status_page_id))}


def told(tx: Tx, update_id: int, seen: int, through_id: int | None) -> bool:
    """Note for whom an update has been planned (None = for everybody); False: somebody else was faster."""
    column = updates.c
    mine = update(updates).where(column.id == update_id, column.told_through_id == seen)
    return tx.execute(mine.values(told_through_id=through_id)).rowcount == 1


def listeners(tx: Tx, page_id: int, after_id: int, limit: int) -> Sequence[Row[Any]]:
    """(id, kind, status_page_resource_ids) of the next who are told of a page's updates, by id."""
    column = subscribers.c
    statement = (
        select(column.id, column.kind, column.status_page_resource_ids)
        .where(
            column.status_page_id == page_id,
            column.confirmed_at.is_not(None),
            column.unsubscribed_at.is_(None),
            column.id > after_id,
        )
        .order_by(column.id)
        .limit(limit)
    )
    return tx.execute(statement).all()


def planned(tx: Tx, update_id: int, subscriber_ids: Collection[int]) -> set[int]:
    """Those of these subscribers for whom a message about this update is planned already."""
    mine = select(_column.subscriber_id).where(
        _column.subscriber_id.in_(subscriber_ids), _column.status_update_id == update_id
    )
    return set(tx.execute(mine).scalars())


def add(tx: Tx, page_id: int, update_id: int, to: Sequence[tuple[int, str]]) -> None:
    """Plan messages about an update, as (subscriber id, channel) of each; they are due at once."""
    fresh = {
        "status_page_id": page_id, "status_update_id": update_id, "copy": 0, "kind": Kind.UPDATE.value,
        "state": State.QUEUED.value, "attempts": 0, "planned_at": tx.now, "due_at": tx.now, "finished_at": None,
        "detail": "",
    }  # fmt: skip
    if to:
        tx.execute(insert(notices), [{**fresh, "subscriber_id": id, "channel": channel} for id, channel in to])


def due(tx: Tx, channel: str, limit: int) -> list[int]:
    """The messages that may be sent now. One waits while an earlier one to the same subscriber is unfinished."""
    earlier = notices.alias("earlier")
    blocked = exists().where(
        earlier.c.subscriber_id == _column.subscriber_id, earlier.c.id < _column.id, earlier.c.due_at.is_not(None),
        earlier.c.kind == Kind.UPDATE.value,
    )  # fmt: skip
    statement = select(_column.id).where(_column.channel == channel, _column.due_at <= tx.now)
    if channel != Kind.CONFIRM:
        statement = statement.where(~blocked)
    return list(tx.execute(statement.order_by(_column.due_at, _column.id).limit(limit)).scalars())


def waiting(tx: Tx, channel: str) -> tuple[datetime | None, datetime | None]:
    """(when the oldest unfinished message of a channel was due, when the next one will be that is not yet)."""
    mine = select(func.min(_column.due_at)).where(_column.channel == channel, _column.due_at.is_not(None))
    return tx.execute(mine).scalar(), tx.execute(mine.where(_column.due_at > tx.now)).scalar()


def take(tx: Tx, ids: Collection[int], lease_until: datetime) -> Sequence[Row[Any]]:
    """Lease these messages, each to one caller only; in order."""
    lease = (
        update(notices)
        .where(_column.id.in_(ids), _column.due_at <= tx.now)
        .values(state=State.SENDING.value, attempts=_column.attempts + 1, due_at=lease_until)
        .returning(*_column)
    )
    return sorted(tx.execute(lease).all(), key=lambda row: int(row.id))


def held(tx: Tx, ids: Collection[int]) -> dict[int, Row[Any]]:
    """Messages that are being sent, by id."""
    statement = select(notices).where(_column.id.in_(ids), _column.state == State.SENDING.value)
    return {row.id: row for row in tx.execute(statement)}


def change(tx: Tx, moved: Mapping[int, tuple[State, datetime | None, str]]) -> None:
    """Move messages on, as (state, when due next, why) by id; one with nothing more to come is finished now."""
    alike: dict[tuple[State, datetime | None, str], list[int]] = {}
    for id, to in moved.items():
        alike.setdefault(to, []).append(id)
    for (state, due_at, detail), ids in alike.items():
        values: dict[str, Any] = {"state": state.value, "due_at": due_at, "detail": detail}
        if due_at is None:
            values["finished_at"] = tx.now
        tx.execute(update(notices).where(_column.id.in_(ids)).values(**values))


def hasten(tx: Tx) -> int:
    """Make due now what a predecessor had leased; returns how many."""
    mine = update(notices).where(_column.state == State.SENDING.value, _column.due_at > tx.now)
    return tx.execute(mine.values(due_at=tx.now)).rowcount


def count_by_state(tx: Tx, since: datetime) -> dict[str, int]:
    """How many messages stand in each state, of those planned since then and those that are unfinished."""
    counted: dict[str, int] = {}
    for these in (_column.planned_at >= since, (_column.planned_at < since) & _column.due_at.is_not(None)):
        statement = select(_column.state, func.count().label("number")).where(these).group_by(_column.state)
        for row in tx.execute(statement):
            counted[row.state] = counted.get(row.state, 0) + row.number
    return counted


def prune(tx: Tx, before: datetime, limit: int) -> int:
    """Delete finished messages that were planned before then, the oldest first; returns how many."""
    old = select(_column.id).where(_column.planned_at < before, _column.due_at.is_(None)).order_by(_column.planned_at)
    ids = list(tx.execute(old.limit(limit)).scalars())
    if ids:
        tx.execute(delete(notices).where(_column.id.in_(ids)))
    return len(ids)


def _affected(stored: Sequence[Mapping[str, Any]]) -> tuple[Affected, ...]:
    return tuple(
        Affected(status_page_resource_id=str(each["status_page_resource_id"]), status=str(each["status"]))
        for each in stored
    )
