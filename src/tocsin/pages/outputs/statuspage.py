"""`/api/v2/*.json`: the page in the shapes that Atlassian Statuspage documents, for programs that know those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.pages.headline import whole
from tocsin.pages.outputs.wording import MAX_REPORTS, address, description, told_at, worst
from tocsin.status_pages.model import RESOLVED, State
from tocsin.status_pages.model.views import AffectedView, PageView, ReportView, ResourceView, SectionView, UpdateView

Json = dict[str, Any]

_COMPONENT = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded_performance",
    State.DOWNTIME: "major_outage",
    State.MAINTENANCE: "under_maintenance",
    State.NOT_MONITORED: "operational",
}
"""Statuspage has no word for what is not watched: what nobody complains of, it calls operational."""
_IMPACT = {State.DOWNTIME: "critical", State.DEGRADED: "minor", State.MAINTENANCE: "maintenance"}


def draw(view: PageView, root: str, name: str) -> bytes:
    """One of the files, e.g. `summary` or `incidents/unresolved`."""
    page: Json = {"page": _page(view, root)}
    incidents = [report for report in _known(view) if not report.maintenance]
    planned = [report for report in _known(view) if report.maintenance]
    if name == "summary":
        body = page | {
            "components": _components(view),
            "incidents": [_incident(report, view, root) for report in view.current],
            "scheduled_maintenances": [_maintenance(report, view, root) for report in view.maintenance],
            "status": _status(view),
        }
    elif name == "status":
        body = page | {"status": _status(view)}
    elif name == "components":
        body = page | {"components": _components(view)}
    elif name.startswith("incidents"):
        shown = [report for report in incidents if name == "incidents" or not report.over(view.made_at)]
        body = page | {"incidents": [_incident(report, view, root) for report in shown[:MAX_REPORTS]]}
    else:
        wanted = {"upcoming": "scheduled", "active": "in_progress"}.get(name.rpartition("/")[2])
        shown = [report for report in planned if wanted is None or _stage(report, view) == wanted]
        body = page | {"scheduled_maintenances": [_maintenance(report, view, root) for report in shown[:MAX_REPORTS]]}
    return msgspec.json.encode(body)


def _known(view: PageView) -> list[ReportView]:
    """What goes on, what is planned, then what is over: the newest first."""
    past = {report.id: report for report in (*view.recent, *view.latest)}
    newest = sorted(past.values(), key=lambda report: (report.starts_at, report.id), reverse=True)
    return list({report.id: report for report in (*view.current, *view.maintenance, *newest)}.values())


def _page(view: PageView, root: str) -> Json:
    return {
        "id": str(view.id),
        "name": view.settings.company_name or view.subdomain,
        "url": root,
        "time_zone": view.settings.timezone,
        "updated_at": to_wire(max([view.updated_at, *map(told_at, _known(view))])),
    }


def _status(view: PageView) -> Json:
    indicator = {State.DEGRADED: "minor", State.MAINTENANCE: "maintenance"}.get(view.state, "none")
    if view.state is State.DOWNTIME:
        indicator = "critical" if whole(view) else "major"
    return {"indicator": indicator, "description": description(view)}


def _components(view: PageView) -> list[Json]:
    found: list[Json] = []
    for section in view.sections:
        if section.name:
            found.append(_group(section, view))
        found += [_component(resource, section, view) for resource in section.resources]
    return found


def _component(resource: ResourceView, section: SectionView, view: PageView) -> Json:
    return _shape(
        view, id=str(resource.id), name=resource.public_name, status=_COMPONENT[resource.status],
        position=resource.position + 1, description=resource.explanation,
        group_id=_group_id(section) if section.name else None, group=False,
    )  # fmt: skip


def _group(section: SectionView, view: PageView) -> Json:
    state = worst([resource.status for resource in section.resources])
    shape = _shape(
        view, id=_group_id(section), name=section.name, status=_COMPONENT[state], position=section.position + 1,
        description=None, group_id=None, group=True,
    )  # fmt: skip
    return shape | {"components": [str(resource.id) for resource in section.resources]}


def _group_id(section: SectionView) -> str:
    """Sections and resources are counted apart here, and are one sort of thing there."""
    return f"section-{section.id}"


def _shape(view: PageView, **parts: Any) -> Json:
    created_at, updated_at = to_wire(view.created_at), to_wire(view.updated_at)
    more = {"showcase": True, "start_date": None, "page_id": str(view.id), "only_show_if_degraded": False}
    return parts | {"created_at": created_at, "updated_at": updated_at} | more


def _incident(report: ReportView, view: PageView, root: str) -> Json:
    over = report.over(view.made_at)
    parts = _report(report, view, root, "resolved" if over else _progress(report.affected, report.state))
    return parts | {
        "monitoring_at": None,
        "resolved_at": to_wire(report.ends_at) if over and report.ends_at else None,
        "impact": _IMPACT.get(_gravest(report), "none"),
    }


def _maintenance(report: ReportView, view: PageView, root: str) -> Json:
    stage = _stage(report, view)
    ends_at = to_wire(report.ends_at) if report.ends_at else None
    return _report(report, view, root, stage) | {
        "monitoring_at": None,
        "resolved_at": ends_at if stage == "completed" else None,
        "impact": "maintenance",
        "scheduled_for": to_wire(report.starts_at),
        "scheduled_until": ends_at,
    }


def _report(report: ReportView, view: PageView, root: str, status: str) -> Json:
    named = {each.resource_id for each in report.affected}
    before = _before(report)
    return {
        "id": str(report.id),
        "name": report.title,
        "status": status,
        "created_at": to_wire(report.created_at),
        "updated_at": to_wire(told_at(report)),
        "shortlink": address(report, root),
        "started_at": to_wire(report.starts_at),
        "page_id": str(view.id),
        "incident_updates": [_update(update, report, before[update.id]) for update in report.updates],
        "components": [
            _component(resource, section, view)
            for section in view.sections
            for resource in section.resources
            if resource.id in named
        ],
        "reminder_intervals": None,
    }


def _update(update: UpdateView, report: ReportView, before: Mapping[int, str]) -> Json:
    at = to_wire(update.published_at)
    if report.maintenance:
        status = "scheduled" if update.published_at < report.starts_at else "in_progress"
        if report.ends_at is not None and update.published_at >= report.ends_at:
            status = "completed"
    else:
        status = _progress(update.affected, State.DEGRADED)  # what was said at that time, whatever is true by now
    return {
        "id": str(update.id),
        "status": status,
        "body": update.message,
        "incident_id": str(report.id),
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": [_affected(each, before) for each in update.affected],
        "deliver_notifications": True,
        "custom_tweet": None,
        "tweet_id": None,
    }


def _before(report: ReportView) -> dict[int, dict[int, str]]:
    """What had been said of each resource, by its id, before each update, by its id; of the others nothing was said."""
    told: dict[int, dict[int, str]] = {}
    standing: dict[int, str] = {}
    for update in reversed(report.updates):
        told[update.id] = standing
        standing = standing | {each.resource_id: each.status for each in update.affected}
    return told


def _affected(each: AffectedView, before: Mapping[int, str]) -> Json:
    old, new = (_status_word(said) for said in (before.get(each.resource_id, RESOLVED), each.status))
    return {"code": str(each.resource_id), "name": each.public_name, "old_status": old, "new_status": new}


def _status_word(said: str) -> str:
    return "operational" if said == RESOLVED else _COMPONENT[State(said)]


def _progress(affected: tuple[AffectedView, ...], state: State) -> str:
    """Statuspage's stages of an incident, from what is said of its resources."""
    if affected and all(each.status == RESOLVED for each in affected):
        return "resolved"
    if any(each.status == RESOLVED for each in affected) or state is State.OPERATIONAL:
        return "monitoring"
    return "investigating"


def _stage(report: ReportView, view: PageView) -> str:
    if report.over(view.made_at):
        return "completed"
    return "in_progress" if report.starts_at <= view.made_at else "scheduled"


def _gravest(report: ReportView) -> State:
    """The worst that was ever said in it."""
    said = [each.status for update in report.updates for each in update.affected]
    said += [each.status for each in report.affected]
    return worst([State(word) for word in said if word != RESOLVED])
