"""Shows a page as it would be: with settings, or a report, that nobody has saved yet. Nothing is written."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.status_pages.actions import images
from tocsin.status_pages.actions.pages import tried
from tocsin.status_pages.actions.viewing import view_of
from tocsin.status_pages.model import RESOLVED, Affected, ReportType, ResourceType, State
from tocsin.status_pages.model.views import AffectedView, PageView, ReportView, ResourceView, UpdateView
from tocsin.status_pages.rules import reporting, standing
from tocsin.storage import Tx

UNNAMED = "…"
"""Where a title or a message is still to be written."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the public would see, and the logos that are shown already (`data:` addresses)."""

    page: PageView
    logo: str | None
    dark_logo: str | None


def preview(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], base_url: str
) -> Preview:  # fmt: skip
    """A page as it would be. `given`: wire names of a page, and `report`, those of a report that is to be published (or
    with `id`, of an update to one that the page shows now). Raises NotFound, Invalid.
    """
    sent = dict(given)
    report = sent.pop("report", None)
    view = view_of(tx, tried(tx, id, team_ids, sent, base_url))
    if report:
        view = _with_report(tx, view, report)
    here = images.images_here(tx, id)
    return Preview(
        page=view,
        logo=_address(tx, id, images.LOGO) if view.settings.logo_url and images.LOGO in here else None,
        dark_logo=_address(tx, id, images.DARK_LOGO)
        if view.settings.dark_logo_url and images.DARK_LOGO in here
        else None,
    )


def _address(tx: Tx, id: int, kind: str) -> str | None:
    found = images.image(tx, id, kind)
    if found is None:
        return None
    return f"data:{found.media_type};base64,{base64.b64encode(found.content).decode()}"


def _with_report(tx: Tx, view: PageView, sent: Mapping[str, Any]) -> PageView:
    """The page with one more report, or one more update of a report that it shows."""
    shown = next((each for each in (*view.current, *view.maintenance) if each.id == sent.get("id")), None)
    kind = shown.report_type if shown is not None else ReportType(sent.get("report_type") or ReportType.MANUAL)
    resources = [resource for section in view.sections for resource in section.resources]
    errors: reporting.Errors = {}
    affected = reporting.affected_of(sent, kind, {each.id for each in resources}, errors)
    starts_at = reporting.instant_of(sent, "starts_at", errors) or (tx.now if shown is None else shown.starts_at)
    ends_at = reporting.instant_of(sent, "ends_at", errors) or (None if shown is None else shown.ends_at)
    if errors:
        raise Invalid.of(errors)
    names = {str(each.id): each.public_name for each in resources}
    said = _said(affected, names)
    update = UpdateView(
        id=0, message=str(sent.get("message") or UNNAMED), published_at=tx.now, affected=said
    )  # fmt: skip
    now = {each.resource_id: each for each in (*(() if shown is None else shown.affected), *said)}
    report = ReportView(
        id=0 if shown is None else shown.id,
        title=str(sent.get("title") or (UNNAMED if shown is None else shown.title)),
        report_type=kind,
        starts_at=starts_at,
        ends_at=ends_at,
        state=_state(kind, [each.status for each in now.values()]),
        affected=tuple(now.values()),
        updates=(update, *(() if shown is None else shown.updates)),
        created_at=tx.now if shown is None else shown.created_at,
        updated_at=tx.now,
    )
    if not report.maintenance and said and all(each.status == RESOLVED for each in now.values()):
        report = msgspec.structs.replace(report, ends_at=tx.now)
    place = "recent" if report.over(tx.now) else "maintenance" if report.maintenance else "current"
    kept = {
        name: tuple(each for each in getattr(view, name) if each.id != report.id or not report.id)
        for name in ("current", "maintenance", "recent")
    }
    view = msgspec.structs.replace(view, **{**kept, place: (report, *kept[place])})
    if report.starts_at > tx.now or place == "recent":
        return view
    return _overlaid(view, {each.resource_id: each.status for each in said if each.status != RESOLVED})


def _said(affected: Sequence[Affected], names: Mapping[str, str]) -> tuple[AffectedView, ...]:
    return tuple(
        AffectedView(
            resource_id=int(each.status_page_resource_id),
            public_name=names[each.status_page_resource_id],
            status=each.status,
        )
        for each in affected
    )


def _state(kind: ReportType, said: Sequence[str]) -> State:
    if kind is ReportType.MAINTENANCE:
        return State.MAINTENANCE
    states = [State(each) for each in said if each != RESOLVED]
    return standing.worst(states) if states else State.OPERATIONAL


def _overlaid(view: PageView, said: Mapping[int, str]) -> PageView:
    """With what the report says of each resource, where that is worse than what is found."""

    def over(resource: ResourceView) -> ResourceView:
        if resource.id not in said:
            return resource
        state = State(said[resource.id])
        alone = resource.resource_type is ResourceType.MANUALLY_TRACKED_ITEM or state is State.MAINTENANCE
        worse = state if alone else standing.worst([state, resource.status])
        return msgspec.structs.replace(resource, status=worse)

    sections = tuple(
        msgspec.structs.replace(section, resources=tuple(over(each) for each in section.resources))
        for section in view.sections
    )
    states = [resource.status for section in sections for resource in section.resources]
    return msgspec.structs.replace(view, sections=sections, state=standing.aggregate(states))
