"""The list of monitors, and what is done to many of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, Many
from tocsin.console.rooms.monitors import words
from tocsin.kernel.errors import Invalid, TocsinError

PER_PAGE = 50
MAX_AT_ONCE = 200
"""Monitors that one press of a button reaches."""
SIDE_BY_SIDE = 20
FILTERS = ("q", "status", "monitor_type", "monitor_group_id", "metadata", "sort")
TABS = ("down", "degraded", "validating", "pending", "maintenance", "paused", "up")
SORTS = (
    ("status", "Worst first"),
    ("name", "Name"),
    ("-response_time", "Slowest first"),
    ("last_checked_at", "Checked longest ago"),
    ("-created_at", "Newest first"),
)


class Done(msgspec.Struct, frozen=True):
    """What came of one of many."""

    id: int
    name: str
    problem: str
    """Empty when it was done."""


async def show(desk: Desk) -> Response:
    """The list, as it is filtered and sorted."""
    asked = {name: desk.asked(name) for name in FILTERS}
    problem = ""
    try:
        found, groups = await asyncio.gather(_search(desk, asked), all_groups(desk))
    except Invalid as error:  # an address that somebody has typed, or a group that is gone
        problem, asked = error.message, dict.fromkeys(FILTERS, "")
        found, groups = await asyncio.gather(_search(desk, asked), all_groups(desk))
    given = {name: value for name, value in asked.items() if value}
    listed = Many(items=found["monitors"], total=found["total"], page=found["page"], per_page=found["per_page"])
    everything = sum(found["counts"].values())
    return desk.page(
        "monitors/list.html",
        found=listed,
        tabs=_tabs(found["counts"], given, everything),
        asked=asked,
        filtered=any(asked[name] for name in FILTERS if name != "sort"),
        groups=groups,
        types=[(kind, each.name) for kind, each in words.TYPES.items()],
        sorts=SORTS,
        href=f"/monitors?{urlencode(given)}{'&' if given else ''}",
        problem=problem,
        milliseconds=words.milliseconds,
        percent=words.percent,
        type_name=words.type_name,
        back=f"/monitors?{urlencode(given)}" if given else "/monitors",
    )


async def _search(desk: Desk, asked: dict[str, str]) -> dict[str, Any]:
    given = asked | {"sort": asked["sort"] or "status"}
    found: dict[str, Any] = await desk.flat("monitors.search", page=desk.number, per_page=PER_PAGE, **given)
    return found


def _tabs(counts: dict[str, int], given: dict[str, str], everything: int) -> list[tuple[str, str, int, str]]:
    """(status, address, how many, whether it is the one) of what there is any of."""
    current = given.get("status", "")
    rest = {name: value for name, value in given.items() if name != "status"}
    shown = [("", everything), *((name, counts[name]) for name in TABS if counts[name] or name == current)]
    return [
        (name, f"/monitors?{urlencode(rest | ({'status': name} if name else {}))}".rstrip("?"), count,
         "page" if name == current else "")
        for name, count in shown
    ]  # fmt: skip


async def all_groups(desk: Desk) -> list[dict[str, Any]]:
    """The team's groups, by name; none for whoever may not see them."""
    if not desk.may("monitor_groups.list"):
        return []
    groups = list((await desk.many("monitor_groups.list", per_page=250)).items)
    return sorted(groups, key=lambda group: (group["sort_index"] is None, group["sort_index"] or 0, group["name"]))


async def bulk(desk: Desk) -> Response:
    """Pause, resume, move or delete what is ticked; each by itself, so that one that cannot be stops no other."""
    ids = [int(text) for text in desk.fields.get("ids", []) if text.isascii() and text.isdigit() and len(text) < 18]
    back = _safe(desk.field("back"))
    if not ids:
        return desk.go(back, "Nothing was ticked.")
    if len(ids) > MAX_AT_ONCE:
        raise Invalid(f"At most {MAX_AT_ONCE} monitors at once: {len(ids)} were ticked.")
    operation, said, work = _deed(desk)
    done = await at_once([_one(id, work) for id in ids])
    failed = [each for each in done if each.problem]
    if not failed:
        return desk.go(back, f"{said} {len(done)} monitor{'s' if len(done) > 1 else ''}.{_undo(operation)}")
    return desk.page(
        "monitors/bulk.html", status_code=207, done=done, failed=failed, said=said, back=back,
        deleted=bool(_undo(operation)),
    )  # fmt: skip


def _undo(operation: str) -> str:
    return " They can be had back from the trash for 30 days." if operation == "monitors.delete" else ""


def _deed(desk: Desk) -> tuple[str, str, Callable[[int], Awaitable[Any]]]:
    """(operation, what is said of it, how it is done to one)."""
    name = desk.field("deed")
    if name == "delete":
        return "monitors.delete", "Deleted", lambda id: desk.call("monitors.delete", id=id)
    changes: dict[str, Any]
    if name == "move":
        text = desk.field("group")
        group = int(text) if text.isascii() and text.isdigit() else None
        said, changes = "Moved", {"monitor_group_id": group}
    elif name in ("pause", "resume"):
        said, changes = ("Paused", {"paused": True}) if name == "pause" else ("Resumed", {"paused": False})
    else:
        raise Invalid("That is nothing that can be done to monitors.")
    return "monitors.update", said, lambda id: desk.call("monitors.update", id=id, **changes)


async def _one(id: int, work: Callable[[int], Awaitable[Any]]) -> Done:
    try:
        reply = await work(id)
    except TocsinError as error:
        return Done(id, f"Monitor {id}", error.message)
    return Done(id, getattr(reply.value, "pronounceable_name", "") or f"Monitor {id}", "")


async def at_once(work: list[Awaitable[Done]]) -> list[Done]:
    """All of it, some side by side: each is a transaction of its own."""
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(each: Awaitable[Done]) -> Done:
        async with room:
            return await each

    return list(await asyncio.gather(*(one(each) for each in work)))


def _safe(path: str) -> str:
    """Back to a list of ours, and nowhere else."""
    return path if path.startswith("/monitors?") and "\n" not in path and "\r" not in path else "/monitors"
