"""The operations on outgoing webhooks."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx
from tocsin.webhooks import actions
from tocsin.webhooks.model import Template, Trigger, Webhook
from tocsin.webhooks.rules.settings import TEMPLATE

AREA = "webhooks"
SECRETS = ("url", "signing_secret", TEMPLATE)
"""Never in the audit log in clear: the addresses of chats are passwords themselves."""


class WebhookAttributes(msgspec.Struct):
    """The attributes in the API's order; those of incidents are there only when the webhook is about incidents."""

    name: str | None
    url: str
    trigger_type: str
    on_incident_started: bool | UnsetType
    on_incident_acknowledged: bool | UnsetType
    on_incident_resolved: bool | UnsetType
    on_incident_reopened: bool | UnsetType
    on_incident_comment: bool | UnsetType
    notify_alongside_primary_responder: bool | UnsetType
    team_name: str
    signing_secret: str | UnsetType
    """Ours; there only when requests are signed."""


class TemplateAttributes(msgspec.Struct):
    """A template as `included` shows it."""

    http_method: str
    auth_username: str | None
    auth_password: str | None
    headers_template: list[dict[str, str]]
    body_template: str | None
    """Always text, however it was sent."""


class HeaderInput(msgspec.Struct, kw_only=True):
    """A request header; its value may hold variables."""

    name: str | None = None
    value: str | int | float | bool | None = None


class TemplateInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the requests look. With the `id` of the present template only what is sent changes; without one it is a new
    template in its place."""

    id: str | int | UnsetType | None = UNSET
    http_method: str | UnsetType | None = UNSET
    auth_username: str | UnsetType | None = UNSET
    auth_user: str | UnsetType | None = UNSET
    """Another name of `auth_username`, which Terraform's configuration uses."""
    auth_password: str | UnsetType | None = UNSET
    headers_template: list[HeaderInput] | UnsetType | None = UNSET
    body_template: dict[str, Any] | list[Any] | str | UnsetType | None = UNSET
    """JSON, as such or as text, with variables; any other text when a Content-Type header says so."""
    destroy: bool | str | UnsetType | None = msgspec.field(name="_destroy", default=UNSET)


class WebhookFields(msgspec.Struct, kw_only=True):
    """What may be sent about a webhook."""

    name: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    trigger_type: str | UnsetType | None = UNSET
    on_incident_started: bool | UnsetType | None = UNSET
    on_incident_acknowledged: bool | UnsetType | None = UNSET
    on_incident_resolved: bool | UnsetType | None = UNSET
    on_incident_reopened: bool | UnsetType | None = UNSET
    on_incident_comment: bool | UnsetType | None = UNSET
    notify_alongside_primary_responder: bool | UnsetType | None = UNSET
    custom_webhook_template_attributes: TemplateInput | UnsetType | None = UNSET
    signing_secret: str | UnsetType | None = UNSET
    """Ours: `generate` makes a key with which requests are signed; `whsec_…` brings one along; empty: not signed."""


class CreateWebhook(WebhookFields, kw_only=True):
    """A webhook to be: `url` and `trigger_type` are needed."""


class UpdateWebhook(WebhookFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OneWebhook(msgspec.Struct, kw_only=True):
    id: int


class ListWebhooks(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


def _render(webhook: Webhook) -> WebhookAttributes:
    def told(event: str) -> bool | UnsetType:
        return event in webhook.events if webhook.trigger_type is Trigger.INCIDENT else UNSET

    alongside = webhook.notify_alongside_primary_responder
    return WebhookAttributes(
        name=webhook.name,
        url=webhook.url,
        trigger_type=webhook.trigger_type.value,
        on_incident_started=told("started"),
        on_incident_acknowledged=told("acknowledged"),
        on_incident_resolved=told("resolved"),
        on_incident_reopened=told("reopened"),
        on_incident_comment=told("comment"),
        notify_alongside_primary_responder=alongside if webhook.trigger_type is Trigger.INCIDENT else UNSET,
        team_name=webhook.team_name,
        signing_secret=webhook.signing_secret or UNSET,
    )


def _render_template(template: Template) -> TemplateAttributes:
    return TemplateAttributes(
        http_method=template.http_method,
        auth_username=template.auth_username,
        auth_password=template.auth_password,
        headers_template=[{"name": header.name, "value": header.value} for header in template.headers_template],
        body_template=template.body_template,
    )


def _relationships(webhook: Webhook) -> dict[str, Any]:
    template = webhook.template
    data = None if template is None else {"id": str(template.id), "type": TEMPLATE_RESOURCE.type}
    return {"custom_webhook_template": {"data": data}}


def _brings(webhook: Webhook) -> list[tuple[Resource, Any]]:
    return [] if webhook.template is None else [(TEMPLATE_RESOURCE, webhook.template)]


TEMPLATE_RESOURCE = Resource(
    type="custom_webhook_template",
    attributes=TemplateAttributes,
    render=_render_template,
    secrets=("auth_password", "headers_template"),
    doc="How a webhook's requests look when they are not the default ones.",
)
WEBHOOK = Resource(
    type=actions.TYPE,
    attributes=WebhookAttributes,
    render=_render,
    relationships=_relationships,
    brings=_brings,
    parts=(TEMPLATE_RESOURCE,),
    secrets=("url", "signing_secret"),
    doc="Another system that is told of incidents, monitors or who is on call; its template stands in `included`.",
)


def webhook_operations() -> tuple[Operation, ...]:
    one, all = "/api/v2/outgoing-webhooks/{id}", "/api/v2/outgoing-webhooks"
    return (
        Operation(
            name="outgoing_webhooks.list", routes=(Route("GET", all),), area=AREA, level="read", input=ListWebhooks,
            handler=_list, resource=WEBHOOK, answer="list", scope=Scope.LIST,
            doc="List outgoing webhooks.", deed="listed outgoing webhooks",
        ),
        Operation(
            name="outgoing_webhooks.get", routes=(Route("GET", one),), area=AREA, level="read", input=OneWebhook,
            handler=_get, resource=WEBHOOK, doc="Show an outgoing webhook.", deed="looked at an outgoing webhook",
        ),
        Operation(
            name="outgoing_webhooks.create", routes=(Route("POST", all),), area=AREA, level="write",
            input=CreateWebhook, handler=_create, resource=WEBHOOK, scope=Scope.CREATE, switch="publish",
            event="outgoing_webhook.created", secrets=SECRETS,
            doc="Create an outgoing webhook: another system is told of what happens from now on.",
            deed="created an outgoing webhook",
        ),
        Operation(
            name="outgoing_webhooks.update", routes=(Route("PATCH", one),), area=AREA, level="write",
            input=UpdateWebhook, handler=_update, resource=WEBHOOK, switch="publish",
            event="outgoing_webhook.updated", secrets=SECRETS,
            doc="Change an outgoing webhook.", deed="changed an outgoing webhook",
        ),
        Operation(
            name="outgoing_webhooks.delete", routes=(Route("DELETE", one),), area=AREA, level="full",
            input=OneWebhook, handler=_delete, answer="none", resource=WEBHOOK, switch="delete",
            event="outgoing_webhook.deleted",
            doc="Delete an outgoing webhook with the log of its messages.", deed="deleted an outgoing webhook",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListWebhooks) -> Page[Webhook]:
    found, total = actions.list_webhooks(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneWebhook) -> Webhook:
    return actions.find(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreateWebhook) -> Webhook:
    assert call.team_id is not None
    return actions.create(tx, call.team_id, _given(input))


def _update(tx: Tx, call: Call, input: UpdateWebhook) -> Webhook:
    return actions.update(tx, input.id, call.team_ids, _given(input))


def _delete(tx: Tx, call: Call, input: OneWebhook) -> None:
    actions.delete(tx, input.id, call.team_ids)


def _given(input: WebhookFields) -> dict[str, Any]:
    """What was sent, by wire name."""
    given = {name: value for name in WebhookFields.__struct_fields__ if (value := getattr(input, name)) is not UNSET}
    template = given.get(TEMPLATE)
    if isinstance(template, TemplateInput):
        sent = {name: value for name in template.__struct_fields__ if (value := getattr(template, name)) is not UNSET}
        if "auth_user" in sent:
            sent.setdefault("auth_username", sent.pop("auth_user"))
        if "destroy" in sent:
            sent["_destroy"] = sent.pop("destroy")
        if sent.get("headers_template"):
            sent["headers_template"] = [{"name": each.name, "value": each.value} for each in sent["headers_template"]]
        given[TEMPLATE] = sent
    return given
