"""The form in which something is told to the public: an outage or maintenance, tried out before anybody hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame, values_of
from tocsin.console.rooms.status_pages import wording
from tocsin.console.rooms.status_pages.opened import Opened, opened
from tocsin.kernel.errors import Invalid, TocsinError

_OWNERS = {"monitor": "Monitor", "heartbeat": "Heartbeat"}
_GROUPS = {"monitor": ("monitor_group_id", "MonitorGroup"), "heartbeat": ("heartbeat_group_id", "HeartbeatGroup")}


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/ID/reports/new`."""
    path = "/status-pages/{id:int}/reports/new"
    return [frame.get(path, new), frame.post(path, tell)]


async def new(desk: Desk) -> Response:
    """An empty form, or one that an incident has filled in."""
    page = await opened(desk)
    resources = await page.resources()
    planned = desk.asked("kind") == wording.MAINTENANCE
    values: dict[str, Any] = {"report_type": wording.MAINTENANCE if planned else "manual", "notify_subscribers": "true"}
    said: dict[str, str] = {}
    incident = desk.asked("incident")
    if incident.isdigit() and desk.may("incidents.get") and not planned:
        values |= await _about(desk, int(incident), resources, said)
    return await _form(page, resources, values, said, {})


async def _about(desk: Desk, incident_id: int, resources: list[dict[str, Any]], said: dict[str, str]) -> dict[str, str]:
    """Words for an incident that tell the public nothing of its cause; `said` gets what it affects here."""
    try:
        incident = await desk.one("incidents.get", id=incident_id)
    except TocsinError:
        return {}
    subjects = set()
    for owner in incident["included"]:
        if owner["type"] in _OWNERS:
            subjects.add((_OWNERS[owner["type"]], int(owner["id"])))
            field, kind = _GROUPS[owner["type"]]
            if owner.get(field) is not None:
                subjects.add((kind, int(owner[field])))
    hit = [each for each in resources if (each["resource_type"], each["resource_id"]) in subjects]
    said |= {each["id"]: "downtime" for each in hit}
    names = _listed([str(each["public_name"]) for each in hit])
    what = f"{names} {'is' if len(hit) == 1 else 'are'}" if hit else "One of our services is"
    return {
        "title": f"Problems with {names}" if hit else "A problem with one of our services",
        "message": f"We are looking into a problem: {what} not working as it should. We will tell more as soon as we"
        " know more.",
    }


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


async def _form(
    page: Opened,
    resources: list[dict[str, Any]],
    values: Mapping[str, Any],
    said: Mapping[str, str],
    errors: Mapping[str, list[str]],
    told: Mapping[str, int] | None = None,
) -> Response:
    planned = values.get("report_type") == wording.MAINTENANCE
    return page.draw(
        "tell",
        "/reports",
        "Announce maintenance" if planned else "Report an incident",
        status_code=422 if errors else 200,
        shelves=wording.by_section(await page.sections(), resources),
        words=wording.PLANNED if planned else wording.BY_HAND[:3],
        planned=planned,
        values=values,
        said=said,
        errors=errors,
        told=told,
    )


def drafted(desk: Desk) -> dict[str, Any]:
    """The report, or the update (`report`: of which), that a form holds, for a preview: times do not matter there."""
    report = desk.field("report")
    return {
        "id": int(report) if report.isdigit() else None,
        "title": desk.field("title") or None,
        "message": desk.field("message") or None,
        "report_type": desk.field("report_type") or None,
        "affected_resources": wording.affected_of(desk),
    }


def _written(page: Opened) -> dict[str, Any]:
    """The report as the API takes it. Raises Invalid."""
    desk = page.desk
    body: dict[str, Any] = {
        name: value
        for name in ("starts_at", "ends_at", "published_at")
        if (value := wording.instant_of(page, name)) is not None
    }
    return {
        **body,
        "title": desk.field("title"),
        "message": desk.field("message"),
        "report_type": desk.field("report_type") or "manual",
        "affected_resources": wording.affected_of(desk),
        "notify_subscribers": desk.field("notify_subscribers") == "true",
        "draft": desk.field("deed") == "draft",
    }


async def tell(desk: Desk) -> Response:
    """Publish it, keep it as a draft, or only say who would be told."""
    page = await opened(desk)
    deed = desk.field("deed")
    resources = await page.resources()
    values = {"notify_subscribers": "", "report_type": "manual", **values_of(desk.fields)}
    said = wording.said_of(wording.affected_of(desk))
    try:
        body = _written(page)
        if deed not in ("publish", "draft"):
            reply = await desk.call("status_reports.create", dry_run=True, status_page_id=page.id, **body)
            return await _form(page, resources, values, said, {}, wording.told_by(reply))
        made = await desk.one("status_reports.create", status_page_id=page.id, **body)
    except Invalid as error:
        return await _form(page, resources, values, said, wrong(error))
    words = "Kept as a draft: nobody sees it yet." if deed == "draft" else "It is on the page."
    return page.go(f"/reports/{made['id']}", words)
