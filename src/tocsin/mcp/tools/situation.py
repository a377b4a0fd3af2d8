"""What is broken, since when, who has it, who is on call and what changed lately: the first question of every night."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.mcp.composites import Ask, Composite
from tocsin.mcp.results import UNTRUSTED_WORDS

LATELY = timedelta(hours=24)
MAX_INCIDENTS = 50
MAX_MONITORS = 250
"""Looked at for changes; with more than these, what changed is told of the first ones."""
MAX_CHANGES = 20
MAX_CALENDARS = 10

_INCIDENT = ("id", "name", "cause", "status", "started_at", "acknowledged_at", "acknowledged_by", "team_name")


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Of which team."""

    team_id: int | None = None


async def run(ask: Ask, input: Situation) -> tuple[dict[str, Any], str]:
    team = {} if input.team_id is None else {"team_id": input.team_id}
    since = ask.now - LATELY
    broken = await ask("incidents.list", resolved=False, per_page=MAX_INCIDENTS, **team)
    recent = await ask("incidents.list", **{"from": since.date().isoformat()}, per_page=MAX_INCIDENTS, **team)
    calendars = await ask("on_calls.list", **team)
    monitors = await ask("monitors.list", per_page=MAX_MONITORS, **team)
    incidents = [_incident(each, ask.now) for each in broken["items"]]
    answer: dict[str, Any] = {
        "at": to_wire(ask.now),
        "broken": incidents,
        "broken_in_all": broken["total"],
        "on_call": [_on_call(calendar) for calendar in calendars["items"][:MAX_CALENDARS]],
        "resolved_lately": [
            {name: each.get(name) for name in ("id", "name", "cause", "started_at", "resolved_at", "resolved_by")}
            for each in recent["items"]
            if each.get("resolved_at") is not None
        ][:MAX_CHANGES],
        "changed_lately": _changed(monitors["items"], to_wire(since)),
        "monitors_not_up": [
            {name: each.get(name) for name in ("id", "pronounceable_name", "url", "status", "last_checked_at")}
            for each in monitors["items"]
            if each.get("status") not in ("up", "paused", "pending")
        ],
    }
    if incidents or answer["resolved_lately"]:
        fields = ["broken[].name", "broken[].cause", "resolved_lately[].name", "resolved_lately[].cause"]
        answer["untrusted"] = {"note": UNTRUSTED_WORDS, "fields": fields}
    return answer, _words(answer)


def _incident(incident: dict[str, Any], now: datetime) -> dict[str, Any]:
    told = {name: incident.get(name) for name in _INCIDENT}
    told["minutes"] = int((now - datetime.fromisoformat(incident["started_at"])).total_seconds() // 60)
    monitor = (incident.get("relationships") or {}).get("monitor")
    told["monitor_id"] = int(monitor["data"]["id"]) if monitor else None
    return told


def _on_call(calendar: dict[str, Any]) -> dict[str, Any]:
    people = (calendar.get("relationships") or {}).get("on_call_users") or {}
    return {
        "calendar_id": calendar["id"],
        "calendar": calendar.get("name") or "default",
        "default": calendar.get("default_calendar"),
        "people": [each.get("meta", {}).get("email") or each["id"] for each in people.get("data", [])],
    }


def _changed(monitors: list[dict[str, Any]], since: str) -> list[dict[str, Any]]:
    changed = [each for each in monitors if (each.get("updated_at") or "") >= since]
    changed.sort(key=lambda each: str(each["updated_at"]), reverse=True)
    return [
        {
            "monitor_id": each["id"],
            "name": each.get("pronounceable_name"),
            "what": "created" if (each.get("created_at") or "") >= since else "changed",
            "at": each["updated_at"],
        }
        for each in changed[:MAX_CHANGES]
    ]


def _words(answer: dict[str, Any]) -> str:
    count = answer["broken_in_all"]
    some = f"{count} open incident{'' if count == 1 else 's'}."
    lines = [some if answer["broken"] else "Nothing is broken."]
    for each in answer["broken"]:
        has = f"{each['acknowledged_by']} has it" if each["acknowledged_at"] else "nobody has it"
        since = f"since {each['started_at']} ({each['minutes']} min)"
        lines.append(f"- #{each['id']} {each['name']}: {each['cause']}, {since}, {has}")
    lines += [
        f"On call ({each['calendar']}): {', '.join(map(str, each['people'])) or 'nobody, so the whole team is paged'}."
        for each in answer["on_call"]
    ]
    lines += [
        f"{each['what'].capitalize()} {each['at']}: monitor {each['monitor_id']} {each['name']}."
        for each in answer["changed_lately"]
    ]
    lines += [
        f"Resolved {each['resolved_at']}: #{each['id']} {each['name']} ({each['cause']})."
        for each in answer["resolved_lately"]
    ]
    return "\n".join(lines)


_LIST = {"type": "array", "items": {"type": "object"}}
TOOL = Composite(
    name="situation",
    title="Situation",
    doc="What is broken now, since when, who has it, who is on call, and what changed and was resolved in the last "
    "day. Start here. Needs read on incidents, monitors and on_call.",
    operations=("incidents.list", "on_calls.list", "monitors.list"),
    areas=frozenset({"incidents"}),
    input=Situation,
    answers={
        "type": "object",
        "properties": {
            "at": {"type": "string"},
            "broken": _LIST,
            "broken_in_all": {"type": "integer"},
            "on_call": _LIST,
            "resolved_lately": _LIST,
            "changed_lately": _LIST,
            "monitors_not_up": _LIST,
        },
    },
    run=run,
)
