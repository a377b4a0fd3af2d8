"""The operations on what the public is told: reports and their updates (contract part 2, 5.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.registry.input import given, truth
from tocsin.status_pages import actions
from tocsin.status_pages.api.pages import AREA
from tocsin.status_pages.model import Affected, Report, Update
from tocsin.storage import Tx


class AffectedAttributes(msgspec.Struct):
    """What is said of one resource."""

    status_page_resource_id: str
    status: str


class AffectedInput(msgspec.Struct, kw_only=True):
    """What is said of one resource: `maintenance` in maintenance reports, else `resolved`, `degraded`, `downtime`."""

    status_page_resource_id: str | int
    status: str


def _render_affected(affected: Sequence[Affected]) -> list[AffectedAttributes]:
    return [AffectedAttributes(each.status_page_resource_id, each.status) for each in affected]


def _when(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)


def _sent(input: msgspec.Struct, fields: type[msgspec.Struct]) -> dict[str, Any]:
    """What was sent, by wire name, with what is said of resources in pairs."""
    sent = given(input, fields)
    if sent.get("affected_resources") is not None:
        pairs = [(each.status_page_resource_id, each.status) for each in sent["affected_resources"]]
        sent["affected_resources"] = pairs
    return sent


# --- Updates ---------------------------------------------------------------------------------------------------------


class UpdateAttributes(msgspec.Struct):
    """The attributes of an update."""

    message: str
    published_at: str
    published_at_timezone: str
    notify_subscribers: bool
    status_report_id: int
    affected_resources: list[AffectedAttributes]
    draft: bool
    """Ours: nobody sees it."""


class UpdateFields(msgspec.Struct, kw_only=True):
    """What may be sent about an update."""

    message: str | UnsetType | None = UNSET
    affected_resources: list[AffectedInput] | UnsetType | None = UNSET
    notify_subscribers: bool | UnsetType | None = UNSET
    published_at: str | UnsetType | None = UNSET
    """A past one is only shown; with a future one (ours) it waits until then."""
    draft: bool | UnsetType | None = UNSET


class CreateStatusUpdate(UpdateFields, kw_only=True):
    """An update to be: `message` and `affected_resources` are needed."""

    status_page_id: int
    status_report_id: int


class ChangeStatusUpdate(UpdateFields, kw_only=True):
    """What changes; what is not sent stays. `draft: false` publishes."""

    status_page_id: int
    status_report_id: int
    id: int


class OneUpdate(msgspec.Struct, kw_only=True):
    status_page_id: int
    status_report_id: int
    id: int


class ListUpdates(msgspec.Struct, kw_only=True):
    status_page_id: int
    status_report_id: int
    page: int = 1
    per_page: int = 50


def _render_update(update: Update) -> UpdateAttributes:
    return UpdateAttributes(
        message=update.message,
        published_at=to_wire(update.published_at),
        published_at_timezone="UTC",
        notify_subscribers=update.notify_subscribers,
        status_report_id=update.status_report_id,
        affected_resources=_render_affected(update.affected_resources),
        draft=update.draft,
    )


UPDATE = Resource(
    type=actions.UPDATE,
    attributes=UpdateAttributes,
    render=_render_update,
    doc="One message of a status report, and what it says of resources.",
)


def _list_updates(tx: Tx, call: Call, input: ListUpdates) -> Page[Update]:
    found, total = actions.list_updates(
        tx, input.status_page_id, input.status_report_id, call.team_ids, page=input.page, per_page=input.per_page
    )
    return Page(found, total, input.page, input.per_page)


def _get_update(tx: Tx, call: Call, input: OneUpdate) -> Update:
    return actions.find_update(tx, input.status_page_id, input.status_report_id, input.id, call.team_ids)


def _create_update(tx: Tx, call: Call, input: CreateStatusUpdate) -> Update:
    sent = _sent(input, UpdateFields)
    return actions.create_update(tx, input.status_page_id, input.status_report_id, call.team_ids, sent)


def _change_update(tx: Tx, call: Call, input: ChangeStatusUpdate) -> Update:
    sent = _sent(input, UpdateFields)
    return actions.change_update(tx, input.status_page_id, input.status_report_id, input.id, call.team_ids, sent)


def _delete_update(tx: Tx, call: Call, input: OneUpdate) -> None:
    actions.delete_update(tx, input.status_page_id, input.status_report_id, input.id, call.team_ids)


# --- Reports ---------------------------------------------------------------------------------------------------------


class ReportAttributes(msgspec.Struct):
    """The attributes of a report."""

    title: str
    report_type: str
    starts_at: str
    ends_at: str | None
    status_page_id: int
    affected_resources: list[AffectedAttributes]
    aggregate_state: str
    draft: bool
    """Ours: nobody sees it."""


class ReportFields(msgspec.Struct, kw_only=True):
    """What may be sent about a report."""

    title: str | UnsetType | None = UNSET
    starts_at: str | UnsetType | None = UNSET
    ends_at: str | UnsetType | None = UNSET
    """An instant ends it, the only way for a report that names no resource; null opens it again."""
    affected_resources: list[AffectedInput] | UnsetType | None = UNSET
    draft: bool | UnsetType | None = UNSET


class NewReportFields(ReportFields, kw_only=True):
    """With what becomes its first update."""

    message: str | UnsetType | None = UNSET
    report_type: str | UnsetType | None = UNSET
    published_at: str | UnsetType | None = UNSET
    """Of the first update. A past one is only shown; with a future one (ours) the report waits until then."""
    notify_subscribers: bool | UnsetType | None = UNSET


class CreateReport(NewReportFields, kw_only=True):
    """A report to be: `title` and `message` are needed, and `ends_at` for maintenance."""

    status_page_id: int


class UpdateReport(ReportFields, kw_only=True):
    """What changes; what is not sent stays. `draft: false` publishes."""

    status_page_id: int
    id: int


class OneReport(msgspec.Struct, kw_only=True):
    status_page_id: int
    id: int


class ListReports(msgspec.Struct, kw_only=True):
    status_page_id: int
    page: int = 1
    per_page: int = 50


def _render_report(report: Report) -> ReportAttributes:
    return ReportAttributes(
        title=report.title,
        report_type=report.report_type.value,
        starts_at=to_wire(report.starts_at),
        ends_at=_when(report.ends_at),
        status_page_id=report.status_page_id,
        affected_resources=_render_affected(report.affected_resources),
        aggregate_state=report.aggregate_state.value,
        draft=report.draft,
    )


def _relationships(report: Report) -> dict[str, Any]:
    return {"status_updates": {"data": [{"id": str(each.id), "type": actions.UPDATE} for each in report.updates]}}


def _brings(report: Report) -> list[tuple[Resource, Any]]:
    return [(UPDATE, update) for update in report.updates]


REPORT = Resource(
    type=actions.REPORT,
    attributes=ReportAttributes,
    render=_render_report,
    relationships=_relationships,
    brings=_brings,
    doc="Something that the public is told of, or maintenance; its updates stand in `included`.",
)


def _list_reports(tx: Tx, call: Call, input: ListReports) -> Page[Report]:
    found, total = actions.list_reports(
        tx, input.status_page_id, call.team_ids, page=input.page, per_page=input.per_page
    )
    return Page(found, total, input.page, input.per_page)


def _get_report(tx: Tx, call: Call, input: OneReport) -> Report:
    return actions.find_report(tx, input.status_page_id, input.id, call.team_ids)


def _create_report(tx: Tx, call: Call, input: CreateReport) -> Report:
    return actions.create_report(tx, input.status_page_id, call.team_ids, _sent(input, NewReportFields))


def _update_report(tx: Tx, call: Call, input: UpdateReport) -> Report:
    return actions.update_report(tx, input.status_page_id, input.id, call.team_ids, _sent(input, ReportFields))


def _delete_report(tx: Tx, call: Call, input: OneReport) -> None:
    actions.delete_report(tx, input.status_page_id, input.id, call.team_ids)


def _acts_of_a_new_report(sent: Mapping[str, Any]) -> frozenset[str]:
    """A draft is nobody's business yet; a report mails subscribers unless that is declined."""
    if truth(sent.get("draft")) is True:
        return frozenset()
    return frozenset({"publish"} if truth(sent.get("notify_subscribers")) is False else {"publish", "notify"})


def _acts_of_an_update(sent: Mapping[str, Any]) -> frozenset[str]:
    """An update mails subscribers only when that is asked for."""
    if truth(sent.get("draft")) is True:
        return frozenset()
    return frozenset({"publish", "notify"} if truth(sent.get("notify_subscribers")) else {"publish"})


def _acts_of_a_change(sent: Mapping[str, Any]) -> frozenset[str]:
    """What becomes public with this mails subscribers if the draft says so: that is not seen from here."""
    mails = truth(sent.get("notify_subscribers")) or truth(sent.get("draft")) is False
    return frozenset({"publish", "notify"} if mails else {"publish"})


_REPORTS = "/api/v2/status-pages/{status_page_id}/status-reports"
_REPORT = _REPORTS + "/{id}"
_UPDATES = _REPORTS + "/{status_report_id}/status-updates"
_UPDATE = _UPDATES + "/{id}"

REPORT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_reports.list", tool_name="status_page_reports",
        routes=(Route("GET", _REPORTS),), area=AREA, level="read", input=ListReports,
        handler=_list_reports, resource=REPORT, answer="list",
        doc="List the reports of a status page, newest first.", deed="listed the reports of a status page",
    ),
    Operation(
        name="status_reports.get", tool_name="status_page_report",
        routes=(Route("GET", _REPORT),), area=AREA, level="read", input=OneReport,
        handler=_get_report, resource=REPORT, doc="Show a report of a status page.",
        deed="looked at a report of a status page",
    ),
    Operation(
        name="status_reports.create", tool_name="create_status_page_report",
        routes=(Route("POST", _REPORTS),), area=AREA, level="write",
        input=CreateReport, handler=_create_report, resource=REPORT, switch="publish",
        acts=_acts_of_a_new_report, event="status_report.created",
        doc="Report an incident or announce maintenance on a status page.",
        deed="reported something on a status page",
    ),
    Operation(
        name="status_reports.update", tool_name="update_status_page_report",
        routes=(Route("PATCH", _REPORT),), area=AREA, level="write",
        input=UpdateReport, handler=_update_report, resource=REPORT, switch="publish",
        acts=_acts_of_a_change,
        acts_at_least=frozenset({"publish"}), event="status_report.updated",
        doc="Change a report of a status page, or publish a draft.",
        deed="changed a report of a status page",
    ),
    Operation(
        name="status_reports.delete", tool_name="delete_status_page_report",
        routes=(Route("DELETE", _REPORT),), area=AREA, level="full", input=OneReport,
        handler=_delete_report, answer="none", resource=REPORT, switch="delete", event="status_report.deleted",
        doc="Delete a report of a status page with its updates.", deed="deleted a report of a status page",
    ),
    Operation(
        name="status_updates.list", tool_name="status_page_report_updates",
        routes=(Route("GET", _UPDATES),), area=AREA, level="read", input=ListUpdates,
        handler=_list_updates, resource=UPDATE, answer="list",
        doc="List the updates of a report, oldest first.", deed="listed the updates of a report",
    ),
    Operation(
        name="status_updates.get", tool_name="status_page_report_update",
        routes=(Route("GET", _UPDATE),), area=AREA, level="read", input=OneUpdate,
        handler=_get_update, resource=UPDATE, doc="Show an update of a report.", deed="looked at an update of a report",
    ),
    Operation(
        name="status_updates.create", tool_name="create_status_page_report_update",
        routes=(Route("POST", _UPDATES),), area=AREA, level="write",
        input=CreateStatusUpdate, handler=_create_update, resource=UPDATE, switch="publish",
        acts=_acts_of_an_update, event="status_update.created",
        doc="Tell more of a report on a status page; it ends when all that it names is resolved, else by its ends_at.",
        deed="wrote an update of a report",
    ),
    Operation(
        name="status_updates.update", tool_name="update_status_page_report_update",
        routes=(Route("PATCH", _UPDATE),), area=AREA, level="write",
        input=ChangeStatusUpdate, handler=_change_update, resource=UPDATE, switch="publish",
        acts=_acts_of_a_change,
        acts_at_least=frozenset({"publish"}), event="status_update.updated",
        doc="Change an update of a report, or publish a draft.",
        deed="changed an update of a report",
    ),
    Operation(
        name="status_updates.delete", tool_name="delete_status_page_report_update",
        routes=(Route("DELETE", _UPDATE),), area=AREA, level="full", input=OneUpdate,
        handler=_delete_update, answer="none", resource=UPDATE, switch="delete", event="status_update.deleted",
        doc="Delete an update of a report.", deed="deleted an update of a report",
    ),
)  # fmt: skip
