"""The post-mortem of an incident: begun from its story, written in Markdown, read, and taken along as a file."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.incidents.incident import as_it_is
from tocsin.console.writing import written
from tocsin.kernel.errors import Conflict, Invalid, NotFound


async def show(desk: Desk) -> Response:
    """What was written; a draft to begin with when nothing was."""
    there = await _there(desk)
    if there is None and not desk.may("postmortems.save"):
        return await _page(desk, None, reading=True)
    if there is not None and desk.asked("edit") != "1":
        return await _page(desk, there, reading=True)
    if there is not None and desk.asked("draft") != "1":
        return await _page(desk, there, content=there["content"])
    draft = await desk.flat("postmortems.draft", id=desk.id)
    return await _page(desk, there, content=draft["content"])


async def save(desk: Desk) -> Response:
    """Keep it, unless somebody else was quicker: then both texts are shown."""
    content, seen = desk.field("content"), desk.field("seen") or None
    try:
        await desk.call("postmortems.save", id=desk.id, content=content, updated_at=seen)
    except Invalid as error:
        return await _page(desk, await _there(desk), 422, content=content, errors=wrong(error), seen=seen or "")
    except Conflict as error:
        errors = {"base": [f"{error.message}. Theirs is below yours: put together what belongs together, and save."]}
        return await _page(desk, await _there(desk), 409, content=content, errors=errors, conflict=True)
    return desk.go(f"/incidents/{desk.id}/post-mortem", "Post-mortem saved.")


async def delete(desk: Desk) -> Response:
    """Into the trash."""
    await desk.call("postmortems.delete", id=desk.id)
    done = "Post-mortem deleted. For 30 days it can be had back from the trash."
    return desk.go(f"/incidents/{desk.id}", done)


async def export(desk: Desk) -> Response:
    """The text as a file."""
    found = await desk.flat("postmortems.export", id=desk.id)
    return as_it_is(found, "text/markdown; charset=utf-8", f"post-mortem-{desk.id}.md")


async def _there(desk: Desk) -> dict[str, Any] | None:
    try:
        return await desk.one("postmortems.get", id=desk.id)
    except NotFound:
        return None


async def _page(
    desk: Desk, there: dict[str, Any] | None, status_code: int = 200, *, content: str = "", reading: bool = False,
    errors: dict[str, list[str]] | None = None, conflict: bool = False, seen: str | None = None,
) -> Response:  # fmt: skip
    one = await desk.one("incidents.get", id=desk.id)
    as_of = "" if there is None else str(there["updated_at"])
    return desk.page(
        "incidents/postmortem.html", status_code=status_code, incident=one, there=there, content=content,
        reading=reading, html=written(there["content"]) if there is not None else "", errors=errors or {},
        conflict=conflict, seen=as_of if seen is None else seen,
    )  # fmt: skip
