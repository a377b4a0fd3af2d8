"""The operations on heartbeat groups (contract part 1, section 6)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.heartbeats import actions
from tocsin.heartbeats.api.heartbeats import HEARTBEAT, shown
from tocsin.heartbeats.model import HeartbeatGroup, Shown, Wanted
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx


class GroupAttributes(msgspec.Struct):
    """The attributes in the API's order."""

    name: str
    sort_index: int | None
    created_at: str
    updated_at: str
    team_name: str
    paused: bool


class GroupFields(msgspec.Struct, kw_only=True):
    """What may be sent about a group."""

    name: str | UnsetType | None = UNSET
    sort_index: int | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET


class CreateGroup(GroupFields, kw_only=True):
    """A group to be: only `name` is needed."""


class UpdateGroup(GroupFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int
    period: int | UnsetType | None = UNSET
    """Taken because the API's manual names it; a group has none, so nothing follows from it."""


class OneGroup(msgspec.Struct, kw_only=True):
    id: int


class ListGroups(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


class ListMembers(msgspec.Struct, kw_only=True):
    id: int
    page: int = 1
    per_page: int = 50


def _render(group: HeartbeatGroup) -> GroupAttributes:
    return GroupAttributes(
        name=group.name,
        sort_index=group.sort_index,
        created_at=to_wire(group.created_at),
        updated_at=to_wire(group.updated_at),
        team_name=group.team_name,
        paused=group.paused,
    )


HEARTBEAT_GROUP = Resource(
    type="heartbeat_group",
    attributes=GroupAttributes,
    render=_render,
    doc="A named set of heartbeats that are shown, and may be paused, together.",
)


def _list(tx: Tx, call: Call, input: ListGroups) -> Page[HeartbeatGroup]:
    found, total = actions.list_groups(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneGroup) -> HeartbeatGroup:
    return actions.find_group(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreateGroup) -> HeartbeatGroup:
    assert call.team_id is not None
    return actions.create_group(tx, call.team_id, given(input, GroupFields))


def _update(tx: Tx, call: Call, input: UpdateGroup) -> HeartbeatGroup:
    return actions.update_group(tx, input.id, call.team_ids, given(input, GroupFields), call.base_url)


def _delete(tx: Tx, call: Call, input: OneGroup) -> None:
    actions.delete_group(tx, input.id, call.team_ids)


def _members(tx: Tx, call: Call, input: ListMembers) -> Page[Shown]:
    group = actions.find_group(tx, input.id, call.team_ids)
    found, total = actions.list_heartbeats(
        tx, call.team_ids, page=input.page, per_page=input.per_page, wanted=Wanted(group_id=group.id)
    )
    return Page([shown(tx, each, call.base_url) for each in found], total, input.page, input.per_page)


_ONE, _ALL = "/api/v2/heartbeat-groups/{id}", "/api/v2/heartbeat-groups"

GROUP_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="heartbeat_groups.list", routes=(Route("GET", _ALL),), area="heartbeats", level="read", input=ListGroups,
        handler=_list, resource=HEARTBEAT_GROUP, answer="list", scope=Scope.LIST,
        doc="List heartbeat groups.", deed="listed heartbeat groups",
    ),
    Operation(
        name="heartbeat_groups.get", routes=(Route("GET", _ONE),), area="heartbeats", level="read", input=OneGroup,
        handler=_get, resource=HEARTBEAT_GROUP, doc="Show a heartbeat group.", deed="looked at a heartbeat group",
    ),
    Operation(
        name="heartbeat_groups.create", routes=(Route("POST", _ALL),), area="heartbeats", level="write",
        input=CreateGroup, handler=_create, resource=HEARTBEAT_GROUP, scope=Scope.CREATE,
        event="heartbeat_group.created", doc="Create a heartbeat group.", deed="created a heartbeat group",
    ),
    Operation(
        name="heartbeat_groups.update", routes=(Route("PATCH", _ONE),), area="heartbeats", level="write",
        input=UpdateGroup, handler=_update, resource=HEARTBEAT_GROUP, event="heartbeat_group.updated",
        doc="Change a heartbeat group, or pause or resume the heartbeats in it.", deed="changed a heartbeat group",
    ),
    Operation(
        name="heartbeat_groups.delete", routes=(Route("DELETE", _ONE),), area="heartbeats", level="full",
        input=OneGroup, handler=_delete, answer="none", event="heartbeat_group.deleted", resource=HEARTBEAT_GROUP,
        switch="delete", doc="Delete a heartbeat group; its heartbeats stay.", deed="deleted a heartbeat group",
    ),
    Operation(
        name="heartbeat_groups.heartbeats", routes=(Route("GET", _ONE + "/heartbeats"),), area="heartbeats",
        level="read", input=ListMembers, handler=_members, resource=HEARTBEAT, answer="list",
        doc="List the heartbeats of a group.", deed="listed the heartbeats of a group",
    ),
)  # fmt: skip
