"""`/mcp`: what an AI agent of one of your customers can ask a status page, each answer as data and as plain lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tocsin.kernel.clock import to_wire
from tocsin.pages.outputs.wording import STATE_WORDS, description, page_title, reports
from tocsin.status_pages.model import Widget
from tocsin.status_pages.model.views import AffectedView, PageView, ReportView, ResourceView

Structured = dict[str, Any]

TOOLS = {
    "status": "What works and what does not on this status page right now, resource by resource.",
    "incidents": "What is reported as broken now, and the latest incidents with every update, the newest first.",
    "maintenance": "Maintenance that is under way, announced, or lately over.",
    "history": "The availability of each resource, and its days, the oldest first, as far as the page shows them.",
}
"""By name; none takes an argument."""


def draw(view: PageView, root: str, tool: str) -> tuple[Structured, str]:
    """What a tool answers: for programs, and for whoever reads."""
    told, lines = _DRAW[tool](view, root)
    return {"page": page_title(view), "url": root, **told}, "\n".join([f"{page_title(view)}: {root}", *lines])


def _status(view: PageView, root: str) -> tuple[Structured, list[str]]:
    sections = [
        {"name": section.name, "resources": [_resource(resource) for resource in section.resources]}
        for section in view.sections
    ]
    going_on = [_report(report, root) for report in (*view.current, *view.maintenance) if _begun(report, view)]
    announcement = view.settings.announcement
    told = {
        "state": view.state,
        "summary": description(view),
        "announcement": announcement,
        "sections": sections,
        "going_on": going_on,
    }
    lines = [description(view), *([f"Announcement: {announcement}"] if announcement else [])]
    for section in view.sections:
        lines += [f"{section.name}:"] if section.name else []
        lines += [f"- {each.public_name}: {STATE_WORDS[each.status]}" for each in section.resources]
    return told, [*lines, *(line for report in going_on for line in _lines(report, 1))]


def _incidents(view: PageView, root: str) -> tuple[Structured, list[str]]:
    return _listed(view, root, [report for report in reports(view) if not report.maintenance], "incidents")


def _maintenance(view: PageView, root: str) -> tuple[Structured, list[str]]:
    return _listed(view, root, [report for report in reports(view) if report.maintenance], "maintenance")


def _listed(view: PageView, root: str, found: Sequence[ReportView], name: str) -> tuple[Structured, list[str]]:
    told = [{**_report(report, root), "over": report.over(view.made_at)} for report in found]
    return {name: told}, [line for report in told for line in _lines(report, None)] or ["None."]


def _history(view: PageView, root: str) -> tuple[Structured, list[str]]:
    shown = [each for section in view.sections for each in section.resources if each.widget_type is not Widget.PLAIN]
    resources = [
        {
            "name": each.public_name,
            "availability": each.availability,
            "days": [
                {
                    "day": day.day,
                    "status": day.status,
                    "downtime_seconds": day.downtime_duration,
                    "maintenance_seconds": day.maintenance_duration,
                    "degraded_seconds": day.degraded_duration,
                }
                for day in each.days
            ],
        }
        for each in shown
    ]
    lines = [f"- {each.public_name}: {each.availability:.3%} in {len(each.days)} days" for each in shown]
    return {"resources": resources}, lines or ["This page shows no history."]


def _resource(resource: ResourceView) -> Structured:
    return {"name": resource.public_name, "explanation": resource.explanation, "status": resource.status}


def _report(report: ReportView, root: str) -> Structured:
    folder = "maintenance" if report.maintenance else "incidents"
    return {
        "title": report.title,
        "url": f"{root}/{folder}/{report.id}",
        "state": report.state,
        "starts_at": to_wire(report.starts_at),
        "ends_at": None if report.ends_at is None else to_wire(report.ends_at),
        "affected": _affected(report.affected),
        "updates": [
            {
                "at": to_wire(update.published_at),
                "message": update.message,
                "affected": _affected(update.affected),
            }
            for update in report.updates
        ],
    }


def _affected(affected: Sequence[AffectedView]) -> list[Structured]:
    return [{"name": each.public_name, "status": each.status} for each in affected]


def _begun(report: ReportView, view: PageView) -> bool:
    return report.starts_at <= view.made_at


def _lines(report: Structured, most: int | None) -> list[str]:
    """A report in words, with its newest updates."""
    until = f" to {report['ends_at']}" if report["ends_at"] else ""
    lines = [f"* {report['title']} ({report['starts_at']}{until}) {report['url']}"]
    return [*lines, *(f"  {update['at']} {update['message']}" for update in report["updates"][:most])]


_DRAW: dict[str, Callable[[PageView, str], tuple[Structured, list[str]]]] = {
    "status": _status,
    "incidents": _incidents,
    "maintenance": _maintenance,
    "history": _history,
}
