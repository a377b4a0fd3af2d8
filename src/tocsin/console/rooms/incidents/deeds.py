"""What can be done about an incident with one press or a short question: each goes back to its page and says so."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.kernel.errors import Conflict, Invalid, NotFound, Refused

MAX_CHOICES = 100
"""People, calendars, policies or incidents that one can choose from."""
ESCALATIONS = (
    ("User", "A person", "users", "user_id"),
    ("Team", "A whole team", "teams", "team_id"),
    ("Schedule", "Whoever is on call in a calendar", "schedules", "schedule_id"),
    ("Policy", "An escalation policy, from its beginning", "policies", "policy_id"),
    ("Organization", "Everybody in every team", "", ""),
)

_UNSAID = {
    "user_id": "", "team_id": "", "schedule_id": "", "policy_id": "", "channels": "", "call": "", "sms": "",
    "email": "", "push": "",
}  # fmt: skip


async def acknowledge(desk: Desk) -> Response:
    """Take it on."""
    return await _answer(desk, "incidents.acknowledge", "You have it. Nobody else will be woken for this incident.")


async def resolve(desk: Desk) -> Response:
    """End it."""
    return await _answer(desk, "incidents.resolve", "Resolved. Everybody who was paged is being told.")


async def reopen(desk: Desk) -> Response:
    """It is not over after all."""
    return await _answer(desk, "incidents.reopen", "Reopened. People are paged again from the start.")


async def alert_next(desk: Desk) -> Response:
    """Pass it on."""
    return await _answer(desk, "incidents.alert_next", "Passed on. Whoever comes next is being alerted now.")


async def delete(desk: Desk) -> Response:
    """Into the trash."""
    await desk.call("incidents.delete", id=desk.id)
    return desk.go("/incidents", f"Incident {desk.id} is deleted. For 30 days it can be had back from the trash.")


async def escalate_form(desk: Desk) -> Response:
    """Whom to call for help."""
    return await _escalate_form(desk, {}, {"escalation_type": "User"})


async def escalate(desk: Desk) -> Response:
    """Page them, now."""
    kind = desk.field("escalation_type")
    field = next((field for each, _, _, field in ESCALATIONS if each == kind), "")
    sent: dict[str, Any] = {"escalation_type": kind}
    if field:
        text = desk.field(field)
        sent[field] = int(text) if text.isascii() and text.isdigit() else None
    for channel in ("call", "sms", "email", "push"):
        if desk.field("channels") == "chosen":
            sent[channel] = desk.field(channel) == "true"
    try:
        await desk.call("incidents.escalate", id=desk.id, **sent)
    except Invalid as error:
        return await _escalate_form(desk, wrong(error), {name: texts[-1] for name, texts in desk.fields.items()}, 422)
    except Conflict as error:
        return _back(desk, f"Nobody was paged: {error.message}.")
    return _back(desk, "They are being paged now.")


async def merge_form(desk: Desk) -> Response:
    """Which incidents are consequences of this one, or of which this one is."""
    return await _merge_form(desk, {})


async def merge(desk: Desk) -> Response:
    """Take incidents together."""
    into = desk.field("direction") == "into"
    chosen = [int(text) for text in desk.fields.get("incident", []) if text.isascii() and text.isdigit()]
    target = (chosen[0] if chosen else 0) if into else desk.id
    if not chosen or (into and len(chosen) != 1):
        words = "Choose one incident" if into else "Choose at least one incident"
        return await _merge_form(desk, {"base": [f"{words}."]}, 422)
    try:
        await desk.call("incidents.merge", id=target, incident_ids=[desk.id] if into else chosen)
    except (Invalid, Conflict) as error:
        errors = wrong(error) if isinstance(error, Invalid) else {"base": [f"{error.message}."]}
        return await _merge_form(desk, errors, 422)
    return desk.go(f"/incidents/{target}", "Merged. People are paged about this incident alone.")


async def _answer(desk: Desk, name: str, done: str) -> Response:
    try:
        await desk.call(name, id=desk.id)
    except Conflict as error:
        return _back(desk, f"Nothing was changed: {error.message[:1].lower()}{error.message[1:]}.")
    return _back(desk, done)


def _back(desk: Desk, notice: str) -> Response:
    return desk.go(f"/incidents/{desk.id}", notice)


async def _escalate_form(
    desk: Desk, errors: dict[str, list[str]], values: dict[str, Any], status_code: int = 200
) -> Response:
    one = await desk.one("incidents.get", id=desk.id)
    choices = {
        "users": [(each["id"], _person(each)) for each in await _all(desk, "team_members.list") if each["id"]],
        "teams": [(each["id"], each["name"]) for each in await _all(desk, "teams.list")],
        "schedules": [(each["id"], each["name"] or "Default calendar") for each in await _all(desk, "on_calls.list")],
        "policies": [(each["id"], each["name"]) for each in await _all(desk, "policies.list")],
    }
    kinds = [(*each, choices.get(each[2], [])) for each in ESCALATIONS if not each[2] or choices.get(each[2])]
    return desk.page(
        "incidents/escalate.html",
        status_code=status_code,
        incident=one,
        kinds=kinds,
        errors=errors,
        values=dict(_UNSAID) | values,
    )


async def _merge_form(desk: Desk, errors: dict[str, list[str]], status_code: int = 200) -> Response:
    one = await desk.one("incidents.get", id=desk.id)
    found = await desk.many("incidents.list", resolved="false", per_page=50)
    others = [each for each in found.items if each["id"] != one["id"] and each["status"] != "Unconfirmed"]
    chosen = desk.fields.get("incident", [])
    return desk.page(
        "incidents/merge.html", status_code=status_code, incident=one, others=others, errors=errors, chosen=chosen,
        direction=desk.field("direction", "into"), total=found.total,
    )  # fmt: skip


async def _all(desk: Desk, name: str) -> list[dict[str, Any]]:
    try:
        return list((await desk.many(name, per_page=MAX_CHOICES)).items)
    except (NotFound, Refused, Invalid):
        return []


def _person(member: dict[str, Any]) -> str:
    name = " ".join(part for part in (member.get("first_name"), member.get("last_name")) if part)
    return f"{name} ({member['email']})" if name else str(member["email"])
