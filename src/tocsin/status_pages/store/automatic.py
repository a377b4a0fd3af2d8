"""Which incidents a page reports by itself, on the shelf: what waits, and what each report is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, delete, insert, select, update

from tocsin.status_pages.model import ReportType
from tocsin.status_pages.store.tables import pages, report_incidents, reports
from tocsin.storage import Tx

_AT_ONCE = 400
"""Incidents in one statement: an old SQLite takes no more than 999 values."""


class Link(msgspec.Struct, frozen=True):
    """One incident on one page."""

    id: int
    status_page_id: int
    incident_id: int
    status_report_id: int | None
    due_at: datetime | None
    ends_at: datetime | None = None
    """When its report has ended."""


_LINK = (
    report_incidents.c.id,
    report_incidents.c.status_page_id,
    report_incidents.c.incident_id,
    report_incidents.c.status_report_id,
    report_incidents.c.due_at,
)


def reporting_pages(tx: Tx, limit: int) -> list[int]:
    """The pages that may report by themselves: their settings have the last word."""
    likely = pages.c.settings.contains('"automatic_reports":true', autoescape=True)
    return list(tx.execute(select(pages.c.id).where(likely).order_by(pages.c.id).limit(limit)).scalars())


def links(tx: Tx, page_ids: Collection[int], incident_ids: Iterable[int]) -> dict[tuple[int, int], Link]:
    """What is known of these incidents on these pages, by page and incident."""
    found: dict[tuple[int, int], Link] = {}
    ordered = sorted(incident_ids)
    joined = report_incidents.outerjoin(reports, reports.c.id == report_incidents.c.status_report_id)
    for start in range(0, len(ordered), _AT_ONCE):
        mine = report_incidents.c.incident_id.in_(ordered[start : start + _AT_ONCE])
        for row in tx.execute(select(*_LINK, reports.c.ends_at).select_from(joined).where(mine)):
            if row.status_page_id in page_ids:
                found[row.status_page_id, row.incident_id] = Link(**row._mapping)
    return found


def running(tx: Tx, limit: int, *, after_id: int = 0, page_id: int | None = None) -> list[Link]:
    """The incidents of automatic reports that have not ended, noted after `after_id`, the oldest first."""
    going_on = and_(
        reports.c.ends_at.is_(None),
        reports.c.report_type == ReportType.AUTOMATIC.value,
        report_incidents.c.id > after_id,
    )
    if page_id is not None:
        going_on = and_(reports.c.status_page_id == page_id, going_on)
    joined = report_incidents.join(reports, reports.c.id == report_incidents.c.status_report_id)
    rows = tx.execute(select(*_LINK).select_from(joined).where(going_on).order_by(report_incidents.c.id).limit(limit))
    return [Link(**row._mapping) for row in rows]


def of_report(tx: Tx, report_id: int) -> list[int]:
    """The incidents that a report is about."""
    mine = select(report_incidents.c.incident_id).where(report_incidents.c.status_report_id == report_id)
    return list(tx.execute(mine.order_by(report_incidents.c.id)).scalars())


def add(tx: Tx, waiting: Sequence[tuple[int, int, datetime]]) -> None:
    """Let incidents wait for their reports: (page, incident, when it is due), none of which is there yet."""
    rows = [{"status_page_id": page, "incident_id": incident, "due_at": at} for page, incident, at in waiting]
    if rows:
        tx.execute(insert(report_incidents), rows)


def due_pages(tx: Tx, limit: int) -> list[int]:
    """The pages that have something to report now."""
    due = select(report_incidents.c.status_page_id).where(report_incidents.c.due_at <= tx.now).distinct()
    return list(tx.execute(due.order_by(report_incidents.c.status_page_id).limit(limit)).scalars())


def waiting(tx: Tx, page_id: int, limit: int) -> list[Link]:
    """What a page has to report, now or later, the soonest first."""
    mine = and_(report_incidents.c.status_page_id == page_id, report_incidents.c.due_at.is_not(None))
    rows = tx.execute(
        select(*_LINK).where(mine).order_by(report_incidents.c.due_at, report_incidents.c.id).limit(limit)
    )
    return [Link(**row._mapping) for row in rows]


def claim(tx: Tx, link: Link) -> bool:
    """Compare-and-set: True for the one who may report it."""
    seen = and_(report_incidents.c.id == link.id, report_incidents.c.due_at == link.due_at)
    return tx.execute(update(report_incidents).where(seen).values(due_at=None)).rowcount == 1


def tie(tx: Tx, ids: Sequence[int], report_id: int) -> None:
    """Some hundreds of incidents are what a report is about."""
    tx.execute(update(report_incidents).where(report_incidents.c.id.in_(ids)).values(status_report_id=report_id))


def forget(tx: Tx, ids: Sequence[int]) -> None:
    """There is nothing to report of these (some hundreds); should there be again, they come anew."""
    tx.execute(delete(report_incidents).where(report_incidents.c.id.in_(ids)))


def put_off(tx: Tx, page_id: int, until: datetime) -> None:
    """Try again later what could not be reported."""
    mine = and_(report_incidents.c.status_page_id == page_id, report_incidents.c.due_at <= tx.now)
    tx.execute(update(report_incidents).where(mine).values(due_at=until))
