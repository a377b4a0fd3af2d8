"""Groups of status pages, for those who keep many: named, put in order, and taken apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.console.rooms.status_pages.opened import everything
from tocsin.kernel.errors import Invalid

_HOME = "/status-pages/groups"


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/groups`."""
    return [
        frame.get(_HOME, show),
        frame.post(_HOME, create),
        frame.post(f"{_HOME}/{{id:int}}", rename),
        frame.post(f"{_HOME}/{{id:int}}/delete", delete),
    ]


async def show(desk: Desk) -> Response:
    """Every group, with how many pages are in it."""
    return await _shown(desk, {})


async def _shown(desk: Desk, errors: Mapping[str, list[str]]) -> Response:
    groups = await everything(desk, "status_page_groups.list")
    pages = await everything(desk, "status_pages.list")
    inside = Counter(page["status_page_group_id"] for page in pages)
    return desk.page(
        "status_pages/groups.html", status_code=422 if errors else 200, groups=groups, inside=inside, errors=errors
    )


def _sent(desk: Desk) -> dict[str, Any]:
    place = desk.field("sort_index").strip()
    if place and not place.lstrip("-").isdigit():
        raise Invalid.fields(sort_index="is not a number")
    return {"name": desk.field("name"), "sort_index": int(place) if place else None}


async def create(desk: Desk) -> Response:
    """One more."""
    try:
        await desk.call("status_page_groups.create", **_sent(desk))
    except Invalid as error:
        return await _shown(desk, wrong(error))
    return desk.go(_HOME, "The group is there. Put pages into it in their settings.")


async def rename(desk: Desk) -> Response:
    """Another name, another place."""
    try:
        await desk.call("status_page_groups.update", id=desk.id, **_sent(desk))
    except Invalid as error:
        return await _shown(desk, wrong(error))
    return desk.go(_HOME, "Saved.")


async def delete(desk: Desk) -> Response:
    """Its pages stay."""
    await desk.call("status_page_groups.delete", id=desk.id)
    return desk.go(_HOME, "The group is gone; its pages are still there.")
