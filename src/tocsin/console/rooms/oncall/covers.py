"""Cover and swaps: asking for a stretch to be taken over, and answering."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.oncall import calendar
from tocsin.console.rooms.oncall.reading import Schedule, schedule
from tocsin.console.rooms.oncall.schedules import names_of
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid, NotFound

_ANSWERS = {
    "accept": "You are on call for that time now",
    "decline": "Declined",
    "cancel": "Taken back: the stretch stays yours",
}
_FIELDS = ("starts_at", "ends_at", "swap_starts_at", "swap_ends_at", "asked_user_email", "message")


async def every(desk: Desk) -> Response:
    """What is asked for, what was answered, and the form to ask."""
    one = await schedule(desk)
    values = dict.fromkeys(_FIELDS, "")
    values |= {"starts_at": desk.asked("from"), "ends_at": desk.asked("to")}
    return await _page(desk, one, values, {})


async def create(desk: Desk) -> Response:
    """Ask; whoever may say yes gets a mail."""
    one = await schedule(desk)
    values = {name: desk.field(name).strip() for name in _FIELDS}
    try:
        await desk.call("on_call_cover_requests.create", id=str(one.id), **_read(values, one))
    except Invalid as error:
        return await _page(desk, one, values, wrong(error), status=422)
    return desk.go(f"/on-call/{one.id}/cover", "Asked. You stay on call until somebody accepts.")


async def answer(desk: Desk) -> Response:
    """Accept, decline, or take it back."""
    what = desk.request.path_params["answer"]
    if what not in _ANSWERS:
        raise NotFound("page", what)
    number = int(desk.request.path_params["request"])
    await desk.call(f"on_call_cover_requests.{what}", id=str(desk.id), cover_request_id=number)
    return desk.go(f"/on-call/{desk.id}/cover", _ANSWERS[what])


def _read(values: dict[str, str], one: Schedule) -> dict[str, Any]:
    sent: dict[str, Any] = {name: values[name] for name in ("asked_user_email", "message") if values[name]}
    missing = {}
    for name in _FIELDS[:4]:
        if not values[name] and name.startswith("swap_"):
            continue
        at = calendar.read(values[name], one.zone)
        if at is None:
            missing[name] = ["Say when, e.g. 2026-12-24T18:00"]
        else:
            sent[name] = to_wire(at)
    if missing:
        raise Invalid.of(missing)
    return sent


async def _page(
    desk: Desk, one: Schedule, values: dict[str, str], errors: dict[str, list[str]], status: int = 200
) -> Response:  # fmt: skip
    found = await desk.many("on_call_cover_requests.list", id=str(one.id), page=desk.number, per_page=25)
    requests = [{**each, **_shown(desk, one, each)} for each in found.items]
    return desk.page(
        "oncall/cover.html", status_code=status, one=one, found=found, values=values, errors=errors,
        names=names_of(one), open=[each for each in requests if each["state"] == "requested"],
        answered=[each for each in requests if each["state"] != "requested"],
    )  # fmt: skip


def _shown(desk: Desk, one: Schedule, each: dict[str, Any]) -> dict[str, Any]:
    def name(email: str | None) -> str:
        return one.people[email].name if email in one.people else email or "somebody who is gone"

    def said(start: str | None, end: str | None) -> str:
        if start is None or end is None:
            return ""
        spoken = (calendar.spoken(datetime.fromisoformat(at), one.zone) for at in (start, end))
        return " to ".join(spoken)

    mine = each["user_email"] == desk.present.email
    asked = each["asked_user_email"]
    return {
        "who": name(each["user_email"]),
        "whom": name(asked) if asked else "",
        "by": name(each["decided_by"]) if each["decided_by"] else "",
        "said": said(each["starts_at"], each["ends_at"]),
        "swap": said(each["swap_starts_at"], each["swap_ends_at"]),
        "mine": mine,
        "to_me": not mine and (asked is None or asked == desk.present.email),
        "to_me_alone": asked == desk.present.email,
    }
