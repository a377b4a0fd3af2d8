"""One status page at a glance: where it is, how it stands, what is being said, and who is listening."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.frame import Frame
from tocsin.console.rooms.status_pages.listing import goes_on, instant
from tocsin.console.rooms.status_pages.opened import opened
from tocsin.console.rooms.status_pages.subscribers import counts


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/ID`."""
    return [
        frame.get("/status-pages/{id:int}", show),
        frame.post("/status-pages/{id:int}/publish", publish),
        frame.post("/status-pages/{id:int}/delete", delete),
    ]


async def show(desk: Desk) -> Response:
    """State, reports under way and to come, subscribers, and what is still to be done."""
    page = await opened(desk)
    reports, resources, counted = await asyncio.gather(
        desk.many("status_reports.list", status_page_id=page.id, per_page=50), page.resources(), counts(page)
    )
    now = instant(desk)
    public = [report for report in reports.items if not report["draft"]]
    return page.draw(
        "overview",
        "",
        page.name,
        resources=resources,
        going=[report for report in public if goes_on(report, desk)],
        planned=[report for report in public if report["starts_at"] > now],
        drafts=[report for report in reports.items if report["draft"]],
        counts=counted,
    )


async def publish(desk: Desk) -> Response:
    """Show it to everybody, or to nobody."""
    wanted = desk.field("published") == "true"
    page = await opened(desk)
    await desk.call("status_pages.update", id=page.id, published=wanted)
    return page.go("", "Everybody can read it now." if wanted else "It is taken off the web.")


async def delete(desk: Desk) -> Response:
    """It goes with everything on it."""
    page = await opened(desk)
    await desk.call("status_pages.delete", id=page.id)
    return desk.go("/status-pages", f"{page.name} is deleted. An administrator can undo that for 30 days.")
