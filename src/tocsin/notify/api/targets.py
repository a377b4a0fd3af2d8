"""Places of every kind that a team is told at, in one list; trying one out: not in the original's API."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.kernel.vault import HIDDEN
from tocsin.notify.actions import targets as actions
from tocsin.notify.actions import trying
from tocsin.notify.model.targets import OpenTarget, TargetDelivery
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

AREA = "integrations"
ALL = "/api/v2/notification-targets"
ONE = ALL + "/{id}"


class TargetAttributes(msgspec.Struct):
    """A place and how it is reached; what is secret in its settings is hidden."""

    kind: str
    name: str
    settings: dict[str, Any]
    notify_alongside_primary_responder: bool
    on_call_notifications: bool
    status: str
    """`active`, or `account_inactive` once the place has refused us for good."""
    team_name: str
    created_at: str
    updated_at: str


class KindAttributes(msgspec.Struct):
    """A kind of place, and the form of its settings."""

    title: str
    settings_schema: dict[str, Any]
    """JSON Schema, 2020-12."""
    shown_settings: list[str]
    """The settings that answers show; every other one is hidden."""


class DeliveryAttributes(msgspec.Struct):
    """One message to a place."""

    kind: str
    incident_id: int | None
    """Null: about no incident."""
    state: str
    detail: str
    """What was said last about it, e.g. by the provider."""
    attempts: int
    created_at: str
    """When it was, or is, to be sent."""
    updated_at: str


class CreateTarget(msgspec.Struct, kw_only=True):
    """A place to be."""

    kind: str
    name: str | UnsetType | None = UNSET
    settings: dict[str, Any] | UnsetType | None = UNSET
    notify_alongside_primary_responder: bool | UnsetType | None = UNSET
    on_call_notifications: bool | UnsetType | None = UNSET


class UpdateTarget(msgspec.Struct, kw_only=True):
    """What changes; what is not sent stays, in the settings too."""

    id: int
    name: str | UnsetType | None = UNSET
    settings: dict[str, Any] | UnsetType | None = UNSET
    notify_alongside_primary_responder: bool | UnsetType | None = UNSET
    on_call_notifications: bool | UnsetType | None = UNSET


class OneTarget(msgspec.Struct, kw_only=True):
    id: int


class ListTargets(msgspec.Struct, kw_only=True):
    """`kind` shows only places of that kind."""

    kind: str | UnsetType = UNSET
    page: int = 1
    per_page: int = 50


class ListKinds(msgspec.Struct, kw_only=True):
    """Nothing to choose."""


class ListDeliveries(msgspec.Struct, kw_only=True):
    id: int
    page: int = 1
    per_page: int = 50


def given(input: msgspec.Struct) -> dict[str, Any]:
    """What was sent, by wire name."""
    names = [name for name in input.__struct_fields__ if name not in ("id", "kind")]
    return {name: value for name in names if (value := getattr(input, name)) is not UNSET}


def _render(opened: OpenTarget) -> TargetAttributes:
    target = opened.target
    shown = actions.shown_settings(target.kind)
    settings = {
        name: value if name in shown or value in ("", None, [], {}) else HIDDEN
        for name, value in opened.settings.items()
    }
    return TargetAttributes(
        kind=target.kind,
        name=target.name,
        settings=settings,
        notify_alongside_primary_responder=target.notify_alongside_primary_responder,
        on_call_notifications=target.on_call_notifications,
        status=target.status,
        team_name=opened.team_name,
        created_at=to_wire(opened.created_at),
        updated_at=to_wire(opened.updated_at),
    )


def _render_kind(kind: str) -> KindAttributes:
    return KindAttributes(
        title=actions.TITLES.get(kind, kind),
        settings_schema=msgspec.json.schema(actions.form(kind)),
        shown_settings=sorted(actions.shown_settings(kind)),
    )


def _render_delivery(delivery: TargetDelivery) -> DeliveryAttributes:
    return DeliveryAttributes(
        kind=delivery.kind,
        incident_id=delivery.incident_id or None,
        state=delivery.state,
        detail=delivery.detail,
        attempts=delivery.attempts,
        created_at=to_wire(delivery.planned_at),
        updated_at=to_wire(delivery.changed_at),
    )


TARGET = Resource(
    type=actions.TYPE,
    attributes=TargetAttributes,
    render=_render,
    doc="A place that a whole team reads: a chat channel, a ticket system, another pager.",
)
KIND = Resource(
    type="notification_target_kind",
    attributes=KindAttributes,
    render=_render_kind,
    id_of=lambda kind: kind,
    doc="A kind of place, and the form of its settings as JSON Schema.",
)
DELIVERY = Resource(
    type="notification_target_delivery",
    attributes=DeliveryAttributes,
    render=_render_delivery,
    doc="A message to a place, and what became of it.",
)


def target_operations() -> tuple[Operation, ...]:
    """What can be done with places of every kind."""
    return (
        Operation(
            name="notification_targets.list", routes=(Route("GET", ALL),), area=AREA, level="read", input=ListTargets,
            upstream="not_there",
            handler=_list, resource=TARGET, answer="list", scope=Scope.LIST,
            doc="List notification targets of every kind.", deed="listed notification targets",
        ),
        Operation(
            name="notification_targets.get", routes=(Route("GET", ONE),), area=AREA, level="read", input=OneTarget,
            upstream="not_there",
            handler=_get, resource=TARGET, doc="Show a notification target.", deed="looked at a notification target",
        ),
        Operation(
            name="notification_targets.create", routes=(Route("POST", ALL),), area=AREA, level="write",
            upstream="not_there",
            input=CreateTarget, handler=_create, resource=TARGET, scope=Scope.CREATE, switch="publish",
            event="notification_target.created", secrets=("settings",),
            doc="Create a notification target: another place is told of incidents.",
            deed="created a notification target",
        ),
        Operation(
            name="notification_targets.update", routes=(Route("PATCH", ONE),), area=AREA, level="write",
            upstream="not_there",
            input=UpdateTarget, handler=_update, resource=TARGET, switch="publish",
            event="notification_target.updated", secrets=("settings",),
            doc="Change a notification target.", deed="changed a notification target",
        ),
        Operation(
            name="notification_targets.delete", routes=(Route("DELETE", ONE),), area=AREA, level="full",
            upstream="not_there",
            input=OneTarget, handler=_delete, answer="none", resource=TARGET, switch="delete",
            event="notification_target.deleted",
            doc="Delete a notification target; what is on its way there is given up.",
            deed="deleted a notification target",
        ),
        Operation(
            name="notification_targets.test", routes=(Route("POST", ONE + "/test"),), area=AREA, level="write",
            upstream="not_there",
            input=OneTarget, handler=_test, resource=DELIVERY, switch="notify", event="notification_target.tested",
            conflicts=True, doc="Send a test message to a notification target, through the real outbox.",
            deed="tested a notification target",
        ),
        Operation(
            name="notification_targets.deliveries", routes=(Route("GET", ONE + "/deliveries"),), area=AREA,
            upstream="not_there",
            level="read", input=ListDeliveries, handler=_deliveries, resource=DELIVERY, answer="list",
            doc="List what was sent to a notification target, newest first.",
            deed="looked at the messages to a notification target",
        ),
        Operation(
            name="notification_target_kinds.list", routes=(Route("GET", "/api/v2/notification-target-kinds"),),
            upstream="not_there",
            area=AREA, level="read", input=ListKinds, handler=_kinds, resource=KIND, answer="all", paged=False,
            doc="List the kinds of notification targets and the forms of their settings.",
            deed="listed the kinds of notification targets",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListTargets) -> Page[OpenTarget]:
    kind = None if isinstance(input.kind, UnsetType) else input.kind
    found, total = actions.list_targets(tx, call.team_ids, kind, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneTarget) -> OpenTarget:
    return actions.open_target(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreateTarget) -> OpenTarget:
    assert call.team_id is not None
    return actions.create(tx, call.team_id, input.kind, given(input), inside="settings")


def _update(tx: Tx, call: Call, input: UpdateTarget) -> OpenTarget:
    return actions.update(tx, input.id, call.team_ids, given(input), inside="settings")


def _delete(tx: Tx, call: Call, input: OneTarget) -> None:
    actions.delete(tx, input.id, call.team_ids)


def _test(tx: Tx, call: Call, input: OneTarget) -> TargetDelivery:
    return trying.test(tx, input.id, call.team_ids, call.actor.name)


def _deliveries(tx: Tx, call: Call, input: ListDeliveries) -> Page[TargetDelivery]:
    found, total = trying.deliveries(tx, input.id, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _kinds(tx: Tx, call: Call, input: ListKinds) -> list[str]:
    return actions.kinds()
