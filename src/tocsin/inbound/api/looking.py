"""What came, what would be done about it, and the alerts behind an incident: ours, beyond the contract."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.inbound import actions
from tocsin.inbound.actions.looking import Sample, Trial
from tocsin.inbound.api.attributes import readable
from tocsin.inbound.api.integrations import AREA, FieldInput, RuleInput
from tocsin.inbound.model import EMAIL, INCOMING_WEBHOOK, AlertState, Payload
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Page, PageSize, Resource, Route
from tocsin.storage import Tx

ALL = "inbound-integrations"
"""Where an integration of any kind is found: ids are unique over all of them."""
MAX_SAMPLE_CHARACTERS = 500_000


class PayloadAttributes(msgspec.Struct, kw_only=True):
    """One received message, without its secrets."""

    received_at: str
    method: str
    path: str
    query_string: str
    headers: list[dict[str, str]]
    body: str
    body_truncated: bool
    outcome: str
    alerts: int


class AlertAttributes(msgspec.Struct, kw_only=True):
    """One alert of an incident."""

    alert_id: str | None
    status: str
    title: str
    cause: str
    severity: str | None
    url: str | None
    group_key: str | None
    metadata: dict[str, str]
    times_received: int
    started_at: str
    last_received_at: str
    acknowledged_at: str | None
    resolved_at: str | None
    incident_id: int | None
    integration_id: int


class ListOf(msgspec.Struct, kw_only=True):
    id: int
    page: int = 1
    per_page: int = 50


class RuleSet(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Rules and fields to try; what is not sent is as it is set."""

    started_rule_type: str | UnsetType | None = UNSET
    acknowledged_rule_type: str | UnsetType | None = UNSET
    resolved_rule_type: str | UnsetType | None = UNSET
    started_rules: list[RuleInput] | UnsetType | None = UNSET
    acknowledged_rules: list[RuleInput] | UnsetType | None = UNSET
    resolved_rules: list[RuleInput] | UnsetType | None = UNSET
    cause_field: FieldInput | UnsetType | None = UNSET
    title_field: FieldInput | UnsetType | None = UNSET
    started_alert_id_field: FieldInput | UnsetType | None = UNSET
    acknowledged_alert_id_field: FieldInput | UnsetType | None = UNSET
    resolved_alert_id_field: FieldInput | UnsetType | None = UNSET
    other_started_fields: list[FieldInput] | UnsetType | None = UNSET
    other_acknowledged_fields: list[FieldInput] | UnsetType | None = UNSET
    other_resolved_fields: list[FieldInput] | UnsetType | None = UNSET


class DryRun(msgspec.Struct, kw_only=True):
    """A message to try: the id of one that came, or what it would hold."""

    id: int
    payload_id: int | UnsetType | None = UNSET
    method: str | UnsetType | None = UNSET
    query_string: str | UnsetType | None = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    body: str | dict[str, Any] | UnsetType | None = UNSET
    from_email: str | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    rules: RuleSet | UnsetType | None = UNSET
    """Tried in the place of those that are set, before anything is saved."""


def _render_payload(payload: Payload) -> PayloadAttributes:
    return PayloadAttributes(
        received_at=to_wire(payload.at),
        method=payload.method,
        path=payload.path,
        query_string="&".join(f"{name}={value}" for name, value in payload.query),
        headers=[{"name": name, "value": value} for name, value in payload.headers],
        body=readable(payload),
        body_truncated=payload.truncated,
        outcome=payload.outcome,
        alerts=payload.alerts,
    )


def _render_alert(alert: AlertState) -> AlertAttributes:
    return AlertAttributes(
        alert_id=alert.alert_id, status=_status(alert), title=alert.title, cause=alert.cause, severity=alert.severity,
        url=alert.url, group_key=alert.group_key, metadata=alert.facts, times_received=alert.count,
        started_at=to_wire(alert.started_at), last_received_at=to_wire(alert.last_at),
        acknowledged_at=None if alert.acknowledged_at is None else to_wire(alert.acknowledged_at),
        resolved_at=None if alert.resolved_at is None else to_wire(alert.resolved_at),
        incident_id=alert.incident_id, integration_id=alert.integration_id,
    )  # fmt: skip


def _status(alert: AlertState) -> str:
    """The incidents' words (contract part 2, 1.3)."""
    if alert.resolved_at is not None:
        return "Resolved"
    if alert.recover_at is not None:
        return "Validating"
    return "Started" if alert.acknowledged_at is None else "Acknowledged"


PAYLOAD = Resource(
    type="inbound_payload", attributes=PayloadAttributes, render=_render_payload, doc="A message as it was received."
)
ALERT = Resource(
    type="inbound_alert", attributes=AlertAttributes, render=_render_alert, doc="One of an incident's alerts."
)


def looking_operations() -> tuple[Operation, ...]:
    """Payloads and dry runs of every kind of integration, and the alerts of an incident."""
    paths = [f"/api/v2/{path}/{{id}}" for path in (ALL, INCOMING_WEBHOOK.path, EMAIL.path)]
    return (
        Operation(
            name="inbound_integrations.payloads", routes=tuple(Route("GET", f"{path}/payloads") for path in paths),
            upstream="not_there",
            area=AREA, level="read", input=ListOf, handler=_payloads, resource=PAYLOAD, answer="list",
            page_size=PageSize(default=10, maximum=50),
            doc="List the newest messages that an integration received, without secrets, and what became of them.",
            deed="looked at what an integration received",
        ),
        Operation(
            name="inbound_integrations.dry_run", routes=tuple(Route("POST", f"{path}/dry-run") for path in paths),
            upstream="not_there",
            area=AREA, level="read", input=DryRun, handler=_dry_run, answer="flat", flat=Trial,
            doc="Say which rules a message matches and what would be opened, without doing it.",
            deed="tried a message on an integration",
        ),
        Operation(
            name="inbound_alerts.list", upstream="not_there",
            routes=(Route("GET", "/api/v2/incidents/{id}/alerts"), Route("GET", "/api/v3/incidents/{id}/alerts")),
            area="incidents", level="read", input=ListOf, handler=_alerts, resource=ALERT, answer="list",
            doc="List the alerts for which an incident stands.", deed="listed the alerts of an incident",
        ),
    )  # fmt: skip


def _payloads(tx: Tx, call: Call, input: ListOf) -> Page[Payload]:
    found, total = actions.payloads(tx, input.id, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _alerts(tx: Tx, call: Call, input: ListOf) -> Page[AlertState]:
    found, total = actions.alerts_of(tx, input.id, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _dry_run(tx: Tx, call: Call, input: DryRun) -> Trial:
    sent = {
        name: value
        for name in Sample.__struct_fields__
        if (value := getattr(input, name)) is not UNSET and value is not None
    }
    if isinstance(sent.get("body"), dict):
        sent["body"] = msgspec.json.encode(sent["body"]).decode()
    if len(sent.get("body", "")) > MAX_SAMPLE_CHARACTERS:
        raise Invalid.fields(body=f"is too long (maximum is {MAX_SAMPLE_CHARACTERS} characters)")
    rules = msgspec.to_builtins(input.rules) if isinstance(input.rules, RuleSet) else None
    return actions.dry_run(tx, input.id, call.team_ids, Sample(**sent), rules)
