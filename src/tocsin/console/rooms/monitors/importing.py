"""Many monitors out of a pasted list: what each line becomes is shown before anything is made."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.monitors import words
from tocsin.console.rooms.monitors.forms import group_choices, policy_choices
from tocsin.console.rooms.monitors.listing import Done, at_once
from tocsin.kernel.errors import Invalid, TocsinError

MAX_LINES = 200
MAX_TEXT = 100_000
"""Characters of a pasted list."""
_PORT = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]+")
_URL = re.compile(r"(https?|wss?)://\S+", re.IGNORECASE)
_NAME = re.compile(r"[^\s/]+(/\S*)?")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list, and what it would become."""

    number: int
    text: str
    monitor: dict[str, Any] | None
    """Attributes; None: it was not understood."""
    twin: str = ""
    """Why it may be one too many: it is watched already, or stands in the list twice."""


async def show(desk: Desk) -> Response:
    """Where a list is pasted."""
    return await _form(desk, 200, {})


async def _form(desk: Desk, status: int, errors: dict[str, list[str]], lines: list[Line] | None = None) -> Response:
    return desk.page(
        "monitors/import.html", status, errors=errors, lines=lines, text=desk.field("text"),
        groups=await group_choices(desk), policies=await policy_choices(desk),
        group=desk.field("monitor_group_id"), policy=desk.field("policy_id"),
        frequency=desk.field("check_frequency", "60"), type_name=words.type_name, most=MAX_LINES,
    )  # fmt: skip


async def work(desk: Desk) -> Response:
    """First what each line becomes, then, when that is what was meant, the monitors."""
    text = desk.field("text")[:MAX_TEXT]
    lines = read(text)
    if not lines:
        return await _form(desk, 422, {"text": ["Paste at least one address"]})
    if len(lines) > MAX_LINES:
        return await _form(desk, 422, {"text": [f"At most {MAX_LINES} lines at once; there are {len(lines)}"]})
    if desk.field("deed") != "import":
        return await _form(desk, 200, {}, await _marked(desk, lines))
    chosen = set(desk.fields.get("take", []))
    taken = [line for line in lines if str(line.number) in chosen and line.monitor is not None]
    if not taken:
        return await _form(desk, 422, {"base": ["No line is ticked."]}, await _marked(desk, lines))
    common = {name: desk.field(name) or None for name in ("monitor_group_id", "policy_id", "check_frequency")}
    given = {name: value for name, value in common.items() if value is not None}
    done = await at_once([_make(desk, line, given) for line in taken])
    made = [each for each in done if not each.problem]
    if len(made) == len(done):
        return desk.go("/monitors?sort=-created_at", f"Created {len(made)} monitor{'s' if len(made) > 1 else ''}")
    return desk.page(
        "monitors/bulk.html", status_code=207, done=done, failed=[each for each in done if each.problem],
        said="Created", back="/monitors?sort=-created_at", deleted=False,
    )  # fmt: skip


def read(text: str) -> list[Line]:
    """Each line that is not empty: an address, or `name, address`."""
    found: list[Line] = []
    seen: set[str] = set()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        monitor = _guessed(line)
        url = "" if monitor is None else f"{monitor['url']} {monitor.get('port', '')}"
        twin = "twice in this list" if url and url in seen else ""
        seen.add(url)
        found.append(Line(number=number, text=line[:300], monitor=monitor, twin=twin))
    return found


def _guessed(line: str) -> dict[str, Any] | None:
    name, address = "", line
    for mark in (",", ";", "\t"):
        before, found, after = line.rpartition(mark)
        if found and before.strip() and after.strip():
            name, address = before.strip().strip('"'), after.strip().strip('"')
            if _URL.fullmatch(name):  # the other way round
                name, address = address, name
            break
    named = {"pronounceable_name": name} if name else {}
    if _URL.fullmatch(address):
        kind = "websocket" if address.lower().startswith("ws") else "status"
        return {"monitor_type": kind, "url": address, **named}
    port = _PORT.fullmatch(address)
    if port:
        return {"monitor_type": "tcp", "url": port[1].strip("[]"), "port": port[2], **named}
    if _ADDRESS.fullmatch(address) and ("." in address or ":" in address[:-1]):
        return {"monitor_type": "ping", "url": address, **named}
    if _NAME.fullmatch(address) and "." in address.partition("/")[0][1:-1]:
        return {"monitor_type": "status", "url": f"https://{address}", **named}
    return None


async def _marked(desk: Desk, lines: list[Line]) -> list[Line]:
    """What is watched already is marked."""
    marked = []
    for line in lines:
        if line.monitor is not None and not line.twin and desk.may("monitors.list"):
            twins = await desk.many("monitors.list", url=line.monitor["url"], per_page=10)
            same = [each for each in twins.items if each["monitor_type"] == line.monitor["monitor_type"]
                    and (each["port"] or "") == line.monitor.get("port", "")]  # fmt: skip
            if same:
                line = msgspec.structs.replace(line, twin="watched already")
        marked.append(line)
    return marked


def _make(desk: Desk, line: Line, common: dict[str, Any]) -> Awaitable[Done]:
    async def make() -> Done:
        assert line.monitor is not None
        label = str(line.monitor.get("pronounceable_name") or line.monitor["url"])
        try:
            made = await desk.one("monitors.create", **line.monitor, **common)
        except Invalid as error:
            return Done(0, label, "; ".join(text for texts in wrong(error).values() for text in texts))
        except TocsinError as error:
            return Done(0, label, error.message)
        return Done(int(made["id"]), made["pronounceable_name"], "")

    return make()
