"""Decides what may be reported, what an update does to its report, and what a report says of each resource and when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tocsin.kernel.clock import to_milliseconds
from tocsin.status_pages.model import RESOLVED, Affected, Report, ReportType, State, Update
from tocsin.status_pages.rules.standing import Said, worst

MAX_TITLE_CHARACTERS = 250
MAX_MESSAGE_CHARACTERS = 20_000
"""Of one update: several pages; it is mailed to every subscriber."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_NO_TIME = "is not a time between 2000 and 2199: write it like 2026-01-15T09:00:00Z"
_BY_HAND = (RESOLVED, State.DEGRADED.value, State.DOWNTIME.value)
_PLANNED = (State.MAINTENANCE.value,)

Errors = dict[str, list[str]]


def visible(report: Report) -> bool:
    """Whether the public knows of it at all."""
    return not report.draft and any(shown(update) for update in report.updates)


def shown(update: Update) -> bool:
    """Whether the public sees this update, as far as its report is seen."""
    return update.applied_at is not None and not update.draft


def over(report: Report, now: datetime) -> bool:
    return report.ends_at is not None and report.ends_at <= now


def state_of(report: Report, now: datetime) -> State:
    """How a report stands (contract part 2, 5.5): `maintenance` until that is over, else the worst that it says."""
    if over(report, now):
        return State.OPERATIONAL
    if report.report_type is ReportType.MAINTENANCE:
        return State.MAINTENANCE
    said = [State(each.status) for each in report.affected_resources if each.status != RESOLVED]
    return worst(said) if said else State.OPERATIONAL


def ordered(updates: Iterable[Update]) -> list[Update]:
    """In the order in which they count: by the time that they show."""
    return sorted(updates, key=lambda update: (update.published_at, update.id))


def standing(updates: Sequence[Update]) -> tuple[Affected, ...]:
    """What a report says of its resources after these updates: each says something of some, and leaves the others.

    Before anything of it is public, what it is going to say.
    """
    public = [update for update in updates if shown(update)]
    said = {
        each.status_page_resource_id: each
        for update in ordered(public or updates)
        for each in update.affected_resources
    }
    return tuple(said.values())


def all_resolved(affected: Sequence[Affected], on_page: Collection[int]) -> bool:
    """Whether everything that a report is about is well again, as far as it is on the page still."""
    return bool(affected) and all(each.status == RESOLVED for each in present(affected, on_page))


def present(affected: Iterable[Affected], on_page: Collection[int]) -> tuple[Affected, ...]:
    """What is said of resources that are on the page still."""
    return tuple(each for each in affected if int(each.status_page_resource_id) in on_page)


def end_after(before: Report, updates: Sequence[Update], on_page: Collection[int]) -> datetime | None:
    """When a report ends whose updates are these from now on; `on_page`: the resources that there are.

    One that says of all its resources that they are well has ended; one that says so no longer goes on (contract 5.5).
    """
    public = ordered(update for update in updates if shown(update))
    if before.report_type is ReportType.MAINTENANCE or not public:
        return before.ends_at
    was_public = [update for update in before.updates if shown(update)]
    was_over = bool(was_public) and all_resolved(standing(was_public), on_page)
    if all_resolved(standing(public), on_page):
        ended = max(before.starts_at, public[-1].published_at)
        if before.ends_at is None:
            return ended
        by_removal = was_over and present(standing(public), on_page) != standing(public)
        return before.ends_at if by_removal else min(before.ends_at, ended)
    return None if was_over else before.ends_at


def kept_open_by(report: Report, resource_ids: Collection[int]) -> bool:
    """Whether a report says that one of these resources is not well: without them it may be over."""
    by_hand = report.report_type is not ReportType.MAINTENANCE
    return by_hand and any(each.status != RESOLVED for each in present(report.affected_resources, resource_ids))


def end_without(report: Report, on_page: Collection[int], now: datetime) -> datetime | None:
    """When a report ends of whose resources only these are on the page from now on: now, if all of them are well."""
    if not visible(report) or not all_resolved(report.affected_resources, on_page):
        return report.ends_at
    ended = max(report.starts_at, now)
    return ended if report.ends_at is None else min(report.ends_at, ended)


def corrected(updates: Sequence[Update], wanted: Sequence[Affected]) -> dict[int, tuple[Affected, ...]]:
    """What the updates must say, by their ids, so that their report says just `wanted`; only those that change.

    What somebody corrects at the report is taken for what the newest update should have said, and a resource that is
    left out was never affected.
    """
    kept = {each.status_page_resource_id for each in wanted}
    new = {
        update.id: tuple(each for each in update.affected_resources if each.status_page_resource_id in kept)
        for update in updates
    }
    public = ordered(update for update in updates if shown(update)) or ordered(updates)
    if public:
        last = public[-1].id
        before = {each.status_page_resource_id: each for each in standing(_with(public[:-1], new))}
        named = {each.status_page_resource_id for each in new[last]}
        new[last] = tuple(
            each
            for each in wanted
            if each.status_page_resource_id in named or before.get(each.status_page_resource_id) != each
        )
    return {update.id: new[update.id] for update in updates if new[update.id] != update.affected_resources}


def said_of(report: Report) -> list[Said]:
    """What a visible report says of each resource, from when to when, by the timeline of its public updates."""
    start, end = to_milliseconds(report.starts_at), None if report.ends_at is None else to_milliseconds(report.ends_at)
    by_hand = report.report_type is not ReportType.AUTOMATIC
    running: dict[int, tuple[State, int]] = {}
    found: list[Said] = []

    def until(id: int, to_ms: int | None) -> None:
        state, from_ms = running.pop(id)
        if to_ms is None or from_ms < to_ms:
            found.append(Said(id, from_ms, to_ms, state, by_hand))

    for number, update in enumerate(ordered(update for update in report.updates if shown(update))):
        planned = report.report_type is ReportType.MAINTENANCE
        at = start if number == 0 or planned else max(start, to_milliseconds(update.published_at))
        if end is not None and at >= end:
            break
        for each in update.affected_resources:
            id = int(each.status_page_resource_id)
            if id in running and running[id][0].value == each.status:
                continue
            if id in running:
                until(id, at)
            if each.status != RESOLVED:
                running[id] = (State(each.status), at)
    for id in list(running):
        until(id, end)
    return found


# --- What may be sent ------------------------------------------------------------------------------------------------


def instant_of(given: Mapping[str, Any], name: str, errors: Errors) -> datetime | None:
    """An ISO 8601 instant (without an offset: UTC) in UTC; None when nothing, or nothing readable, was sent."""
    text = given.get(name)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(str(text).strip().replace(" UTC", "+00:00"))
        read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        errors[name] = [_NO_TIME]
        return None
    if not EARLIEST <= read < LATEST:
        errors[name] = [_NO_TIME]
        return None
    return read.replace(microsecond=read.microsecond // 1000 * 1000)


def text_of(given: Mapping[str, Any], name: str, errors: Errors, most: int) -> str:
    """A text that must be there. Longer than `most` characters is refused."""
    text = str(given.get(name) or "").strip()
    if not text:
        errors[name] = ["can't be blank"]
    elif len(text) > most:
        errors[name] = [f"is too long (maximum is {most} characters)"]
    return text


def affected_of(
    given: Mapping[str, Any], kind: ReportType, resource_ids: Collection[int], errors: Errors
) -> tuple[Affected, ...]:
    """`affected_resources` as sent: [(id, status)], each a resource of this page, with a status that fits its kind.

    Ids are digits on the wire; numbers are taken as well. Of one that is named twice the last counts.
    """
    field = "affected_resources"
    allowed = _PLANNED if kind is ReportType.MAINTENANCE else _BY_HAND
    found: dict[str, Affected] = {}
    for id, status in given.get(field) or ():
        text = str(id).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) in resource_ids):
            errors.setdefault(field, []).append(f"has no resource {text[:40]!r} on this status page")
        elif status not in allowed:
            errors.setdefault(field, []).append(_wrong_status(status, kind, allowed))
        else:
            found[str(int(text))] = Affected(status_page_resource_id=str(int(text)), status=status)
    if field in errors:
        errors[field] = list(dict.fromkeys(errors[field]))[:10]
    return tuple(found.values())


def check_times(starts_at: datetime, ends_at: datetime | None, kind: ReportType, errors: Errors) -> None:
    """Maintenance has an end, and nothing ends before it begins."""
    if ends_at is None and kind is ReportType.MAINTENANCE:
        errors.setdefault("ends_at", ["can't be blank for maintenance: say when it will be over"])
    if ends_at is not None and (ends_at < starts_at or (ends_at == starts_at and kind is ReportType.MAINTENANCE)):
        errors.setdefault("ends_at", ["must be after starts_at"])


def _wrong_status(status: str, kind: ReportType, allowed: Sequence[str]) -> str:
    if kind is ReportType.MAINTENANCE:
        hint = "; to end it early, set the report's ends_at" if status == RESOLVED else ""
        return f"must have the status maintenance in a maintenance report{hint}"
    return f"must have one of the statuses {', '.join(allowed)}"


def _with(updates: Sequence[Update], said: Mapping[int, tuple[Affected, ...]]) -> list[Update]:
    return [msgspec.structs.replace(update, affected_resources=said[update.id]) for update in updates]
