"""Groups of status pages: named and ordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.status_pages.model import PageGroup
from tocsin.status_pages.rules.settings import MAX_TEXT
from tocsin.status_pages.store import groups as shelf
from tocsin.status_pages.store import pages as page_shelf
from tocsin.storage import Tx, events

GROUP_TYPE = "status_page_group"


def create_group(tx: Tx, team_id: int, given: Mapping[str, Any]) -> PageGroup:
    """`given`: name, sort_index. Raises Invalid."""
    id = shelf.insert_group(tx, team_id=team_id, name=_name(given.get("name")), sort_index=given.get("sort_index"))
    events.record(tx, f"{GROUP_TYPE}.created", team_id=team_id, resource_type=GROUP_TYPE, resource_id=id)
    return find_group(tx, id, None)


def find_group(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> PageGroup:
    """The group, if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id)
    if found is None or (team_ids is not None and found.team_id not in team_ids):
        raise NotFound(GROUP_TYPE, id)
    return _shown(tx, [found])[0]


def list_groups(tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[PageGroup], int]:
    """One page of the groups that the caller may see, by id, and how many there are in all."""
    found, total = shelf.page(tx, team_ids, offset=(page - 1) * per_page, limit=per_page)
    return _shown(tx, found), total


def update_group(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]) -> PageGroup:
    """Change what is in `given`. Raises NotFound, Invalid."""
    old = find_group(tx, id, team_ids)
    name = _name(given["name"]) if "name" in given else old.name
    shelf.update_group(tx, id, name=name, sort_index=given.get("sort_index", old.sort_index))
    events.record(
        tx,
        f"{GROUP_TYPE}.updated",
        team_id=old.team_id,
        resource_type=GROUP_TYPE,
        resource_id=id,
        changed=sorted(given),
    )
    return find_group(tx, id, None)


def delete_group(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """The group goes, its pages stay and belong to none. Raises NotFound."""
    group = find_group(tx, id, team_ids)
    page_shelf.detach_group(tx, id)
    shelf.delete_group(tx, id)
    events.record(tx, f"{GROUP_TYPE}.deleted", team_id=group.team_id, resource_type=GROUP_TYPE, resource_id=id)


def _name(name: Any) -> str:
    text = str(name or "").strip()
    if not text:
        raise Invalid.fields(name="can't be blank")
    if len(text) > MAX_TEXT:
        raise Invalid.fields(name=f"is too long (maximum is {MAX_TEXT} characters)")
    return text


def _shown(tx: Tx, groups: Sequence[PageGroup]) -> list[PageGroup]:
    names = {id: accounts.team(tx, id).name for id in {group.team_id for group in groups}}
    return [msgspec.structs.replace(group, team_name=names[group.team_id]) for group in groups]
