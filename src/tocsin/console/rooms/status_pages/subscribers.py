"""Who is told of a page's updates: found, added for somebody, removed, and taken along as a table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.console.rooms.status_pages.opened import Opened, opened
from tocsin.kernel.errors import Invalid

KINDS = (("email", "E-mail"), ("webhook", "Webhook"), ("slack", "Slack"), ("push", "Browser"))
STANDINGS = (("", "Whether confirmed or not"), ("true", "Confirmed"), ("false", "Not confirmed yet"))
_LIST = "status_page_subscribers.list"


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/ID/subscribers…`."""
    base = "/status-pages/{id:int}/subscribers"
    return [
        frame.get(base, show),
        frame.post(base, add),
        frame.get(f"{base}.csv", export),
        frame.post(f"{base}/{{subscriber:int}}/delete", remove),
    ]


async def counts(page: Opened) -> dict[str, int]:
    """How many there are: `all`, of each kind, and `unconfirmed`."""
    desk, about = page.desk, {"status_page_id": page.id, "per_page": 1}
    asked = [{"kind": kind} for kind, _ in KINDS] + [{"kind": "all", "confirmed": "false"}]
    found = await asyncio.gather(*(desk.many(_LIST, **about, **each) for each in asked))
    numbers = {kind: part.total for (kind, _), part in zip(KINDS, found, strict=False)}
    return {**numbers, "all": sum(numbers.values()), "unconfirmed": found[-1].total}


async def show(desk: Desk) -> Response:
    """The list, by kind and standing, found by a part of the address."""
    return await _shown(await opened(desk), {}, "")


async def _shown(page: Opened, errors: Mapping[str, list[str]], typed: str) -> Response:
    desk = page.desk
    kind = desk.asked("kind", "all")
    kind = kind if kind in dict(KINDS) else "all"
    confirmed = desk.asked("confirmed")
    confirmed = confirmed if confirmed in ("true", "false") else ""
    search = desk.asked("q")[:254]
    found = await desk.many(
        _LIST, status_page_id=page.id, kind=kind, confirmed=confirmed, search=search, page=desk.number, per_page=50
    )
    return page.draw(
        "subscribers",
        "/subscribers",
        "Subscribers",
        status_code=422 if errors else 200,
        found=found,
        counts=await counts(page),
        names={int(each["id"]): each["public_name"] for each in await page.resources()},
        kinds=KINDS,
        standings=STANDINGS,
        kind=kind,
        confirmed=confirmed,
        search=search,
        errors=errors,
        typed=typed,
    )


async def add(desk: Desk) -> Response:
    """Subscribe somebody who asked for it; it counts as confirmed."""
    page = await opened(desk)
    email = desk.field("email").strip()
    try:
        await desk.call("status_page_subscribers.create", status_page_id=page.id, email=email)
    except Invalid as error:
        return await _shown(page, wrong(error), email)
    return page.go("/subscribers", "Subscribed.")


async def remove(desk: Desk) -> Response:
    """They are told nothing more."""
    page = await opened(desk)
    id = int(desk.request.path_params["subscriber"])
    await desk.call("status_page_subscribers.delete", status_page_id=page.id, id=id)
    return page.go("/subscribers", "Removed: they are told nothing more.")


async def export(desk: Desk) -> Response:
    """All of them as a table."""
    page = await opened(desk)
    content = await desk.flat("status_page_subscribers.export", status_page_id=page.id)
    name = f"subscribers-{page.page['subdomain']}.csv"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
