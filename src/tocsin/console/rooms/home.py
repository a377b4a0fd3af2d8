"""The first page: what is broken, since when, who has it, who is on call, and what should be mended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, Many
from tocsin.console.frame import Frame
from tocsin.console.rooms.status_pages.listing import goes_on
from tocsin.kernel.errors import NotFound, Refused

T = TypeVar("T")

MAX_OPEN = 20
MAX_OVER = 5
MAX_CALENDARS = 10
MAX_WARNINGS = 5
MAX_PAGES = 10
MAX_REPORTS = 5
"""The newest of a page that are looked through for those that still stand there."""
_EMPTY = Many(items=[], total=0, page=1, per_page=1)


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar: who is on call, until when, and who is next."""

    id: str
    name: str
    now: Sequence[str]
    until: str | None
    next: Sequence[str]
    """Empty when nobody is next, or nothing changes within two weeks."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a new team should do."""

    words: str
    why: str
    done: bool
    path: str
    button: str


def routes(frame: Frame) -> list[Route]:
    """`/`."""
    return [frame.get("/", show)]


async def show(desk: Desk) -> Response:
    """Everything that wants somebody's eye, the most urgent first."""
    if desk.present.place is None:
        return desk.page(
            "home/home.html", open_now=_EMPTY, over=_EMPTY, duties=[], warnings=_EMPTY, approvals=_EMPTY, steps=[],
            watched=True, standing=[],
        )  # fmt: skip
    (open_now, over, warnings, approvals), (duties, steps, standing) = await asyncio.gather(
        asyncio.gather(
            _many(desk, "incidents.list", resolved="false", per_page=MAX_OPEN),
            _many(desk, "incidents.list", resolved="true", per_page=MAX_OVER),
            _many(desk, "on_call_warnings.list", per_page=MAX_WARNINGS),
            _many(desk, "approvals.list", status="pending", per_page=MAX_WARNINGS),
        ),
        asyncio.gather(_duties(desk), _steps(desk), _standing(desk)),
    )
    return desk.page(
        "home/home.html", open_now=open_now, over=over, duties=duties, warnings=warnings, approvals=approvals,
        steps=[] if all(step.done for step in steps) else steps, watched=steps[0].done,
        standing=standing,
    )  # fmt: skip


async def _standing(desk: Desk) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(status page, report) of what the public still reads as going on: what a person wrote, only a person ends."""
    pages = (await _many(desk, "status_pages.list", per_page=MAX_PAGES)).items
    found = await asyncio.gather(
        *(_many(desk, "status_reports.list", status_page_id=int(page["id"]), per_page=MAX_REPORTS) for page in pages)
    )
    return [
        (page, report)
        for page, reports in zip(pages, found, strict=True)
        for report in reports.items
        if not report["draft"] and goes_on(report, desk)
    ]


async def _duties(desk: Desk) -> list[Duty]:
    calendars = await _many(desk, "on_calls.list", per_page=MAX_CALENDARS)
    plans = await asyncio.gather(*(_tried(desk.flat("on_calls.shifts", id=each["id"])) for each in calendars.items))
    names = await _names(desk) if calendars.items else {}
    return [_duty(each, plan or {}, names) for each, plan in zip(calendars.items, plans, strict=True)]


def _duty(calendar: Mapping[str, Any], plan: Mapping[str, Any], names: Mapping[str, str]) -> Duty:
    shifts = list(plan.get("shifts", ()))
    people = calendar["relationships"]["on_call_users"]["data"]
    now = [names.get(each["meta"]["email"], each["meta"]["email"]) for each in people]
    first = shifts[0] if shifts else None
    following = next((shift for shift in shifts[1:] if first is None or shift["users"] != first["users"]), None)
    return Duty(
        id=str(calendar["id"]),
        name=calendar["name"] or "Primary schedule",
        now=now,
        until=following["starts_at"] if following else None,
        next=[names.get(email, email) for email in following["users"]] if following else (),
    )


async def _names(desk: Desk) -> dict[str, str]:
    """Members by address."""
    members = await _many(desk, "team_members.list", per_page=250)
    return {
        each["email"]: " ".join(part for part in (each.get("first_name"), each.get("last_name")) if part)
        or each["email"]
        for each in members.items
    }


async def _steps(desk: Desk) -> list[Step]:
    """What is to be set up before one can sleep; all of it done: none is shown."""
    me = desk.present.email

    async def some(name: str) -> bool:
        return bool((await _many(desk, name, per_page=1)).total)

    (watched, beating, paged, told, guarded), (planned, reach) = await asyncio.gather(
        asyncio.gather(*map(some, ("monitors.list", "heartbeats.list", "policies.list", "status_pages.list",
                                   "agents.list"))),
        asyncio.gather(_many(desk, "on_calls.list"), _many(desk, "contact_methods.list", user=me)),
    )  # fmt: skip
    reachable = any(each["verified"] and not each["account"] for each in reach.items)
    on_call = any(each["relationships"]["on_call_users"]["data"] for each in planned.items)
    found = (
        Step(words="Watch something", why="A site, a port, a certificate, or a job that must call.",
             done=watched or beating, path="/monitors/new", button="Add a monitor"),
        Step(words="Be reachable", why="A phone or a browser that rings: mail wakes nobody.",
             done=reachable, path="/me", button="Add a phone or browser"),
        Step(words="Say who is on call", why="Until then the whole team is paged about everything.",
             done=on_call, path="/on-call", button="Plan on-call"),
        Step(words="Say who comes next", why="An escalation policy pages others when nobody answers.",
             done=paged, path="/policies/new", button="Make a policy"),
        Step(words="Tell your users", why="A status page says what works, so that fewer ask.",
             done=told, path="/status-pages/new", button="Make a status page"),
        Step(words="Let an agent help", why="AI agents may look, and do only what you allow.",
             done=guarded, path="/agents", button="Connect an agent"),
    )  # fmt: skip
    return list(found)


async def _many(desk: Desk, name: str, **arguments: Any) -> Many:
    """A list, or an empty one where they may not see it."""
    if not desk.may(name):
        return _EMPTY
    return await _tried(desk.many(name, **arguments)) or _EMPTY


async def _tried(wanted: Awaitable[T]) -> T | None:
    try:
        return await wanted
    except (NotFound, Refused):
        return None
