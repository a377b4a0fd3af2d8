"""The operations on monitor groups (contract part 1, section 4)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.monitors import actions
from tocsin.monitors.api.monitors import MONITOR
from tocsin.monitors.model import Monitor, MonitorGroup
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


class OneGroup(msgspec.Struct, kw_only=True):
    id: int


class ListGroups(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


class ListMembers(msgspec.Struct, kw_only=True):
    id: int
    page: int = 1
    per_page: int = 50


def _render(group: MonitorGroup) -> GroupAttributes:
    return GroupAttributes(
        name=group.name,
        sort_index=group.sort_index,
        created_at=to_wire(group.created_at),
        updated_at=to_wire(group.updated_at),
        team_name=group.team_name,
        paused=group.paused,
    )


MONITOR_GROUP = Resource(
    type="monitor_group",
    attributes=GroupAttributes,
    render=_render,
    doc="A named set of monitors that are shown, and may be paused, together.",
)


def group_operations() -> tuple[Operation, ...]:
    one, all = "/api/v2/monitor-groups/{id}", "/api/v2/monitor-groups"
    area = "monitor_groups"
    return (
        Operation(
            name="monitor_groups.list", routes=(Route("GET", all),), area=area, level="read", input=ListGroups,
            handler=_list, resource=MONITOR_GROUP, answer="list", scope=Scope.LIST,
            doc="List monitor groups.", deed="listed monitor groups",
        ),
        Operation(
            name="monitor_groups.get", routes=(Route("GET", one),), area=area, level="read", input=OneGroup,
            handler=_get, resource=MONITOR_GROUP, doc="Show a monitor group.", deed="looked at a monitor group",
        ),
        Operation(
            name="monitor_groups.create", routes=(Route("POST", all),), area=area, level="write", input=CreateGroup,
            handler=_create, resource=MONITOR_GROUP, scope=Scope.CREATE, event="monitor_group.created",
            doc="Create a monitor group.", deed="created a monitor group",
        ),
        Operation(
            name="monitor_groups.update", routes=(Route("PATCH", one),), area=area, level="write", input=UpdateGroup,
            handler=_update, resource=MONITOR_GROUP, event="monitor_group.updated",
            doc="Change a monitor group, or pause or resume the monitors in it.", deed="changed a monitor group",
        ),
        Operation(
            name="monitor_groups.delete", routes=(Route("DELETE", one),), area=area, level="full", input=OneGroup,
            handler=_delete, answer="none", event="monitor_group.deleted", resource=MONITOR_GROUP, switch="delete",
            doc="Delete a monitor group; its monitors stay.", deed="deleted a monitor group",
        ),
        Operation(
            name="monitor_groups.monitors", routes=(Route("GET", one + "/monitors"),), area=area, level="read",
            input=ListMembers, handler=_members, resource=MONITOR, answer="list",
            doc="List the monitors of a group.", deed="listed the monitors of a group",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListGroups) -> Page[MonitorGroup]:
    found, total = actions.list_groups(tx, call.team_ids, page=input.page, per_page=input.per_page, reach=call.reach)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneGroup) -> MonitorGroup:
    return actions.find_group(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreateGroup) -> MonitorGroup:
    assert call.team_id is not None
    return actions.create_group(tx, call.team_id, given(input, GroupFields))


def _update(tx: Tx, call: Call, input: UpdateGroup) -> MonitorGroup:
    return actions.update_group(tx, input.id, call.team_ids, given(input, GroupFields), call.base_url)


def _delete(tx: Tx, call: Call, input: OneGroup) -> None:
    actions.delete_group(tx, input.id, call.team_ids)


def _members(tx: Tx, call: Call, input: ListMembers) -> Page[Monitor]:
    group = actions.find_group(tx, input.id, call.team_ids)
    found, total = actions.list_monitors(tx, call.team_ids, page=input.page, per_page=input.per_page, group_id=group.id)
    return Page(found, total, input.page, input.per_page)
