"""How a page would look: the operation behind every preview (ours)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.registry import Call, Operation, Route
from tocsin.registry.input import given
from tocsin.status_pages import actions
from tocsin.status_pages.actions import Preview
from tocsin.status_pages.api.pages import AREA, STATUS_PAGE, PageFields
from tocsin.status_pages.api.reports import AffectedInput
from tocsin.storage import Tx


class ReportDraft(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A report that is not published yet; with `id`, an update of one that the page shows."""

    id: int | None = None
    title: str | None = None
    message: str | None = None
    report_type: Literal["manual", "maintenance"] | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    affected_resources: list[AffectedInput] | None = None


class PreviewPage(PageFields, kw_only=True):
    """What would change, as it would be sent to change the page; and what would be reported on it."""

    id: int
    report: ReportDraft | UnsetType | None = UNSET


def _preview(tx: Tx, call: Call, input: PreviewPage) -> Preview:
    sent: dict[str, Any] = given(input, PageFields)
    if isinstance(input.report, ReportDraft):
        report = msgspec.structs.asdict(input.report)
        affected = [(each.status_page_resource_id, each.status) for each in input.report.affected_resources or ()]
        sent["report"] = {**report, "affected_resources": affected}
    return actions.preview(tx, input.id, call.team_ids, sent, call.base_url)


PREVIEW_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_pages.preview", routes=(Route("POST", "/api/v2/status-pages/{id}/preview"),), area=AREA,
        level="read", input=PreviewPage, handler=_preview, answer="flat", flat=Preview, resource=STATUS_PAGE,
        upstream="not_there", secrets=("password",),
        doc="Show what the public would see of a status page after a change or a report; nothing is saved.",
        deed="previewed a status page",
    ),
)  # fmt: skip
