"""The operations on integrations: the same five for every kind, each at its own address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.inbound import actions
from tocsin.inbound.api.attributes import (
    EmailAttributes,
    Shown,
    WebhookAttributes,
    render_email,
    render_source,
    render_webhook,
    source_attributes,
)
from tocsin.inbound.model import EMAIL, INCOMING_WEBHOOK, Integration, Kind
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

AREA = "integrations"


class RuleInput(msgspec.Struct, kw_only=True):
    """One condition (contract part 2, 9.1)."""

    rule_target: str | None = None
    target_field: str | None = None
    match_type: str | None = None
    content: str | None = None


class FieldInput(msgspec.Struct, kw_only=True):
    """How to take a piece out of a message (contract part 2, 9.1)."""

    name: str | None = None
    special_type: str | None = None
    field_target: str | None = None
    target_field: str | None = None
    match_type: str | None = None
    content: str | None = None
    content_before: str | None = None
    content_after: str | None = None


class AlertingFields(msgspec.Struct, kw_only=True):
    """What may be sent about any integration; a null gives the default back."""

    name: str | UnsetType | None = UNSET
    policy_id: str | int | UnsetType | None = UNSET
    call: bool | UnsetType | None = UNSET
    sms: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET
    critical_alert: bool | UnsetType | None = UNSET
    team_wait: int | UnsetType | None = UNSET
    recovery_period: int | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET


class WarningFields(AlertingFields, kw_only=True):
    """What may be sent about an integration that can tell warnings from alerts."""

    alerting_rule: str | UnsetType | None = UNSET


class RuledFields(AlertingFields, kw_only=True):
    """What may be sent about an integration with rules."""

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


class CreateSource(AlertingFields, kw_only=True):
    """An integration to be: nothing is needed."""


class UpdateSource(AlertingFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class CreateWarning(WarningFields, kw_only=True):
    """An integration to be: nothing is needed."""


class UpdateWarning(WarningFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class CreateRuled(RuledFields, kw_only=True):
    """An integration to be: nothing is needed; then every message starts an incident."""


class UpdateRuled(RuledFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OneIntegration(msgspec.Struct, kw_only=True):
    id: int


class ListIntegrations(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


_OURS = frozenset({"sentry_integration", "pagerduty_events_integration", "opsgenie_integration"})
"""Kinds that the original does not have."""


def integration_operations(kind: Kind, email_domain: str) -> tuple[Operation, ...]:
    """What can be done with integrations of a kind."""
    do = _Handlers(kind, email_domain)
    resource = _resource(kind)
    create, update = _inputs(kind)
    one, all = f"/api/v2/{kind.path}/{{id}}", f"/api/v2/{kind.path}"
    name = f"{kind.type}s"
    upstream: Literal["passed_on", "not_there"] = "not_there" if kind.type in _OURS else "passed_on"
    a = kind.title[0].lower() + kind.title[1:] if kind in (INCOMING_WEBHOOK, EMAIL) else f"{kind.title} integration"
    an = f"{'an' if a[0].lower() in 'aeio' else 'a'} {a}"
    return (
        Operation(
            upstream=upstream,
            name=f"{name}.list", routes=(Route("GET", all),), area=AREA, level="read", input=ListIntegrations,
            handler=do.list, resource=resource, answer="list", scope=Scope.LIST,
            doc=f"List the {a}s.", deed=f"listed the {a}s",
        ),
        Operation(
            upstream=upstream,
            name=f"{name}.get", routes=(Route("GET", one),), area=AREA, level="read", input=OneIntegration,
            handler=do.get, resource=resource, doc=f"Show {an}.", deed=f"looked at {an}",
        ),
        Operation(
            upstream=upstream,
            name=f"{name}.create", routes=(Route("POST", all),), area=AREA, level="write", input=create,
            handler=do.create, resource=resource, scope=Scope.CREATE, event=f"{kind.type}.created", switch="page",
            doc=f"Create {an} and receive alerts.", deed=f"created {an}",
        ),
        Operation(
            upstream=upstream,
            name=f"{name}.update", routes=(Route("PATCH", one),), area=AREA, level="write", input=update,
            handler=do.update, resource=resource, event=f"{kind.type}.updated",
            doc=f"Change, pause or resume {an}.", deed=f"changed {an}",
        ),
        Operation(
            upstream=upstream,
            name=f"{name}.delete", routes=(Route("DELETE", one),), area=AREA, level="full", input=OneIntegration,
            handler=do.delete, answer="none", event=f"{kind.type}.deleted", resource=resource, switch="delete",
            doc=f"Delete {an}; what it has opened is resolved.", deed=f"deleted {an}",
        ),
    )  # fmt: skip


class _Handlers:
    """The same deeds, each for one kind."""

    def __init__(self, kind: Kind, email_domain: str) -> None:
        self._kind = kind
        self._email_domain = email_domain

    def list(self, tx: Tx, call: Call, input: ListIntegrations) -> Page[Shown]:
        found, total = actions.list_integrations(
            tx, call.team_ids, self._kind, page=input.page, per_page=input.per_page
        )
        return Page(self._shown(call, found), total, input.page, input.per_page)

    def get(self, tx: Tx, call: Call, input: OneIntegration) -> Shown:
        return self._shown(call, [actions.find(tx, input.id, call.team_ids, self._kind)])[0]

    def create(self, tx: Tx, call: Call, input: AlertingFields) -> Shown:
        assert call.team_id is not None
        return self._shown(call, [actions.create(tx, call.team_id, self._kind, _given(input))])[0]

    def update(self, tx: Tx, call: Call, input: Any) -> Shown:
        changed = actions.update(tx, input.id, call.team_ids, self._kind, _given(input))
        return self._shown(call, [changed])[0]

    def delete(self, tx: Tx, call: Call, input: OneIntegration) -> None:
        actions.delete(tx, input.id, call.team_ids, self._kind, call.base_url)

    def _shown(self, call: Call, found: Sequence[Integration]) -> Sequence[Shown]:
        return [Shown(each, call.base_url, self._email_domain) for each in found]


def _given(input: AlertingFields) -> dict[str, Any]:
    """What was sent, by wire name, rules and fields as plain maps."""
    names = [name for name in input.__struct_fields__ if name != "id"]
    sent = {name: value for name in names if (value := getattr(input, name)) is not UNSET}
    plain: dict[str, Any] = msgspec.to_builtins(sent)
    return plain


def _inputs(kind: Kind) -> tuple[type[msgspec.Struct], type[msgspec.Struct]]:
    if kind in (INCOMING_WEBHOOK, EMAIL):
        return CreateRuled, UpdateRuled
    return (CreateWarning, UpdateWarning) if kind.warns else (CreateSource, UpdateSource)


def _resource(kind: Kind) -> Resource:
    if kind is INCOMING_WEBHOOK:
        doc = "An address for web requests, and rules that say which of them start and end incidents."
        return Resource(type=kind.type, attributes=WebhookAttributes, render=render_webhook, pages_by=("url",), doc=doc)
    if kind is EMAIL:
        doc = "An e-mail address, and rules that say which mails start and end incidents."
        return Resource(
            type=kind.type, attributes=EmailAttributes, render=render_email, pages_by=("email_address",), doc=doc
        )
    doc = f"An address that understands the alerts of {kind.title}."
    return Resource(
        type=kind.type, attributes=source_attributes(kind), render=render_source,
        pages_by=("webhook_url", "routing_key", "api_key"), doc=doc,
    )  # fmt: skip
