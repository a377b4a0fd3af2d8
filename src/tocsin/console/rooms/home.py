"""The first page: what is broken, since when, who has it, and who is on call."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.frame import Frame


def routes(frame: Frame) -> list[Route]:
    """`/`."""
    return [frame.get("/", show)]


async def show(desk: Desk) -> Response:
    """Everything that is open, the newest first."""
    incidents = await desk.many("incidents.list", resolved="false", per_page=20)
    return desk.page("home/home.html", incidents=incidents)
