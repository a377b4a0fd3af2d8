"""The operations on heartbeats (contract part 1, section 5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.heartbeats import actions
from tocsin.heartbeats.model import Day, Heartbeat, HeartbeatStatus, Shown, Wanted
from tocsin.heartbeats.rules.schedule import expected_after
from tocsin.kernel.availability import Availability
from tocsin.kernel.clock import from_milliseconds, to_wire
from tocsin.kernel.errors import BadRequest
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx

BAD_RANGE = (
    "The data range is invalid. The date format could not be parsed, the start time is in the future, or the end time"
    " is before the start time."
)


class HeartbeatAttributes(msgspec.Struct):
    """The attributes in the API's order, then ours."""

    url: str
    name: str
    period: int
    grace: int
    call: bool
    sms: bool
    email: bool
    push: bool
    critical_alert: bool
    team_wait: int | None
    heartbeat_group_id: int | None
    team_name: str
    sort_index: int | None
    paused: bool
    paused_at: str | None
    policy_id: str | None
    server_timezone: str | None
    maintenance_from: str | None
    maintenance_to: str | None
    maintenance_timezone: str | None
    maintenance_days: tuple[str, ...] | None
    created_at: str
    updated_at: str
    status: str
    schedule: str | None
    schedule_timezone: str | None
    """Null without a schedule."""
    slug: str | None
    success_keyword: str | None
    failure_keyword: str | None
    last_beat_at: str | None
    """The latest good beat."""
    expected_at: str | None
    """When the next beat is expected, before the grace period."""
    running_since: str | None
    """Since when the longest run goes on that has started and not ended."""


class HeartbeatFields(msgspec.Struct, kw_only=True):
    """What may be sent about a heartbeat; a null where there can be none gives the default back."""

    name: str | UnsetType | None = UNSET
    period: int | UnsetType | None = UNSET
    grace: int | UnsetType | None = UNSET
    schedule: str | UnsetType | None = UNSET
    schedule_timezone: str | UnsetType | None = UNSET
    server_timezone: str | UnsetType | None = UNSET
    call: bool | UnsetType | None = UNSET
    sms: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET
    critical_alert: bool | UnsetType | None = UNSET
    team_wait: int | UnsetType | None = UNSET
    heartbeat_group_id: int | UnsetType | None = UNSET
    sort_index: int | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET
    policy_id: int | UnsetType | None = UNSET
    maintenance_from: str | UnsetType | None = UNSET
    maintenance_to: str | UnsetType | None = UNSET
    maintenance_timezone: str | UnsetType | None = UNSET
    maintenance_days: list[str] | UnsetType | None = UNSET
    slug: str | UnsetType | None = UNSET
    success_keyword: str | UnsetType | None = UNSET
    failure_keyword: str | UnsetType | None = UNSET


class CreateHeartbeat(HeartbeatFields, kw_only=True):
    """A heartbeat to be: needs a name, and a period or a schedule."""


class UpdateHeartbeat(HeartbeatFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class ListHeartbeats(msgspec.Struct, kw_only=True):
    """Filters are ours. `q`: words in the name or the slug; `heartbeat_group_id` 0: those in no group."""

    q: str = ""
    status: Literal["up", "down", "pending", "paused"] | UnsetType = UNSET
    heartbeat_group_id: int | UnsetType = UNSET
    sort: (
        Literal["name", "-name", "status", "-status", "last_beat_at", "-last_beat_at", "created_at", "-created_at"]
        | UnsetType
    ) = UNSET
    """`status`: the worst first. Without one: in the order in which they were made."""
    page: int = 1
    per_page: int = 50


class OneHeartbeat(msgspec.Struct, kw_only=True):
    id: int


class CountHeartbeats(msgspec.Struct, kw_only=True):
    """Nothing but `team_name`, from a global token."""


class Counts(msgspec.Struct, frozen=True):
    """How many heartbeats there are of each status."""

    up: int
    down: int
    pending: int
    paused: int


class Days(msgspec.Struct, kw_only=True):
    """How many days, and in which time zone they begin (an IANA name)."""

    id: int
    days: Annotated[int, msgspec.Meta(ge=1, le=400)] = 90
    timezone: str = "UTC"


class Period(msgspec.Struct, kw_only=True):
    """`from` and `to`: a day (`2026-11-23`, UTC, both included) or an ISO-8601 instant."""

    id: int
    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    to: str | UnsetType = UNSET


class Sla(msgspec.Struct, frozen=True):
    """The availability of a heartbeat."""

    id: int
    figures: Availability


HEARTBEAT_DAY = Resource(
    type="heartbeat_day",
    attributes=Day,
    render=lambda day: day,
    id_of=lambda day: day.date,
    doc="How a job fared on one day.",
)


def shown(tx: Tx, heartbeat: Heartbeat, base_url: str) -> Shown:
    """With where we are, and when the next beat is expected."""
    standing = heartbeat.standing
    bases = [at for at in (standing.last_beat_ms, standing.since_ms) if at is not None]
    waits = heartbeat.paused_at is None and standing.status is not HeartbeatStatus.PENDING and bases
    expected = expected_after(heartbeat.settings, from_milliseconds(max(bases))) if waits else None
    return Shown(heartbeat, base_url.rstrip("/"), expected)


def render(shown: Shown) -> HeartbeatAttributes:
    heartbeat = shown.heartbeat
    s, standing = heartbeat.settings, heartbeat.standing
    return HeartbeatAttributes(
        f"{shown.base_url}/api/v1/heartbeat/{heartbeat.token}", heartbeat.name, s.period, s.grace, s.call, s.sms,
        s.email, s.push, s.critical_alert, s.team_wait, heartbeat.heartbeat_group_id, heartbeat.team_name,
        s.sort_index, heartbeat.paused_at is not None, _wire(heartbeat.paused_at),
        None if s.policy_id is None else str(s.policy_id), s.server_timezone, s.maintenance_from, s.maintenance_to,
        s.maintenance_timezone, s.maintenance_days, to_wire(heartbeat.created_at), to_wire(heartbeat.updated_at),
        heartbeat.status.value, s.schedule, s.schedule_timezone if s.schedule is not None else None, heartbeat.slug,
        s.success_keyword, s.failure_keyword, _wire_ms(standing.last_beat_ms), _wire(shown.expected_at),
        _wire_ms(min((run.started_ms for run in standing.runs), default=None)),
    )  # fmt: skip


HEARTBEAT = Resource(
    type="heartbeat",
    attributes=HeartbeatAttributes,
    render=render,
    secrets=("url",),  # whoever calls it says that the job has failed, or hides that it has
    doc="A job that must call us, and how it stands.",
)

HEARTBEAT_AVAILABILITY = Resource(
    type="heartbeat_availability",
    attributes=Availability,
    render=lambda sla: sla.figures,
    doc="How much of the time a job was well.",
)


def _list(tx: Tx, call: Call, input: ListHeartbeats) -> Page[Shown]:
    wanted = Wanted(
        search=input.q,
        status=HeartbeatStatus(input.status) if isinstance(input.status, str) else None,
        group_id=input.heartbeat_group_id if isinstance(input.heartbeat_group_id, int) else None,
        sort=input.sort if isinstance(input.sort, str) else "",
    )
    found, total = actions.list_heartbeats(
        tx, call.team_ids, page=input.page, per_page=input.per_page, wanted=wanted, reach=call.reach
    )
    return Page([shown(tx, each, call.base_url) for each in found], total, input.page, input.per_page)


def _counts(tx: Tx, call: Call, input: CountHeartbeats) -> Counts:
    return Counts(**actions.count_by_status(tx, call.team_ids, call.reach))


def _days(tx: Tx, call: Call, input: Days) -> list[Day]:
    return actions.days(tx, input.id, call.team_ids, input.days, input.timezone)


def _get(tx: Tx, call: Call, input: OneHeartbeat) -> Shown:
    return shown(tx, actions.find(tx, input.id, call.team_ids), call.base_url)


def _create(tx: Tx, call: Call, input: CreateHeartbeat) -> Shown:
    assert call.team_id is not None
    return shown(tx, actions.create(tx, call.team_id, given(input, HeartbeatFields)), call.base_url)


def _update(tx: Tx, call: Call, input: UpdateHeartbeat) -> Shown:
    return shown(
        tx, actions.update(tx, input.id, call.team_ids, given(input, HeartbeatFields), call.base_url), call.base_url
    )


def _delete(tx: Tx, call: Call, input: OneHeartbeat) -> None:
    actions.delete(tx, input.id, call.team_ids, call.base_url)


def _availability(tx: Tx, call: Call, input: Period) -> Sla:
    since, until = _range(input, tx.now)
    heartbeat, figures = actions.sla(tx, input.id, call.team_ids, since, until)
    return Sla(heartbeat.id, figures)


def _range(input: Period, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The half-open period meant; a last day is included whole. Raises BadRequest (contract part 1, 3.6)."""
    since, until = _instant(input.from_, last=False), _instant(input.to, last=True)
    if since is not None and (since > now or (until is not None and until <= since)):
        raise BadRequest(BAD_RANGE)
    return since, until


def _instant(text: str | UnsetType, *, last: bool) -> datetime | None:
    if text is UNSET:
        return None
    try:
        instant = datetime.fromisoformat(str(text).strip())
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        whole_day = re.fullmatch(r"\d{4}-?\d\d-?\d\d", str(text).strip()) is not None
        return instant + timedelta(days=1) if last and whole_day else instant
    except (ValueError, OverflowError):
        raise BadRequest(BAD_RANGE) from None


def _wire(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)


def _wire_ms(at_ms: int | None) -> str | None:
    return None if at_ms is None else to_wire(from_milliseconds(at_ms))


_ONE, _ALL = "/api/v2/heartbeats/{id}", "/api/v2/heartbeats"

HEARTBEAT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="heartbeats.list", routes=(Route("GET", _ALL),), area="heartbeats", level="read", input=ListHeartbeats,
        handler=_list, resource=HEARTBEAT, answer="list", scope=Scope.LIST,
        doc="List heartbeats.", deed="listed heartbeats",
    ),
    Operation(
        name="heartbeats.get", routes=(Route("GET", _ONE),), area="heartbeats", level="read", input=OneHeartbeat,
        handler=_get, resource=HEARTBEAT, doc="Show a heartbeat.", deed="looked at a heartbeat",
    ),
    Operation(
        name="heartbeats.create", routes=(Route("POST", _ALL),), area="heartbeats", level="write",
        input=CreateHeartbeat, handler=_create, resource=HEARTBEAT, scope=Scope.CREATE, event="heartbeat.created",
        doc="Create a heartbeat, which waits for a job's first call.", deed="created a heartbeat",
    ),
    Operation(
        name="heartbeats.update", routes=(Route("PATCH", _ONE),), area="heartbeats", level="write",
        input=UpdateHeartbeat, handler=_update, resource=HEARTBEAT, event="heartbeat.updated",
        doc="Change, pause or resume a heartbeat.", deed="changed a heartbeat",
    ),
    Operation(
        name="heartbeats.delete", routes=(Route("DELETE", _ONE),), area="heartbeats", level="full",
        input=OneHeartbeat, handler=_delete, answer="none", event="heartbeat.deleted", resource=HEARTBEAT,
        switch="delete", doc="Delete a heartbeat with its pings.", deed="deleted a heartbeat",
    ),
    Operation(
        name="heartbeats.availability", routes=(Route("GET", _ONE + "/availability"), Route("GET", _ONE + "/sla")),
        area="heartbeats", level="read", input=Period, handler=_availability, resource=HEARTBEAT_AVAILABILITY,
        bad_request=True, doc="Show how much of the time a job was well.",
        deed="looked at a heartbeat's availability",
    ),
    Operation(
        name="heartbeats.days", routes=(Route("GET", _ONE + "/days"),), area="heartbeats", level="read", input=Days,
        handler=_days, resource=HEARTBEAT_DAY, answer="all", upstream="not_there",
        doc="Show how a job fared on each of the last days, the oldest first.",
        deed="looked at a heartbeat's days",
    ),
    Operation(
        name="heartbeats.counts", routes=(Route("GET", "/api/v2/heartbeat-counts"),), area="heartbeats", level="read",
        input=CountHeartbeats, handler=_counts, answer="flat", flat=Counts, scope=Scope.LIST, upstream="not_there",
        doc="Count the heartbeats of each status.", deed="counted heartbeats",
    ),
)  # fmt: skip
