"""Other calendars: addresses for calendar programs, and calendars kept elsewhere that are read here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.oncall.reading import Schedule, schedule
from tocsin.kernel.errors import Invalid


async def every(desk: Desk) -> Response:
    """Feeds of this schedule and of one's own shifts, and what is read into it."""
    return await _page(desk, await schedule(desk), {"url": "", "name": "", "timezone": ""}, {})


async def open_feed(desk: Desk) -> Response:
    """Open a secret address."""
    mine = desk.field("of") == "me"
    what: dict[str, Any] = {"user_email": desk.present.email} if mine else {"calendar_id": desk.id}
    await desk.call("on_call_feeds.create", **what)
    return desk.go(f"/on-call/{desk.id}/calendars", "Feed opened. Whoever has its address can read it.")


async def close_feed(desk: Desk) -> Response:
    """Revoke it."""
    await desk.call("on_call_feeds.delete", id=int(desk.request.path_params["feed"]))
    return desk.go(f"/on-call/{desk.id}/calendars", "Feed revoked: its address leads nowhere now.")


async def start_import(desk: Desk) -> Response:
    """Read a calendar from now on."""
    one = await schedule(desk)
    values = {name: desk.field(name).strip() for name in ("url", "name", "timezone")}
    try:
        sent: dict[str, Any] = {name: value for name, value in values.items() if value}
        await desk.call("on_call_imports.create", id=str(one.id), **sent)
    except Invalid as error:
        return await _page(desk, one, values, wrong(error), status=422)
    return desk.go(f"/on-call/{one.id}/calendars", "It is read within a minute, and every 15 minutes from then on.")


async def stop_import(desk: Desk) -> Response:
    """Stop reading it, and forget what it said."""
    number = int(desk.request.path_params["import_id"])
    await desk.call("on_call_imports.delete", id=str(desk.id), import_id=number)
    return desk.go(f"/on-call/{desk.id}/calendars", "No longer read, and what it said is forgotten")


async def _page(
    desk: Desk, one: Schedule, values: dict[str, Any], errors: dict[str, list[str]], status: int = 200
) -> Response:  # fmt: skip
    feeds: Sequence[dict[str, Any]] = (await desk.many("on_call_feeds.list", per_page=250)).items
    imports = (await desk.many("on_call_imports.list", id=str(one.id), per_page=50)).items
    return desk.page(
        "oncall/calendars.html", status_code=status, one=one, values=values, errors=errors, imports=imports,
        feeds=[each for each in feeds if each["calendar_id"] == one.id],
        my_feeds=[each for each in feeds if each["user_email"] == desk.present.email],
    )  # fmt: skip
