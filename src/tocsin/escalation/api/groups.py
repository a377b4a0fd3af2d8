"""The operations on groups of policies and of severities: the same six for both (contract part 2, sections 2 and 3)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.escalation.actions import policies as actions
from tocsin.escalation.model.policies import Group
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx


class GroupAttributes(msgspec.Struct, kw_only=True):
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


def _render(group: Group) -> GroupAttributes:
    return GroupAttributes(
        name=group.name,
        sort_index=group.sort_index,
        created_at=to_wire(group.created_at),
        updated_at=to_wire(group.updated_at),
        team_name=group.team_name,
    )


def group_operations(kind: str, member: Resource, members: str, words: str) -> tuple[Operation, ...]:
    """`kind`: the wire's type, e.g. `policy_group`; `member`: what is in it; `members`: its name in addresses;
    `words`: its name for people."""
    resource = Resource(type=kind, attributes=GroupAttributes, render=_render, doc=f"A named, ordered set of {words}.")
    area, name = "policies", f"{kind}s"
    every = f"/api/v2/{name.replace('_', '-')}"
    one = f"{every}/{{id}}"
    a, many = f"a group of {words}", f"groups of {words}"
    made = _Handlers(kind, member.type)
    return (
        Operation(
            name=f"{name}.list", routes=(Route("GET", every),), area=area, level="read", input=ListGroups,
            handler=made.list, resource=resource, answer="list", scope=Scope.LIST, doc=f"List {many}.",
            deed=f"listed {many}",
        ),
        Operation(
            name=f"{name}.get", routes=(Route("GET", one),), area=area, level="read", input=OneGroup,
            handler=made.get, resource=resource, doc=f"Show {a}.", deed=f"looked at {a}",
        ),
        Operation(
            name=f"{name}.create", routes=(Route("POST", every),), area=area, level="write", input=CreateGroup,
            handler=made.create, resource=resource, scope=Scope.CREATE, event=f"{kind}.created",
            doc=f"Create {a}.", deed=f"created {a}",
        ),
        Operation(
            name=f"{name}.update", routes=(Route("PATCH", one),), area=area, level="write", input=UpdateGroup,
            handler=made.update, resource=resource, event=f"{kind}.updated", doc=f"Change {a}.", deed=f"changed {a}",
        ),
        Operation(
            name=f"{name}.delete", routes=(Route("DELETE", one),), area=area, level="full", input=OneGroup,
            handler=made.delete, answer="none", resource=resource, event=f"{kind}.deleted", switch="delete",
            doc=f"Delete {a}; what is in it stays.", deed=f"deleted {a}",
        ),
        Operation(
            name=f"{name}.{members}", routes=(Route("GET", f"{one}/{members}"),), area=area, level="read",
            input=ListMembers, handler=made.members, resource=member, answer="list",
            doc=f"List the {words} of a group.", deed=f"listed the {words} of a group",
        ),
    )  # fmt: skip


class _Handlers:
    """The six deeds for one kind of group."""

    def __init__(self, kind: str, member: str) -> None:
        self._kind = kind
        self._member = member

    def list(self, tx: Tx, call: Call, input: ListGroups) -> Page[Group]:
        found, total = actions.page(tx, self._kind, call.team_ids, page=input.page, per_page=input.per_page)
        return Page(found, total, input.page, input.per_page)

    def get(self, tx: Tx, call: Call, input: OneGroup) -> Group:
        return actions.get_group(tx, self._kind, input.id, call.team_ids)

    def create(self, tx: Tx, call: Call, input: CreateGroup) -> Group:
        assert call.team_id is not None
        return actions.create_group(tx, self._kind, call.team_id, given(input, GroupFields))

    def update(self, tx: Tx, call: Call, input: UpdateGroup) -> Group:
        return actions.update_group(tx, self._kind, input.id, call.team_ids, given(input, GroupFields))

    def delete(self, tx: Tx, call: Call, input: OneGroup) -> None:
        actions.delete(tx, self._kind, input.id, call.team_ids)

    def members(self, tx: Tx, call: Call, input: ListMembers) -> Page[Any]:
        group = actions.get_group(tx, self._kind, input.id, call.team_ids)
        found, total = actions.page(
            tx, self._member, call.team_ids, page=input.page, per_page=input.per_page, group_id=group.id
        )
        return Page(found, total, input.page, input.per_page)
