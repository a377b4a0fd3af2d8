"""Puts somebody on call in place of others for a while, and shows what was planned by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.oncall import calendar
from tocsin.console.rooms.oncall.reading import Schedule, schedule
from tocsin.console.rooms.oncall.schedules import names_of
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid

MAX_SHOWN = 200
"""Events that are to come and are listed; a rotation may have made thousands."""


async def ask(desk: Desk) -> Response:
    """The form: from when, until when, who."""
    one = await schedule(desk)
    start = desk.asked("from") or calendar.written(desk.now, one.zone)[:14] + "00"
    values = {"starts_at": start, "ends_at": desk.asked("to"), "users": desk.request.query_params.getlist("who")}
    return _form(desk, one, values, {})


async def put(desk: Desk) -> Response:
    """Put them on call; whoever was is not, for that time."""
    one = await schedule(desk)
    values = _sent(desk)
    try:
        await desk.call("on_call_events.create", id=str(one.id), override=True, **_read(values, one))
    except Invalid as error:
        return _form(desk, one, values, wrong(error), status=422)
    month = values["starts_at"][:10]
    view = desk.field("view")
    back = f"?on={month}" + (f"&view={view}" if view in ("week", "list") else "")
    return desk.go(f"/on-call/{one.id}{back}", f"{_names(one, values['users'])} on call from then on until the end")


async def every(desk: Desk) -> Response:
    """Overrides and events that are to come."""
    one = await schedule(desk)
    answer = await desk.flat("on_call_events.list", id=str(one.id))
    coming = [each for each in answer["events"] if datetime.fromisoformat(each["ends_at"]) > desk.now]
    events = [{**each, **_shown(one, each)} for each in coming[:MAX_SHOWN]]
    return desk.page("oncall/events.html", one=one, events=events, more=len(coming) - len(events))


async def edit(desk: Desk) -> Response:
    """One event, to be changed."""
    one = await schedule(desk)
    event = await desk.flat("on_call_events.get", id=str(one.id), event_id=_event(desk))
    values = {
        "starts_at": calendar.written(datetime.fromisoformat(event["starts_at"]), one.zone),
        "ends_at": calendar.written(datetime.fromisoformat(event["ends_at"]), one.zone),
        "users": event["users"],
    }
    return _form(desk, one, values, {}, event=event)


async def change(desk: Desk) -> Response:
    """Save it."""
    one = await schedule(desk)
    values = _sent(desk)
    event = await desk.flat("on_call_events.get", id=str(one.id), event_id=_event(desk))
    try:
        sent = _read(values, one)
        await desk.call("on_call_events.update", id=str(one.id), event_id=_event(desk), **sent)
    except Invalid as error:
        return _form(desk, one, values, wrong(error), event=event, status=422)
    return desk.go(f"/on-call/{one.id}/events", "Saved")


async def delete(desk: Desk) -> Response:
    """Take it out: what lies below it counts again."""
    await desk.call("on_call_events.delete", id=str(desk.id), event_id=_event(desk))
    return desk.go(f"/on-call/{desk.id}/events", "Removed. What lies below it counts again.")


def _event(desk: Desk) -> int:
    return int(desk.request.path_params["event"])


def _sent(desk: Desk) -> dict[str, Any]:
    return {
        "starts_at": desk.field("starts_at"),
        "ends_at": desk.field("ends_at"),
        "users": [email for email in desk.fields.get("users", []) if email],
    }


def _read(values: dict[str, Any], one: Schedule) -> dict[str, Any]:
    """As the operation takes it. Raises Invalid for what is no time."""
    times = {name: calendar.read(values[name], one.zone) for name in ("starts_at", "ends_at")}
    missing = {name: ["Say when, e.g. 2026-12-24T18:00"] for name, at in times.items() if at is None}
    if not values["users"]:
        missing["users"] = ["Choose who takes over"]
    if missing:
        raise Invalid.of(missing)
    return {**{name: to_wire(at) for name, at in times.items() if at is not None}, "users": values["users"]}


def _form(
    desk: Desk, one: Schedule, values: dict[str, Any], errors: dict[str, list[str]], *, event: Any = None,
    status: int = 200,
) -> Response:  # fmt: skip
    return desk.page(
        "oncall/override.html", status_code=status, one=one, values=values, errors=errors, event=event,
        names=names_of(one), view=desk.asked("view") or desk.field("view"),
    )  # fmt: skip


def _names(one: Schedule, emails: list[str]) -> str:
    names = [one.people[email].name if email in one.people else email for email in emails]
    return ", ".join(names) + (" is" if len(names) == 1 else " are")


def _shown(one: Schedule, event: dict[str, Any]) -> dict[str, Any]:
    return {
        "names": ", ".join(one.people[email].name if email in one.people else email for email in event["users"]),
        "said": f"{calendar.spoken(datetime.fromisoformat(event['starts_at']), one.zone)} to "
        f"{calendar.spoken(datetime.fromisoformat(event['ends_at']), one.zone)}",
    }
