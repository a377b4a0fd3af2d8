"""A report as a feed tells it: its updates, the newest first, as harmless HTML; and as plain text for calendars."""

from __future__ import annotations

from datetime import UTC
from html import escape

from tocsin.pages.prose import plain, prose
from tocsin.status_pages.model import RESOLVED, State
from tocsin.status_pages.model.views import AffectedView, ReportView

_SAID = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded",
    State.DOWNTIME: "down",
    State.MAINTENANCE: "under maintenance",
    RESOLVED: "resolved",
}
MAX_UPDATES = 50
"""Of one report, the newest."""


def told(report: ReportView) -> str:
    """HTML without scripts, pictures and styles: what people wrote is sanitised."""
    parts = []
    if report.maintenance and report.ends_at is not None:
        starts, ends = (at.astimezone(UTC) for at in (report.starts_at, report.ends_at))
        parts.append(f"<p>Planned: {starts:%d %b %Y, %H:%M} UTC to {ends:%d %b %Y, %H:%M} UTC</p>")
    for update in report.updates[:MAX_UPDATES]:
        at = update.published_at.astimezone(UTC)
        parts.append(f"<p><strong>{at:%d %b %Y, %H:%M} UTC</strong>{_affected(update.affected)}</p>")
        parts.append(str(prose(update.message)))
    if not report.updates:
        parts.append(f"<p>{escape(report.title)}{_affected(report.affected)}</p>")
    return "".join(parts)


def told_plainly(report: ReportView) -> str:
    """The same in plain lines."""
    lines = []
    for update in report.updates[:MAX_UPDATES]:
        at = update.published_at.astimezone(UTC)
        lines.append(f"{at:%d %b %Y, %H:%M} UTC: {plain(update.message, 1_000)}")
    names = ", ".join(each.public_name for each in report.affected)
    return "\n".join([*lines, *([f"Affected: {names}"] if names else [])])


def _affected(affected: tuple[AffectedView, ...]) -> str:
    words = "; ".join(f"{each.public_name}: {_SAID.get(each.status, each.status)}" for each in affected)
    return f" ({escape(words)})" if words else ""
