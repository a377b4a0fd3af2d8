"""An integration as it stands in answers: every attribute with exactly the API's name, type and place."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.inbound.model import Field, Integration, Kind, Payload, Rule, Settings
from tocsin.kernel.clock import to_wire

MAX_SAMPLE_CHARACTERS = 10_000
"""Of `sample_body`: a list may show hundreds of them. The whole message is in the integration's payloads."""


class Shown(msgspec.Struct, frozen=True):
    """An integration with the addresses under which it receives."""

    integration: Integration
    base_url: str
    email_domain: str

    @property
    def id(self) -> int:
        return self.integration.id

    @property
    def team_id(self) -> int:
        return self.integration.team_id


class WebhookAttributes(msgspec.Struct, kw_only=True):
    """An incoming webhook (contract part 2, 9.1)."""

    name: str
    policy_id: str | None
    call: bool
    sms: bool
    email: bool
    push: bool
    critical_alert: bool
    team_wait: int | None
    recovery_period: int | None
    paused: bool
    url: str
    sample_query_string: str | None
    sample_headers: str | None
    sample_body: str | None
    started_rule_type: str
    acknowledged_rule_type: str
    resolved_rule_type: str
    started_rules: tuple[Rule, ...]
    acknowledged_rules: tuple[Rule, ...]
    resolved_rules: tuple[Rule, ...]
    cause_field: Field | None
    title_field: Field | None
    started_alert_id_field: Field | None
    acknowledged_alert_id_field: Field | None
    resolved_alert_id_field: Field | None
    other_started_fields: tuple[Field, ...]
    other_acknowledged_fields: tuple[Field, ...]
    other_resolved_fields: tuple[Field, ...]
    team_name: str
    created_at: str
    updated_at: str


class EmailAttributes(msgspec.Struct, kw_only=True):
    """An e-mail integration (contract part 2, 9.1)."""

    name: str
    policy_id: str | None
    call: bool
    sms: bool
    email: bool
    push: bool
    critical_alert: bool
    team_wait: int | None
    recovery_period: int | None
    paused: bool
    email_address: str
    started_rule_type: str
    acknowledged_rule_type: str
    resolved_rule_type: str
    started_rules: tuple[Rule, ...]
    acknowledged_rules: tuple[Rule, ...]
    resolved_rules: tuple[Rule, ...]
    cause_field: Field | None
    title_field: Field | None
    started_alert_id_field: Field | None
    acknowledged_alert_id_field: Field | None
    resolved_alert_id_field: Field | None
    other_started_fields: tuple[Field, ...]
    other_acknowledged_fields: tuple[Field, ...]
    other_resolved_fields: tuple[Field, ...]
    team_name: str
    created_at: str
    updated_at: str


class SourceAttributes(msgspec.Struct, kw_only=True):
    """An integration that knows its sender's messages (contract part 2, 9.2)."""

    name: str
    policy_id: int | None
    call: bool
    sms: bool
    email: bool
    push: bool
    critical_alert: bool
    team_wait: int | None
    recovery_period: int | None
    paused: bool
    webhook_url: str
    team_name: str
    created_at: str
    updated_at: str


class WarningAttributes(SourceAttributes, kw_only=True):
    """Datadog and New Relic, which can tell warnings from alerts."""

    alerting_rule: str


class PagerDutyAttributes(SourceAttributes, kw_only=True):
    """Ours: `routing_key` is what goes into PagerDuty's events under that name."""

    routing_key: str


class OpsgenieAttributes(SourceAttributes, kw_only=True):
    """Ours: `api_key` is what follows `GenieKey`."""

    api_key: str


def render_webhook(shown: Shown) -> WebhookAttributes:
    sample = shown.integration.sample
    return WebhookAttributes(
        **_alerting(shown.integration),
        **_ruled(shown.integration),
        policy_id=_text(shown.integration.settings.policy_id),
        url=webhook_url(shown),
        sample_query_string=None if sample is None else "&".join(f"{name}={value}" for name, value in sample.query),
        sample_headers=None if sample is None else "\n".join(f"{name}: {value}" for name, value in sample.headers),
        sample_body=None if sample is None else readable(sample)[:MAX_SAMPLE_CHARACTERS],
    )


def render_email(shown: Shown) -> EmailAttributes:
    return EmailAttributes(
        **_alerting(shown.integration),
        **_ruled(shown.integration),
        policy_id=_text(shown.integration.settings.policy_id),
        email_address=f"{shown.integration.token}@{shown.email_domain}",
    )


def render_source(shown: Shown) -> SourceAttributes:
    integration = shown.integration
    extra: dict[str, Any] = {}
    if integration.kind.warns:
        extra = {"alerting_rule": integration.settings.alerting_rule}
    elif integration.kind.name == "pagerduty":
        extra = {"routing_key": integration.token}
    elif integration.kind.name == "opsgenie":
        extra = {"api_key": integration.token}
    return source_attributes(integration.kind)(
        **_alerting(integration),
        policy_id=integration.settings.policy_id,
        webhook_url=webhook_url(shown),
        created_at=to_wire(integration.created_at),
        updated_at=to_wire(integration.updated_at),
        **extra,
    )


def source_attributes(kind: Kind) -> type[SourceAttributes]:
    """The form in which integrations of a kind are shown."""
    forms: dict[str, type[SourceAttributes]] = {"pagerduty": PagerDutyAttributes, "opsgenie": OpsgenieAttributes}
    return WarningAttributes if kind.warns else forms.get(kind.name, SourceAttributes)


def webhook_url(shown: Shown) -> str:
    """The address to which the sender posts. PagerDuty's and Opsgenie's senders bring the key in their own way."""
    kind = shown.integration.kind
    start = f"{shown.base_url}/api/v1/{kind.address}"
    if kind.name == "pagerduty":
        return f"{start}/v2/enqueue"
    if kind.name == "opsgenie":
        return start
    return f"{start}/{shown.integration.token}"


def readable(payload: Payload) -> str:
    """A message's body as text; what is no UTF-8 shows as replacement characters."""
    return payload.body.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _alerting(integration: Integration) -> dict[str, Any]:
    s = integration.settings
    return {
        "name": integration.name, "call": s.call, "sms": s.sms, "email": s.email, "push": s.push,
        "critical_alert": s.critical_alert, "team_wait": s.team_wait, "recovery_period": s.recovery_period,
        "paused": integration.paused, "team_name": integration.team_name,
    }  # fmt: skip


def _ruled(integration: Integration) -> dict[str, Any]:
    names = [
        name for name in Settings.__struct_fields__ if name.endswith(("_rule_type", "_rules", "_field", "_fields"))
    ]
    return {name: getattr(integration.settings, name) for name in names} | {
        "created_at": to_wire(integration.created_at),
        "updated_at": to_wire(integration.updated_at),
    }


def _text(id: int | None) -> str | None:
    return None if id is None else str(id)
