"""The operations on monitors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import from_milliseconds, to_milliseconds, to_wire
from tocsin.kernel.errors import BadRequest
from tocsin.metadata.actions import Resolver
from tocsin.monitors import actions
from tocsin.monitors.actions.summary import Chart
from tocsin.monitors.api.attributes import MonitorAttributes, relationships, render
from tocsin.monitors.model import Availability, Bucket, Monitor, Sample
from tocsin.monitors.rules.settings import Limits
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

BAD_RANGE = (
    "The data range is invalid. The date format could not be parsed, the start time is in the future, or the end time"
    " is before the start time."
)

MAX_POINTS = 1_000

SECRETS = (
    "auth_password", "proxy_host", "request_headers", "request_body", "environment_variables", "playwright_script",
)  # fmt: skip
"""What a monitor shows to get in where it looks."""
MONITOR = Resource(
    type="monitor",
    attributes=MonitorAttributes,
    render=render,
    name_of=lambda monitor: monitor.pronounceable_name or monitor.url,
    relationships=relationships,
    secrets=SECRETS,
    doc="Something that is watched, and how it stands.",
)


class HeaderInput(msgspec.Struct, kw_only=True):
    """A request header to add (no id), to change (id) or to remove (id and `_destroy`)."""

    id: str | int | None = None
    name: str | None = None
    value: str | int | float | None = None
    destroy: bool | str | None = msgspec.field(name="_destroy", default=None)


class AssertionInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Something that must hold of the answer (ours): see the page about assertions."""

    source: str
    comparison: str
    property: str | None = None
    target: str | int | float | bool | None = None
    severity: str | None = None


class MonitorFields(msgspec.Struct, kw_only=True):
    """What may be sent about a monitor; a null where there can be none gives the default back."""

    url: str | UnsetType | None = UNSET
    pronounceable_name: str | UnsetType | None = UNSET
    monitor_type: str | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET
    monitor_group_id: int | UnsetType | None = UNSET
    check_frequency: int | UnsetType | None = UNSET
    request_timeout: int | UnsetType | None = UNSET
    confirmation_period: int | UnsetType | None = UNSET
    recovery_period: int | UnsetType | None = UNSET
    regions: list[str] | UnsetType | None = UNSET
    http_method: str | UnsetType | None = UNSET
    request_body: str | UnsetType | None = UNSET
    request_headers: list[HeaderInput] | UnsetType | None = UNSET
    expected_status_codes: list[int] | UnsetType | None = UNSET
    required_keyword: str | UnsetType | None = UNSET
    follow_redirects: bool | UnsetType | None = UNSET
    remember_cookies: bool | UnsetType | None = UNSET
    verify_ssl: bool | UnsetType | None = UNSET
    ssl_expiration: int | UnsetType | None = UNSET
    domain_expiration: int | UnsetType | None = UNSET
    expiration_policy_id: int | UnsetType | None = UNSET
    policy_id: int | UnsetType | None = UNSET
    call: bool | UnsetType | None = UNSET
    sms: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET
    critical_alert: bool | UnsetType | None = UNSET
    team_wait: int | UnsetType | None = UNSET
    port: str | int | UnsetType | None = UNSET
    ip_version: str | UnsetType | None = UNSET
    auth_username: str | UnsetType | None = UNSET
    auth_password: str | UnsetType | None = UNSET
    proxy_host: str | UnsetType | None = UNSET
    proxy_port: int | UnsetType | None = UNSET
    maintenance_from: str | UnsetType | None = UNSET
    maintenance_to: str | UnsetType | None = UNSET
    maintenance_timezone: str | UnsetType | None = UNSET
    maintenance_days: list[str] | UnsetType | None = UNSET
    playwright_script: str | UnsetType | None = UNSET
    scenario_name: str | UnsetType | None = UNSET
    environment_variables: dict[str, str] | UnsetType | None = UNSET
    assertions: list[AssertionInput] | UnsetType | None = UNSET
    depends_on: list[int] | UnsetType | None = UNSET
    flapping_damping: bool | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    dns_record_type: str | UnsetType | None = UNSET
    dns_expected_records: list[str] | UnsetType | None = UNSET
    database: str | UnsetType | None = UNSET
    grpc_service: str | UnsetType | None = UNSET
    tls: bool | UnsetType | None = UNSET


class CreateMonitor(MonitorFields, kw_only=True):
    """A monitor to be: only `url` is needed, and what its `monitor_type` cannot do without."""


class UpdateMonitor(MonitorFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class ListMonitors(msgspec.Struct, kw_only=True):
    """Filters match the whole text."""

    url: str | UnsetType = UNSET
    pronounceable_name: str | UnsetType = UNSET
    page: int = 1
    per_page: int = 50


class OneMonitor(msgspec.Struct, kw_only=True):
    id: int


class Period(msgspec.Struct, kw_only=True):
    """`from` and `to`: a day (`2026-11-23`, UTC, both included) or an ISO-8601 instant."""

    id: int
    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    to: str | UnsetType = UNSET


class ChartPeriod(Period, kw_only=True):
    """The same, averaged for a chart."""

    points: int | UnsetType = UNSET
    """Ours: at most so many stretches of equal length, each with its averages, instead of every check (2 to 1000)."""


class ResponseTimesAttributes(msgspec.Struct):
    """One entry per region that measured."""

    regions: list[dict[str, Any]]


class History(msgspec.Struct, frozen=True):
    """What was measured of a monitor: regions in order, samples oldest first."""

    id: int
    regions: dict[str, list[Sample]]


class Sla(msgspec.Struct, frozen=True):
    """The availability of a monitor."""

    id: int
    figures: Availability


RESPONSE_TIMES = Resource(
    type="monitor_response_times",
    attributes=ResponseTimesAttributes,
    render=lambda found: ResponseTimesAttributes(
        [
            {"region": region, "response_times": [_point(sample) for sample in samples]}
            for region, samples in found.regions.items()
        ]
    ),
    doc="How long a monitor took to answer, check by check.",
)

MONITOR_SLA = Resource(
    type="monitor_sla",
    attributes=Availability,
    render=lambda sla: sla.figures,
    doc="How much of the time a monitor was available.",
)


def monitor_operations(limits: Limits, references: Mapping[str, Resolver]) -> tuple[Operation, ...]:
    """`limits` are what this installation allows, e.g. the shortest check frequency; `references`: who looks up what
    facts refer to, by type."""

    def create(tx: Tx, call: Call, input: CreateMonitor) -> Monitor:
        assert call.team_id is not None
        return actions.create(tx, call.team_id, given(input), limits, call.base_url, references)

    def update(tx: Tx, call: Call, input: UpdateMonitor) -> Monitor:
        return actions.update(tx, input.id, call.team_ids, given(input), limits, call.base_url, references)

    one, all = "/api/v2/monitors/{id}", "/api/v2/monitors"
    return (
        Operation(
            name="monitors.list", routes=(Route("GET", all),), area="monitors", level="read", input=ListMonitors,
            handler=_list, resource=MONITOR, answer="list", scope=Scope.LIST,
            doc="List monitors.", deed="listed monitors",
        ),
        Operation(
            name="monitors.get", routes=(Route("GET", one),), area="monitors", level="read", input=OneMonitor,
            handler=_get, resource=MONITOR, doc="Show a monitor.", deed="looked at a monitor",
        ),
        Operation(
            name="monitors.create", routes=(Route("POST", all),), area="monitors", level="write", input=CreateMonitor,
            handler=create, resource=MONITOR, scope=Scope.CREATE, event="monitor.created", secrets=SECRETS,
            doc="Create a monitor and begin to watch.", deed="created a monitor",
        ),
        Operation(
            name="monitors.update", routes=(Route("PATCH", one),), area="monitors", level="write", input=UpdateMonitor,
            handler=update, resource=MONITOR, event="monitor.updated", secrets=SECRETS,
            doc="Change, pause or resume a monitor.", deed="changed a monitor",
        ),
        Operation(
            name="monitors.delete", routes=(Route("DELETE", one),), area="monitors", level="full", input=OneMonitor,
            handler=_delete, answer="none", event="monitor.deleted", resource=MONITOR, switch="delete",
            doc="Delete a monitor with everything that was measured of it.", deed="deleted a monitor",
        ),
        Operation(
            name="monitors.response_times", routes=(Route("GET", one + "/response-times"),), area="monitors",
            level="read", input=ChartPeriod, handler=_response_times, resource=RESPONSE_TIMES, bad_request=True,
            doc="Show how long a monitor took to answer, by default over the last 24 hours.",
            deed="looked at a monitor's response times",
        ),
        Operation(
            name="monitors.sla", tool_name="monitor_availability",
            routes=(Route("GET", one + "/sla"),), area="monitors", level="read", input=Period,
            handler=_sla, resource=MONITOR_SLA, bad_request=True,
            doc="Show how much of the time a monitor was available.", deed="looked at a monitor's availability",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListMonitors) -> Page[Monitor]:
    found, total = actions.list_monitors(
        tx, call.team_ids, page=input.page, per_page=input.per_page,
        url=None if input.url is UNSET else str(input.url),
        name=None if input.pronounceable_name is UNSET else str(input.pronounceable_name), reach=call.reach,
    )  # fmt: skip
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneMonitor) -> Monitor:
    return actions.find(tx, input.id, call.team_ids)


def _delete(tx: Tx, call: Call, input: OneMonitor) -> None:
    actions.delete(tx, input.id, call.team_ids, call.base_url)


def _response_times(tx: Tx, call: Call, input: ChartPeriod) -> History | Chart:
    since, until = _range(input, tx.now)
    since = since or (until or tx.now) - timedelta(hours=24)
    end = tx.now + timedelta(milliseconds=1) if until is None else until
    if not isinstance(input.points, UnsetType):
        if not 2 <= input.points <= MAX_POINTS:
            raise BadRequest(f"points must be between 2 and {MAX_POINTS}")
        span = to_milliseconds(since), to_milliseconds(end)
        return actions.chart(tx, input.id, call.team_ids, *span, input.points)
    monitor, regions = actions.response_times(tx, input.id, call.team_ids, to_milliseconds(since), to_milliseconds(end))
    return History(monitor.id, regions)


def _sla(tx: Tx, call: Call, input: Period) -> Sla:
    since, until = _range(input, tx.now)
    monitor, figures = actions.sla(tx, input.id, call.team_ids, since, until)
    return Sla(monitor.id, figures)


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


def given(input: MonitorFields) -> dict[str, Any]:
    """What was sent, by wire name."""
    sent = {name: value for name in MonitorFields.__struct_fields__ if (value := getattr(input, name)) is not UNSET}
    if "request_headers" in sent:
        sent["request_headers"] = [
            {"id": header.id, "name": header.name, "value": header.value, "_destroy": header.destroy}
            for header in sent["request_headers"] or []
        ]
    if "assertions" in sent:
        sent["assertions"] = [msgspec.structs.asdict(assertion) for assertion in sent["assertions"] or []]
    if sent.get("port") is not None:
        sent["port"] = str(sent["port"])
    return sent


def _point(sample: Sample | Bucket) -> dict[str, Any]:
    """Numbers throughout, as clients expect: a phase that there was none of took no time; an average has no phases."""
    point: dict[str, Any] = {
        "at": to_wire(from_milliseconds(sample.at_ms)),
        "response_time": sample.response_time,
    }
    if isinstance(sample, Bucket):
        point |= {"maximum": sample.maximum, "checks": sample.count}
    phases = {
        "name_lookup_time": sample.name_lookup_time,
        "connection_time": sample.connection_time,
        "tls_handshake_time": sample.tls_handshake_time,
        "data_transfer_time": sample.data_transfer_time,
    }
    if any(seconds is not None for seconds in phases.values()):
        point |= {name: seconds or 0.0 for name, seconds in phases.items()}
    return point
