"""The forms of a heartbeat: new, as a copy of another one, and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.frame import values_of
from tocsin.console.words import UNITS, amount_of, seconds_of
from tocsin.kernel.errors import Invalid

DAYS = (("mon", "Monday"), ("tue", "Tuesday"), ("wed", "Wednesday"), ("thu", "Thursday"), ("fri", "Friday"),
        ("sat", "Saturday"), ("sun", "Sunday"))  # fmt: skip
LENGTHS = ("period", "grace", "team_wait")
"""Seconds on the wire; here a number and a unit."""
_SECTIONS = {
    "first": ("name",),
    "clock": ("schedule", "schedule_timezone", "server_timezone"),
    "told": ("policy_id", "email", "push", "call", "sms", "critical_alert"),
    "rest": ("heartbeat_group_id", "slug", "success_keyword", "failure_keyword", "sort_index"),
    "pause": ("maintenance_from", "maintenance_to", "maintenance_timezone"),
}
_HINTS = {
    "name": "What the job does, e.g. Nightly backup of the shop. People are woken with this name.",
    "schedule": "Instead of the interval above: a cron expression (0 2 * * *) or an event of systemd (Mon..Fri 02:00).",
    "schedule_timezone": "Of the schedule, e.g. Europe/Berlin. UTC when it is left empty.",
    "server_timezone": "Keeps an interval on the wall clock of this zone when clocks change. Leave it empty for UTC.",
    "policy_id": "Who is paged, in which order. Without one: everybody who is on call, by what is ticked below.",
    "critical_alert": "Sounds on a phone although it is muted.",
    "heartbeat_group_id": "Shown together, and paused together.",
    "slug": "Lets a job call by this name and the team's ping key, without an address of its own.",
    "success_keyword": "A mail to its address counts as a good call only if it contains this.",
    "failure_keyword": "A mail that contains this says that the job has failed.",
    "sort_index": "Smaller numbers stand first.",
    "maintenance_from": "A time of day, e.g. 01:00. A call that is missed from then on is told when the window ends.",
    "maintenance_to": "A time of day, e.g. 02:30.",
    "maintenance_timezone": "Of these two times, e.g. Europe/Berlin.",
}
_LABELS = {
    "schedule_timezone": "Time zone of the schedule",
    "server_timezone": "Time zone of the interval",
    "policy_id": "Escalation policy",
    "email": "E-mail",
    "call": "Phone call",
    "heartbeat_group_id": "Group",
    "slug": "Name in addresses",
    "success_keyword": "Word in a mail that says it went well",
    "failure_keyword": "Word in a mail that says it failed",
    "sort_index": "Place in lists",
    "maintenance_from": "From",
    "maintenance_to": "To",
    "maintenance_timezone": "Time zone",
}
_START = {"period": 86_400, "grace": 3_600, "email": True, "push": True, "maintenance_days": [key for key, _ in DAYS],
          "maintenance_timezone": "UTC"}  # fmt: skip


async def new(desk: Desk) -> Response:
    """An empty form, or one filled in like the heartbeat `?from=`."""
    values: dict[str, Any] = dict(_START)
    if desk.asked("from").isdigit():
        other = await desk.one("heartbeats.get", id=desk.asked("from"))
        values = {**other, "name": f"{other['name']} (copy)"[:255], "slug": None}
    return await _form(desk, "heartbeats.create", values)


async def create(desk: Desk) -> Response:
    """Make it, and show what to paste where."""
    body = _read(desk, "heartbeats.create")
    try:
        made = await desk.one("heartbeats.create", **body)
    except Invalid as error:
        return await _form(desk, "heartbeats.create", _as_sent(desk), wrong(error))
    return desk.go(f"/heartbeats/{made['id']}", "Heartbeat created. Now let the job call its address.")


async def edit(desk: Desk) -> Response:
    """The form with what is set now."""
    heartbeat = await desk.one("heartbeats.get", id=desk.id)
    return await _form(desk, "heartbeats.update", heartbeat, heartbeat=heartbeat)


async def save(desk: Desk) -> Response:
    """Change it."""
    heartbeat = await desk.one("heartbeats.get", id=desk.id)
    try:
        await desk.one("heartbeats.update", id=desk.id, **_read(desk, "heartbeats.update"))
    except Invalid as error:
        return await _form(desk, "heartbeats.update", _as_sent(desk), wrong(error), heartbeat=heartbeat)
    return desk.go(f"/heartbeats/{desk.id}", "Saved. A changed schedule counts from now.")


async def _form(
    desk: Desk,
    operation: str,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]] | None = None,
    heartbeat: Mapping[str, Any] | None = None,
) -> Response:
    choices = {
        "heartbeat_group_id": await _choices(desk, "heartbeat_groups.list", "No group"),
        "policy_id": await _choices(desk, "policies.list", "No policy"),
    }
    sections = {
        key: fields_of(
            desk.door.catalogue[operation], values, errors, only=names, hints=_HINTS, choices=choices, labels=_LABELS
        )
        for key, names in _SECTIONS.items()
    }
    lengths = {name: _length(values, name) for name in LENGTHS}
    return desk.page(
        "heartbeats/form.html",
        status_code=422 if errors else 200,
        heartbeat=heartbeat,
        sections=sections,
        lengths=lengths,
        units=[name for name, _ in UNITS][::-1],
        days=DAYS,
        ticked=values.get("maintenance_days") or [],
        errors=dict(errors or {}),
    )


def _length(values: Mapping[str, Any], name: str) -> tuple[str, str]:
    """(amount, unit): of a record in seconds, or of a form as it was sent."""
    found = values.get(name)
    if isinstance(found, str):
        return found, str(values.get(f"{name}_unit", "minutes"))
    return ("", "minutes") if found is None else amount_of(found)


async def _choices(desk: Desk, operation: str, none: str) -> tuple[tuple[str, str], ...]:
    if not desk.may(operation):
        return (("", none),)
    found = await desk.many(operation, per_page=250)
    return (("", none), *((each["id"], each["name"]) for each in found.items))


def _read(desk: Desk, operation: str) -> dict[str, Any]:
    """What the form says, as the operation takes it."""
    names = [name for section in _SECTIONS.values() for name in section]
    fields: list[Field] = fields_of(desk.door.catalogue[operation], {}, only=names)
    body = read_fields(fields, desk.fields)
    body = {name: None if value == "" and name != "name" else value for name, value in body.items()}
    for name in LENGTHS:
        body[name] = seconds_of(desk.field(name), desk.field(f"{name}_unit"))
    if body.get("schedule"):
        body["server_timezone"] = None
        del body["period"]  # it follows from the schedule
    body["maintenance_days"] = [key for key, _ in DAYS if key in desk.fields.get("maintenance_days", [])]
    return body


def _as_sent(desk: Desk) -> dict[str, Any]:
    return {**values_of(desk.fields), "maintenance_days": desk.fields.get("maintenance_days", [])}
