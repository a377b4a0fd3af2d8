"""What was deleted and by whom: it can be had back for thirty days, or deleted for good."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.frame import Frame


def routes(frame: Frame) -> list[Route]:
    """Everything under `/trash`."""
    return [
        frame.get("/trash", show),
        frame.post("/trash/{id:int}/restore", restore),
        frame.post("/trash/{id:int}/delete", forget),
    ]


async def show(desk: Desk) -> Response:
    """The newest deletions."""
    return desk.page("trash/list.html", found=await desk.many("trash.list", page=desk.number, per_page=50))


async def restore(desk: Desk) -> Response:
    """Take a deletion back."""
    back = await desk.one("trash.restore", id=desk.id)
    left = f" Left as it is now: {', '.join(back['left_as_changed'])}." if back["left_as_changed"] else ""
    return desk.go("/trash", f"{back['name'] or 'It'} is back.{left}")


async def forget(desk: Desk) -> Response:
    """Delete for good."""
    await desk.call("trash.delete", id=desk.id)
    return desk.go("/trash", "Deleted for good.")
