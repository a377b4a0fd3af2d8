"""The list of heartbeats: found as one types, sorted, and changed many at a time."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from starlette.responses import Response

from tocsin.console.desk import Desk
from tocsin.kernel.errors import NotFound

PER_PAGE = 50
SORTS = (
    ("status", "Worst first"), ("name", "By name"), ("-last_beat_at", "Latest call first"),
    ("last_beat_at", "Longest silent first"), ("-created_at", "Newest first"),
)  # fmt: skip
STATUSES = (("down", "Down"), ("up", "Up"), ("pending", "Waiting"), ("paused", "Paused"))
_DEEDS = {"pause": "Paused", "resume": "Resumed", "move": "Moved", "delete": "Deleted"}


async def show(desk: Desk) -> Response:
    """One page of those that are asked for."""
    status = desk.asked("status") if desk.asked("status") in dict(STATUSES) else ""
    sort = desk.asked("sort") if desk.asked("sort") in dict(SORTS) else "status"
    group = desk.asked("group") if desk.asked("group").isdigit() else ""
    found, groups, counts = await asyncio.gather(
        desk.many(
            "heartbeats.list", q=desk.asked("q"), status=status, heartbeat_group_id=group, sort=sort,
            page=desk.number, per_page=PER_PAGE,
        ),
        desk.many("heartbeat_groups.list", per_page=250),
        desk.flat("heartbeats.counts"),
    )  # fmt: skip
    asked = {"q": desk.asked("q"), "status": status, "group": group, "sort": desk.asked("sort")}
    kept = urlencode({name: value for name, value in asked.items() if value})
    return desk.page(
        "heartbeats/list.html",
        found=found,
        counts=counts,
        groups=groups.items,
        names={int(each["id"]): each["name"] for each in groups.items},
        asked={**asked, "sort": sort},
        narrowed=bool(asked["q"] or status or group),
        href=f"/heartbeats?{kept}{'&' if kept else ''}",
        sorts=SORTS,
        statuses=STATUSES,
    )


async def bulk(desk: Desk) -> Response:
    """Do one deed to all that are ticked. Those that are gone meanwhile are passed over."""
    deed = desk.field("deed")
    ids = [id for id in desk.fields.get("ids", []) if id.isdigit()][:PER_PAGE]
    if deed not in _DEEDS or not ids:
        return desk.go("/heartbeats", "Nothing was ticked, so nothing was changed.")
    done = 0
    for id in ids:
        try:
            await _do(desk, deed, id)
        except NotFound:
            continue
        done += 1
    noun = "heartbeat" if done == 1 else "heartbeats"
    back = " They can be brought back from the trash for 30 days." if deed == "delete" and done else ""
    return desk.go("/heartbeats", f"{_DEEDS[deed]} {done} {noun}.{back}")


async def _do(desk: Desk, deed: str, id: str) -> None:
    if deed == "delete":
        await desk.call("heartbeats.delete", id=id)
    elif deed == "move":
        group = desk.field("group")
        await desk.call("heartbeats.update", id=id, heartbeat_group_id=group if group.isdigit() else None)
    else:
        await desk.call("heartbeats.update", id=id, paused=deed == "pause")
