"""One heartbeat: how it stands, how it fared, what it said last, and what to paste where."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk
from tocsin.console.drawing import bars
from tocsin.console.rooms.heartbeats.snippets import snippets
from tocsin.console.words import lasting, size
from tocsin.kernel.errors import BadRequest

PINGS_SHOWN = 20
INCIDENTS_SHOWN = 5
DAYS = 90


async def show(desk: Desk) -> Response:
    """Everything about it on one page."""
    heartbeat = await desk.one("heartbeats.get", id=desk.id)
    (days, pings, incidents), (figures, period, group, policy) = await asyncio.gather(
        asyncio.gather(
            desk.many("heartbeats.days", id=desk.id, days=DAYS),
            desk.many("heartbeats.pings", id=desk.id, page=desk.number, per_page=PINGS_SHOWN),
            desk.many("incidents.list", heartbeat_id=desk.id, per_page=INCIDENTS_SHOWN),
        ),
        asyncio.gather(
            desk.one("heartbeats.availability", id=desk.id),
            _period(desk),
            _named(desk, "heartbeat_groups.get", heartbeat["heartbeat_group_id"]),
            _named(desk, "policies.get", heartbeat["policy_id"]),
        ),
    )
    snippet = desk.asked("snippet")
    offered = snippets(heartbeat) if desk.may("heartbeats.update") else []
    return desk.page(
        "heartbeats/one.html",
        heartbeat=heartbeat,
        expected=expected_words(heartbeat),
        bar=bars(days.items),
        figures=figures,
        period=period,
        pings=pings,
        incidents=incidents,
        snippets=offered,
        chosen=next((each for each in offered if each.key == snippet), offered[0] if offered else None),
        group=group,
        policy=policy,
        lasting=lasting,
        size=size,
    )


async def pause(desk: Desk) -> Response:
    """Pause it, or go on."""
    paused = desk.field("paused") == "true"
    await desk.call("heartbeats.update", id=desk.id, paused=paused)
    said = (
        "Paused: calls are kept, and nothing follows from them." if paused else "Resumed: it waits for its next call."
    )
    return desk.go(f"/heartbeats/{desk.id}", said)


async def delete(desk: Desk) -> Response:
    """Expect nothing any more."""
    await desk.call("heartbeats.delete", id=desk.id)
    return desk.go("/heartbeats", "Heartbeat deleted. It can be brought back from the trash for 30 days.")


def expected_words(heartbeat: dict[str, Any]) -> str:
    """When a call is expected, and when it is late, in a sentence or two."""
    grace = heartbeat["grace"]
    late = (
        f"An incident opens when it is {lasting(grace)} late."
        if grace
        else "An incident opens at once when it is late."
    )
    if heartbeat["schedule"]:
        return f"A call by the schedule {heartbeat['schedule']} ({heartbeat['schedule_timezone']}). {late}"
    clock = f", by the clock of {heartbeat['server_timezone']}" if heartbeat["server_timezone"] else ""
    return f"A call every {lasting(heartbeat['period'])}{clock}. {late}".replace("every 1 ", "every ")


async def _period(desk: Desk) -> dict[str, Any] | None:
    """The availability of a range that was asked for; None when none was, or it cannot be read."""
    since, until = desk.asked("from"), desk.asked("to")
    if not since and not until:
        return None
    asked = {name: value for name, value in (("from", since), ("to", until)) if value}
    try:
        figures = await desk.one("heartbeats.availability", id=desk.id, **asked)
    except BadRequest as error:
        return {"figures": None, "wrong": error.message, "from": since, "to": until}
    return {"figures": figures, "wrong": "", "from": since, "to": until}


async def _named(desk: Desk, operation: str, id: Any) -> dict[str, Any] | None:
    """What it belongs to, if they may see that."""
    return await desk.one(operation, id=id) if id and desk.may(operation) else None
