"""The inbox: what is open first, then what is over; found by words, state, time, or whose it is."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tocsin.console.desk import Desk, Many
from tocsin.kernel.errors import Invalid, TocsinError

PER_PAGE = 50
MAX_ANSWERED = 50
"""Incidents acknowledged or resolved in one go: as many as a page shows."""
STATES = ("Unconfirmed", "Started", "Acknowledged", "Validating", "Resolved")
_FILTERS = ("q", "state", "from", "to", "monitor_id", "heartbeat_id", "cause", "mine", "critical_alert")
_DONE = {"acknowledge": "Acknowledged", "resolve": "Resolved"}


async def show(desk: Desk) -> Response:
    """The list."""
    return await _draw(desk, [])


async def answer(desk: Desk) -> Response:
    """Acknowledge or resolve all that were ticked, and say of each what came of it."""
    deed = desk.field("deed")
    if deed not in _DONE:
        raise Invalid("There is no such deed.")
    ids = list(dict.fromkeys(text for text in desk.fields.get("incident", []) if text.isascii() and text.isdigit()))
    if not ids:
        return desk.go("/incidents", "Tick at least one incident first.")
    if len(ids) > MAX_ANSWERED:
        raise Invalid(f"At most {MAX_ANSWERED} incidents can be answered at once.")
    outcomes = []
    for id in ids:
        try:
            await desk.call(f"incidents.{deed}", id=int(id))
        except TocsinError as error:
            outcomes.append({"id": id, "good": False, "words": f"{error.message}."})
        else:
            outcomes.append({"id": id, "good": True, "words": f"{_DONE[deed]}."})
    return await _draw(desk, outcomes)


async def _draw(desk: Desk, outcomes: list[dict[str, Any]]) -> Response:
    wanted = {name: value for name in _FILTERS if (value := desk.asked(name))}
    errors: dict[str, list[str]] = {}
    try:
        open_now, over, counts = await asyncio.gather(_open(desk, wanted), _over(desk, wanted), _counts(desk))
    except Invalid as error:
        errors = error.field_errors or {"base": [error.message]}
        open_now = over = Many(items=[], total=0, page=1, per_page=PER_PAGE)
        counts = await _counts(desk)
    kept = urlencode(wanted)
    return desk.page(
        "incidents/inbox.html", status_code=422 if errors else 200, open_now=open_now, over=over, counts=counts,
        wanted=dict.fromkeys(_FILTERS, "") | wanted, filtered=bool(wanted), states=STATES, outcomes=outcomes,
        errors=errors,
        here=f"/incidents?{kept}&" if kept else "/incidents?",
    )  # fmt: skip


async def _open(desk: Desk, wanted: dict[str, str]) -> Many:
    if wanted.get("state") == "Resolved" or desk.number > 1:
        return Many(items=[], total=0, page=1, per_page=PER_PAGE)
    return await desk.many("incidents.list", resolved="false", per_page=PER_PAGE, **wanted)


async def _over(desk: Desk, wanted: dict[str, str]) -> Many:
    if wanted.get("state") not in (None, "Resolved"):
        return Many(items=[], total=0, page=1, per_page=PER_PAGE)
    return await desk.many("incidents.list", resolved="true", page=desk.number, per_page=PER_PAGE, **wanted)


async def _counts(desk: Desk) -> dict[str, int]:
    """How many there are of what one looks for most often."""

    async def count(**wanted: str) -> int:
        return (await desk.many("incidents.list", per_page=1, **wanted)).total

    everything, taken = await asyncio.gather(count(resolved="false"), count(resolved="false", acknowledged="true"))
    return {"open": everything, "taken": taken, "waiting": everything - taken}
