"""Groups of monitors: named, ordered, paused together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.monitors.actions.monitors import set_paused
from tocsin.monitors.model import MonitorGroup
from tocsin.monitors.rules.settings import MAX_TEXT
from tocsin.monitors.store import groups as shelf
from tocsin.monitors.store import monitors as monitor_shelf
from tocsin.registry import Bounds
from tocsin.storage import Tx, events


def create_group(tx: Tx, team_id: int, given: Mapping[str, Any]) -> MonitorGroup:
    """`given`: name, sort_index, paused (contract part 1, 4). Raises Invalid."""
    id = shelf.insert_group(
        tx, team_id=team_id, name=_name(given.get("name")), sort_index=given.get("sort_index"),
        paused=bool(given.get("paused")),
    )  # fmt: skip
    events.record(tx, "monitor_group.created", team_id=team_id, resource_type="monitor_group", resource_id=id)
    return find_group(tx, id, None)


def find_group(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> MonitorGroup:
    """The group, if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id, team_ids)
    if found is None:
        raise NotFound("monitor_group", id)
    return _shown(tx, [found])[0]


def ids_in_group(tx: Tx, id: int) -> list[int]:
    """The monitors that are in a group now."""
    return monitor_shelf.ids_in_group(tx, id)


def list_groups(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int, reach: Sequence[Bounds] | None = None
) -> tuple[list[MonitorGroup], int]:
    """One page of the groups that the caller may see, by id, and how many there are in all."""
    ids = None
    if reach is not None:  # a group carries no facts itself
        ids = [id for bounds in reach if not bounds.metadata for id in bounds.monitor_group_ids]
    found, total = shelf.page(tx, team_ids=team_ids, page=page, per_page=per_page, ids=ids)
    return _shown(tx, found), total


def update_group(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], base_url: str
) -> MonitorGroup:
    """Change what is in `given`; `paused` also pauses or resumes the monitors that are in the group now."""
    old = find_group(tx, id, team_ids)
    pause = given.get("paused")
    shelf.update_group(
        tx,
        id,
        name=_name(given["name"]) if "name" in given else old.name,
        sort_index=given.get("sort_index", old.sort_index),
        paused=old.paused if pause is None else bool(pause),
    )
    if pause is not None:
        set_paused(tx, monitor_shelf.ids_in_group(tx, id), bool(pause), base_url)
    events.record(tx, "monitor_group.updated", team_id=old.team_id, resource_type="monitor_group", resource_id=id,
                  changed=sorted(given))  # fmt: skip
    return find_group(tx, id, None)


def delete_group(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """The group goes, its monitors stay and belong to none. Raises NotFound."""
    group = find_group(tx, id, team_ids)
    monitor_shelf.detach_group(tx, id)
    shelf.delete_group(tx, id)
    events.record(tx, "monitor_group.deleted", team_id=group.team_id, resource_type="monitor_group", resource_id=id)


def _name(name: Any) -> str:
    text = str(name or "").strip()
    if not text:
        raise Invalid.fields(name="can't be blank")
    if len(text) > MAX_TEXT:
        raise Invalid.fields(name=f"is too long (maximum is {MAX_TEXT} characters)")
    return text


def _shown(tx: Tx, groups: Sequence[MonitorGroup]) -> list[MonitorGroup]:
    names = {id: accounts.team(tx, id).name for id in {group.team_id for group in groups}}
    return [msgspec.structs.replace(group, team_name=names[group.team_id]) for group in groups]
