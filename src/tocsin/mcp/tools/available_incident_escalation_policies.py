"""Whom an incident can be escalated to: the people, teams, calendars and policies that `escalate_incident` takes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tocsin.mcp import text
from tocsin.mcp.composites import Ask, Composite

MAX_OF_EACH = 250


class Available(msgspec.Struct, frozen=True, kw_only=True):
    """For which incident, and which of them."""

    id: int
    """The incident: an id from `incidents`."""
    search: str | None = None
    """Only those whose name has this in it."""
    type: Literal["user", "team", "policy", "schedule", "organisation"] | None = None
    """Only those of one sort."""


async def run(ask: Ask, input: Available) -> tuple[dict[str, Any], str]:
    incident = await ask("incidents.get", id=input.id)
    found: list[dict[str, Any]] = []
    if input.type in (None, "user"):
        people = await ask("team_members.list", team_name=incident["team_name"], per_page=MAX_OF_EACH)
        found += [_person(each) for each in people["items"] if each["id"] is not None]
    if input.type in (None, "team", "organisation"):
        found.append({"escalation_type": "Team", "id": None, "name": incident["team_name"]})
    if input.type in (None, "schedule"):
        calendars = await ask("on_calls.list", team_name=incident["team_name"], per_page=MAX_OF_EACH)
        found += [_named("Schedule", each, "schedule_id") for each in calendars["items"]]
    if input.type in (None, "policy"):
        policies = await ask("policies.list", team_name=incident["team_name"], per_page=MAX_OF_EACH)
        found += [_named("Policy", each, "policy_id") for each in policies["items"]]
    wanted = (input.search or "").lower()
    kept = [each for each in found if wanted in str(each["name"]).lower()]
    return {"items": kept}, text.table(kept) if kept else "None."


def _person(member: dict[str, Any]) -> dict[str, Any]:
    name = " ".join(filter(None, (member.get("first_name"), member.get("last_name"))))
    return {
        "escalation_type": "User",
        "id": member["id"],
        "name": f"{name} <{member['email']}>".strip(),
        "pass": {"user_id": member["id"]},
    }


def _named(kind: str, each: dict[str, Any], argument: str) -> dict[str, Any]:
    name = each.get("name") or "default"
    return {"escalation_type": kind, "id": each["id"], "name": name, "pass": {argument: each["id"]}}


TOOL = Composite(
    name="available_incident_escalation_policies",
    title="Available incident escalation policies",
    doc="Whom an incident can be escalated to, with what `escalate_incident` takes for each. `id` comes from "
    "`incidents`. Needs read on incidents, team, on_call and policies.",
    operations=("incidents.get", "team_members.list", "on_calls.list", "policies.list"),
    areas=frozenset({"incidents"}),
    input=Available,
    answers={"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object"}}}},
    run=run,
)
