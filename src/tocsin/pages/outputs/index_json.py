"""`/index.json`: the whole page for programs, in the shape that Better Stack gives it (contract part 2, 5.7)."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.pages.outputs.wording import reports
from tocsin.status_pages.model import Widget
from tocsin.status_pages.model.views import AffectedView, PageView, ReportView, ResourceView, SectionView, UpdateView


def draw(view: PageView) -> bytes:
    """JSON:API with everything included."""
    settings = view.settings
    told = reports(view)
    shown = [resource for section in view.sections for resource in section.resources]
    data = {
        "id": str(view.id),
        "type": "status_page",
        "attributes": {
            "company_name": settings.company_name,
            "company_url": settings.company_url,
            "contact_url": settings.contact_url,
            "logo_url": settings.logo_url,
            "timezone": settings.timezone,
            "subdomain": view.subdomain,
            "custom_domain": view.custom_domain,
            "announcement": settings.announcement,
            "aggregate_state": view.state,
            "created_at": to_wire(view.created_at),
            "updated_at": to_wire(view.updated_at),
        },
        "relationships": {
            "sections": _names("status_page_section", view.sections),
            "resources": _names("status_page_resource", shown),
            "status_reports": _names("status_report", told),
        },
    }
    included = [
        *map(_section, view.sections),
        *map(_resource, shown),
        *(_report(report, view.id) for report in told),
        *(_update(update, report.id) for report in told for update in report.updates),
    ]
    return msgspec.json.encode({"data": data, "included": included})


def _names(kind: str, records: Any) -> dict[str, Any]:
    return {"data": [{"id": str(record.id), "type": kind} for record in records]}


def _section(section: SectionView) -> dict[str, Any]:
    attributes = {"name": section.name, "position": section.position}
    return {"id": str(section.id), "type": "status_page_section", "attributes": attributes}


def _resource(resource: ResourceView) -> dict[str, Any]:
    return {
        "id": str(resource.id),
        "type": "status_page_resource",
        "attributes": {
            "status_page_section_id": resource.section_id,
            "resource_id": resource.resource_id,
            "resource_type": resource.resource_type,
            "history": resource.widget_type is not Widget.PLAIN,
            "widget_type": resource.widget_type,
            "public_name": resource.public_name,
            "explanation": resource.explanation,
            "position": resource.position,
            "availability": resource.availability,
            "status": resource.status,
            "status_history": resource.days,
        },
    }


def _report(report: ReportView, page_id: int) -> dict[str, Any]:
    return {
        "id": str(report.id),
        "type": "status_report",
        "attributes": {
            "title": report.title,
            "report_type": report.report_type,
            "starts_at": to_wire(report.starts_at),
            "ends_at": None if report.ends_at is None else to_wire(report.ends_at),
            "status_page_id": page_id,
            "affected_resources": _affected(report.affected),
            "aggregate_state": report.state,
        },
        "relationships": {"status_updates": _names("status_update", report.updates)},
    }


def _update(update: UpdateView, report_id: int) -> dict[str, Any]:
    return {
        "id": str(update.id),
        "type": "status_update",
        "attributes": {
            "message": update.message,
            "published_at": to_wire(update.published_at),
            "published_at_timezone": "UTC",
            "status_report_id": report_id,
            "affected_resources": _affected(update.affected),
        },
    }


def _affected(affected: tuple[AffectedView, ...]) -> list[dict[str, str]]:
    return [{"status_page_resource_id": str(each.resource_id), "status": each.status} for each in affected]
