"""Telling the public what is going on: reports, their updates, drafts, and what is published when its time has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid, NotFound
from tocsin.status_pages.actions.pages import reach
from tocsin.status_pages.model import Affected, Report, ReportType, StatusPage, Update
from tocsin.status_pages.rules import reporting as rules
from tocsin.status_pages.store import contents
from tocsin.status_pages.store import reports as shelf
from tocsin.status_pages.store.tables import NOTICES_TOPIC, PUBLISHING_TOPIC
from tocsin.storage import Tx, events

REPORT = "status_report"
UPDATE = "status_update"
MAX_REPORTS = 10_000
"""Per page, written by people: a report every day for twenty-seven years. Those that write themselves do not count:
what flaps for a week must not keep anybody from saying so."""
MAX_UPDATES = 500
"""Per report: all of them stand in every answer about it."""
WRITABLE_TYPES = (ReportType.MANUAL, ReportType.MAINTENANCE)
"""Automatic reports come by themselves."""
AT_ONCE = 100
"""Updates that are published in one look of the worker."""
RETRY = timedelta(seconds=30)
"""After which an update is tried again that could not be published."""

# --- Reports ---------------------------------------------------------------------------------------------------------


def create_report(tx: Tx, page_id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]) -> Report:
    """Report something, with its first update. `given`: wire names and values (contract part 2, 5.5).

    What is not told to be a draft, or to wait, is public at once. Raises NotFound, Invalid.
    """
    page = reach(tx, page_id, team_ids)
    missing = [name for name in ("title", "message") if not str(given.get(name) or "").strip()]
    if missing:
        raise Invalid.missing(missing)
    kind = _type_of(given)
    errors: rules.Errors = {}
    title = rules.text_of(given, "title", errors, rules.MAX_TITLE_CHARACTERS)
    message = rules.text_of(given, "message", errors, rules.MAX_MESSAGE_CHARACTERS)
    published_at = rules.instant_of(given, "published_at", errors) or tx.now
    starts_at = rules.instant_of(given, "starts_at", errors) or max(tx.now, published_at)
    ends_at = rules.instant_of(given, "ends_at", errors)
    rules.check_times(starts_at, ends_at, kind, errors)
    affected = rules.affected_of(given, kind, _resource_ids(tx, page.id), errors)
    if shelf.count_by_hand(tx, page_id) >= MAX_REPORTS:
        errors["base"] = [f"a status page can have at most {MAX_REPORTS} reports: delete old ones first"]
    if errors:
        raise Invalid.of(errors)
    notify = given.get("notify_subscribers")
    draft = bool(given.get("draft"))
    report = add(
        tx, page, title=title, kind=kind, starts_at=starts_at, ends_at=ends_at, affected=affected, draft=draft,
        message=message, published_at=published_at, notify_subscribers=True if notify is None else bool(notify),
    )  # fmt: skip
    return _shown(tx, [report])[0]


def add(
    tx: Tx,
    page: StatusPage,
    *,
    title: str,
    kind: ReportType,
    starts_at: datetime,
    ends_at: datetime | None,
    affected: Sequence[Affected],
    draft: bool,
    message: str,
    published_at: datetime,
    notify_subscribers: bool,
) -> Report:
    """Write a report down with its first update, and publish that when it is time."""
    id = shelf.insert_report(
        tx, page_id=page.id, title=title, report_type=kind, starts_at=starts_at, ends_at=ends_at, affected=affected,
        draft=draft,
    )  # fmt: skip
    update_id = shelf.insert_update(
        tx, page_id=page.id, report_id=id, message=message, published_at=published_at, affected=affected,
        notify_subscribers=notify_subscribers, draft=False,
    )  # fmt: skip
    _record(tx, f"{REPORT}.created", page.team_id, REPORT, id, page.id)
    _release(tx, _existing(tx, page.id, id), [update_id])
    return _existing(tx, page.id, id)


def find_report(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None) -> Report:
    """A report of a page that the caller may see. Raises NotFound."""
    reach(tx, page_id, team_ids)
    return _shown(tx, [_existing(tx, page_id, id)])[0]


def list_reports(
    tx: Tx, page_id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[Report], int]:
    """One page of a status page's reports, the newest first, and how many there are in all. Raises NotFound."""
    reach(tx, page_id, team_ids)
    found, total = shelf.page(tx, page_id, offset=(page - 1) * per_page, limit=per_page)
    return _shown(tx, found), total


def update_report(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]) -> Report:
    """Change what is in `given` and nothing else; `draft: false` publishes. Raises NotFound, Invalid.

    What it says of resources is corrected at its newest update: tell what has changed by another update.
    """
    page = reach(tx, page_id, team_ids)
    before = _existing(tx, page_id, id)
    errors: rules.Errors = {}
    values: dict[str, Any] = {}
    if "title" in given:
        values["title"] = rules.text_of(given, "title", errors, rules.MAX_TITLE_CHARACTERS)
    if given.get("starts_at") is not None:
        values["starts_at"] = rules.instant_of(given, "starts_at", errors)
    if "ends_at" in given:
        values["ends_at"] = rules.instant_of(given, "ends_at", errors)
    if given.get("draft") and not before.draft:
        errors["draft"] = ["can't be set again: the report is published; delete it instead"]
    if given.get("affected_resources") is not None:
        wanted = rules.affected_of(given, before.report_type, _resource_ids(tx, page.id), errors)
    else:
        wanted = before.affected_resources
    if "starts_at" not in errors and "ends_at" not in errors:
        starts_at, ends_at = values.get("starts_at", before.starts_at), values.get("ends_at", before.ends_at)
        rules.check_times(starts_at, ends_at, before.report_type, errors)
    if errors:
        raise Invalid.of(errors)
    if wanted != before.affected_resources:
        for update_id, affected in rules.corrected(before.updates, wanted).items():
            shelf.change_update(tx, update_id, affected_resources=affected)
    shelf.change_report(tx, id, **values)
    if wanted != before.affected_resources:
        _settle(tx, msgspec.structs.replace(before, **values))
    if before.draft and given.get("draft") is False:
        _publish_draft(tx, _existing(tx, page_id, id))
    _record(tx, f"{REPORT}.updated", page.team_id, REPORT, id, page_id, changed=sorted(given))
    return _shown(tx, [_existing(tx, page_id, id)])[0]


def delete_report(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None) -> None:
    """The report goes with its updates, as if it had never been. Raises NotFound."""
    page = reach(tx, page_id, team_ids)
    _existing(tx, page_id, id)
    shelf.delete_report(tx, id)
    _record(tx, f"{REPORT}.deleted", page.team_id, REPORT, id, page_id)


def settle_without(tx: Tx, page: StatusPage, resource_ids: Collection[int]) -> None:
    """These resources were taken off a page just now: what was reported of them alone is over."""
    running = shelf.public(
        tx, [page.id], ended_after=tx.now, started_before=rules.LATEST, limit=MAX_REPORTS, whole=False
    )  # fmt: skip
    concerned = [report for report in running if rules.kept_open_by(report, resource_ids)]
    on_page = _resource_ids(tx, page.id) if concerned else set()
    for report in concerned:
        ends_at = rules.end_without(report, on_page, tx.now)
        if ends_at != report.ends_at:
            shelf.change_report(tx, report.id, ends_at=ends_at)
            _record(tx, f"{REPORT}.updated", page.team_id, REPORT, report.id, page.id, changed=["ends_at"])


# --- Updates ---------------------------------------------------------------------------------------------------------


def create_update(
    tx: Tx, page_id: int, report_id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]
) -> Update:
    """Tell more of a report. Resources that are not named stay as they are said to be. Raises NotFound, Invalid."""
    page = reach(tx, page_id, team_ids)
    report = _existing(tx, page_id, report_id)
    missing = [] if str(given.get("message") or "").strip() else ["message"]
    missing += [] if given.get("affected_resources") is not None else ["affected_resources"]
    if missing:
        raise Invalid.missing(missing)
    errors: rules.Errors = {}
    message = rules.text_of(given, "message", errors, rules.MAX_MESSAGE_CHARACTERS)
    published_at = rules.instant_of(given, "published_at", errors) or tx.now
    affected = rules.affected_of(given, report.report_type, _resource_ids(tx, page.id), errors)
    if len(report.updates) >= MAX_UPDATES:
        errors["base"] = [f"a report can have at most {MAX_UPDATES} updates: write another report"]
    if errors:
        raise Invalid.of(errors)
    id = add_update(
        tx, report, message=message, affected=affected, published_at=published_at,
        notify_subscribers=bool(given.get("notify_subscribers")), draft=bool(given.get("draft")),
    )  # fmt: skip
    return find_update(tx, page_id, report_id, id, None)


def add_update(
    tx: Tx,
    report: Report,
    *,
    message: str,
    affected: Sequence[Affected],
    published_at: datetime,
    notify_subscribers: bool,
    draft: bool = False,
) -> int:
    """Write an update down, and publish it when it is time; returns its id."""
    id = shelf.insert_update(
        tx, page_id=report.status_page_id, report_id=report.id, message=message, published_at=published_at,
        affected=affected, notify_subscribers=notify_subscribers, draft=draft,
    )  # fmt: skip
    _record(tx, f"{UPDATE}.created", report.team_id, UPDATE, id, report.status_page_id, status_report_id=report.id)
    _release(tx, report, [id])
    return id


def find_update(tx: Tx, page_id: int, report_id: int, id: int, team_ids: tuple[int, ...] | None) -> Update:
    """An update of a report of a page that the caller may see. Raises NotFound."""
    reach(tx, page_id, team_ids)
    return _update_of(_existing(tx, page_id, report_id), id)


def list_updates(
    tx: Tx, page_id: int, report_id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[Update], int]:
    """One page of a report's updates, the oldest first, and how many there are in all. Raises NotFound."""
    reach(tx, page_id, team_ids)
    _existing(tx, page_id, report_id)
    return shelf.updates_page(tx, report_id, offset=(page - 1) * per_page, limit=per_page)


def change_update(
    tx: Tx, page_id: int, report_id: int, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]
) -> Update:
    """Change what is in `given` and nothing else; `draft: false` publishes. Raises NotFound, Invalid.

    `notify_subscribers: true` on one that is public already tells them now.
    """
    page = reach(tx, page_id, team_ids)
    before = _existing(tx, page_id, report_id)
    update = _update_of(before, id)
    values = _changed_update(tx, page, before, update, given)
    told = values.get("notify_subscribers", update.notify_subscribers)
    if update.applied_at is not None and told is not update.notify_subscribers:
        values["told_through_id"] = 0 if told else None
        tx.ring(NOTICES_TOPIC)
    if values:
        shelf.change_update(tx, id, **values)
    after = _existing(tx, page_id, report_id)
    if update.applied_at is None:
        _release(tx, after, [id], released=update.draft)
    _settle(tx, before)
    changed = sorted(given)
    _record(tx, f"{UPDATE}.updated", page.team_id, UPDATE, id, page_id, status_report_id=report_id, changed=changed)
    return find_update(tx, page_id, report_id, id, None)


def delete_update(tx: Tx, page_id: int, report_id: int, id: int, team_ids: tuple[int, ...] | None) -> None:
    """Take an update back; the report says what the others say. Raises NotFound, Invalid."""
    page = reach(tx, page_id, team_ids)
    before = _existing(tx, page_id, report_id)
    _update_of(before, id)
    if len(before.updates) == 1:
        raise Invalid.fields(base="A report needs an update: delete the report instead")
    shelf.delete_update(tx, id)
    _settle(tx, before)
    _record(tx, f"{UPDATE}.deleted", page.team_id, UPDATE, id, page_id, status_report_id=report_id)


# --- What happens by itself -------------------------------------------------------------------------------------------


def returned(tx: Tx, ids: Sequence[int]) -> None:
    """Updates are back that were deleted. One whose time has come meanwhile is published, and nobody is mailed: it is
    no news any more."""
    if ids:
        shelf.hush_overdue(tx, ids)
        tx.ring(PUBLISHING_TOPIC)
        tx.ring(NOTICES_TOPIC)


def due_updates(tx: Tx) -> list[tuple[int, int, int, datetime]]:
    """(page, report, update, when it was due) of what is to be published now."""
    return shelf.due_updates(tx, tx.now, AT_ONCE)


def publish_due(tx: Tx, page_id: int, report_id: int, id: int, seen: datetime) -> bool:
    """The time of an update has come. False when somebody else was faster."""
    if not shelf.claim_update(tx, id, seen):
        return False
    report = shelf.find(tx, page_id, report_id)
    if report is not None:
        _apply(tx, report, id)
        _settle(tx, report)
    return True


def put_off_update(tx: Tx, id: int) -> None:
    """An update could not be published: it is tried again."""
    shelf.put_off_update(tx, id, tx.now + RETRY)


def next_publishing_at(tx: Tx) -> datetime | None:
    """When something is next to be published."""
    return shelf.next_due(tx)


# --- Below -----------------------------------------------------------------------------------------------------------


def _release(tx: Tx, report: Report, ids: Sequence[int], *, released: bool = False) -> None:
    """Publish these updates that are not public yet, now or when their time comes; drafts stay where they are.

    `released`: they were drafts: who did not say when they are from means the moment at which they are published.
    """
    fresh = [update for update in _existing(tx, report.status_page_id, report.id).updates if update.id in ids]
    for update in fresh:
        if report.draft or update.draft:
            shelf.change_update(tx, update.id, due_at=None)
        elif update.published_at > tx.now:
            shelf.change_update(tx, update.id, due_at=update.published_at)
            tx.ring(PUBLISHING_TOPIC)
        else:
            undated = released and update.published_at == update.created_at
            _apply(tx, report, update.id, **({"published_at": tx.now} if undated else {}))
    _settle(tx, report)


def _publish_draft(tx: Tx, report: Report) -> None:
    """The whole report has been a draft, and is none any more. Of which nobody has said when it began begins now."""
    undated = report.starts_at == report.created_at and (report.ends_at is None or report.ends_at > tx.now)
    starts_at = tx.now if undated else report.starts_at
    shelf.change_report(tx, report.id, draft=False, starts_at=starts_at)
    report = msgspec.structs.replace(report, draft=False, starts_at=starts_at)
    _release(tx, report, [update.id for update in report.updates], released=True)


def _apply(tx: Tx, report: Report, id: int, **more: Any) -> None:
    """From now on the public sees an update; its subscribers are told if they are to be."""
    update = _update_of(_existing(tx, report.status_page_id, report.id), id)
    told = {"told_through_id": 0} if update.notify_subscribers else {}
    shelf.forget_future(tx, report.id)  # else what is said now would count before that
    shelf.change_update(tx, id, applied_at=tx.now, due_at=None, **told, **more)
    if told:
        tx.ring(NOTICES_TOPIC)
    page_id = report.status_page_id
    _record(tx, f"{UPDATE}.published", report.team_id, UPDATE, id, page_id, status_report_id=report.id)


def _settle(tx: Tx, before: Report) -> None:
    """Let the report say what its updates say, and end or go on accordingly."""
    after = _existing(tx, before.status_page_id, before.id)
    ends_at = rules.end_after(before, after.updates, _resource_ids(tx, before.status_page_id))
    shelf.change_report(tx, before.id, affected_resources=rules.standing(after.updates), ends_at=ends_at)


def _changed_update(
    tx: Tx, page: StatusPage, report: Report, update: Update, given: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    """The columns after `given`. Raises Invalid."""
    errors: rules.Errors = {}
    values: dict[str, Any] = {}
    public = update.applied_at is not None
    if "message" in given:
        values["message"] = rules.text_of(given, "message", errors, rules.MAX_MESSAGE_CHARACTERS)
    if given.get("affected_resources") is not None:
        ids = _resource_ids(tx, page.id)
        values["affected_resources"] = rules.affected_of(given, report.report_type, ids, errors)
    if given.get("published_at") is not None:
        at = values["published_at"] = rules.instant_of(given, "published_at", errors)
        if public and at is not None and at > tx.now:
            errors["published_at"] = ["can't be in the future: the update is published already"]
    if given.get("notify_subscribers") is not None:
        values["notify_subscribers"] = bool(given["notify_subscribers"])
    if given.get("draft") is not None:
        if public and given["draft"]:
            errors["draft"] = ["can't be set again: the update is published; delete it instead"]
        values["draft"] = bool(given["draft"])
    if errors:
        raise Invalid.of(errors)
    return values


def _type_of(given: Mapping[str, Any]) -> ReportType:
    sent = given.get("report_type") or ReportType.MANUAL.value
    if sent not in [kind.value for kind in WRITABLE_TYPES]:
        raise Invalid.values({"report_type": [kind.value for kind in WRITABLE_TYPES]})
    return ReportType(sent)


def _existing(tx: Tx, page_id: int, id: int) -> Report:
    found = shelf.find(tx, page_id, id)
    if found is None:
        raise NotFound(REPORT, id)
    return found


def _update_of(report: Report, id: int) -> Update:
    for update in report.updates:
        if update.id == id:
            return update
    raise NotFound(UPDATE, id)


def _resource_ids(tx: Tx, page_id: int) -> set[int]:
    return {resource.id for resource in contents.resources_of(tx, [page_id])}


def _shown(tx: Tx, reports: Sequence[Report]) -> list[Report]:
    """With how they stand, and without what is said of resources that are gone from their page."""
    on_page = _resource_ids(tx, reports[0].status_page_id) if reports else set()
    present = [
        msgspec.structs.replace(report, affected_resources=rules.present(report.affected_resources, on_page))
        for report in reports
    ]
    return [msgspec.structs.replace(report, aggregate_state=rules.state_of(report, tx.now)) for report in present]


def _record(tx: Tx, name: str, team_id: int, kind: str, id: int, page_id: int, **data: Any) -> None:
    events.record(tx, name, team_id=team_id, resource_type=kind, resource_id=id, status_page_id=page_id, **data)
