"""What can be had back: the list of what was deleted, and its return."""

from __future__ import annotations

import msgspec

from tocsin.gateway import restoring, roles, trash
from tocsin.gateway.restoring import Restored
from tocsin.gateway.trash import Item
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, PageSize, Resource, Route, Scope
from tocsin.storage import Tx


class ById(msgspec.Struct, kw_only=True):
    """Which one."""

    id: int


class ListTrash(msgspec.Struct, kw_only=True):
    """Which page of the list."""

    page: int = 1
    per_page: int = 50


class TrashAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was deleted and can be had back."""

    resource_type: str
    resource_id: str | None
    name: str
    operation: str
    deleted_at: str
    deleted_by: str
    expires_at: str
    restored_at: str | None
    restored_by: str | None
    rows: int
    not_kept: tuple[str, ...]
    """What was too much to keep and would not come back."""


class RestoredAttributes(TrashAttributes, frozen=True, kw_only=True):
    """What came back."""

    left_as_changed: tuple[str, ...]
    """What somebody has changed since the deletion: it was left as it is now."""


def _attributes(item: Item) -> dict[str, object]:
    return {
        "resource_type": item.resource_type,
        "resource_id": item.resource_id,
        "name": item.name,
        "operation": item.operation,
        "deleted_at": to_wire(item.deleted_at),
        "deleted_by": item.actor_name,
        "expires_at": to_wire(item.expires_at),
        "restored_at": None if item.restored_at is None else to_wire(item.restored_at),
        "restored_by": item.restored_by,
        "rows": item.rows,
        "not_kept": item.lacking,
    }


def _render(item: Item) -> TrashAttributes:
    return msgspec.convert(_attributes(item), TrashAttributes)


def _render_restored(restored: Restored) -> RestoredAttributes:
    return msgspec.convert({**_attributes(restored.item), "left_as_changed": restored.left}, RestoredAttributes)


TRASH_ITEM = Resource(
    type=trash.TYPE,
    attributes=TrashAttributes,
    render=_render,
    doc="Something that was deleted within the last thirty days.",
)
RESTORED_ITEM = Resource(
    type=trash.TYPE,
    attributes=RestoredAttributes,
    render=_render_restored,
    id_of=lambda restored: restored.item.id,
    doc="Something that was deleted and is back.",
)


def _list(tx: Tx, call: Call, input: ListTrash) -> Page[Item]:
    items, total = trash.list_items(tx, call.team_ids, call.actor, page=input.page, per_page=input.per_page)
    return Page(items, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: ById) -> Item:
    return trash.reach(tx, input.id, call.team_ids, call.actor)


_MAKING = {"postmortems": "postmortems.save"}
"""What makes such a thing, where that is not called `create`."""


def _restore(tx: Tx, call: Call, input: ById) -> Restored:
    """Who restores makes: they must be allowed to create such a thing, with all that its creation may set off."""
    item = trash.reach(tx, input.id, call.team_ids, call.actor)
    assert call.again is not None
    own = item.actor_kind == call.actor.kind and item.actor_id == call.actor.id
    noun = item.operation.partition(".")[0]
    call.again.may(_MAKING.get(noun, f"{noun}.create"), {"user": "me"} if own else {})
    roles.check_restoring(call.actor.role, item.operation)
    return restoring.restore(tx, item, call.actor.name, call.base_url)


def _forget(tx: Tx, call: Call, input: ById) -> None:
    trash.forget(tx, trash.reach(tx, input.id, call.team_ids, call.actor).id)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="trash.list", routes=(Route("GET", "/api/v2/trash"),), area="team", level="read", self_service=True,
        input=ListTrash, handler=_list, answer="list", resource=TRASH_ITEM, scope=Scope.LIST, page_size=PageSize(),
        tool_name="trash", deed="looked through the trash",
        doc="See what was deleted within the last thirty days and can be had back; agents see what they deleted.",
    ),
    Operation(
        name="trash.get", routes=(Route("GET", "/api/v2/trash/{id}"),), area="team", level="read", self_service=True,
        input=ById, handler=_get, answer="one", resource=TRASH_ITEM, tool_name="trash_item",
        doc="See one thing that was deleted.", deed="looked at something in the trash",
    ),
    Operation(
        name="trash.restore", routes=(Route("POST", "/api/v2/trash/{id}/restore"),), area="team", level="write",
        self_service=True, switch="page", input=ById, handler=_restore, answer="one", resource=RESTORED_ITEM,
        conflicts=True, tool_name="undo", deed="took a deletion back",
        doc="Take a deletion back: everything is where it was, with its id; an open incident pages again.",
    ),
    Operation(
        name="trash.delete", routes=(Route("DELETE", "/api/v2/trash/{id}"),), area="team", level="full",
        people_only=True, input=ById, handler=_forget, answer="none", tool_name="delete_trash_item",
        doc="Delete for good what is in the trash, before its thirty days are over.",
        deed="deleted something for good",
    ),
)  # fmt: skip
"""`self_service`: an agent reaches only what it has deleted itself, and takes back only what it may create; `page`:
what that takes of people counts against its budgets."""
