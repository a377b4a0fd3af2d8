"""Puts together what the public sees of a page: nothing that is a draft, nothing that waits, and no name of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.zones import at_wall_clock, zone
from tocsin.monitors import actions as monitors
from tocsin.status_pages.actions.standing import days_of, gather, stood
from tocsin.status_pages.model import Affected, Report, ReportType, Resource, ResourceType, StatusPage, Widget
from tocsin.status_pages.model.views import (
    AffectedView,
    MonthView,
    PageView,
    Point,
    ReportView,
    ResourceView,
    SectionView,
    UpdateView,
)
from tocsin.status_pages.rules import history, reporting, standing
from tocsin.status_pages.store import contents, pages, reports
from tocsin.storage import Tx

RECENT = timedelta(days=15)
"""How long what has ended is shown on the page itself."""
AHEAD = timedelta(days=90)
"""How far maintenance to come is shown."""
MAX_SHOWN = 200
"""Reports on the page itself, the newest."""
MAX_LATEST = 50
"""Incidents, and as much maintenance, that feeds and programs are told of, whatever their age."""
MAX_IN_A_MONTH = 500
_CHARTED = (Widget.RESPONSE_TIMES, Widget.CHART_ONLY)
_MONTH = re.compile(r"(\d{4})-(\d{2})")

_Names = Mapping[str, str]


def view(tx: Tx, page_id: int) -> PageView | None:
    """A page as the public sees it now, published or not; None when there is none."""
    page = pages.find(tx, page_id)
    return None if page is None else view_of(tx, page)


def view_of(tx: Tx, page: StatusPage) -> PageView:
    """A page with these settings, be they kept or not, with what is on it now, as the public sees it."""
    page_id = page.id
    resources = contents.resources_of(tx, [page_id])
    days = days_of(tx, page)
    known = gather(tx, [page], resources, (days.edges[0], to_milliseconds(tx.now) + 1))
    charts = _charts(tx, [resource for resource in resources if known.courses[resource.id]])
    seen: dict[int, list[ResourceView]] = {}
    states = []
    for resource in resources:
        now, layers = stood(known, page, resource, days)
        states.append(now.status)
        slots = history.intraday(layers, tx.now) if resource.widget_type is Widget.INTRADAY_HISTORY else ()
        seen.setdefault(resource.status_page_section_id, []).append(
            ResourceView(
                id=now.id,
                section_id=now.status_page_section_id,
                resource_type=now.resource_type,
                resource_id=now.resource_id,
                public_name=now.public_name,
                explanation=now.explanation,
                widget_type=now.widget_type,
                position=now.position,
                status=now.status,
                availability=now.availability,
                days=now.status_history,
                watched_a_day=history.watched_a_day(layers, known.period),
                intraday=slots,
                intraday_availability=history.share(layers, (to_milliseconds(slots[0].at), known.period[1]))
                if slots
                else 1.0,
                response_times=charts.get(now.id, ()),
            )
        )
    names = _names(resources)
    current, planned, recent = _reports(tx, page, names)
    return PageView(
        id=page.id,
        team_id=page.team_id,
        subdomain=page.subdomain,
        custom_domain=page.custom_domain,
        published=page.published,
        settings=page.settings,
        state=standing.aggregate(states),
        sections=tuple(
            SectionView(
                id=section.id, name=section.name, position=section.position, resources=tuple(seen.get(section.id, ()))
            )
            for section in contents.sections_of(tx, page_id)
        ),
        current=current,
        maintenance=planned,
        recent=recent,
        latest=_latest(tx, page_id, names, (*current, *planned, *recent)),
        made_at=tx.now,
        created_at=page.created_at,
        updated_at=page.updated_at,
    )


def month(tx: Tx, page_id: int, month: str | None) -> MonthView | None:
    """What began in a month (`YYYY-MM`; None = this one) of the page's calendar; None: no such page, or no such month.

    Maintenance belongs to it once it has begun. A month to come does not exist yet.
    """
    page = pages.find(tx, page_id)
    if page is None:
        return None
    where = zone(page.settings.timezone) or ZoneInfo("UTC")
    today = tx.now.astimezone(where)
    first = datetime(today.year, today.month, 1) if month is None else _first_day(month)  # noqa: DTZ001 - a date
    if first is None:
        return None
    since, until = (at_wall_clock(day, time(0), where) for day in (first, _following(first)))
    if since > tx.now:
        return None
    before = f"{first - timedelta(days=1):%Y-%m}"
    found = reports.public_between(tx, page_id, since, until, MAX_IN_A_MONTH)
    names = _names(contents.resources_of(tx, [page_id]))
    return MonthView(
        month=f"{first:%Y-%m}",
        reports=tuple(_shown(report, names, tx.now) for report in found if not _to_come(report, tx.now)),
        previous=before if reports.any_public_before(tx, page_id, since, maintenance=False) else None,
        previous_maintenance=before if reports.any_public_before(tx, page_id, since, maintenance=True) else None,
        following=f"{_following(first):%Y-%m}" if until <= tx.now else None,
    )


def report_view(tx: Tx, page_id: int, report_id: int) -> ReportView | None:
    """A report of a page as the public sees it; None when there is none that it may see."""
    found = reports.find(tx, page_id, report_id)
    if found is None or not reporting.visible(found):
        return None
    return _shown(found, _names(contents.resources_of(tx, [page_id])), tx.now)


def _reports(
    tx: Tx, page: StatusPage, names: _Names
) -> tuple[tuple[ReportView, ...], tuple[ReportView, ...], tuple[ReportView, ...]]:
    """(what is going on, maintenance under way and to come, what has ended lately)"""
    found = reports.public(
        tx, [page.id], ended_after=tx.now - RECENT, started_before=tx.now + AHEAD, limit=MAX_SHOWN, whole=True
    )
    current, planned, recent = [], [], []
    for report in found:
        if reporting.over(report, tx.now):
            recent.append(report)
        elif report.report_type is ReportType.MAINTENANCE:
            planned.append(report)
        else:
            current.append(report)
    planned.sort(key=lambda report: (report.starts_at, report.id))
    recent.sort(key=lambda report: (report.ends_at or tx.now, report.id), reverse=True)
    shown = (tuple(_shown(report, names, tx.now) for report in some) for some in (current, planned, recent))
    return next(shown), next(shown), next(shown)


def _latest(tx: Tx, page_id: int, names: _Names, known: Sequence[ReportView]) -> tuple[ReportView, ...]:
    """The newest, of which most are known already."""
    ids = reports.newest(tx, page_id, MAX_LATEST)
    views = {report.id: report for report in known}
    missing = [id for id in ids if id not in views]
    views |= {report.id: _shown(report, names, tx.now) for report in reports.public_by_ids(tx, missing)}
    return tuple(views[id] for id in ids)


def _shown(report: Report, names: _Names, now: datetime) -> ReportView:
    public = [update for update in reporting.ordered(report.updates) if reporting.shown(update)]
    affected = reporting.present(report.affected_resources, {int(id) for id in names})
    report = msgspec.structs.replace(report, affected_resources=affected)
    return ReportView(
        id=report.id,
        title=report.title,
        report_type=report.report_type,
        starts_at=report.starts_at,
        ends_at=report.ends_at,
        state=reporting.state_of(report, now),
        affected=_affected(report.affected_resources, names),
        updates=tuple(
            UpdateView(
                id=update.id,
                message=update.message,
                published_at=update.published_at,
                affected=_affected(update.affected_resources, names),
            )
            for update in reversed(public)
        ),
        created_at=report.created_at,
        updated_at=report.updated_at,
    )


def _affected(affected: Sequence[Affected], names: _Names) -> tuple[AffectedView, ...]:
    """With their public names, without what is on the page no longer."""
    return tuple(
        AffectedView(
            resource_id=int(each.status_page_resource_id),
            public_name=names[each.status_page_resource_id],
            status=each.status,
        )
        for each in affected
        if each.status_page_resource_id in names
    )


def _names(resources: Sequence[Resource]) -> _Names:
    return {str(resource.id): resource.public_name for resource in resources}


def _to_come(report: Report, now: datetime) -> bool:
    return report.report_type is ReportType.MAINTENANCE and report.starts_at > now


def _charts(tx: Tx, resources: Sequence[Resource]) -> dict[int, tuple[Point, ...]]:
    """The response times of the last day, by resource, of those that show a chart."""
    charted = {
        resource.id: resource.resource_id
        for resource in resources
        if resource.widget_type in _CHARTED
        and resource.resource_type is ResourceType.MONITOR
        and resource.resource_id is not None
    }
    first = history.first_quarter_ms(tx.now)
    found = monitors.quarters(tx, set(charted.values()), first, history.QUARTERS) if charted else {}
    return {
        id: tuple(
            Point(from_milliseconds(first + place * history.QUARTER_MS), seconds)
            for place, seconds in enumerate(found[monitor_id])
        )
        for id, monitor_id in charted.items()
    }


def _first_day(month: str) -> datetime | None:
    found = _MONTH.fullmatch(month)
    if found is None or not (1970 <= int(found[1]) < 2200 and 1 <= int(found[2]) <= 12):
        return None
    return datetime(int(found[1]), int(found[2]), 1)  # noqa: DTZ001 - a date


def _following(first: datetime) -> datetime:
    return (first + timedelta(days=32)).replace(day=1)
