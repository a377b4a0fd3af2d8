"""What every page about a schedule needs: its people, its zone, and the tabs above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tocsin.console.desk import Desk
from tocsin.console.rooms.oncall.calendar import Person, Stretch, people_of, stretches
from tocsin.kernel.clock import to_wire
from tocsin.kernel.zones import zone as zone_of

ZONE_COOKIE = "tocsin_zone"
"""Where the reader is, as their browser says."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as its pages need it."""

    id: int
    name: str
    default: bool
    attributes: dict[str, Any]
    layers: Sequence[dict[str, Any]]
    """The lowest first."""
    members: Sequence[dict[str, Any]]
    people: dict[str, Person]
    zone: ZoneInfo
    """In which this page says times."""
    zone_name: str
    zones: Sequence[str]
    """Those to choose from: of its layers, the reader's own, UTC."""


async def schedule(desk: Desk) -> Schedule:
    """The schedule of the address. Raises NotFound."""
    found = await desk.one("on_calls.get", id=str(desk.id))
    layers = list((await desk.many("on_call_layers.list", id=str(desk.id), per_page=50)).items)
    members = await team(desk)
    people = people_of(members, [email for layer in layers for email in layer["users"]])
    zones = _zones(desk, layers)
    asked = desk.asked("zone") or desk.field("zone")
    name = asked if asked and zone_of(asked) is not None else zones[0]
    return Schedule(
        id=desk.id,
        name=title(found),
        default=found["default_calendar"],
        attributes=found,
        layers=layers,
        members=members,
        people=people,
        zone=zone_of(name) or ZoneInfo("UTC"),
        zone_name=name,
        zones=zones if name in zones else [name, *zones],
    )


async def team(desk: Desk) -> list[dict[str, Any]]:
    """Everybody in the team; nobody for whom the list is closed."""
    if not desk.may("team_members.list"):
        return []
    return [each for each in (await desk.many("team_members.list", per_page=250)).items if each["id"] is not None]


async def plan(desk: Desk, id: int, since: datetime, until: datetime, people: dict[str, Person]) -> list[Stretch]:
    """Who is on call in a window, gaps included."""
    window = {"from": to_wire(since), "to": to_wire(until)}
    answer = await desk.flat("on_calls.shifts", id=str(id), **window)
    return stretches(answer["shifts"], people)


def title(calendar: dict[str, Any]) -> str:
    """How people call a schedule."""
    return calendar["name"] or ("Primary schedule" if calendar["default_calendar"] else f"Schedule {calendar['id']}")


def readers_zone(desk: Desk) -> str | None:
    """Where the reader is, if their browser has said so."""
    name = desk.request.cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    return name if name and zone_of(name) is not None else None


def _zones(desk: Desk, layers: Sequence[dict[str, Any]]) -> list[str]:
    own = readers_zone(desk)
    names = [layer["timezone"] for layer in layers if layer["timezone"] != "UTC"]
    return list(dict.fromkeys([*names, *([own] if own else []), "UTC"]))
