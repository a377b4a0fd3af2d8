"""The nouns of watching: a monitor, the group it belongs to, what a probe is asked to do and what it saw."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

# --- What probe and engine say to each other (the same two messages in-process and over a network) -----------------


class Verdict(StrEnum):
    """What one check found. `unknown` means that the failure was ours: it is counted nowhere."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class CheckSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor as a probe sees it. A probe holds these in memory and never reads the database."""

    monitor_id: int
    revision: int
    """Grows with every change of the monitor: an observation made under an older revision is dropped."""
    kind: str
    """The `monitor_type` of the contract, e.g. `status`, `keyword`."""
    frequency_seconds: int
    settings: dict[str, Any]
    """The wire attributes that this kind's `Settings` struct declares, e.g. url, request_timeout, request_headers."""
    last_checked_ms: int | None = None
    """When it was last checked, so that a restart keeps the rhythm instead of checking everything at once."""


MAX_EVIDENCE_BYTES = 64 * 1024
"""Enough of an answer for people to see what went wrong; it is kept with the incident."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a failing server answered, kept for the people who have to find out why."""

    url: str
    """The last URL asked, after redirects."""
    status_code: int | None = None
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    """At most `MAX_EVIDENCE_BYTES` of the answer."""
    body_truncated: bool = False
    remote_ip: str | None = None
    screenshot: bytes | None = None
    """A PNG of what a browser check saw at its end."""
    trace: bytes | None = None
    """A zip of Playwright's: everything that a failed browser check did, without the values of its variables."""


class Observation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one check saw. Times are seconds as floats; a phase that was not reached is None."""

    monitor_id: int
    revision: int
    region: str
    started_ms: int
    """When the check began, milliseconds since 1970 UTC."""
    ended_ms: int
    verdict: Verdict
    cause: str | None = None
    """In words, for people: `Status 503`, `Keyword missing`, `TLS certificate expired 3 days ago`. None when up."""
    response_time: float = 0.0
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None
    status_code: int | None = None
    evidence: Evidence | None = None
    """Only with a failure."""
    certificate_expires_ms: int | None = None
    """When asked for (now and then): the leaf certificate's notAfter."""
    degraded: str | None = None
    """It is up, but not as it should be: why, in words. None when all is well, and when it is not up."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one check that was run for somebody who waited. Seconds; a phase that was not reached is None."""

    outcome: str
    """`up`, `degraded`, `down`, or `unknown` when the failure was ours."""
    region: str
    cause: str | None = None
    status_code: int | None = None
    response_time: float = 0.0
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None
    url: str | None = None
    """The last address asked, after redirects."""
    remote_ip: str | None = None
    headers: list[list[str]] = []
    """Names and values, as they came."""
    body: str = ""
    body_truncated: bool = False
    certificate_expires_ms: int | None = None
    certificate_subject: str | None = None
    certificate_issuer: str | None = None


# --- What people set up ----------------------------------------------------------------------------------------------

REGIONS = ("us", "eu", "as", "au")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class MonitorStatus(StrEnum):
    """What a monitor shows (contract part 1, 3.3)."""

    PENDING = "pending"
    UP = "up"
    DOWN = "down"
    VALIDATING = "validating"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"


class RequestHeader(msgspec.Struct, frozen=True):
    """One header that goes out with a check. Its id is a string of digits, unique within the monitor, never reused."""

    id: str
    name: str
    value: str


class Assertion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that must hold of a web server's answer besides what its type asks for (ours)."""

    source: str
    """`status_code`, `header`, `json`, `body` or `response_time` (milliseconds)."""
    property: str | None = None
    """The header's name, or the JMESPath expression; None for the other sources."""
    comparison: str
    """E.g. `equals`, `matches`, `less_than`; see `rules/assertions.py`."""
    target: str | None = None
    """What is compared with; None for `exists` and `not_exists`."""
    severity: str = "down"
    """What it means when it does not hold: `down`, or `degraded` (shown, and nobody is paged)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a monitor that people set and no query asks for: kept as one document (contract part 1, 3.1).

    The defaults are the API's. Seconds, except `request_timeout` of the server types, which is milliseconds there.
    """

    monitor_type: str = "status"
    auth_username: str = ""
    auth_password: str = ""
    policy_id: int | None = None
    expiration_policy_id: int | None = None
    required_keyword: str | None = None
    verify_ssl: bool = True
    call: bool = False
    sms: bool = False
    email: bool = True
    push: bool = True
    critical_alert: bool = False
    team_wait: int | None = None
    http_method: str = "get"
    request_timeout: int = 30
    recovery_period: int = 180
    check_frequency: int = 180
    request_headers: tuple[RequestHeader, ...] = ()
    environment_variables: dict[str, str] = {}
    request_body: str = ""
    follow_redirects: bool = True
    remember_cookies: bool = True
    ssl_expiration: int | None = None
    domain_expiration: int | None = None
    expected_status_codes: tuple[int, ...] = ()
    port: str | None = None
    confirmation_period: int = 0
    proxy_host: str | None = None
    proxy_port: int | None = None
    regions: tuple[str, ...] | None = REGIONS
    maintenance_from: str | None = None
    maintenance_to: str | None = None
    maintenance_timezone: str | None = "UTC"
    maintenance_days: tuple[str, ...] | None = DAYS
    playwright_script: str | None = None
    ip_version: str | None = None
    assertions: tuple[Assertion, ...] = ()
    depends_on: tuple[int, ...] = ()
    """Monitors of the same team that this one leans on: when they fail, it is bound to."""
    flapping_damping: bool = True
    """Whether recovery is believed later while it breaks again and again (`rules/flapping.py`)."""
    dns_record_type: str | None = None
    """None = A."""
    dns_expected_records: tuple[str, ...] = ()
    """Each must be among the records answered."""
    database: str | None = None
    """Of a database server."""
    grpc_service: str | None = None
    """None = the server as a whole."""
    tls: bool | None = None
    """None = as the port says."""
    last_header_id: int = 0
    """The highest header id ever given here: kept so that ids are not reused. Not on the wire."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a monitor stands between two checks: all that judging the next one needs. Instants: ms since 1970 UTC."""

    status: MonitorStatus = MonitorStatus.PENDING
    """pending, up, down or validating; `paused` and `maintenance` are seen from the monitor and the clock."""
    observed_ms: int = 0
    """The start of the latest observation judged: an older one that arrives late is dropped."""
    failing_since_ms: int | None = None
    """The start of the first failing check of the run that is not confirmed yet."""
    recovering_since_ms: int | None = None
    """The start of the first good check of the run that is not an all-clear yet."""
    incident_id: int | None = None
    """The incident that this failing run opened, unconfirmed or not."""
    degraded_since_ms: int | None = None
    """The start of the first good check of the run in which it is up, but not as it should be."""
    degraded_reason: str | None = None
    outages: tuple[int, ...] = ()
    """When its latest outages were confirmed, the oldest first; as many as judging whether it flaps needs."""
    flapping_since_ms: int | None = None
    """When these came too often; it flaps no more after an hour of calm (`rules/flapping.py`)."""

    @property
    def steady(self) -> bool:
        """Up with nothing in the air: one more good check changes nothing."""
        return (
            self.status is MonitorStatus.UP
            and self.incident_id is None
            and self.failing_since_ms is None
            and self.degraded_since_ms is None
        )


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """One thing we watch, as people see it."""

    id: int
    team_id: int
    team_name: str
    url: str
    pronounceable_name: str
    monitor_group_id: int | None
    paused_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int
    domain: str | None
    """The registrable domain of the URL, when it has one: shared by all monitors below it."""
    settings: Settings
    status: MonitorStatus
    last_checked_at: datetime | None
    standing: Standing
    flapping: bool = False
    """Whether it breaks and recovers so often that its recovery is believed later."""
    certificate_expires_at: datetime | None = None
    unreadable: str = ""
    """Why its stored settings cannot be read, e.g. sealed with a key that is lost. Then `settings` hold only what can
    be, and it is not checked until they are given anew."""

    @property
    def degraded_reason(self) -> str | None:
        """Why it is not as it should be though it is up; None when it is, and when it is not up."""
        shown = self.status in (MonitorStatus.UP, MonitorStatus.VALIDATING)
        return self.standing.degraded_reason if shown else None


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One monitor in a long list: no settings, no secrets. Instants: ms since 1970 UTC."""

    id: int
    team_id: int
    name: str
    url: str
    monitor_type: str
    check_frequency: int
    group_id: int | None
    status: MonitorStatus
    created_ms: int
    paused_ms: int | None
    checked_ms: int | None
    response_us: int | None
    """How long its latest good check took."""
    incident_id: int | None
    degraded_since_ms: int | None
    degraded_reason: str | None


class MonitorGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of monitors; pausing it pauses the monitors that are in it at that moment (contract part 1, 4)."""

    id: int
    team_id: int
    team_name: str
    name: str
    sort_index: int | None
    paused: bool
    created_at: datetime
    updated_at: datetime


# --- What was measured -----------------------------------------------------------------------------------------------


class Sample(msgspec.Struct, frozen=True):
    """How long one good check took. Seconds; a phase that was not reached is None."""

    monitor_id: int
    region: str
    at_ms: int
    response_time: float
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None


class HourFigures(msgspec.Struct, frozen=True):
    """One hour rolled up. Seconds."""

    hour_ms: int
    count: int
    average: float
    p95: float
    maximum: float


class Domain(msgspec.Struct, frozen=True):
    """What is known of the registration of a domain below which something is watched."""

    name: str
    checked_at: datetime | None
    expires_at: datetime | None
    failure: str | None
    """Why the latest look at it came to nothing."""


class Bucket(msgspec.Struct, frozen=True):
    """Good checks of one stretch of time, averaged. Seconds; a phase that none of them reached is None."""

    at_ms: int
    """Where the stretch begins."""
    count: int
    response_time: float
    maximum: float
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None


class Gap(msgspec.Struct, frozen=True):
    """A stretch of time in which nobody watched: it counts neither as up nor as down. `to_ms` None: still so."""

    from_ms: int
    to_ms: int | None
    reason: str


class Availability(msgspec.Struct, frozen=True):
    """`monitor_sla` of the contract (part 1, 3.6): percent; the rest whole seconds and a count."""

    availability: float
    total_downtime: int
    number_of_incidents: int
    longest_incident: int
    average_incident: int
