"""The places that the original's API knows, each at its own address (contract part 2, 9.3).

The original creates Slack and Jira integrations in its user interface alone; here they can be created by POST, with
secrets that no answer shows.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.notify.actions import targets as actions
from tocsin.notify.api.targets import given
from tocsin.notify.model.targets import OpenTarget
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

_TOP = frozenset({"name", "notify_alongside_primary_responder", "on_call_notifications"})
"""What every place has; the rest are settings of its kind."""
_AUTOMATIC = "automatic_issue_creation"
"""Jira's word for being told alongside the first responder."""


class SlackAttributes(msgspec.Struct):
    """A Slack integration (contract part 2, 9.3)."""

    slack_team_id: str
    slack_team_name: str
    slack_channel_id: str
    slack_channel_name: str
    slack_status: str
    integration_type: str
    on_call_notifications: bool
    notify_alongside_primary_responder: bool
    team_name: str


class PagerDutyAttributes(msgspec.Struct):
    """A PagerDuty webhook (contract part 2, 9.3)."""

    name: str
    key: str
    severity: str
    notify_alongside_primary_responder: bool
    team_name: str


class SplunkAttributes(msgspec.Struct):
    """A Splunk On-Call integration (contract part 2, 9.3)."""

    name: str
    url: str
    notify_alongside_primary_responder: bool
    team_name: str


class JiraAttributes(msgspec.Struct):
    """A Jira integration (contract part 2, 9.3)."""

    name: str
    automatic_issue_creation: bool
    jira_project_key: str
    jira_issue_type_id: str
    jira_fields: dict[str, Any]


class SlackFields(msgspec.Struct, kw_only=True):
    """What may be sent about a Slack integration; the last three are ours and are never shown."""

    slack_team_id: str | UnsetType | None = UNSET
    slack_team_name: str | UnsetType | None = UNSET
    slack_channel_id: str | UnsetType | None = UNSET
    slack_channel_name: str | UnsetType | None = UNSET
    integration_type: str | UnsetType | None = UNSET
    on_call_notifications: bool | UnsetType | None = UNSET
    notify_alongside_primary_responder: bool | UnsetType | None = UNSET
    bot_token: str | UnsetType | None = UNSET
    signing_secret: str | UnsetType | None = UNSET
    webhook_url: str | UnsetType | None = UNSET


class CreateSlack(SlackFields, kw_only=True):
    """A Slack integration to be: a `webhook_url`, or a `bot_token` and a `slack_channel_id`."""


class UpdateSlack(SlackFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class PagerDutyFields(msgspec.Struct, kw_only=True):
    """What may be sent about a PagerDuty webhook."""

    name: str | UnsetType | None = UNSET
    key: str | UnsetType | None = UNSET
    severity: str | UnsetType | None = UNSET
    notify_alongside_primary_responder: bool | UnsetType | None = UNSET


class CreatePagerDuty(PagerDutyFields, kw_only=True):
    """A PagerDuty webhook to be: `key` and `severity` are needed."""


class UpdatePagerDuty(PagerDutyFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class SplunkFields(msgspec.Struct, kw_only=True):
    """What may be sent about a Splunk On-Call integration."""

    name: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    notify_alongside_primary_responder: bool | UnsetType | None = UNSET


class CreateSplunk(SplunkFields, kw_only=True):
    """A Splunk On-Call integration to be: `url` is needed."""


class UpdateSplunk(SplunkFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class JiraFields(msgspec.Struct, kw_only=True):
    """What may be sent about a Jira integration; the last four are ours, and the token is never shown."""

    name: str | UnsetType | None = UNSET
    automatic_issue_creation: bool | UnsetType | None = UNSET
    jira_project_key: str | UnsetType | None = UNSET
    jira_issue_type_id: str | int | UnsetType | None = UNSET
    jira_fields: dict[str, Any] | UnsetType | None = UNSET
    site_url: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    api_token: str | UnsetType | None = UNSET
    resolve_transition: str | UnsetType | None = UNSET


class CreateJira(JiraFields, kw_only=True):
    """A Jira integration to be: `site_url`, `api_token`, `jira_project_key` and `jira_issue_type_id` are needed."""


class UpdateJira(JiraFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OneIntegration(msgspec.Struct, kw_only=True):
    id: int


class ListIntegrations(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    """One of the original's resources, and the kind of place that it is."""

    kind: str
    type: str
    path: str
    title: str
    attributes: builtins.type[msgspec.Struct]
    render: Callable[[OpenTarget], msgspec.Struct]
    create: builtins.type[msgspec.Struct]
    update: builtins.type[msgspec.Struct]
    secrets: tuple[str, ...]


def _slack(opened: OpenTarget) -> SlackAttributes:
    settings = opened.settings
    return SlackAttributes(
        slack_team_id=settings.get("slack_team_id", ""),
        slack_team_name=settings.get("slack_team_name", ""),
        slack_channel_id=settings.get("slack_channel_id", ""),
        slack_channel_name=settings.get("slack_channel_name", ""),
        slack_status=opened.target.status,
        integration_type=settings.get("integration_type", "thread"),
        on_call_notifications=opened.target.on_call_notifications,
        notify_alongside_primary_responder=opened.target.notify_alongside_primary_responder,
        team_name=opened.team_name,
    )


def _pager_duty(opened: OpenTarget) -> PagerDutyAttributes:
    return PagerDutyAttributes(
        name=opened.target.name,
        key=opened.settings.get("key", ""),
        severity=opened.settings.get("severity", ""),
        notify_alongside_primary_responder=opened.target.notify_alongside_primary_responder,
        team_name=opened.team_name,
    )


def _splunk(opened: OpenTarget) -> SplunkAttributes:
    return SplunkAttributes(
        name=opened.target.name,
        url=opened.settings.get("url", ""),
        notify_alongside_primary_responder=opened.target.notify_alongside_primary_responder,
        team_name=opened.team_name,
    )


def _jira(opened: OpenTarget) -> JiraAttributes:
    settings = opened.settings
    return JiraAttributes(
        name=opened.target.name,
        automatic_issue_creation=opened.target.notify_alongside_primary_responder,
        jira_project_key=settings.get("jira_project_key", ""),
        jira_issue_type_id=settings.get("jira_issue_type_id", ""),
        jira_fields=settings.get("jira_fields", {}),
    )


FORMS = (
    _Form(
        kind="slack", type="slack_integration", path="slack-integrations", title="Slack integration",
        attributes=SlackAttributes, render=_slack, create=CreateSlack, update=UpdateSlack,
        secrets=("bot_token", "signing_secret", "webhook_url"),
    ),
    _Form(
        kind="pagerduty", type="pager_duty_webhook", path="pager-duty-webhooks", title="PagerDuty webhook",
        attributes=PagerDutyAttributes, render=_pager_duty, create=CreatePagerDuty, update=UpdatePagerDuty,
        secrets=("key",),
    ),
    _Form(
        kind="splunk_on_call", type="splunk_on_call", path="splunk-on-calls", title="Splunk On-Call integration",
        attributes=SplunkAttributes, render=_splunk, create=CreateSplunk, update=UpdateSplunk, secrets=("url",),
    ),
    _Form(
        kind="jira", type="jira_integration", path="jira-integrations", title="Jira integration",
        attributes=JiraAttributes, render=_jira, create=CreateJira, update=UpdateJira, secrets=("api_token",),
    ),
)  # fmt: skip
"""The contract's four."""


def integration_operations() -> tuple[Operation, ...]:
    """What can be done with the places that the original's API knows."""
    return tuple(operation for form in FORMS for operation in _operations(form))


def _operations(form: _Form) -> tuple[Operation, ...]:
    do, a, name = _Handlers(form), f"a {form.title}", f"{form.type}s"
    resource = Resource(
        type=form.type, attributes=form.attributes, render=form.render, secrets=("key", "url"),
        doc=f"A {form.title}: a place that a team is told at.",
    )  # fmt: skip
    one, all = f"/api/v2/{form.path}/{{id}}", f"/api/v2/{form.path}"
    area = "integrations"
    return (
        Operation(
            name=f"{name}.list", routes=(Route("GET", all),), area=area, level="read", input=ListIntegrations,
            handler=do.list, resource=resource, answer="list", scope=Scope.LIST,
            doc=f"List the {form.title}s.", deed=f"listed the {form.title}s",
        ),
        Operation(
            name=f"{name}.get", routes=(Route("GET", one),), area=area, level="read", input=OneIntegration,
            handler=do.get, resource=resource, doc=f"Show {a}.", deed=f"looked at {a}",
        ),
        Operation(
            name=f"{name}.create", routes=(Route("POST", all),), area=area, level="write", input=form.create,
            handler=do.create, resource=resource, scope=Scope.CREATE, switch="publish", secrets=form.secrets,
            event="notification_target.created",
            doc=f"Create {a}: another place is told of incidents.", deed=f"created {a}",
        ),
        Operation(
            name=f"{name}.update", routes=(Route("PATCH", one),), area=area, level="write", input=form.update,
            handler=do.update, resource=resource, switch="publish", secrets=form.secrets,
            event="notification_target.updated", doc=f"Change {a}.", deed=f"changed {a}",
        ),
        Operation(
            name=f"{name}.delete", routes=(Route("DELETE", one),), area=area, level="full", input=OneIntegration,
            handler=do.delete, answer="none", resource=resource, switch="delete",
            event="notification_target.deleted",
            doc=f"Delete {a}; what is on its way there is given up.", deed=f"deleted {a}",
        ),
    )  # fmt: skip


class _Handlers:
    """The same deeds, each for one kind."""

    def __init__(self, form: _Form) -> None:
        self._kind = form.kind

    def list(self, tx: Tx, call: Call, input: ListIntegrations) -> Page[OpenTarget]:
        found, total = actions.list_targets(
            tx, call.team_ids, self._kind, page=input.page, per_page=input.per_page
        )  # fmt: skip
        return Page(found, total, input.page, input.per_page)

    def get(self, tx: Tx, call: Call, input: OneIntegration) -> OpenTarget:
        return actions.open_target(tx, input.id, call.team_ids, self._kind)

    def create(self, tx: Tx, call: Call, input: msgspec.Struct) -> OpenTarget:
        assert call.team_id is not None
        return actions.create(tx, call.team_id, self._kind, self._arranged(input))

    def update(self, tx: Tx, call: Call, input: Any) -> OpenTarget:
        return actions.update(tx, input.id, call.team_ids, self._arranged(input), kind=self._kind)

    def delete(self, tx: Tx, call: Call, input: OneIntegration) -> None:
        actions.delete(tx, input.id, call.team_ids, self._kind)

    def _arranged(self, input: msgspec.Struct) -> dict[str, Any]:
        """What was sent, the settings apart."""
        sent = given(input)
        top = {name: value for name, value in sent.items() if name in _TOP}
        settings = {name: value for name, value in sent.items() if name not in _TOP and name != _AUTOMATIC}
        if _AUTOMATIC in sent:
            top["notify_alongside_primary_responder"] = sent[_AUTOMATIC]
        if self._kind == "slack" and sent.get("slack_channel_name"):
            top["name"] = sent["slack_channel_name"]
        if isinstance(settings.get("jira_issue_type_id"), int):
            settings["jira_issue_type_id"] = str(settings["jira_issue_type_id"])
        return {**top, "settings": settings}
