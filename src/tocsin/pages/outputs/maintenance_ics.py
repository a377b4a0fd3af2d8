"""`/maintenance.ics`: planned work in everybody's calendar (iCalendar, RFC 5545)."""

from __future__ import annotations

from datetime import timedelta

from tocsin.pages.outputs.telling import told_plainly
from tocsin.pages.outputs.wording import address, lasting_name, page_title
from tocsin.status_pages.model.views import PageView, ReportView

MEDIA_TYPE = "text/calendar; charset=utf-8"
_REFRESH = timedelta(hours=1)


def draw(view: PageView, root: str) -> bytes:
    """What is under way, to come, and was done lately."""
    from icalendar import Calendar, Event  # a tenth of a second: for those who subscribe to calendars

    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//Status page//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{page_title(view)}: maintenance")
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for report in _maintenance(view):
        event = Event()
        event.add("uid", lasting_name(view, "report", report.id))
        event.add("dtstamp", report.updated_at)
        event.add("created", report.created_at)
        event.add("last-modified", report.updated_at)
        event.add("sequence", _sequence(report))
        event.add("dtstart", report.starts_at)
        if report.ends_at is not None:
            event.add("dtend", max(report.ends_at, report.starts_at))
        event.add("summary", report.title)
        event.add("description", told_plainly(report))
        event.add("url", address(report, root))
        event.add("status", "CONFIRMED")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _maintenance(view: PageView) -> list[ReportView]:
    known = {report.id: report for report in (*view.maintenance, *view.recent) if report.maintenance}
    return sorted(known.values(), key=lambda report: (report.starts_at, report.id))


def _sequence(report: ReportView) -> int:
    """A number that grows with every change (RFC 5545, 3.8.7.4), though nobody counts them: seconds since the first."""
    return max(0, int((report.updated_at - report.created_at).total_seconds()))
