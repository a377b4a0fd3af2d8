"""Schedules: who is on call now and next in each, one of them as a calendar, and what it is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import values_of
from tocsin.console.rooms.oncall import calendar
from tocsin.console.rooms.oncall.calendar import Person, Stretch, midnight, month_window, people_of
from tocsin.console.rooms.oncall.reading import Schedule, plan, schedule, team, title
from tocsin.kernel.errors import Invalid

AHEAD = timedelta(days=35)
"""How far the next hand-off is looked for in a list."""
LISTED = 20
"""Schedules on one page: each is laid out."""
WARNED = 12
"""Warnings that are shown before the rest is counted."""
VIEWS = ("month", "week", "list")
_REMEDIES = {
    "on_call_gap": ("Put somebody on call for that time, or add a layer that never ends.", "/on-call/{id}"),
    "one_person_rotation": ("Add somebody to the layer.", "/on-call/{id}/layers"),
    "on_call_member_left": ("Take them out of the layer.", "/on-call/{id}/layers"),
    "on_call_import_failing": ("Mend or remove the calendar that is read.", "/on-call/{id}/calendars"),
    "policy_gone": ("Choose another policy for it.", "/monitors/{id}/edit"),
}
"""By code: what to do, and where."""


async def every(desk: Desk) -> Response:
    """Each schedule with who has it now, until when, and who follows."""
    found, members, warnings = await asyncio.gather(
        desk.many("on_calls.list", page=desk.number, per_page=LISTED),
        team(desk),
        desk.many("on_call_warnings.list", per_page=250),
    )
    people = people_of(members, [])
    plans = await asyncio.gather(
        *(plan(desk, int(one["id"]), desk.now, desk.now + AHEAD, people) for one in found.items)
    )
    rows = [_row(one, shifts) for one, shifts in zip(found.items, plans, strict=True)]
    return desk.page("oncall/schedules.html", found=found, rows=rows, **_warned(warnings.items, desk.present.user_id))


async def new(desk: Desk) -> Response:
    """The form of a schedule to be."""
    return desk.page("oncall/new.html", values={}, errors={})


async def create(desk: Desk) -> Response:
    """Make it, and go on to its first layer: an empty schedule pages nobody."""
    try:
        made = await desk.one("on_calls.create", name=desk.field("name"))
    except Invalid as error:
        return desk.page("oncall/new.html", status_code=422, values=values_of(desk.fields), errors=wrong(error))
    return desk.go(f"/on-call/{made['id']}/layers/new", "Schedule created. Now say who takes turns.")


async def show(desk: Desk) -> Response:
    """One schedule as a calendar: a month, a week or a list."""
    one = await schedule(desk)
    view = desk.asked("view", "month")
    view = view if view in VIEWS else "month"
    today = desk.now.astimezone(one.zone).date()
    around = _asked_day(desk.asked("on")) or today
    first, last = _window(view, around)
    shifts, coming = await asyncio.gather(
        plan(desk, one.id, midnight(first, one.zone), midnight(last, one.zone), one.people),
        plan(desk, one.id, desk.now, desk.now + AHEAD, one.people),
    )
    values: dict[str, Any] = {"weeks": [], "days": [], "bars": [], "now_at": None}
    if view == "month":
        values["weeks"] = calendar.month(around.replace(day=1), shifts, one.zone, desk.now)
    elif view == "week":
        values["days"], values["bars"] = calendar.week(first, shifts, one.zone, desk.now)
        values["now_at"] = calendar.now_in_week(first, desk.now, one.zone)
    before, after = _neighbours(view, around)
    return desk.page(
        "oncall/schedule.html", one=one, view=view, around=around, today=today, before=before, after=after,
        listed=[each for each in shifts if each.ends_at > desk.now] or shifts, seen=_seen(shifts),
        row=_row(one.attributes, coming), heading=_heading(view, around, first),
        calendar=calendar, hours=range(24), **values,
    )  # fmt: skip


async def settings(desk: Desk) -> Response:
    """What it is called, and who is told of its hand-offs."""
    one = await schedule(desk)
    return desk.page("oncall/settings.html", one=one, values=one.attributes, errors={})


async def change(desk: Desk) -> Response:
    """Save that."""
    one = await schedule(desk)
    sent: dict[str, Any] = {
        "name": desk.field("name").strip() or None,
        "handoff_notices": desk.field("handoff_notices") == "true",
        "handoff_notice_minutes": desk.field("handoff_notice_minutes").strip() or None,
    }
    try:
        await desk.call("on_calls.update", id=str(one.id), **sent)
    except Invalid as error:
        values = {**one.attributes, **sent}
        return desk.page("oncall/settings.html", status_code=422, one=one, values=values, errors=wrong(error))
    return desk.go(f"/on-call/{one.id}", "Schedule saved")


async def delete(desk: Desk) -> Response:
    """Take it away; the trash keeps it for 30 days."""
    await desk.call("on_calls.delete", id=str(desk.id))
    return desk.go("/on-call", "Schedule deleted. The trash keeps it for 30 days.")


def _row(one: dict[str, Any], shifts: Sequence[Stretch]) -> dict[str, Any]:
    now = shifts[0] if shifts else None
    following = shifts[1] if len(shifts) > 1 else None
    gap = next((each for each in shifts if not each.people), None)
    return {
        "id": one["id"],
        "name": title(one),
        "default": one["default_calendar"],
        "now": now.people if now else (),
        "until": now.ends_at if now and following else None,
        "next": following,
        "gap": gap if gap is not None and gap is not now else None,
        "ahead": AHEAD.days,
    }


def _warned(warnings: Sequence[dict[str, Any]], me: int) -> dict[str, Any]:
    """The warnings that are about people and their schedules, each with what to do; the others are counted."""
    ours = [each for each in warnings if each["resource_type"] != "monitor" or each["code"] == "policy_gone"]
    alike: dict[str, list[dict[str, Any]]] = {}
    for each in ours:
        # The same of every person is one thing to mend, not thirty.
        alike.setdefault(each["code"] if each["resource_type"] == "user" else each["id"], []).append(each)
    shown = []
    for each, *others in list(alike.values())[:WARNED]:
        words, href = _REMEDIES.get(each["code"], ("", ""))
        if not words and each["resource_type"] == "policy":
            words, href = "Open the policy.", "/policies/{id}"
        elif not words and each["resource_type"] == "user":
            mine = each["resource_id"] == str(me)
            words, href = ("Add a phone or a browser.", "/me") if mine else ("They add a phone or a browser.", "/team")
        shown.append({**each, "others": len(others), "words": words, "href": href.format(id=each["resource_id"])})
    rest = len(alike) - len(shown)
    return {"warnings": shown, "warnings_more": rest, "monitors_warned": len(warnings) - len(ours)}


def _asked_day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 < found.year < 2199 else None


def _window(view: str, around: date) -> tuple[date, date]:
    if view == "month":
        return month_window(around.replace(day=1))
    if view == "week":
        monday = around - timedelta(days=around.weekday())
        return monday, monday + timedelta(days=7)
    return around, around + timedelta(days=30)


def _neighbours(view: str, around: date) -> tuple[date, date]:
    if view == "month":
        first = around.replace(day=1)
        return (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=31)).replace(day=1)
    days = timedelta(days=7 if view == "week" else 30)
    return around - days, around + days


def _heading(view: str, around: date, first: date) -> str:
    if view == "month":
        return f"{around:%B %Y}"
    last = first + timedelta(days=6 if view == "week" else 29)
    return f"{first.day} {first:%B} to {last.day} {last:%B %Y}"


def _seen(shifts: Sequence[Stretch]) -> list[Person]:
    """Everybody who stands in what is shown, once."""
    return list({person.email: person for each in shifts for person in each.people}.values())


def names_of(one: Schedule) -> list[tuple[str, str]]:
    """(address, name) of everybody who can be put on call."""
    known = [(member["email"], one.people[member["email"]].name) for member in one.members]
    return sorted(known, key=lambda each: each[1].casefold())
