"""What makes a policy acceptable: every step complete, every wait and hour possible, nothing that nobody could mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.escalation.model.policies import MemberType, PolicyStep, StepMember, StepType
from tocsin.kernel.errors import Invalid
from tocsin.kernel.zones import zone
from tocsin.metadata.model import Value
from tocsin.metadata.rules.values import MAX_VALUES, checked_key, parsed_values

MAX_STEPS = 100
"""Steps of one policy: more than anybody can keep in mind at night."""
MAX_MEMBERS = 100
"""Members of one step."""
MAX_NAME = 255
MAX_COMMENT = 20_000
"""Characters of instructions: a runbook fits, a manual does not."""
MAX_REPEATS = 100
"""How often a policy may be gone through again: people who have not answered by then will not."""
MAX_WAIT_SECONDS = 30 * 86_400
"""The longest wait of one step or repetition: a month."""
MAX_REMINDER_HOURS = 24 * 365
MAX_SORT_INDEX = 2**31 - 1
"""What the column of a group's place holds in every database, either way from zero."""
MAX_ID = 2**63 - 1
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NO_VALUE = "no_value"
"""The type of a metadata value that stands for "says nothing" (contract part 2, 7.1)."""

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NEEDS_ID = {
    MemberType.WEBHOOK, MemberType.SLACK, MemberType.MICROSOFT_TEAMS, MemberType.ZAPIER, MemberType.PAGERDUTY,
    MemberType.POLICY, MemberType.NOTIFICATION_TARGET,
}  # fmt: skip
_MAY_HAVE_ID = {MemberType.CURRENT_ON_CALL, MemberType.ENTIRE_TEAM, MemberType.USER} | _NEEDS_ID
_STEP_KEYS = frozenset(PolicyStep.__struct_fields__)
_MEMBER_KEYS = frozenset({"type", "id", "email", "metadata_key", "team_id"})
_OLD_TYPES = {"branching": StepType.TIME_BRANCHING}
"""What older clients still send."""


class _Wrong(Exception):
    """What is wrong with one part of a step, in words."""


def parsed_steps(given: Sequence[Any]) -> tuple[PolicyStep, ...]:
    """The steps as they were sent. Raises Invalid (field `steps`) with every wrong step at once.

    Attributes of other types of steps are ignored, as Terraform's provider sends `days` and `metadata_values` with
    every step (contract part 2, section 2); unknown ones are refused.
    """
    if len(given) > MAX_STEPS:
        raise Invalid.fields(steps=f"has too many entries (maximum is {MAX_STEPS})")
    steps: list[PolicyStep] = []
    wrong: list[str] = []
    for number, one in enumerate(given, start=1):
        try:
            steps.append(_step(one))
        except _Wrong as error:
            wrong.append(f"step {number}: {error}")
    if wrong:
        raise Invalid.of({"steps": wrong})
    return tuple(steps)


def checked_name(name: Any) -> str:
    """Raises Invalid (field `name`), with the contract's sentence when it is blank (part 2, 0.2)."""
    text = str(name or "").strip()
    if not text:
        raise Invalid.fields(name="Can't be blank.")
    if len(text) > MAX_NAME:
        raise Invalid.fields(name=f"is too long (maximum is {MAX_NAME} characters)")
    return text


def checked_repeats(count: int, delay: int) -> None:
    """Raises Invalid (fields `repeat_count`, `repeat_delay`)."""
    errors = {}
    if not 0 <= count <= MAX_REPEATS:
        errors["repeat_count"] = [f"must be between 0 and {MAX_REPEATS}"]
    if not 0 <= delay <= MAX_WAIT_SECONDS:
        errors["repeat_delay"] = [f"must be between 0 and {MAX_WAIT_SECONDS} seconds"]
    if errors:
        raise Invalid.of(errors)


def checked_sort_index(place: int | None) -> int | None:
    """Raises Invalid (field `sort_index`)."""
    if place is not None and abs(place) > MAX_SORT_INDEX:
        raise Invalid.fields(sort_index=f"must be between -{MAX_SORT_INDEX} and {MAX_SORT_INDEX}")
    return place


def _step(given: Any) -> PolicyStep:
    if not isinstance(given, Mapping):
        raise _Wrong("must be an object")
    unknown = sorted(str(key) for key in set(given) - _STEP_KEYS)
    if unknown:
        raise _Wrong(f"has unknown attributes: {', '.join(unknown)}")
    sent = {key: value for key, value in given.items() if value is not None and value != ""}
    type = _type(sent.get("type"))
    read = {
        StepType.ESCALATION: _escalation,
        StepType.TIME_BRANCHING: _time_branching,
        StepType.METADATA_BRANCHING: _metadata_branching,
        StepType.INSTRUCTIONS: _instructions,
    }[type]
    return PolicyStep(type=type, **_wait(sent), **read(sent))


def _type(given: Any) -> StepType:
    if isinstance(given, str) and given in _OLD_TYPES:
        return _OLD_TYPES[given]
    try:
        return StepType(given)
    except ValueError:
        raise _Wrong(f"type must be one of: {', '.join(StepType)}") from None


def _wait(sent: Mapping[str, Any]) -> dict[str, Any]:
    if "wait_until_time" not in sent:
        if "wait_until_timezone" in sent:
            raise _Wrong("wait_until_timezone needs wait_until_time")
        return {"wait_before": _number("wait_before", sent.get("wait_before", 0), 0, MAX_WAIT_SECONDS)}
    if sent.get("wait_before"):
        raise _Wrong("has either wait_before or wait_until_time, not both")
    where = sent.get("wait_until_timezone")
    return {
        "wait_until_time": _time("wait_until_time", sent["wait_until_time"]),
        "wait_until_timezone": None if where is None else _zone("wait_until_timezone", where),
    }


def _escalation(sent: Mapping[str, Any]) -> dict[str, Any]:
    members = sent.get("step_members", ())
    if not isinstance(members, (list, tuple)):
        raise _Wrong("step_members must be a list")
    if len(members) > MAX_MEMBERS:
        raise _Wrong(f"has too many step_members (maximum is {MAX_MEMBERS})")
    urgency = sent.get("urgency_id")
    return {
        "urgency_id": None if urgency is None else _number("urgency_id", urgency, 1, MAX_ID),
        "step_members": tuple(_member(number, one) for number, one in enumerate(members, start=1)),
    }


def _time_branching(sent: Mapping[str, Any]) -> dict[str, Any]:
    days = sent.get("days", ())
    if not isinstance(days, (list, tuple)) or not all(isinstance(day, str) for day in days):
        raise _Wrong("days must be a list of days")
    short = tuple(dict.fromkeys(day.lower()[:3] for day in days))
    if not short or any(day not in DAYS for day in short):
        raise _Wrong(f"days must be some of: {', '.join(DAYS)}")
    return {
        "timezone": _zone("timezone", sent.get("timezone", "UTC")),
        "days": short,
        "time_from": _time("time_from", sent.get("time_from", "00:00")),
        "time_to": _time("time_to", sent.get("time_to", "00:00")),
        **_branch(sent),
    }


def _metadata_branching(sent: Mapping[str, Any]) -> dict[str, Any]:
    values = sent.get("metadata_values", ())
    if not isinstance(values, (list, tuple)) or not values:
        raise _Wrong("metadata_values must be a list of at least one value")
    if len(values) > MAX_VALUES:
        raise _Wrong(f"has too many metadata_values (maximum is {MAX_VALUES})")
    return {
        "metadata_key": _key("metadata_key", sent.get("metadata_key")),
        "metadata_values": tuple(_value(value) for value in values),
        **_branch(sent),
    }


def _instructions(sent: Mapping[str, Any]) -> dict[str, Any]:
    comment = sent.get("instructions_comment")
    if not isinstance(comment, str) or not comment.strip():
        raise _Wrong("instructions_comment can't be blank")
    if len(comment) > MAX_COMMENT or "\x00" in comment:
        raise _Wrong(f"instructions_comment is too long (maximum is {MAX_COMMENT} characters)")
    hours = sent.get("instructions_reminder_interval_hours", 24)
    return {
        "instructions_comment": comment,
        "instructions_reminder_enabled": _switch(
            "instructions_reminder_enabled", sent.get("instructions_reminder_enabled", False)
        ),
        "instructions_reminder_interval_hours": _number(
            "instructions_reminder_interval_hours", hours, 1, MAX_REMINDER_HOURS
        ),
    }


def _branch(sent: Mapping[str, Any]) -> dict[str, Any]:
    policy, key = sent.get("policy_id"), sent.get("policy_metadata_key")
    if policy is not None and key is not None:
        raise _Wrong("has either policy_id or policy_metadata_key, not both")
    return {
        "policy_id": None if policy is None else _number("policy_id", policy, 1, MAX_ID),
        "policy_metadata_key": None if key is None else _key("policy_metadata_key", key),
    }


def _member(number: int, given: Any) -> StepMember:
    if not isinstance(given, Mapping):
        raise _Wrong(f"step_members {number} must be an object")
    unknown = sorted(str(key) for key in set(given) - _MEMBER_KEYS)
    if unknown:
        raise _Wrong(f"step_members {number} has unknown attributes: {', '.join(unknown)}")
    sent = {key: value for key, value in given.items() if value is not None and value != ""}
    try:
        type = MemberType(sent.get("type", ""))
    except ValueError:
        raise _Wrong(f"step_members {number}: type must be one of: {', '.join(MemberType)}") from None
    id, email = _member_id(type, sent), None
    if type is MemberType.USER:
        email = sent.get("email")
        if email is None and id is None:
            raise _Wrong(f"step_members {number}: user needs an id or an email")
        if email is not None and not isinstance(email, str):
            raise _Wrong(f"step_members {number}: email must be a string")
    if type in _NEEDS_ID and id is None:
        raise _Wrong(f"step_members {number}: {type} needs an id")
    key = _key("metadata_key", sent.get("metadata_key")) if type is MemberType.INCIDENT_METADATA else None
    return StepMember(type=type, id=id if type in _MAY_HAVE_ID else None, email=email, metadata_key=key)


def _member_id(type: MemberType, sent: Mapping[str, Any]) -> int | None:
    given = sent.get("id")
    if given is None and type is MemberType.ENTIRE_TEAM:
        given = sent.get("team_id")
    return None if given is None else _number("id", given, 1, MAX_ID)


def _value(given: Any) -> Value:
    if isinstance(given, Mapping) and given.get("type") == NO_VALUE:
        if any(value not in (None, "") for key, value in given.items() if key != "type"):
            raise _Wrong(f"a value of type {NO_VALUE} has no other attributes")
        return Value(type=NO_VALUE)
    try:
        values = parsed_values("metadata_values", given, "steps")
    except Invalid as error:
        raise _Wrong("; ".join(error.field_errors["steps"])) from None
    if len(values) != 1:
        raise _Wrong("metadata_values must not be blank")
    return values[0]


def _key(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise _Wrong(f"{name} can't be blank")
    try:
        return checked_key(given, name)
    except Invalid:
        raise _Wrong(f"{name} is blank or too long") from None


def _time(name: str, given: Any) -> str:
    match = _TIME.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise _Wrong(f"{name} must be a time of day such as 09:30")
    return f"{int(match[1]):02}:{match[2]}"


def _zone(name: str, given: Any) -> str:
    if not isinstance(given, str) or zone(given) is None:
        raise _Wrong(f"{name} is not a time zone that we know, such as Prague or Europe/Prague")
    return given


def _number(name: str, given: Any, low: int, high: int) -> int:
    number = given
    if (isinstance(given, str) and re.fullmatch(r"-?\d{1,19}", given)) or (
        isinstance(given, float) and given.is_integer()
    ):
        number = int(given)
    if isinstance(number, bool) or not isinstance(number, int):
        raise _Wrong(f"{name} must be an integer")
    if not low <= number <= high:
        raise _Wrong(f"{name} must be between {low} and {high}")
    return number


def _switch(name: str, given: Any) -> bool:
    if given in (True, "true", "1", 1):
        return True
    if given in (False, "false", "0", 0):
        return False
    raise _Wrong(f"{name} must be true or false")
