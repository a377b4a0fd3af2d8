"""The form of a policy: its steps and their members as fields, put into the order that its buttons ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_STEPS = 100
MAX_MEMBERS = 100
UNITS = (("60", "minutes"), ("1", "seconds"), ("3600", "hours"), ("86400", "days"))
STEP_TYPES = (
    ("escalation", "Page people", "Page people or post to a channel, and go on if nobody answers."),
    ("time_branching", "Branch by time", "On these days and hours, run another policy instead, or stop."),
    ("metadata_branching", "Branch by metadata", "When the incident says so, run another policy instead, or stop."),
    ("instructions", "Give instructions", "Write a checklist into the incident, and remind people of it."),
)
NO_VALUE = "(blank)"
"""How a form writes the value that stands for a key which says nothing."""

Step = dict[str, Any]
"""A step as the form has it: every value is text, `days` and `members` are lists."""


class Form(msgspec.Struct, kw_only=True):
    """A policy as it stands in the form."""

    name: str = ""
    repeat_count: str = "0"
    repeat_delay: str = "0"
    repeat_unit: str = "60"
    fallback_policy_id: str = ""
    policy_group_id: str = ""
    steps: list[Step] = []


def fresh(kind: str, first: bool = False) -> Step:
    """A step to be, as most people want it: at once when it is the first, else after five minutes."""
    members = [{"value": "current_on_call" if first else "entire_team", "key": ""}]
    return {
        "type": kind,
        "wait_kind": "after",
        "wait": "0" if first or kind != "escalation" else "5",
        "unit": "60",
        "until_time": "09:00",
        "until_zone": "UTC",
        "urgency_id": "",
        "members": members if kind == "escalation" else [],
        "timezone": "UTC",
        "days": list(DAYS),
        "time_from": "00:00",
        "time_to": "00:00",
        "metadata_key": "",
        "metadata_values": "",
        "branch": "",
        "branch_key": "",
        "comment": "",
        "remind": "",
        "remind_hours": "24",
    }  # fmt: skip


def from_policy(policy: Mapping[str, Any]) -> Form:
    """The form of a policy as the API has it."""
    delay, unit = _spread(policy["repeat_delay"])
    return Form(
        name=policy["name"],
        repeat_count=str(policy["repeat_count"]),
        repeat_delay=delay,
        repeat_unit=unit,
        fallback_policy_id=_text(policy["fallback_policy_id"]),
        policy_group_id=_text(policy["policy_group_id"]),
        steps=[_from_step(step) for step in policy["steps"]],
    )


def from_fields(sent: Mapping[str, Sequence[str]]) -> Form:
    """The form as it was sent."""

    def one(name: str, default: str = "") -> str:
        return sent.get(name, [default])[-1].strip()

    steps: list[Step] = []
    count = one("steps", "0")
    for number in range(min(MAX_STEPS, int(count) if count.isdigit() else 0)):
        prefix = f"s{number}-"
        step = fresh(one(f"{prefix}type", "escalation"))
        for name in step:
            if name in ("days", "members", "type"):
                continue
            step[name] = sent[prefix + name][-1] if prefix + name in sent else ("" if name == "remind" else step[name])
        if f"{prefix}has-days" in sent:
            step["days"] = [day for day in DAYS if day in sent.get(f"{prefix}days", [])]
        values, keys = sent.get(f"{prefix}member", []), sent.get(f"{prefix}member-key", [])
        step["members"] = [
            {"value": value, "key": keys[at] if at < len(keys) else ""} for at, value in enumerate(values)
        ][:MAX_MEMBERS]
        steps.append(step)
    return Form(
        name=one("name"), repeat_count=one("repeat_count", "0"), repeat_delay=one("repeat_delay", "0"),
        repeat_unit=one("repeat_unit", "60"), fallback_policy_id=one("fallback_policy_id"),
        policy_group_id=one("policy_group_id"), steps=steps,
    )  # fmt: skip


def after(form: Form, do: str) -> Form:
    """The form after one of its buttons: `add-KIND`, `remove-N`, `up-N`, `down-N`, `copy-N`, `member-add-N`,
    `member-remove-N-M`. Any other leaves it as it is."""
    verb, *rest = do.split("-")
    at = [int(each) for each in rest if each.isdigit()]
    steps = form.steps
    if verb == "add" and len(steps) < MAX_STEPS:
        kind = do.removeprefix("add-")
        if kind in {each for each, _, _ in STEP_TYPES}:
            steps.append(fresh(kind, first=not steps))
    elif verb == "member" and at and at[0] < len(steps):
        members = steps[at[0]]["members"]
        if rest[0] == "add" and len(members) < MAX_MEMBERS:
            members.append({"value": "entire_team" if members else "current_on_call", "key": ""})
        elif rest[0] == "remove" and len(at) == 2 and at[1] < len(members):
            members.pop(at[1])
    elif verb in ("remove", "up", "down", "copy") and at and at[0] < len(steps):
        number = at[0]
        if verb == "remove":
            steps.pop(number)
        elif verb == "copy" and len(steps) < MAX_STEPS:
            steps.insert(number + 1, msgspec.json.decode(msgspec.json.encode(steps[number])))
        elif verb in ("up", "down"):
            to = number + (-1 if verb == "up" else 1)
            if 0 <= to < len(steps):
                steps[number], steps[to] = steps[to], steps[number]
    return form


def body(form: Form) -> dict[str, Any]:
    """What is sent to the API. What is no number stays as it was typed: the API says so at its step."""
    return {
        "name": form.name,
        "repeat_count": _number(form.repeat_count),
        "repeat_delay": _seconds(form.repeat_delay, form.repeat_unit),
        "fallback_policy_id": _number(form.fallback_policy_id),
        "policy_group_id": _number(form.policy_group_id),
        "steps": [_to_step(step) for step in form.steps],
    }


def by_step(errors: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[str]], dict[int, list[str]]]:
    """(errors of the form by field, errors of its steps by their place from 0)."""
    others = {name: list(texts) for name, texts in errors.items() if name != "steps"}
    steps: dict[int, list[str]] = {}
    for text in errors.get("steps", ()):
        found = re.match(r"(?i)step (\d+): (.*)", text, re.DOTALL)
        if found:
            steps.setdefault(int(found[1]) - 1, []).append(_plain(found[2]))
        else:
            others.setdefault("base", []).append(f"Steps: {text}")
    return others, steps


_PLAIN = {
    "urgency_id": "severity", "step_members": "member", "metadata_key": "metadata key", "policy_id": "policy",
    "metadata_values": "values", "instructions_comment": "instructions", "wait_before": "wait", "time_from": "from",
    "wait_until_time": "time to wait for", "wait_until_timezone": "time zone", "time_to": "to",
    "policy_metadata_key": "key that names the policy",
    "instructions_reminder_interval_hours": "hours between reminders",
}  # fmt: skip


def _plain(text: str) -> str:
    """An error of the API in the words of the form."""
    for name in sorted(_PLAIN, key=len, reverse=True):
        text = re.sub(rf"\b{name}\b", _PLAIN[name], text)
    return text[:1].upper() + text[1:]


def _from_step(step: Mapping[str, Any]) -> Step:
    form = fresh(step["type"])
    if step.get("wait_until_time"):
        form |= {"wait_kind": "until", "until_time": step["wait_until_time"]}
        form["until_zone"] = step.get("wait_until_timezone") or "UTC"
        form["wait"] = "0"
    else:
        form["wait"], form["unit"] = _spread(step.get("wait_before") or 0)
    for name in ("timezone", "time_from", "time_to", "metadata_key"):
        form[name] = step.get(name) or form[name]
    form["urgency_id"] = _text(step.get("urgency_id"))
    form["days"] = list(step.get("days") or form["days"])
    form["members"] = [
        {"value": _member_value(member), "key": member.get("metadata_key") or ""}
        for member in step.get("step_members") or []
    ]
    form["metadata_values"] = "\n".join(_value_text(value) for value in step.get("metadata_values") or [])
    if step.get("policy_metadata_key"):
        form |= {"branch": "key", "branch_key": step["policy_metadata_key"]}
    else:
        form["branch"] = _text(step.get("policy_id"))
    form["comment"] = step.get("instructions_comment") or ""
    form["remind"] = "true" if step.get("instructions_reminder_enabled") else ""
    form["remind_hours"] = str(step.get("instructions_reminder_interval_hours") or 24)
    return form


def _to_step(step: Step) -> dict[str, Any]:
    kind = step["type"]
    sent: dict[str, Any] = {"type": kind}
    if step["wait_kind"] == "until":
        sent |= {"wait_until_time": step["until_time"], "wait_until_timezone": step["until_zone"]}
    else:
        sent["wait_before"] = _seconds(step["wait"], step["unit"])
    if kind == "escalation":
        sent |= {"urgency_id": _number(step["urgency_id"]), "step_members": [_to_member(m) for m in step["members"]]}
    elif kind == "time_branching":
        sent |= {name: step[name] for name in ("days", "timezone", "time_from", "time_to")}
        sent |= _to_branch(step)
    elif kind == "metadata_branching":
        values = [line.strip() for line in step["metadata_values"].splitlines() if line.strip()]
        sent["metadata_key"] = step["metadata_key"].strip()
        sent["metadata_values"] = [{"type": "no_value"} if value == NO_VALUE else value for value in values]
        sent |= _to_branch(step)
    else:
        sent |= {"instructions_comment": step["comment"], "instructions_reminder_enabled": step["remind"] == "true"}
        sent["instructions_reminder_interval_hours"] = _number(step["remind_hours"]) or 24
    return sent


def _to_branch(step: Step) -> dict[str, Any]:
    if step["branch"] == "key":
        return {"policy_metadata_key": step["branch_key"].strip() or " "}
    return {"policy_id": _number(step["branch"])}


def _to_member(member: Mapping[str, str]) -> dict[str, Any]:
    kind, _, id = member["value"].partition(":")
    sent: dict[str, Any] = {"type": kind}
    if id:
        sent["id"] = _number(id)
    if kind == "incident_metadata":
        sent["metadata_key"] = member["key"].strip()
    return sent


def _member_value(member: Mapping[str, Any]) -> str:
    id = member.get("id")
    return str(member["type"]) if id is None else f"{member['type']}:{id}"


def _value_text(value: Mapping[str, Any]) -> str:
    return NO_VALUE if value.get("type") == "no_value" else str(value.get("value") or value.get("name") or "")


def _spread(seconds: int) -> tuple[str, str]:
    """Seconds as (number, unit) in the largest unit that divides them; none are minutes."""
    for unit in (86_400, 3_600, 60):
        if seconds and seconds % unit == 0:
            return str(seconds // unit), str(unit)
    return str(seconds), "1" if seconds else "60"


def _seconds(text: str, unit: str) -> Any:
    try:
        number = float(text.strip().replace(",", ".") or 0) * int(unit)
        return int(number) if number == int(number) else round(number)
    except (ValueError, OverflowError):
        return text


def _number(text: str) -> Any:
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text or None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
