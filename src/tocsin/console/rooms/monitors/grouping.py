"""Groups of monitors: made, renamed, paused together and taken apart."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import fields_of, read_fields
from tocsin.console.frame import values_of
from tocsin.console.rooms.monitors.listing import all_groups
from tocsin.kernel.errors import Invalid

_HINTS = {"sort_index": "Groups with a number come first, by it.", "paused": "Pauses every monitor that is in it now."}


async def show(desk: Desk) -> Response:
    """All groups, and a form for another."""
    return await _listed(desk, {}, {})


async def _listed(desk: Desk, values: dict[str, Any], errors: dict[str, list[str]]) -> Response:
    groups = await all_groups(desk)
    fields = []
    if desk.may("monitor_groups.create"):
        fields = fields_of(desk.door.catalogue["monitor_groups.create"], values, errors, only=("name",))
    return desk.page(
        "monitors/groups.html", 422 if errors else 200, groups=groups, fields=fields, errors=errors
    )  # fmt: skip


async def create(desk: Desk) -> Response:
    """One more."""
    fields = fields_of(desk.door.catalogue["monitor_groups.create"], {}, only=("name",))
    try:
        await desk.one("monitor_groups.create", **read_fields(fields, desk.fields))
    except Invalid as error:
        return await _listed(desk, values_of(desk.fields), wrong(error))
    return desk.go("/monitors/groups", "Group created")


async def edit(desk: Desk) -> Response:
    """One group and what may be changed of it."""
    group = await desk.one("monitor_groups.get", id=desk.id)
    return _form(desk, group, group, {})


def _form(desk: Desk, group: dict[str, Any], values: dict[str, Any], errors: dict[str, list[str]]) -> Response:
    fields = fields_of(desk.door.catalogue["monitor_groups.update"], values, errors, hints=_HINTS)
    return desk.page("monitors/group.html", 422 if errors else 200, group=group, fields=fields, errors=errors)


async def save(desk: Desk) -> Response:
    """Change it; pausing or resuming it reaches the monitors that are in it now, and is only said when it changes."""
    group = await desk.one("monitor_groups.get", id=desk.id)
    fields = fields_of(desk.door.catalogue["monitor_groups.update"], {})
    try:
        given = read_fields(fields, desk.fields)
        if given.get("paused") is group["paused"]:
            del given["paused"]
        await desk.one("monitor_groups.update", id=desk.id, **given)
    except Invalid as error:
        return _form(desk, group, values_of(desk.fields), wrong(error))
    return desk.go("/monitors/groups", "Group saved")


async def delete(desk: Desk) -> Response:
    """The group goes, its monitors stay."""
    await desk.call("monitor_groups.delete", id=desk.id)
    return desk.go(
        "/monitors/groups", "Group deleted; its monitors stay. It can be had back from the trash for 30 days."
    )
