"""The operations on groups of status pages (contract part 2, 5.1)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.status_pages import actions
from tocsin.status_pages.api.pages import AREA
from tocsin.status_pages.model import PageGroup
from tocsin.storage import Tx


class GroupAttributes(msgspec.Struct):
    """The attributes in the API's order."""

    name: str
    sort_index: int | None
    created_at: str
    updated_at: str
    team_name: str


class GroupFields(msgspec.Struct, kw_only=True):
    """What may be sent about a group."""

    name: str | UnsetType | None = UNSET
    sort_index: int | UnsetType | None = UNSET


class CreateGroup(GroupFields, kw_only=True):
    """A group to be: only `name` is needed."""

    team_name: str | UnsetType | None = UNSET


class UpdateGroup(GroupFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OneGroup(msgspec.Struct, kw_only=True):
    id: int


class ListGroups(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


def _render(group: PageGroup) -> GroupAttributes:
    return GroupAttributes(
        name=group.name,
        sort_index=group.sort_index,
        created_at=to_wire(group.created_at),
        updated_at=to_wire(group.updated_at),
        team_name=group.team_name,
    )


PAGE_GROUP = Resource(
    type=actions.GROUP_TYPE,
    attributes=GroupAttributes,
    render=_render,
    doc="A named set of status pages, for those who keep many.",
)


def _list(tx: Tx, call: Call, input: ListGroups) -> Page[PageGroup]:
    found, total = actions.list_groups(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneGroup) -> PageGroup:
    return actions.find_group(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreateGroup) -> PageGroup:
    assert call.team_id is not None
    return actions.create_group(tx, call.team_id, given(input, GroupFields))


def _update(tx: Tx, call: Call, input: UpdateGroup) -> PageGroup:
    return actions.update_group(tx, input.id, call.team_ids, given(input, GroupFields))


def _delete(tx: Tx, call: Call, input: OneGroup) -> None:
    actions.delete_group(tx, input.id, call.team_ids)


_ONE, _ALL = "/api/v2/status-page-groups/{id}", "/api/v2/status-page-groups"

GROUP_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_page_groups.list", routes=(Route("GET", _ALL),), area=AREA, level="read", input=ListGroups,
        handler=_list, resource=PAGE_GROUP, answer="list", scope=Scope.LIST,
        doc="List groups of status pages.", deed="listed groups of status pages",
    ),
    Operation(
        name="status_page_groups.get", routes=(Route("GET", _ONE),), area=AREA, level="read", input=OneGroup,
        handler=_get, resource=PAGE_GROUP, doc="Show a group of status pages.",
        deed="looked at a group of status pages",
    ),
    Operation(
        name="status_page_groups.create", routes=(Route("POST", _ALL),), area=AREA, level="write", input=CreateGroup,
        handler=_create, resource=PAGE_GROUP, scope=Scope.CREATE, event="status_page_group.created",
        doc="Create a group of status pages.", deed="created a group of status pages",
    ),
    Operation(
        name="status_page_groups.update", routes=(Route("PATCH", _ONE),), area=AREA, level="write", input=UpdateGroup,
        handler=_update, resource=PAGE_GROUP, event="status_page_group.updated",
        doc="Rename or move a group of status pages.", deed="changed a group of status pages",
    ),
    Operation(
        name="status_page_groups.delete", routes=(Route("DELETE", _ONE),), area=AREA, level="full", input=OneGroup,
        handler=_delete, answer="none", resource=PAGE_GROUP, switch="delete", event="status_page_group.deleted",
        doc="Delete a group of status pages; its pages stay.", deed="deleted a group of status pages",
    ),
)  # fmt: skip
