"""Reads and writes what the forms about reports have in common: times on the page's own clock, and who is affected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tocsin.console.desk import Desk
from tocsin.console.rooms.status_pages.opened import Opened
from tocsin.gateway.request import Reply
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.kernel.zones import at_wall_clock, zone

BY_HAND = (
    ("", "Not affected"),
    ("degraded", "Degraded"),
    ("downtime", "Down"),
    ("resolved", "Well again"),
)
PLANNED = (("", "Not affected"), ("maintenance", "Under maintenance"))
MAINTENANCE = "maintenance"
_STATUS = "status-"


def instant_of(page: Opened, field: str) -> str | None:
    """A time of the form, on the page's own clock, as the API takes it; None when none is given. Raises Invalid."""
    text = page.desk.field(field).strip()
    if not text:
        return None
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid.fields(**{field: "is not a time: write it like 2026-01-15T09:30"}) from None
    if wall.tzinfo is not None:
        return to_wire(wall.astimezone(UTC))
    where = zone(page.page["timezone"])
    return to_wire(wall.replace(tzinfo=UTC) if where is None else at_wall_clock(wall, wall.time(), where))


def wall_of(page: Opened, at: str | None) -> str:
    """An instant of the API on the page's own clock, as a form has it."""
    if not at:
        return ""
    instant = datetime.fromisoformat(at)
    return f"{instant.astimezone(zone(page.page['timezone']) or UTC):%Y-%m-%dT%H:%M}"


def affected_of(desk: Desk) -> list[dict[str, str]]:
    """What the form says of resources."""
    return [
        {"status_page_resource_id": name.removeprefix(_STATUS), "status": values[-1]}
        for name, values in desk.fields.items()
        if name.startswith(_STATUS) and values[-1]
    ]


def said_of(affected: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What is said of each resource, by its id."""
    return {each["status_page_resource_id"]: each["status"] for each in affected}


def told_by(reply: Reply) -> dict[str, int]:
    """Who would be told of what was rehearsed: mails, others, and how many of these are mailed later."""
    mailings = reply.value.mails_subscribers
    return {"mails": sum(each.mails for each in mailings), "others": sum(each.others for each in mailings)}


def by_section(
    sections: Sequence[Mapping[str, Any]], resources: Sequence[Mapping[str, Any]]
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """(heading, what is below it); sections without anything are left out."""
    shelves = [
        (
            str(section["name"] or ""),
            [each for each in resources if each["status_page_section_id"] == int(section["id"])],
        )
        for section in sections
    ]
    return [shelf for shelf in shelves if shelf[1]]
