"""The list of agents with the switch that stops all of them, and the page on which one is made."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.console.rooms.agents import table
from tocsin.kernel.errors import Invalid, Refused


def routes(frame: Frame) -> list[Route]:
    """`/agents` and `/agents/new`."""
    return [
        frame.get("/agents", show),
        frame.get("/agents/new", new),
        frame.post("/agents/new", create),
        frame.post("/agents/suspend", suspend_all),
        frame.post("/agents/resume", resume_all),
    ]


async def show(desk: Desk) -> Response:
    """Every agent of the team, what it may in one line, and the kill switch."""
    found = await desk.many("agents.list", page=desk.number, per_page=50)
    for agent in found.items:
        agent["may"] = table.in_one_line(agent["levels"], agent["switches"])
    return desk.page(
        "agents/agents.html", found=found, working=sum(not each["suspended_at"] for each in found.items),
        suspended=sum(bool(each["suspended_at"]) for each in found.items),
    )  # fmt: skip


async def new(desk: Desk) -> Response:
    """An empty form: nothing is granted."""
    return await _form(desk, {"owner_email": desk.present.email}, {}, {}, {})


async def create(desk: Desk) -> Response:
    """Make it, or fill the table from a preset and show the form again."""
    values = {name: desk.field(name).strip() for name in ("name", "purpose", "owner_email")}
    levels, switches = table.read_table(desk.fields)
    preset = next((each for each in table.PRESETS if each.name == desk.field("fill")), None)
    if preset is not None:
        return await _form(desk, values, preset.levels, preset.switches, {}, filled=preset.label)
    try:
        made = await desk.one(
            "agents.create", name=values["name"], purpose=values["purpose"] or None,
            owner_email=values["owner_email"] or desk.present.email, levels=table.without_off(levels),
            switches=table.without_off(switches),
        )  # fmt: skip
    except Invalid as error:
        return await _form(desk, values, levels, switches, wrong(error), status=422)
    return desk.go(f"/agents/{made['id']}/connect", f"{made['name']} is an agent now. Make a token for it.")


async def suspend_all(desk: Desk) -> Response:
    """The kill switch."""
    stopped = (await desk.flat("agents.suspend_all"))["suspended"]
    return desk.go("/agents", f"{stopped} {'agent' if stopped == 1 else 'agents'} suspended: none does anything now.")


async def resume_all(desk: Desk) -> Response:
    """Let all go on."""
    resumed = (await desk.flat("agents.resume_all"))["resumed"]
    return desk.go("/agents", f"{resumed} {'agent goes' if resumed == 1 else 'agents go'} on.")


async def owners(desk: Desk) -> list[tuple[str, str]]:
    """(e-mail, name) of everybody who could answer for an agent; only yourself where the team may not be seen."""
    mine = (desk.present.email, desk.present.name)
    try:
        people = (await desk.many("team_members.list", per_page=250)).items
    except Refused:
        return [mine]
    return [(str(each["email"]), _called(each)) for each in people if each["type"] == "team_member"] or [mine]


def _called(person: dict[str, Any]) -> str:
    names = f"{person.get('first_name') or ''} {person.get('last_name') or ''}".strip()
    return f"{names} ({person['email']})" if names else str(person["email"])


async def _form(
    desk: Desk, values: Any, levels: Any, switches: Any, errors: dict[str, list[str]], *, filled: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    return desk.page(
        "agents/new.html", status_code=status, values=values, errors=errors, presets=table.PRESETS, filled=filled,
        areas=table.area_rows(levels), switches=table.switch_rows(switches), levels_words=table.LEVELS,
        settings_words=table.SETTINGS, owners=await owners(desk),
    )  # fmt: skip
