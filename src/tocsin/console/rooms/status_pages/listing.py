"""All status pages of the team, and the short form in which a new one is made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame, values_of
from tocsin.console.rooms.status_pages.choosing import kinds, put_on
from tocsin.console.rooms.status_pages.opened import address_of, everything
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.zones import RAILS_NAMES

PER_PAGE = 24
_SOON = 10
"""The newest reports of a page that are looked through for those that go on."""


def routes(frame: Frame) -> list[Route]:
    """`/status-pages` and `/status-pages/new`."""
    return [
        frame.get("/status-pages", show),
        frame.get("/status-pages/new", new),
        frame.post("/status-pages/new", create),
    ]


async def show(desk: Desk) -> Response:
    """A card for each page, under the names of their groups."""
    found = await desk.many("status_pages.list", page=desk.number, per_page=PER_PAGE)
    groups = await everything(desk, "status_page_groups.list") if found.items else []
    cards = list(await asyncio.gather(*(_card(desk, page) for page in found.items)))
    return desk.page("status_pages/list.html", found=found, shelves=_shelves(cards, groups), groups=groups)


async def _card(desk: Desk, page: dict[str, Any]) -> dict[str, Any]:
    about = {"status_page_id": int(page["id"])}
    reports, listeners = await asyncio.gather(
        desk.many("status_reports.list", per_page=_SOON, **about),
        desk.many("status_page_subscribers.list", kind="all", per_page=1, **about),
    )
    going = [report for report in reports.items if not report["draft"] and goes_on(report, desk)]
    return {**page, "address": address_of(desk, page), "going": going, "listeners": listeners.total}


def goes_on(report: Mapping[str, Any], desk: Desk) -> bool:
    """Whether a report has begun and is not over."""
    now = instant(desk)
    return report["starts_at"] <= now and (report["ends_at"] is None or report["ends_at"] > now)


def instant(desk: Desk) -> str:
    """This moment as the API writes it: such texts are in the order of time."""
    return to_wire(desk.now)


def _shelves(cards: list[dict[str, Any]], groups: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """(name of the group, its pages); what is in no group comes first."""
    ordered = sorted(groups, key=lambda group: (group["sort_index"] is None, group["sort_index"] or 0, group["name"]))
    shelves = [("", [card for card in cards if card["status_page_group_id"] is None])]
    shelves += [
        (group["name"], [card for card in cards if card["status_page_group_id"] == int(group["id"])])
        for group in ordered
    ]
    return [shelf for shelf in shelves if shelf[1]]


async def new(desk: Desk) -> Response:
    """What a page needs at first: a name, an address, and what to show."""
    return await _form(desk, {"timezone": "UTC", "subscribable": "true"}, [], {})


async def _form(desk: Desk, values: Mapping[str, Any], ticked: list[str], errors: Mapping[str, list[str]]) -> Response:
    return desk.page(
        "status_pages/new.html",
        status_code=422 if errors else 200,
        values=values,
        errors=errors,
        kinds=await kinds(desk),
        ticked=ticked,
        zones=RAILS_NAMES,
    )


async def create(desk: Desk) -> Response:
    """Make the page and put on it what was ticked."""
    ticked = desk.fields.get("show", [])
    try:
        page = await desk.one(
            "status_pages.create",
            company_name=desk.field("company_name"),
            subdomain=desk.field("subdomain"),
            timezone=desk.field("timezone") or "UTC",
            subscribable=desk.field("subscribable") == "true",
        )
    except Invalid as error:
        values = {"subscribable": "", **values_of(desk.fields)}
        return await _form(desk, values, ticked, wrong(error))
    place = f"/status-pages/{page['id']}"
    try:
        number = await put_on(desk, int(page["id"]), ticked)
    except (Invalid, NotFound):
        return desk.go(f"{place}/structure", "The page is there, but not everything could be put on it.")
    if not number:
        return desk.go(f"{place}/structure", "The page is there. Now say what it shows.")
    return desk.go(place, "The page is there, and everybody can read it.")
