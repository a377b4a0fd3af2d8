"""Reports and their updates on the shelf."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, case, delete, exists, func, insert, or_, select, update

from tocsin.status_pages.model import Affected, Report, ReportType, Update
from tocsin.status_pages.store.tables import pages, report_incidents, reports, updates
from tocsin.storage import Tx

_AT_ONCE = 400
"""Reports in one statement: an old SQLite takes no more than 999 values."""
_PUBLIC = and_(
    reports.c.draft.is_(False),
    exists().where(
        updates.c.status_report_id == reports.c.id, updates.c.applied_at.is_not(None), updates.c.draft.is_(False)
    ),
)
"""See `rules.reporting.visible`."""

# --- Reports ---------------------------------------------------------------------------------------------------------


def insert_report(
    tx: Tx,
    *,
    page_id: int,
    title: str,
    report_type: ReportType,
    starts_at: datetime,
    ends_at: datetime | None,
    affected: Sequence[Affected],
    draft: bool,
) -> int:
    """Put a report on the shelf; returns its id."""
    return tx.insert(
        insert(reports).values(
            status_page_id=page_id,
            title=title,
            report_type=report_type.value,
            starts_at=starts_at,
            ends_at=ends_at,
            affected_resources=affected,
            draft=draft,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )


def change_report(tx: Tx, id: int, **values: Any) -> None:
    """Set columns of a report."""
    tx.execute(update(reports).where(reports.c.id == id).values(updated_at=tx.now, **values))


def delete_report(tx: Tx, id: int) -> None:
    """Take a report off the shelf with its updates; which incidents it was about stays known, lest it come again."""
    tx.execute(delete(updates).where(updates.c.status_report_id == id))
    tx.execute(delete(reports).where(reports.c.id == id))


def find(tx: Tx, page_id: int, id: int) -> Report | None:
    """A report of that page, with all its updates."""
    found = _reports(tx, _select().where(reports.c.id == id, reports.c.status_page_id == page_id))
    return found[0] if found else None


def by_ids(tx: Tx, ids: Sequence[int]) -> list[Report]:
    """Some hundreds of reports with all their updates."""
    return _reports(tx, _select().where(reports.c.id.in_(ids)).order_by(reports.c.id)) if ids else []


def page(tx: Tx, page_id: int, *, offset: int, limit: int) -> tuple[list[Report], int]:
    """One page of the reports of a status page, the newest first, and how many there are in all."""
    mine = reports.c.status_page_id == page_id
    total: int = tx.execute(select(func.count()).select_from(reports).where(mine)).scalar_one()
    found = _select().where(mine).order_by(reports.c.id.desc()).offset(offset).limit(limit)
    return _reports(tx, found), total


def count_by_hand(tx: Tx, page_id: int) -> int:
    """How many reports people have written on a status page."""
    mine = and_(reports.c.status_page_id == page_id, reports.c.report_type != ReportType.AUTOMATIC.value)
    return int(tx.execute(select(func.count()).select_from(reports).where(mine)).scalar_one())


def public(
    tx: Tx,
    page_ids: Collection[int],
    *,
    ended_after: datetime,
    started_before: datetime,
    limit: int,
    whole: bool = True,
) -> list[Report]:
    """The visible reports of these pages that touch this time, with their public updates: those that go on, then those
    that have ended or are to come, each the newest first.

    `whole`: with what the updates say in words; else only with what they say of resources.
    """
    column = reports.c
    goes_on = and_(column.starts_at <= tx.now, or_(column.ends_at.is_(None), column.ends_at > tx.now))
    statement = (
        _select()
        .where(
            column.status_page_id.in_(page_ids),
            column.starts_at <= started_before,
            or_(column.ends_at.is_(None), column.ends_at >= ended_after),
            _PUBLIC,
        )
        .order_by(case((goes_on, 0), else_=1), column.starts_at.desc(), column.id.desc())
    )
    return _reports(tx, statement.limit(limit), public=True, whole=whole)


def newest(tx: Tx, page_id: int, number: int) -> list[int]:
    """The ids of the visible reports of a page that began last, the newest first: so many incidents, and as much
    maintenance."""
    column = reports.c
    maintenance = case((column.report_type == ReportType.MAINTENANCE.value, 1), else_=0)
    order = column.starts_at.desc(), column.id.desc()
    place = func.row_number().over(partition_by=maintenance, order_by=order).label("place")
    mine = and_(column.status_page_id == page_id, column.starts_at <= tx.now, _PUBLIC)
    found = select(column.id, column.starts_at, place).where(mine).subquery()
    first = select(found.c.id).where(found.c.place <= number)
    return list(tx.execute(first.order_by(found.c.starts_at.desc(), found.c.id.desc())).scalars())


def public_by_ids(tx: Tx, ids: Sequence[int]) -> list[Report]:
    """These reports with their public updates."""
    return _reports(tx, _select().where(reports.c.id.in_(ids)), public=True) if ids else []


def public_between(tx: Tx, page_id: int, since: datetime, until: datetime, limit: int) -> list[Report]:
    """The visible reports of a page that began in this time, the newest first, with their public updates."""
    column = reports.c
    mine = and_(column.status_page_id == page_id, column.starts_at >= since, column.starts_at < until, _PUBLIC)
    newest = _select().where(mine).order_by(column.starts_at.desc(), column.id.desc())
    return _reports(tx, newest.limit(limit), public=True)


def any_public_before(tx: Tx, page_id: int, before: datetime, *, maintenance: bool) -> bool:
    """Whether any visible incident, or any maintenance, began before that."""
    column = reports.c
    kind = (
        (column.report_type == ReportType.MAINTENANCE)
        if maintenance
        else (column.report_type != ReportType.MAINTENANCE)
    )
    found = select(column.id).where(column.status_page_id == page_id, column.starts_at < before, _PUBLIC, kind).limit(1)
    return tx.execute(found).first() is not None


# --- Updates ---------------------------------------------------------------------------------------------------------


def insert_update(
    tx: Tx,
    *,
    page_id: int,
    report_id: int,
    message: str,
    published_at: datetime,
    affected: Sequence[Affected],
    notify_subscribers: bool,
    draft: bool,
) -> int:
    """Put an update on the shelf, not visible yet; returns its id."""
    return tx.insert(
        insert(updates).values(
            status_page_id=page_id,
            status_report_id=report_id,
            message=message,
            published_at=published_at,
            affected_resources=affected,
            notify_subscribers=notify_subscribers,
            draft=draft,
            created_at=tx.now,
        )
    )


def change_update(tx: Tx, id: int, **values: Any) -> None:
    """Set columns of an update."""
    tx.execute(update(updates).where(updates.c.id == id).values(**values))


def hush_overdue(tx: Tx, ids: Sequence[int]) -> None:
    """Of those of these updates that are overdue nobody is to be told."""
    for start in range(0, len(ids), _AT_ONCE):
        late = updates.c.id.in_(ids[start : start + _AT_ONCE]) & (updates.c.due_at <= tx.now)
        tx.execute(update(updates).where(late).values(notify_subscribers=False))


def claim_update(tx: Tx, id: int, seen: datetime) -> bool:
    """Compare-and-set: True for the one who may publish it now."""
    done = tx.execute(update(updates).where(updates.c.id == id, updates.c.due_at == seen).values(due_at=None))
    return done.rowcount == 1


def put_off_update(tx: Tx, id: int, until: datetime) -> None:
    """Try again later what is due; what is not any more was published by somebody else, or made a draft."""
    tx.execute(update(updates).where(updates.c.id == id, updates.c.due_at <= tx.now).values(due_at=until))


def forget_future(tx: Tx, report_id: int) -> None:
    """What is public was published by now, whatever a clock said then that has been set back since."""
    public = and_(updates.c.status_report_id == report_id, updates.c.applied_at.is_not(None))
    tx.execute(update(updates).where(public, updates.c.published_at > tx.now).values(published_at=tx.now))


def delete_update(tx: Tx, id: int) -> None:
    tx.execute(delete(updates).where(updates.c.id == id))


def updates_page(tx: Tx, report_id: int, *, offset: int, limit: int) -> tuple[list[Update], int]:
    """One page of a report's updates, the oldest first, and how many there are in all."""
    mine = updates.c.status_report_id == report_id
    total: int = tx.execute(select(func.count()).select_from(updates).where(mine)).scalar_one()
    rows = tx.execute(_updates().where(mine).order_by(updates.c.id).offset(offset).limit(limit))
    return [_update(row) for row in rows], total


def due_updates(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int, int, datetime]]:
    """(page, report, update, when it was due) of what is to become visible now, the longest overdue first."""
    column = updates.c
    due = select(column.status_page_id, column.status_report_id, column.id, column.due_at).where(column.due_at <= now)
    rows = tx.execute(due.order_by(column.due_at, column.id).limit(limit))
    return [(row.status_page_id, row.status_report_id, row.id, row.due_at) for row in rows]


def next_due(tx: Tx) -> datetime | None:
    """When the next update, or the next incident's report, is due."""
    found = [
        tx.execute(select(func.min(column)).where(column.is_not(None))).scalar()
        for column in (updates.c.due_at, report_incidents.c.due_at)
    ]
    return min((at for at in found if at is not None), default=None)


# --- Below -----------------------------------------------------------------------------------------------------------


def _select() -> Select[Any]:
    return select(reports, pages.c.team_id).join(pages, pages.c.id == reports.c.status_page_id)


def _updates(whole: bool = True) -> Select[Any]:
    columns = [column for column in updates.c if whole or column.name != "message"]
    return select(*columns, pages.c.team_id).join(pages, pages.c.id == updates.c.status_page_id)


def _reports(tx: Tx, statement: Select[Any], *, public: bool = False, whole: bool = True) -> list[Report]:
    rows = tx.execute(statement).all()
    told: dict[int, list[Update]] = {row.id: [] for row in rows}
    ids = list(told)
    only: list[ColumnElement[bool]] = [updates.c.applied_at.is_not(None), updates.c.draft.is_(False)] if public else []
    for start in range(0, len(ids), _AT_ONCE):
        mine = updates.c.status_report_id.in_(ids[start : start + _AT_ONCE])
        for row in tx.execute(_updates(whole).where(mine, *only).order_by(updates.c.published_at, updates.c.id)):
            told[row.status_report_id].append(_update(row))
    return [_report(row, told[row.id]) for row in rows]


def _report(row: Row[Any], told: Sequence[Update]) -> Report:
    return Report(
        id=row.id,
        status_page_id=row.status_page_id,
        team_id=row.team_id,
        title=row.title,
        report_type=ReportType(row.report_type),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        affected_resources=_affected(row.affected_resources),
        draft=bool(row.draft),
        created_at=row.created_at,
        updated_at=row.updated_at,
        updates=tuple(told),
    )


def _update(row: Row[Any]) -> Update:
    return Update(
        id=row.id,
        status_page_id=row.status_page_id,
        team_id=row.team_id,
        status_report_id=row.status_report_id,
        message=getattr(row, "message", ""),
        published_at=row.published_at,
        affected_resources=_affected(row.affected_resources),
        notify_subscribers=bool(row.notify_subscribers),
        draft=bool(row.draft),
        applied_at=row.applied_at,
        created_at=row.created_at,
    )


def _affected(stored: Any) -> tuple[Affected, ...]:
    return msgspec.convert(stored, tuple[Affected, ...])
