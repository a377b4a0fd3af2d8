"""The layers of a schedule: who takes turns, how long a turn is, within which hours, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.oncall import calendar
from tocsin.console.rooms.oncall.reading import Schedule, readers_zone, schedule
from tocsin.console.rooms.oncall.schedules import names_of
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.zones import zone as zone_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHOWN_WEEKS = 4
MAX_WINDOWS = 50
INTERVALS = (("hour", "hours"), ("day", "days"), ("week", "weeks"))
Values = dict[str, Any]


async def every(desk: Desk) -> Response:
    """All layers, the highest first: that is the one that counts."""
    one = await schedule(desk)
    rotation = None
    if desk.may("on_call_rotation.get"):
        try:
            rotation = await desk.flat("on_call_rotation.get", id=str(one.id))
        except NotFound:
            pass
    return desk.page("oncall/layers.html", one=one, layers=list(reversed(one.layers)), rotation=rotation)


async def new(desk: Desk) -> Response:
    """The form of a layer to be: everybody takes a week."""
    one = await schedule(desk)
    timezone = one.layers[0]["timezone"] if one.layers else readers_zone(desk) or "UTC"
    values = {
        "name": "", "users": [""] * 2, "rotation_length": "1", "rotation_interval": "week", "handoff_time": "09:00",
        "timezone": timezone, "starts_at": "", "ends_at": "", "windows": [],
    }  # fmt: skip
    return await _form(desk, one, None, values)


async def create(desk: Desk) -> Response:
    """Add it, or draw the form again for one of its buttons."""
    return await _sent(desk, None)


async def edit(desk: Desk) -> Response:
    """A layer, to be changed."""
    one = await schedule(desk)
    layer = await desk.one("on_call_layers.get", id=str(one.id), layer_id=_layer(desk))
    zone = zone_of(layer["timezone"]) or ZoneInfo("UTC")

    def local(at: str | None) -> str:
        return "" if at is None else calendar.written(datetime.fromisoformat(at), zone)

    values = {
        **{name: layer[name] for name in ("name", "users", "rotation_interval", "handoff_time", "timezone")},
        "rotation_length": str(layer["rotation_length"]),
        "starts_at": local(layer["starts_at"]),
        "ends_at": local(layer["ends_at"]),
        "windows": layer["restrictions"],
    }
    return await _form(desk, one, layer, values)


async def change(desk: Desk) -> Response:
    """Save it, or draw the form again for one of its buttons."""
    one = await schedule(desk)
    return await _sent(desk, await desk.one("on_call_layers.get", id=str(one.id), layer_id=_layer(desk)))


async def delete(desk: Desk) -> Response:
    """Take it out."""
    await desk.call("on_call_layers.delete", id=str(desk.id), layer_id=_layer(desk))
    return desk.go(f"/on-call/{desk.id}/layers", "Layer removed")


async def move(desk: Desk) -> Response:
    """Put it higher or lower."""
    layer = await desk.one("on_call_layers.get", id=str(desk.id), layer_id=_layer(desk))
    position = max(1, layer["position"] + (1 if desk.field("to") == "up" else -1))
    await desk.call("on_call_layers.update", id=str(desk.id), layer_id=_layer(desk), position=position)
    return desk.go(f"/on-call/{desk.id}/layers", "Order saved")


async def rotation(desk: Desk) -> Response:
    """The form of the API's own rotation, which fills the schedule with events."""
    one = await schedule(desk)
    start = calendar.written(desk.now + timedelta(hours=1), one.zone)[:14] + "00"
    values = {"users": [""] * 2, "rotation_length": "1", "rotation_interval": "week", "starts_at": start, "ends_at": ""}
    return _rotation(desk, one, values, {})


async def set_rotation(desk: Desk) -> Response:
    """Fill the schedule with turns up to an end."""
    one = await schedule(desk)
    values: Values = {name: desk.field(name) for name in ("rotation_length", "rotation_interval")}
    values |= {"users": desk.fields.get("users", []), "starts_at": desk.field("starts_at")}
    values["ends_at"] = desk.field("ends_at")
    do = desk.field("do", "save")
    if do.startswith("user-"):
        return _rotation(desk, one, {**values, "users": people_after(values["users"], do)}, {})
    try:
        times = _times(values, one.zone, {"starts_at": "start_rotations_at", "ends_at": "end_rotations_at"})
        users = [email for email in values["users"] if email]
        await desk.call(
            "on_call_rotation.set", id=str(one.id), users=users, rotation_length=values["rotation_length"],
            rotation_interval=values["rotation_interval"], **times,
        )  # fmt: skip
    except Invalid as error:
        return _rotation(desk, one, values, wrong(error), status=422)
    return desk.go(f"/on-call/{one.id}", "Rotation saved")


def people_after(users: Sequence[str], do: str) -> list[str]:
    """The people of a form after one of its buttons: `user-add`, `user-remove-1`, `user-up-1`, `user-down-1`."""
    found = list(users)
    verb, _, number = do.removeprefix("user-").partition("-")
    at = int(number) if number.isdigit() else -1
    if verb == "add" and len(found) < 100:
        found.append("")
    elif verb == "remove" and 0 <= at < len(found):
        found.pop(at)
    elif verb in ("up", "down") and 0 <= at < len(found):
        to = at + (-1 if verb == "up" else 1)
        if 0 <= to < len(found):
            found[at], found[to] = found[to], found[at]
    return found or [""]


async def _sent(desk: Desk, layer: dict[str, Any] | None) -> Response:
    one = await schedule(desk)
    values = _values(desk)
    do = desk.field("do", "save")
    if do.startswith("user-"):
        return await _form(desk, one, layer, {**values, "users": people_after(values["users"], do)})
    if do.startswith("window-"):
        return await _form(desk, one, layer, {**values, "windows": _windows_after(values["windows"], do)})
    if do != "save":
        return await _form(desk, one, layer, values)
    try:
        body = _body(values)
        if layer is None:
            await desk.call("on_call_layers.create", id=str(one.id), **body)
        else:
            await desk.call("on_call_layers.update", id=str(one.id), layer_id=int(layer["id"]), **body)
    except Invalid as error:
        return await _form(desk, one, layer, values, wrong(error), status=422)
    return desk.go(f"/on-call/{one.id}", "Layer saved")


async def _form(
    desk: Desk, one: Schedule, layer: dict[str, Any] | None, values: Values,
    errors: dict[str, list[str]] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    """The form with the next four weeks as they would be. What is wrong is only said when it is to be saved."""
    zone = zone_of(values["timezone"]) or ZoneInfo("UTC")
    weeks: list[calendar.Week] = []
    refused = ""
    today = desk.now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    since, until = (calendar.midnight(monday + timedelta(days=days), zone) for days in (0, 7 * SHOWN_WEEKS))
    try:
        body = _body(values)
        which = {} if layer is None else {"layer_id": int(layer["id"])}
        window = {"from": to_wire(since), "to": to_wire(until)}
        answer = await desk.flat("on_call_layers.preview", id=str(one.id), **which, **body, **window)
        plan = calendar.stretches(answer["shifts"], one.people)
        starts = [monday + timedelta(days=7 * number) for number in range(SHOWN_WEEKS)]
        weeks = [calendar.week_row(start, plan, zone, desk.now) for start in starts]
    except Invalid as error:
        if any(values["users"]):
            refused = "; ".join(text for texts in wrong(error).values() for text in texts)
    return desk.page(
        "oncall/layer.html", status_code=status, one=one, layer=layer, values=values, errors=errors or {},
        weeks=weeks, refused=refused, names=names_of(one), days=DAYS, intervals=INTERVALS, zones=_zone_names(one),
    )  # fmt: skip


def _rotation(
    desk: Desk, one: Schedule, values: Values, errors: dict[str, list[str]], status: int = 200
) -> Response:  # fmt: skip
    return desk.page(
        "oncall/rotation.html", status_code=status, one=one, values=values, errors=errors, names=names_of(one),
        intervals=INTERVALS,
    )  # fmt: skip


def _values(desk: Desk) -> Values:
    names = ("name", "rotation_length", "rotation_interval", "handoff_time", "timezone", "starts_at", "ends_at")
    count = desk.field("windows", "0")
    windows = [
        {
            "days": [day for day in DAYS if day in desk.fields.get(f"w{number}-days", [])],
            "time_from": desk.field(f"w{number}-from"),
            "time_to": desk.field(f"w{number}-to"),
        }
        for number in range(min(MAX_WINDOWS, int(count) if count.isdigit() else 0))
    ]
    return {
        **{name: desk.field(name).strip() for name in names},
        "users": desk.fields.get("users", []) or [""],
        "windows": windows,
    }


def _windows_after(windows: Sequence[dict[str, Any]], do: str) -> list[dict[str, Any]]:
    found = list(windows)
    verb, _, number = do.removeprefix("window-").partition("-")
    if verb == "add" and len(found) < MAX_WINDOWS:
        found.append({"days": list(DAYS[:5]), "time_from": "09:00", "time_to": "17:00"})
    elif verb == "remove" and number.isdigit() and int(number) < len(found):
        found.pop(int(number))
    return found


def _body(values: Values) -> Values:
    """As the operation takes it. Raises Invalid."""
    body = {name: values[name] for name in ("name", "timezone", "rotation_interval", "rotation_length") if values[name]}
    body["users"] = [email for email in values["users"] if email]
    if values["handoff_time"]:
        body["handoff_time"] = values["handoff_time"]
    for window in values["windows"]:
        if not window["days"]:
            raise Invalid.fields(restrictions="Tick at least one day of each window, or remove the window")
    body["restrictions"] = values["windows"]
    zone = zone_of(values["timezone"])
    if zone is None:
        raise Invalid.fields(timezone="is not a time zone that we know, such as Europe/Prague")
    body |= _times(values, zone, {name: name for name in ("starts_at", "ends_at") if values[name]})
    if not values["ends_at"]:
        body["ends_at"] = None
    return body


def _times(values: Values, zone: ZoneInfo, names: dict[str, str]) -> dict[str, Any]:
    """What stands in these fields, under the names of the operation. Raises Invalid."""
    read = {name: calendar.read(values[name], zone) for name in names}
    missing = {name: ["Say when, e.g. 2026-12-24T18:00"] for name, at in read.items() if at is None}
    if missing:
        raise Invalid.of(missing)
    return {names[name]: to_wire(at) for name, at in read.items() if at is not None}


def _layer(desk: Desk) -> int:
    return int(desk.request.path_params["layer"])


def _zone_names(one: Schedule) -> list[str]:
    usual = ["UTC", "Europe/London", "Europe/Prague", "Europe/Berlin", "America/New_York", "America/Los_Angeles"]
    more = ["America/Sao_Paulo", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney"]
    return list(dict.fromkeys([*one.zones, *usual, *more]))
