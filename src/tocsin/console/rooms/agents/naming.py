"""Puts names to the numbers in grants and questions: people decide about things, not about ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.console.desk import Desk
from tocsin.kernel.errors import TocsinError

MOST = 20
"""Things named in one line: more of them say how many more there are."""
KINDS = {
    "monitor": "monitors.get",
    "monitor_group": "monitor_groups.get",
    "heartbeat": "heartbeats.get",
    "heartbeat_group": "heartbeat_groups.get",
    "incident": "incidents.get",
    "policy": "policies.get",
    "status_page": "status_pages.get",
    "urgency": "urgencies.get",
}
_NAMES = ("name", "pronounceable_name", "title", "company_name", "public_name", "url")


async def named(desk: Desk, kind: str, id: Any) -> str:
    """E.g. `Shop (12)`; the number alone where it is gone, or the reader may not see it."""
    operation = KINDS.get(kind)
    if operation is None or operation not in desk.door.catalogue or not str(id).isdigit():
        return str(id)
    try:
        thing = await desk.one(operation, id=int(id))
    except TocsinError:
        return f"{id} (not there)"
    name = next((thing[each] for each in _NAMES if thing.get(each)), None)
    return f"{name} ({id})" if name else str(id)


async def all_named(desk: Desk, kind: str, ids: Any) -> str:
    """Several of them, in one line."""
    said = [await named(desk, kind, id) for id in list(ids)[:MOST]]
    more = len(ids) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


async def where(desk: Desk, grant: Mapping[str, Any]) -> list[str]:
    """For what a grant is good, in words; nothing when it is good for everything."""
    said = []
    if grant["monitor_ids"]:
        said.append(f"monitors {await all_named(desk, 'monitor', grant['monitor_ids'])}")
    if grant["monitor_group_ids"]:
        said.append(f"monitor groups {await all_named(desk, 'monitor_group', grant['monitor_group_ids'])}")
    if grant["metadata"]:
        said.append(f"what carries {', '.join(f'{key}={value}' for key, value in grant['metadata'].items())}")
    if grant.get("incident_id"):
        said.append(f"while incident {await named(desk, 'incident', grant['incident_id'])} is open")
    return said
