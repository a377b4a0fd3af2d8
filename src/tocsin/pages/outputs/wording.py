"""The English words and stable names that feeds, calendars, badges and other programs get."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from tocsin.pages.headline import headline
from tocsin.pages.words import FALLBACK, language
from tocsin.status_pages.model import State
from tocsin.status_pages.model.views import PageView, ReportView

MAX_REPORTS = 50
"""In one answer, the newest first: feeds are asked for every few minutes."""
_NAMESPACE = uuid.UUID("6f1c9b0e-1d5c-5f0b-9b0a-3c5a7e2d4f61")
"""Of the names that we give to entries of feeds and calendars; it never changes."""
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""

STATE_WORDS = {
    State.OPERATIONAL: "Operational",
    State.DEGRADED: "Degraded",
    State.DOWNTIME: "Down",
    State.MAINTENANCE: "Maintenance",
    State.NOT_MONITORED: "Not monitored",
}
STATE_COLOURS = {
    State.OPERATIONAL: "#1a7f37",
    State.DEGRADED: "#9a6700",
    State.DOWNTIME: "#b3261e",
    State.MAINTENANCE: "#175ddc",
    State.NOT_MONITORED: "#57606a",
}
"""White words on each of them can be read: at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""


def page_title(view: PageView) -> str:
    return f"{view.settings.company_name or view.subdomain} status"


def description(view: PageView) -> str:
    """The page's state in the sentence that stands on the page."""
    return language(FALLBACK).say(headline(view))


def reports(view: PageView) -> list[ReportView]:
    """What a feed tells of: what is going on, what is to come and the newest of what is over, the last told first."""
    known = {report.id: report for report in (*view.current, *view.maintenance, *view.recent, *view.latest)}
    return sorted(known.values(), key=lambda report: (told_at(report), report.id), reverse=True)[:MAX_REPORTS]


def told_at(report: ReportView) -> datetime:
    """When the public was last told something about it."""
    return max((update.published_at for update in report.updates), default=report.created_at)


def title(report: ReportView, now: datetime) -> str:
    """The report's title after a word about where it stands: `[Resolved] Checkout is slow`."""
    return f"[{standing(report, now)}] {report.title}"


def standing(report: ReportView, now: datetime) -> str:
    if report.maintenance:
        if report.over(now):
            return "Completed"
        return "In progress" if report.starts_at <= now else "Scheduled"
    if report.over(now):
        return "Resolved"
    words = {State.DOWNTIME: "Down", State.DEGRADED: "Degraded", State.MAINTENANCE: "Maintenance"}
    return words.get(report.state, "Ongoing")


def address(report: ReportView, root: str) -> str:
    """The report's own page."""
    return f"{root}/{'maintenance' if report.maintenance else 'incidents'}/{report.id}"


def lasting_name(view: PageView, *parts: object) -> str:
    """A name that stays whatever the page is called and wherever it is served from (RFC 4287, 4.2.6)."""
    words = ":".join(map(str, (view.created_at.isoformat(), view.id, *parts)))
    return str(uuid.uuid5(_NAMESPACE, words))


def xml(text: str) -> str:
    """Text between tags."""
    return escape(_UNWRITABLE.sub("\ufffd", text))


def xml_attribute(text: str) -> str:
    """A value of an attribute, in its quotes."""
    return quoteattr(_UNWRITABLE.sub("\ufffd", text))


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def worst(states: Sequence[State]) -> State:
    """The gravest of them."""
    order = (State.DOWNTIME, State.DEGRADED, State.MAINTENANCE, State.OPERATIONAL, State.NOT_MONITORED)
    return next((state for state in order if state in states), State.OPERATIONAL)
