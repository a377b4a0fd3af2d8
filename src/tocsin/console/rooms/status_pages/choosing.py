"""What can be put on a status page: the team's monitors, heartbeats and groups, to be ticked in a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.console.desk import Desk

SHOWN = 100
"""Of one kind: more are found by searching."""
LOOKED_THROUGH = 1_000
KINDS = (
    ("Monitor", "Monitors", "monitors"),
    ("MonitorGroup", "Monitor groups", "monitor_groups"),
    ("Heartbeat", "Heartbeats", "heartbeats"),
    ("HeartbeatGroup", "Heartbeat groups", "heartbeat_groups"),
)
"""(type on the wire, words, the operations about it)"""
_OPERATIONS = {kind: operations for kind, _, operations in KINDS}


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be shown."""

    value: str
    """E.g. `Monitor:12`."""
    name: str
    about: str
    """What tells it from others of its name."""
    state: str


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """All things of one kind."""

    words: str
    choices: Sequence[Choice]
    total: int
    """How many there are in all."""


async def kinds(desk: Desk, search: str = "") -> list[Kind]:
    """What the team has, by kind; kinds of which it has nothing are left out."""
    found = []
    for kind, words, operations in KINDS:
        if not desk.may(f"{operations}.list"):
            continue
        choices, total = await _choices(desk, kind, operations, search.casefold())
        if choices:
            found.append(Kind(words=words, choices=choices, total=total))
    return found


async def _choices(desk: Desk, kind: str, operations: str, search: str) -> tuple[list[Choice], int]:
    found: list[Choice] = []
    page, pages, total = 1, 1, 0
    while page <= pages and len(found) < SHOWN and (page - 1) * 250 < LOOKED_THROUGH:
        part = await desk.many(f"{operations}.list", page=page, per_page=250 if search else SHOWN)
        pages, total = (part.pages if search else 1), part.total
        for item in part.items:
            choice = _choice(kind, item)
            if search in f"{choice.name} {choice.about}".casefold():
                found.append(choice)
        page += 1
    return found[:SHOWN], len(found) if search else total


def _choice(kind: str, item: dict[str, Any]) -> Choice:
    about = str(item.get("url") or "") if kind == "Monitor" else ""
    state = str(item.get("status") or ("paused" if item.get("paused") else ""))
    return Choice(value=f"{kind}:{item['id']}", name=_name(item), about=about, state=state)


def _name(item: dict[str, Any]) -> str:
    """What it is called; a monitor without a name is called by its host."""
    name = item.get("pronounceable_name") or item.get("name")
    return str(name or urlsplit(str(item.get("url") or "")).hostname or item["id"])


async def named(desk: Desk, value: str) -> dict[str, Any] | None:
    """What is sent to put a choice on a page; None when it is no choice of ours. Raises NotFound."""
    kind, _, id = value.partition(":")
    if kind not in _OPERATIONS or not (id.isascii() and id.isdigit() and len(id) < 19):
        return None
    found = await desk.one(f"{_OPERATIONS[kind]}.get", id=int(id))
    return {"resource_type": kind, "resource_id": int(id), "public_name": _name(found)[:255]}


async def put_on(desk: Desk, page_id: int, values: Sequence[str], **more: Any) -> int:
    """Put everything that was ticked on a page; returns how much. Raises Invalid, NotFound at the first that cannot."""
    number = 0
    for value in dict.fromkeys(values):
        body = await named(desk, value)
        if body is not None:
            await desk.call("status_page_resources.create", status_page_id=page_id, **body, **more)
            number += 1
    return number
