"""Plays an outage through: who is paged, how and at which minute, if this fails then and these things go wrong."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.oncall import calendar
from tocsin.console.rooms.oncall.reading import readers_zone, team
from tocsin.console.rooms.policies.timeline import timeline
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.kernel.zones import zone as zone_of

CHANNELS = (("call", "Phone calls"), ("sms", "SMS"), ("push", "Push"), ("email", "E-mail"))
OFFERED = 250
"""Monitors to choose from; another one is named in the address, as its own page does."""


async def show(desk: Desk) -> Response:
    """The questions, and the answer drawn as a timeline."""
    members = await team(desk)
    names = [(each["email"], calendar.people_of([each], [])[each["email"]].name) for each in members]
    values = {
        "what": desk.asked("what"),
        "at": desk.asked("at"),
        "zone": desk.asked("zone") or readers_zone(desk) or "UTC",
        "away": desk.request.query_params.getlist("away"),
        "down": desk.request.query_params.getlist("down"),
    }
    subjects = await _subjects(desk)
    if not values["what"] and subjects:
        values["what"] = next((value for _, group in subjects for value, _ in group), "")
    answer, errors = None, {}
    try:
        answer = await desk.flat("on_calls.simulate", **_asked(values)) if values["what"] else None
    except Invalid as error:
        errors = wrong(error)
    return desk.page(
        "policies/simulate.html", status_code=422 if errors else 200, values=values, errors=errors, names=names,
        subjects=subjects, channels=CHANNELS, answer=answer,
        timeline=None if answer is None else timeline(answer),
    )  # fmt: skip


def _asked(values: dict[str, Any]) -> dict[str, Any]:
    kind, _, number = values["what"].partition("-")
    if kind not in ("monitor", "heartbeat", "policy") or not number.isdigit():
        raise Invalid.fields(what="choose what fails")
    asked: dict[str, Any] = {f"{kind}_id": int(number)}
    if values["at"]:
        at = calendar.read(values["at"], zone_of(values["zone"]) or ZoneInfo("UTC"))
        if at is None:
            raise Invalid.fields(at="is no time, e.g. 2026-12-24T03:00")
        asked["at"] = to_wire(at)
    asked |= {name: ",".join(values[name]) for name in ("away", "down") if values[name]}
    return asked


async def _subjects(desk: Desk) -> list[tuple[str, list[tuple[str, str]]]]:
    """(group, (value, name)) of everything that can be imagined to fail."""
    found = []
    for words, name, kind, label in (
        ("Policies", "policies.list", "policy", "name"),
        ("Monitors", "monitors.list", "monitor", "pronounceable_name"),
        ("Heartbeats", "heartbeats.list", "heartbeat", "name"),
    ):
        if desk.may(name):
            items = (await desk.many(name, per_page=OFFERED)).items
            if items:
                found.append((words, [(f"{kind}-{each['id']}", each[label]) for each in items]))
    return found
