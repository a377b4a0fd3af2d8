"""What agents ask people: each question with what it would do and with exactly which arguments; yes or no."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.fields import label_of
from tocsin.console.frame import Frame
from tocsin.console.rooms.agents import naming, table
from tocsin.kernel.errors import Conflict
from tocsin.registry.operation import singular

LONG = 200
"""Characters from which an argument is folded away behind its beginning."""
_IDS = {f"{kind}{end}": kind for kind in naming.KINDS for end in ("_id", "_ids")}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One argument, as people read it."""

    label: str
    text: str

    @property
    def long(self) -> bool:
        """Whether it is folded."""
        return len(self.text) > LONG or self.text.count("\n") > 4


def routes(frame: Frame) -> list[Route]:
    """`/approvals`."""
    return [
        frame.get("/approvals", show),
        frame.post("/approvals/{id:int}/approve", approve),
        frame.post("/approvals/{id:int}/deny", deny),
    ]


async def show(desk: Desk) -> Response:
    """What waits, then what was answered."""
    waiting, closed = await asyncio.gather(
        desk.many("approvals.list", status="pending", per_page=250),
        desk.many("approvals.list", status="closed", page=desk.number, per_page=25),
    )
    for question in (*waiting.items, *closed.items):
        await _read(desk, question, with_names=question["status"] == "pending")
    return desk.page("approvals/approvals.html", waiting=waiting, closed=closed)


async def approve(desk: Desk) -> Response:
    """Yes."""
    return await _answer(desk, "approvals.approve", "Approved.")


async def deny(desk: Desk) -> Response:
    """No."""
    return await _answer(desk, "approvals.deny", "Refused: the agent is told so, and nothing was done.")


async def _answer(desk: Desk, operation: str, words: str) -> Response:
    try:
        question = await desk.one(operation, id=desk.id)
    except Conflict as error:
        return desk.go("/approvals", f"{error.message} Nothing was changed.")
    if operation == "approvals.approve":
        words = (
            f"{question['agent_name']} has the grant now; it ends by itself." if question["grant"] else
            f"{question['agent_name']} may do exactly this, once, within the next 15 minutes."
        )  # fmt: skip
    return desk.go("/approvals", words)


async def _read(desk: Desk, question: dict[str, Any], *, with_names: bool) -> None:
    """Put beside a question what the page shows of it."""
    question["shown"] = [
        Shown(label=_label(name), text=await _text(desk, question, name, value, with_names))
        for name, value in question["arguments"].items()
        if question["grant"] is None
    ]
    if question["grant"] is not None:
        grant = question["grant"]
        question["may"] = table.in_one_line(grant["levels"], grant["switches"])
        question["where"] = await naming.where(desk, grant) if with_names else []


async def _text(desk: Desk, question: Mapping[str, Any], name: str, value: Any, with_names: bool) -> str:
    kind = singular(str(question["operation"]).partition(".")[0]) if name == "id" else _IDS.get(name)
    if with_names and kind is not None and value:
        if name == "id" and (about := question["preview"].get("about")):
            return f"{about} ({value})"
        return await naming.all_named(desk, kind, value if isinstance(value, list) else [value])
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, bool) or value is None:
        return {True: "Yes", False: "No", None: "none"}[value]
    return _plain(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _label(name: str) -> str:
    return "Which" if name == "id" else label_of(name)


def _plain(text: str) -> str:
    """Without characters that are not seen, such as those that turn the direction of writing."""
    return "".join(each for each in text if each.isprintable() or each == "\n")
