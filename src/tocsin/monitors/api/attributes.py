"""A monitor as it stands in answers: every attribute with exactly the API's name, type and place."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.monitors.model import Assertion, Monitor, RequestHeader

T = TypeVar("T")


class MonitorAttributes(msgspec.Struct, gc=False):
    """The attributes in the API's order (contract part 1, 3.1 and 3.7)."""

    url: str
    pronounceable_name: str
    auth_username: str
    auth_password: str
    monitor_type: str
    monitor_group_id: int | None
    last_checked_at: str | None
    status: str
    policy_id: str | None
    expiration_policy_id: int | None
    team_name: str
    required_keyword: str | None
    verify_ssl: bool
    call: bool
    sms: bool
    email: bool
    push: bool
    critical_alert: bool
    team_wait: int | None
    http_method: str
    request_timeout: int
    recovery_period: int
    check_frequency: int
    effective_check_frequency: int
    effective_check_frequency_reason: str | None
    request_headers: tuple[RequestHeader, ...]
    environment_variables: dict[str, str]
    request_body: str
    follow_redirects: bool
    remember_cookies: bool
    created_at: str
    updated_at: str
    ssl_expiration: int | None
    domain_expiration: int | None
    expected_status_codes: tuple[int, ...]
    port: str | None
    confirmation_period: int
    paused_at: str | None
    proxy_host: str | None
    proxy_port: int | None
    regions: tuple[str, ...] | None
    paused: bool
    maintenance_from: str | None
    maintenance_to: str | None
    maintenance_timezone: str | None
    maintenance_days: tuple[str, ...] | None
    playwright_script: str | None
    ip_version: str | None
    checks_version: str
    scenario_name: str | UnsetType = UNSET
    """Only browser monitors have it in answers."""
    # Ours, and there only when they say something: a plain monitor looks as it does in the original.
    assertions: tuple[Assertion, ...] | UnsetType = UNSET
    depends_on: tuple[int, ...] | UnsetType = UNSET
    flapping_damping: bool | UnsetType = UNSET
    """False: its recovery is believed after `recovery_period`, however often it fails."""
    dns_record_type: str | UnsetType = UNSET
    dns_expected_records: tuple[str, ...] | UnsetType = UNSET
    database: str | UnsetType = UNSET
    grpc_service: str | UnsetType = UNSET
    tls: bool | UnsetType = UNSET
    degraded: bool | UnsetType = UNSET
    """True: up, but an assertion of severity `degraded` does not hold."""
    degraded_reason: str | UnsetType = UNSET
    flapping: bool | UnsetType = UNSET
    """True: its recovery is believed later than `recovery_period` says."""


def render(monitor: Monitor) -> MonitorAttributes:
    s = monitor.settings
    return MonitorAttributes(
        monitor.url, monitor.pronounceable_name, s.auth_username, s.auth_password, s.monitor_type,
        monitor.monitor_group_id, _wire(monitor.last_checked_at), monitor.status.value,
        None if s.policy_id is None else str(s.policy_id), s.expiration_policy_id, monitor.team_name,
        s.required_keyword, s.verify_ssl, s.call, s.sms, s.email, s.push, s.critical_alert, s.team_wait, s.http_method,
        s.request_timeout, s.recovery_period, s.check_frequency, s.check_frequency, None, s.request_headers,
        s.environment_variables, s.request_body, s.follow_redirects, s.remember_cookies, to_wire(monitor.created_at),
        to_wire(monitor.updated_at), s.ssl_expiration, s.domain_expiration, s.expected_status_codes, s.port,
        s.confirmation_period, _wire(monitor.paused_at), s.proxy_host, s.proxy_port, s.regions,
        monitor.paused_at is not None, s.maintenance_from, s.maintenance_to, s.maintenance_timezone,
        s.maintenance_days, s.playwright_script, s.ip_version, "v2",
        monitor.url if s.monitor_type == "playwright" else UNSET, s.assertions or UNSET, s.depends_on or UNSET,
        UNSET if s.flapping_damping else False, _set(s.dns_record_type), s.dns_expected_records or UNSET,
        _set(s.database), _set(s.grpc_service), _set(s.tls),
        UNSET if monitor.degraded_reason is None else True, _set(monitor.degraded_reason), monitor.flapping or UNSET,
    )  # fmt: skip


def _set(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def relationships(monitor: Monitor) -> dict[str, Any]:
    settings = monitor.settings
    if settings.policy_id is None and settings.expiration_policy_id is None:
        return _NO_POLICIES
    return {
        "policy": {"data": _policy(settings.policy_id)},
        "expiration_policy": {"data": _policy(settings.expiration_policy_id)},
    }


_NO_POLICIES = {"policy": {"data": None}, "expiration_policy": {"data": None}}
"""One for all that have none, which is most: only ever read."""


def _policy(id: int | None) -> dict[str, str] | None:
    return None if id is None else {"id": str(id), "type": "policy"}


def _wire(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)
