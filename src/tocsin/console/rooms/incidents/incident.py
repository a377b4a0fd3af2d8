"""One incident: what broke, who has it, who was and will be paged, what was seen, and what people wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, Many
from tocsin.console.rooms.incidents.story import story_of
from tocsin.console.rooms.integrations.kinds import SOURCES
from tocsin.console.writing import as_written, boxes, with_boxes, written
from tocsin.kernel.errors import NotFound, Refused
from tocsin.kernel.prose import MAX_COST, cost

T = TypeVar("T")

MAX_PAGES = 250
"""Messages whose ledger the page looks at; the table holds them all."""
MAX_ROWS = 50
"""Of the ledger, in the page itself."""
MAX_SIMILAR = 5
MAX_PUBLIC = 10
"""Status pages to choose from; the rest is found in their own room."""
MAX_DRAWN = 3 * MAX_COST
"""What drawing the comments of one page may cost."""
MAX_BODY_CHARACTERS = 20_000
"""Of the failing answer, in the page."""


async def show(desk: Desk) -> Response:
    """Everything about it on one page; each part is left out when they may not see it."""
    one = await desk.one("incidents.get", id=desk.id)
    return await draw(desk, one)


async def draw(desk: Desk, one: dict[str, Any], status_code: int = 200, **more: Any) -> Response:
    """The page with what else is to be said: what was typed and what was wrong with it."""
    open_now = one["status"] != "Resolved"
    owner = owner_of(one)
    (timeline, pages, coming, children, comments, similar, alerts), (response, cause, public) = await asyncio.gather(
        _lists(desk, one, owner, open_now),
        asyncio.gather(_response(desk, one), _cause(desk, one), _public(desk, open_now)),
    )
    said = _said(comments.items)
    values: dict[str, Any] = {
        "incident": one,
        "owner": owner,
        "open_now": open_now,
        "owned_by_agent": "acknowledged_by_agent_id" in one,
        "story": story_of(timeline.items, pages.items, said),
        "pages": pages,
        "shown_pages": pages.items[-MAX_ROWS:],
        "coming": coming.items,
        "children": children,
        "comments": said,
        "response": response,
        "options": _decoded(one["response_options"]),
        "similar": similar,
        "cause": cause,
        "alerts": alerts,
        "public": public,
        "wrong": [],
        "typed": "",
    }
    return desk.page("incidents/incident.html", status_code=status_code, **{**values, **more})


async def _lists(
    desk: Desk, one: dict[str, Any], owner: dict[str, Any] | None, open_now: bool
) -> tuple[Many, Many, Many, Many, Many, Many, Many]:
    found = await asyncio.gather(
        _many(desk, "incidents.timeline", id=desk.id),
        _many(desk, "incidents.pages", id=desk.id, per_page=MAX_PAGES),
        _many(desk, "incidents.coming_pages", id=desk.id) if open_now else _nothing(),
        _many(desk, "incidents.children", id=desk.id, per_page=10),
        _many(desk, "incident_comments.list", id=desk.id),
        _similar(desk, one, owner),
        _many(desk, "inbound_alerts.list", id=desk.id, per_page=10) if _from_outside(owner) else _nothing(),
    )
    timeline, pages, coming, children, comments, similar, alerts = found
    return timeline, pages, coming, children, comments, similar, alerts


async def _response(desk: Desk, one: dict[str, Any]) -> dict[str, Any] | None:
    """What the failing server answered, its body shortened to what one reads."""
    if not one["response_url"]:
        return None
    found: dict[str, Any] | None = await _tried(desk.flat("incidents.response", id=desk.id))
    if found and len(found["body"]) > MAX_BODY_CHARACTERS:
        found = {**found, "body": found["body"][:MAX_BODY_CHARACTERS], "body_truncated": True}
    return found


async def screenshot(desk: Desk) -> Response:
    """The picture of what a failed browser check saw."""
    return as_it_is(await desk.flat("incidents.screenshot", id=desk.id), "image/png")


async def trace(desk: Desk) -> Response:
    """Everything that a failed browser check did, for `playwright show-trace`."""
    found = await desk.flat("incidents.trace", id=desk.id)
    return as_it_is(found, "application/zip", f"incident-{desk.id}-trace.zip")


async def ledger(desk: Desk) -> Response:
    """The whole ledger of messages, as a table."""
    found = await desk.flat("incidents.pages_csv", id=desk.id)
    return as_it_is(found, "text/csv; charset=utf-8", f"incident-{desk.id}-pages.csv")


def owner_of(one: dict[str, Any]) -> dict[str, Any] | None:
    """What it is about: `type`, `id`, `name` where that is known, and the room of it in `path` or `source`."""
    related = ((kind, each["data"]) for kind, each in one["relationships"].items() if kind != "cause")
    kind, named = next(related, ("", None))
    if named is None:
        return None
    record: dict[str, Any] = next(
        (each for each in one["included"] if each["id"] == named["id"] and each["type"] == kind), {}
    )
    name = record.get("pronounceable_name") or record.get("name") or record.get("url") or kind.replace("_", " ")
    source = next((f"/integrations/in/{each.key}" for each in SOURCES if each.noun == f"{kind}s"), None)
    return {
        "type": kind, "id": named["id"], "name": name, "path": _PATHS.get(kind), "source": source, "record": record
    }  # fmt: skip


_PATHS = {"monitor": "/monitors", "heartbeat": "/heartbeats"}


def _from_outside(owner: dict[str, Any] | None) -> bool:
    return owner is not None and owner["type"] not in _PATHS


def _said(comments: Sequence[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Each comment with how it is drawn; when all of them together would take too long, the rest as it was written."""
    said, left = {}, MAX_DRAWN
    for each in comments:
        costs = cost(each["content"])
        drawn = costs <= min(left, MAX_COST)
        left -= costs if drawn else 0
        said[each["id"]] = {**each, **_drawn(each["content"], f"boxes-{each['id']}", drawn)}
    return said


def _drawn(content: str, form: str, drawn: bool) -> dict[str, Any]:
    if not drawn:
        return {"html": as_written(content), "boxes": {}, "form": form}
    found = boxes(content)
    return {"html": with_boxes(content, form) if found else written(content), "boxes": found, "form": form}


async def _similar(desk: Desk, one: dict[str, Any], owner: dict[str, Any] | None) -> Many:
    """What happened before: of the same owner when there is one, else with the same cause."""
    wanted: dict[str, Any] = {"resolved": "true", "per_page": MAX_SIMILAR + 1}
    if owner is not None and owner["type"] in ("monitor", "heartbeat"):
        wanted[f"{owner['type']}_id"] = owner["id"]
    wanted["cause"] = one["cause"]
    found = await _many(desk, "incidents.list", **wanted)
    others = [each for each in found.items if each["id"] != one["id"]]
    total = found.total - (1 if len(others) < len(found.items) else 0)
    return msgspec.structs.replace(found, items=others[:MAX_SIMILAR], total=total)


async def _cause(desk: Desk, one: dict[str, Any]) -> dict[str, Any] | None:
    named = one["relationships"].get("cause")
    return None if named is None else await _tried(desk.one("incidents.get", id=named["data"]["id"]))


async def _public(desk: Desk, open_now: bool) -> Many:
    """The status pages on which they may tell readers of it."""
    if not open_now or not desk.may("status_reports.create"):
        return _EMPTY
    return await _many(desk, "status_pages.list", per_page=MAX_PUBLIC)


async def _many(desk: Desk, name: str, **arguments: Any) -> Many:
    """A list, or an empty one where they may not see it."""
    return await _tried(desk.many(name, **arguments)) or _EMPTY


_EMPTY = Many(items=[], total=0, page=1, per_page=1)


async def _nothing() -> Many:
    return _EMPTY


async def _tried(wanted: Awaitable[T]) -> T | None:
    try:
        return await wanted
    except (NotFound, Refused):
        return None


def _decoded(options: str | None) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(options or "{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def as_it_is(content: bytes, media: str, filename: str = "") -> Response:
    """Bytes of somebody else's making: shown or saved, never run."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
    if filename:
        headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return Response(content, media_type=media, headers=headers)
