"""Groups of heartbeats: named, ordered, paused together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.frame import values_of
from tocsin.kernel.errors import Invalid

_HINTS = {"name": "E.g. Backups, or the name of a customer.", "sort_index": "Smaller numbers stand first. Optional."}


async def show(
    desk: Desk, values: Mapping[str, Any] | None = None, errors: Mapping[str, list[str]] | None = None
) -> Response:
    """All groups, and the form of a new one."""
    groups = await desk.many("heartbeat_groups.list", per_page=250)
    members = await asyncio.gather(
        *(desk.many("heartbeat_groups.heartbeats", id=group["id"], per_page=1) for group in groups.items)
    )
    sizes = {group["id"]: of_it.total for group, of_it in zip(groups.items, members, strict=True)}
    return desk.page(
        "heartbeats/groups.html",
        status_code=422 if errors else 200,
        groups=groups,
        sizes=sizes,
        fields=_fields(desk, "heartbeat_groups.create", values or {}, errors),
        errors=errors,
    )


async def create(desk: Desk) -> Response:
    """Make one."""
    body = read_fields(_fields(desk, "heartbeat_groups.create", {}), desk.fields)
    try:
        await desk.call("heartbeat_groups.create", **body)
    except Invalid as error:
        return await show(desk, values_of(desk.fields), wrong(error))
    return desk.go("/heartbeats/groups", "Group created. Put heartbeats into it from their list.")


async def edit(
    desk: Desk, values: Mapping[str, Any] | None = None, errors: Mapping[str, list[str]] | None = None
) -> Response:
    """The form of one."""
    group = await desk.one("heartbeat_groups.get", id=desk.id)
    return desk.page(
        "heartbeats/group.html",
        status_code=422 if errors else 200,
        group=group,
        fields=_fields(desk, "heartbeat_groups.update", group if values is None else values, errors),
        errors=errors,
    )


async def save(desk: Desk) -> Response:
    """Change it."""
    body = read_fields(_fields(desk, "heartbeat_groups.update", {}), desk.fields)
    try:
        await desk.call("heartbeat_groups.update", id=desk.id, **body)
    except Invalid as error:
        return await edit(desk, values_of(desk.fields), wrong(error))
    return desk.go("/heartbeats/groups", "Group saved.")


async def pause(desk: Desk) -> Response:
    """Pause what is in it now, or go on."""
    paused = desk.field("paused") == "true"
    await desk.call("heartbeat_groups.update", id=desk.id, paused=paused)
    return desk.go("/heartbeats/groups", "The heartbeats in it are paused." if paused else "They wait for their calls.")


async def delete(desk: Desk) -> Response:
    """Take the group away; its heartbeats stay."""
    await desk.call("heartbeat_groups.delete", id=desk.id)
    return desk.go("/heartbeats/groups", "Group deleted. Its heartbeats stay.")


def _fields(
    desk: Desk, operation: str, values: Mapping[str, Any], errors: Mapping[str, list[str]] | None = None
) -> list[Field]:
    return fields_of(desk.door.catalogue[operation], values, errors, only=("name", "sort_index"), hints=_HINTS)
