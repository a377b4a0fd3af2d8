"""One agent: the grant table, what it was granted besides, its budgets, and the switches that stop it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.console.rooms.agents import naming, table
from tocsin.console.rooms.agents.making import owners
from tocsin.kernel.errors import Invalid

BUDGETS = {
    "pages_per_hour": ("Pages an hour", "People it may wake or call to act within an hour.", "page"),
    "night_calls_per_day": (
        "Calls at night a day",
        "Phone calls from 22:00 to 07:00 where they are.",
        "night_call",
    ),
    "subscriber_mails_per_day": ("Subscriber mails a day", "Mails to readers of status pages.", "subscriber_mail"),
}
"""(label, meaning, kind) by field: beyond it a person is asked; empty = without bound."""
_WHERE = ("monitor_ids", "monitor_group_ids")


def routes(frame: Frame) -> list[Route]:
    """`/agents/ID` and what is done there."""
    return [
        frame.get("/agents/{id:int}", show),
        frame.post("/agents/{id:int}/table", change_table),
        frame.get("/agents/{id:int}/tools", tools),
        frame.get("/agents/{id:int}/settings", settings),
        frame.post("/agents/{id:int}/settings", change_settings),
        frame.post("/agents/{id:int}/grants", add_grant),
        frame.post("/agents/{id:int}/grants/{grant:int}/remove", remove_grant),
        frame.post("/agents/{id:int}/suspend", suspend),
        frame.post("/agents/{id:int}/resume", resume),
        frame.post("/agents/{id:int}/delete", delete),
    ]


async def found(desk: Desk) -> dict[str, Any]:
    """The agent of the address. Raises NotFound."""
    return await desk.one("agents.get", id=desk.id)


async def show(desk: Desk) -> Response:
    """The table, and what stands beside it."""
    agent = await found(desk)
    return await _page(desk, agent, agent["levels"], agent["switches"])


async def change_table(desk: Desk) -> Response:
    """First what would be otherwise, in sentences; then, when that is confirmed, the change."""
    agent = await found(desk)
    levels, switches = table.read_table(desk.fields)
    differences = table.changes((agent["levels"], agent["switches"]), (levels, switches))
    again = desk.field("sure") == "back"
    if not differences or again:
        return await _page(desk, agent, levels, switches)
    sure = desk.field("sure") == "yes"
    try:
        await desk.call(
            "agents.update",
            dry_run=not sure,
            id=agent["id"],
            levels=table.without_off(levels),
            switches=table.without_off(switches),
        )
    except Invalid as error:
        return await _page(desk, agent, levels, switches, errors=wrong(error), status=422)
    if sure:
        return desk.go(f"/agents/{agent['id']}", "It holds from the next call on.")
    fields = {f"level_{area}": level for area, level in levels.items()}
    fields |= {f"switch_{act}": setting for act, setting in switches.items()}
    return desk.page("agents/review.html", agent=agent, tab="may", differences=differences, fields=fields)


async def add_grant(desk: Desk) -> Response:
    """Something more: for a while, for some things, or while an incident is open."""
    agent = await found(desk)
    levels, switches = table.read_table(desk.fields)
    try:
        sent = _grant_sent(desk)
        await desk.call(
            "agent_grants.create", agent_id=agent["id"], levels=table.without_off(levels),
            switches=table.without_off(switches), **sent,
        )  # fmt: skip
    except Invalid as error:
        return await _page(
            desk, agent, agent["levels"], agent["switches"], grant_errors=wrong(error), grant_table=(levels, switches),
            status=422,
        )  # fmt: skip
    return desk.go(f"/agents/{agent['id']}#grants", "Granted.")


async def remove_grant(desk: Desk) -> Response:
    """Take it back."""
    await desk.call("agent_grants.delete", agent_id=desk.id, id=desk.request.path_params["grant"])
    return desk.go(f"/agents/{desk.id}#grants", "Taken back: it counts no longer.")


async def tools(desk: Desk) -> Response:
    """What it would see over MCP, what it must ask for, and what is shut to it."""
    agent = await found(desk)
    abilities = await desk.flat("agents.abilities", id=agent["id"])
    groups = {
        answer: [each for each in abilities["items"] if each["answer"] == answer] for answer in ("allow", "ask", "deny")
    }
    return desk.page("agents/tools.html", agent=agent, tab="tools", tools=abilities["tools"], groups=groups)


async def settings(desk: Desk) -> Response:
    """Its name, who answers for it, and its budgets."""
    agent = await found(desk)
    return await _settings(desk, agent, {**agent, "owner_email": ""}, {})


async def change_settings(desk: Desk) -> Response:
    """Change them."""
    agent = await found(desk)
    values: dict[str, Any] = {
        name: desk.field(name).strip()
        for name in ("name", "purpose", "owner_email", *BUDGETS, "requests_per_minute", "acknowledgement_lease_seconds")
    }
    values["drafts_only"] = desk.field("drafts_only") == "true"
    try:
        numbers = {name: _number(name, values[name]) for name in (*BUDGETS, "acknowledgement_lease_seconds")}
        sent = {
            "name": values["name"], "purpose": values["purpose"] or None, "drafts_only": values["drafts_only"],
            "requests_per_minute": _number("requests_per_minute", values["requests_per_minute"] or "600"), **numbers,
        }  # fmt: skip
        if values["owner_email"]:
            sent["owner_email"] = values["owner_email"]
        await desk.call("agents.update", id=agent["id"], **sent)
    except Invalid as error:
        return await _settings(desk, agent, values, wrong(error), status=422)
    return desk.go(f"/agents/{agent['id']}/settings", "Saved: it holds from the next call on.")


async def suspend(desk: Desk) -> Response:
    """Stop it."""
    agent = await desk.one("agents.suspend", id=desk.id)
    return desk.go(_back(desk), f"{agent['name']} is suspended: it does nothing until somebody resumes it.")


async def resume(desk: Desk) -> Response:
    """Let it go on."""
    agent = await desk.one("agents.resume", id=desk.id)
    return desk.go(_back(desk), f"{agent['name']} goes on.")


async def delete(desk: Desk) -> Response:
    """End it for good."""
    agent = await found(desk)
    await desk.call("agents.delete", id=agent["id"])
    return desk.go("/agents", f"{agent['name']} has ended, and all its tokens with it.")


def _back(desk: Desk) -> str:
    return "/agents" if desk.field("to") == "list" else f"/agents/{desk.id}"


def _number(name: str, text: str) -> int | None:
    if text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid.fields(**{name: "must be a whole number"})
    return int(text)


def _grant_sent(desk: Desk) -> dict[str, Any]:
    """What a form says of where and until when a grant is good. Raises Invalid."""
    sent: dict[str, Any] = {}
    for name in _WHERE:
        words = desk.field(name).replace(",", " ").split()
        if words:
            sent[name] = [_number(name, word.lstrip("#")) for word in words]
    facts = [line.partition("=") for line in desk.field("metadata").splitlines() if line.strip()]
    if any(not sign or not key.strip() for key, sign, _ in facts):
        raise Invalid.fields(metadata="must be lines like env=staging")
    if facts:
        sent["metadata"] = {key.strip(): value.strip() for key, _, value in facts}
    if desk.field("expires_at"):
        sent["expires_at"] = table.until(desk.field("expires_at"))
    if desk.field("incident_id").strip():
        sent["incident_id"] = _number("incident_id", desk.field("incident_id").strip().lstrip("#"))
    if desk.field("reason").strip():
        sent["reason"] = desk.field("reason").strip()
    return sent


async def _page(
    desk: Desk, agent: Mapping[str, Any], levels: Mapping[str, str], switches: Mapping[str, str], *,
    errors: Mapping[str, Any] | None = None, grant_errors: Mapping[str, Any] | None = None,
    grant_table: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}), status: int = 200,
) -> Response:  # fmt: skip
    grants = (await desk.many("agent_grants.list", agent_id=agent["id"], per_page=250)).items
    more = [each for each in grants if not each["base"]]
    for grant in more:
        grant["may"] = table.in_one_line(grant["levels"], grant["switches"])
        grant["where"] = await naming.where(desk, grant)
    narrowed = await naming.where(desk, agent)
    return desk.page(
        "agents/agent.html", status_code=status, agent=agent, tab="may", areas=table.area_rows(levels),
        switches=table.switch_rows(switches), levels_words=table.LEVELS, settings_words=table.SETTINGS, more=more,
        narrowed=narrowed, errors=errors or {}, grant_errors=grant_errors or {},
        more_areas=table.area_rows(grant_table[0]), more_switches=table.switch_rows(grant_table[1]),
        may=table.in_one_line(agent["levels"], agent["switches"]), budgets=BUDGETS,
    )  # fmt: skip


async def _settings(
    desk: Desk, agent: Mapping[str, Any], values: Mapping[str, Any], errors: Mapping[str, Any], *, status: int = 200
) -> Response:  # fmt: skip
    return desk.page(
        "agents/settings.html", status_code=status, agent=agent, tab="settings", values=values, errors=errors,
        budgets=BUDGETS, owners=await owners(desk),
    )  # fmt: skip
