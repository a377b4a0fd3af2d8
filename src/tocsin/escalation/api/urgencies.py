"""The operations on severities, which the wire calls urgencies (contract part 2, section 3)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.escalation.actions import policies as actions
from tocsin.escalation.model.policies import Urgency
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx


class UrgencyAttributes(msgspec.Struct, kw_only=True):
    """The attributes in the API's order."""

    name: str
    sms: bool
    call: bool
    email: bool
    push: bool
    critical_alert: bool
    urgency_group_id: int | None
    team_name: str


class UrgencyFields(msgspec.Struct, kw_only=True):
    """What may be sent about a severity."""

    name: str | UnsetType | None = UNSET
    sms: bool | UnsetType | None = UNSET
    call: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET
    critical_alert: bool | UnsetType | None = UNSET
    urgency_group_id: int | UnsetType | None = UNSET


class CreateUrgency(UrgencyFields, kw_only=True):
    """A severity to be: only `name` is needed; a channel that is not sent is off."""


class UpdateUrgency(UrgencyFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OneUrgency(msgspec.Struct, kw_only=True):
    id: int


class ListUrgencies(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


def render(urgency: Urgency) -> UrgencyAttributes:
    return UrgencyAttributes(**{name: getattr(urgency, name) for name in UrgencyAttributes.__struct_fields__})


URGENCY = Resource(
    type="urgency",
    attributes=UrgencyAttributes,
    render=render,
    doc="A severity: by which channels people hear of it, unless their own rules say otherwise.",
)


def _list(tx: Tx, call: Call, input: ListUrgencies) -> Page[Urgency]:
    found, total = actions.page(tx, "urgency", call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneUrgency) -> Urgency:
    return actions.get_urgency(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreateUrgency) -> Urgency:
    assert call.team_id is not None
    return actions.create_urgency(tx, call.team_id, given(input, UrgencyFields))


def _update(tx: Tx, call: Call, input: UpdateUrgency) -> Urgency:
    return actions.update_urgency(tx, input.id, call.team_ids, given(input, UrgencyFields))


def _delete(tx: Tx, call: Call, input: OneUrgency) -> None:
    actions.delete(tx, "urgency", input.id, call.team_ids)


_ONE, _ALL = "/api/v2/urgencies/{id}", "/api/v2/urgencies"

URGENCY_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="urgencies.list", tool_name="severities",
        routes=(Route("GET", _ALL),), area="policies", level="read", input=ListUrgencies,
        handler=_list, resource=URGENCY, answer="list", scope=Scope.LIST, doc="List severities.",
        deed="listed severities",
    ),
    Operation(
        name="urgencies.get", tool_name="severity",
        routes=(Route("GET", _ONE),), area="policies", level="read", input=OneUrgency,
        handler=_get, resource=URGENCY, doc="Show a severity.", deed="looked at a severity",
    ),
    Operation(
        name="urgencies.create", tool_name="create_severity",
        routes=(Route("POST", _ALL),), area="policies", level="write", input=CreateUrgency,
        handler=_create, resource=URGENCY, scope=Scope.CREATE, event="urgency.created", doc="Create a severity.",
        deed="created a severity",
    ),
    Operation(
        name="urgencies.update", tool_name="update_severity",
        routes=(Route("PATCH", _ONE),), area="policies", level="write", input=UpdateUrgency,
        handler=_update, resource=URGENCY, event="urgency.updated", doc="Change a severity.", deed="changed a severity",
    ),
    Operation(
        name="urgencies.delete", tool_name="delete_severity",
        routes=(Route("DELETE", _ONE),), area="policies", level="full", input=OneUrgency,
        handler=_delete, answer="none", resource=URGENCY, event="urgency.deleted", switch="delete",
        doc="Delete a severity; steps that name it page by the incident's own channels.", deed="deleted a severity",
    ),
)  # fmt: skip
