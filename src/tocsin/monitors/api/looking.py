"""Finding monitors among thousands, and one of them at a glance: what the lists and pages of the console show."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import from_milliseconds, to_wire
from tocsin.kernel.errors import Invalid
from tocsin.metadata.model import Value
from tocsin.monitors import actions
from tocsin.monitors.actions.searching import Found
from tocsin.monitors.actions.summary import Summary
from tocsin.monitors.checks import checks
from tocsin.monitors.rules.days import Day
from tocsin.monitors.rules.kinds import KINDS, Kind
from tocsin.monitors.rules.searching import SORTS, STATUSES, Wanted, standing, words_of
from tocsin.registry import Call, Operation, Resource, Route, Scope
from tocsin.storage import Tx

MAX_PER_PAGE = 250
MAX_DAYS = 366
MAX_TEXT = 200
"""Characters that are looked for."""


class SearchMonitors(msgspec.Struct, kw_only=True):
    """Whatever is not sent, or empty, is not asked for."""

    q: str = ""
    """Words that must all stand in the name or the URL."""
    status: str = ""
    """One or several of `up`, `down`, `degraded`, `validating`, `pending`, `maintenance` and `paused`, with commas
    between them."""
    monitor_type: str = ""
    """One or several, separated by commas."""
    monitor_group_id: int | UnsetType = UNSET
    """0: those in no group."""
    metadata: str = ""
    """`key` or `key=value`."""
    sort: str = "name"
    """`name`, `status` (the worst first), `type`, `response_time`, `last_checked_at` or `created_at`; with `-`
    before it the other way round."""
    page: int = 1
    per_page: int = 50


class MonitorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor in a list. Times in seconds."""

    id: str
    name: str
    url: str
    monitor_type: str
    status: str
    degraded_reason: str | None
    status_since: str | None
    incident_id: str | None
    """What is open about it, confirmed or only suspected."""
    check_frequency: int
    last_checked_at: str | None
    last_response_time: float | None
    """Of its latest good check."""
    availability: float | None
    """Percent of the last 30 days, as far as it was watched."""
    monitor_group_id: int | None
    monitor_group_name: str | None
    team_name: str


class MonitorsFound(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was found."""

    monitors: list[MonitorLine]
    counts: dict[str, int]
    """By status, with all that is asked but the status."""
    total: int
    page: int
    per_page: int


class OneSummary(msgspec.Struct, kw_only=True):
    id: int
    days: int = 90
    """How many, today included; at most 366."""


class SummaryAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor at a glance."""

    status: str
    status_since: str | None
    incident_id: str | None
    response_time: float | None
    availability: dict[str, dict[str, Any]]
    """The figures of `monitors.sla` over `24h`, `7d`, `30d` and `90d`."""
    days: list[Day]
    """By UTC, the oldest first."""
    certificate_expires_at: str | None
    domain: str | None
    domain_expires_at: str | None
    domain_checked_at: str | None
    domain_failure: str | None


class NoInput(msgspec.Struct, kw_only=True):
    pass


class MonitorType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of monitor, and what makes one up."""

    monitor_type: str
    family: str
    """`web`, `server` or `browser`: a monitor never leaves its family."""
    target: str
    """What `url` holds: `web` or `websocket` (a whole URL), `host` (a name or an address), `scenario` (any name)."""
    attributes: list[str]
    """Those of a monitor's attributes that its check reads, beside `url`."""
    required: list[str]
    """Those of them without which there is nothing to check."""
    timeouts: list[int]
    """What `request_timeout` may be."""
    usual_timeout: int
    timeout_unit: str
    """`seconds` or `milliseconds`."""
    ports: int
    """How many ports `port` may list."""


class MonitorTypes(msgspec.Struct, frozen=True, kw_only=True):
    types: list[MonitorType]


@cache
def types() -> MonitorTypes:
    """Every type, in the order of the documentation."""
    return MonitorTypes(types=[_type(name, kind) for name, kind in KINDS.items()])


def _type(name: str, kind: Kind) -> MonitorType:
    read = [field.encode_name for field in msgspec.structs.fields(checks()[name].Settings)]
    return MonitorType(
        monitor_type=name, family=kind.family, target=kind.target,
        attributes=[each for each in read if each not in ("url", "monitor_type")], required=list(kind.required),
        timeouts=list(kind.timeouts), usual_timeout=kind.usual_timeout,
        timeout_unit="milliseconds" if kind.milliseconds else "seconds", ports=kind.ports,
    )  # fmt: skip


def _render(found: Summary) -> SummaryAttributes:
    monitor, domain = found.monitor, found.domain
    return SummaryAttributes(
        status=monitor.status.value,
        status_since=_wire(found.since),
        incident_id=_text(found.incident_id),
        response_time=found.response_time,
        availability={name: msgspec.structs.asdict(figures) for name, figures in found.windows.items()},
        days=found.days,
        certificate_expires_at=_wire(monitor.certificate_expires_at),
        domain=monitor.domain,
        domain_expires_at=None if domain is None else _wire(domain.expires_at),
        domain_checked_at=None if domain is None else _wire(domain.checked_at),
        domain_failure=None if domain is None else domain.failure,
    )


SUMMARY = Resource(
    type="monitor_summary", attributes=SummaryAttributes, render=_render, doc="A monitor at a glance.",
)  # fmt: skip

OPERATIONS = (
    Operation(
        name="monitors.search", tool_name="search_monitors", routes=(Route("GET", "/api/v2/monitors/search"),),
        area="monitors", level="read", input=SearchMonitors, handler=lambda tx, call, input: _search(tx, call, input),
        answer="flat", flat=MonitorsFound, scope=Scope.LIST, upstream="not_there",
        doc="Find monitors by words, status, type, group or metadata, sorted, with how many there are of each status.",
        deed="searched the monitors",
    ),
    Operation(
        name="monitors.summary", routes=(Route("GET", "/api/v2/monitors/{id}/summary"),), area="monitors", level="read",
        input=OneSummary, handler=lambda tx, call, input: _summary(tx, call, input), resource=SUMMARY,
        upstream="not_there",
        doc="Show at a glance how a monitor stands and since when, how it fared day by day, and what will expire.",
        deed="looked at a monitor's summary",
    ),
    Operation(
        name="monitors.types", tool_name="monitor_types", routes=(Route("GET", "/api/v2/monitors/types"),),
        area="monitors", level="read", input=NoInput, handler=lambda tx, call, input: types(), answer="flat",
        flat=MonitorTypes, upstream="not_there",
        doc="List the types of monitors, and which attributes make up a check of each.",
        deed="looked at the types of monitors",
    ),
)  # fmt: skip


def _search(tx: Tx, call: Call, input: SearchMonitors) -> MonitorsFound:
    page, per_page = max(1, input.page), min(max(1, input.per_page), MAX_PER_PAGE)
    group_id = None if isinstance(input.monitor_group_id, UnsetType) else input.monitor_group_id
    wanted = Wanted(
        words=words_of(input.q[:MAX_TEXT]), statuses=_among("status", input.status, STATUSES),
        types=_among("monitor_type", input.monitor_type, tuple(KINDS)), group_id=group_id,
    )  # fmt: skip
    if input.sort.removeprefix("-") not in SORTS:
        raise Invalid.fields(sort=f"must be one of: {', '.join(SORTS)}; with - before it the other way round")
    found, total, counts = actions.search(
        tx, call.team_ids, wanted, sort=input.sort, page=page, per_page=per_page, reach=call.reach,
        facts=_facts(input.metadata),
    )  # fmt: skip
    return MonitorsFound(
        monitors=[_line(each) for each in found], counts=counts, total=total, page=page, per_page=per_page
    )


def _summary(tx: Tx, call: Call, input: OneSummary) -> Summary:
    if not 1 <= input.days <= MAX_DAYS:
        raise Invalid.fields(days=f"must be between 1 and {MAX_DAYS}")
    return actions.summary(tx, input.id, call.team_ids, input.days)


def _line(found: Found) -> MonitorLine:
    line = found.line
    return MonitorLine(
        id=str(line.id), name=line.name, url=line.url, monitor_type=line.monitor_type, status=standing(line),
        degraded_reason=line.degraded_reason, status_since=_at(found.since_ms), incident_id=_text(line.incident_id),
        check_frequency=line.check_frequency, last_checked_at=_at(line.checked_ms),
        last_response_time=None if line.response_us is None else line.response_us / 1_000_000,
        availability=found.availability, monitor_group_id=line.group_id, monitor_group_name=found.group_name,
        team_name=found.team_name,
    )  # fmt: skip


def _among(name: str, text: str, choices: tuple[str, ...]) -> frozenset[str]:
    asked = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    if not asked <= frozenset(choices):
        raise Invalid.fields(**{name: f"must be among: {', '.join(choices)}"})
    return asked


def _facts(text: str) -> dict[str, list[Value]]:
    key, equals, value = (part.strip() for part in text[:MAX_TEXT].partition("="))
    if not key:
        return {}
    return {key: [Value(value=value)] if equals and value else []}


def _text(id: int | None) -> str | None:
    return None if id is None else str(id)


def _at(ms: int | None) -> str | None:
    return None if ms is None else to_wire(from_milliseconds(ms))


def _wire(instant: Any) -> str | None:
    return None if instant is None else to_wire(instant)
