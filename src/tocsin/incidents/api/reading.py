"""Turns what callers sent about incidents into what the actions take, and says what cannot be accepted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from msgspec import UnsetType

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging
from tocsin.escalation.rules import MAX_WAIT_SECONDS
from tocsin.incidents.api.inputs import CreateIncident, Escalate, ListIncidents
from tocsin.incidents.model import Author, Filter, Incident, IncidentStatus, Kind, Opening
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.metadata.rules import MAX_ID, parsed
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx

MAX_NAME_CHARACTERS = 1_000
MAX_SUMMARY_CHARACTERS = 10_000
MAX_EMAIL_CHARACTERS = 320
"""64 before the @ and 255 after it (RFC 5321, 4.5.3.1)."""
DEFAULT_NAME = "Manual incident"
MAX_WORDS = 10
"""Of a search; more are not looked at."""

_NESTED = re.compile(r"metadata\[(.+?)\](?:\[\d*\])?(?:\[(type|value|item_id|name|email)\])?")
ESCALATION_TYPES = ("User", "Team", "Schedule", "Policy", "Organization")
"""Whom an incident can be escalated to (contract part 2, 1.7)."""


def wanted(input: ListIncidents, team_ids: tuple[int, ...] | None, caller: Author) -> Filter:
    """The list's filter. Raises Invalid for a date or a status that is none, and for two owners at once."""
    owner = None
    if not isinstance(input.monitor_id, UnsetType):
        owner = ("monitor", input.monitor_id)
    if not isinstance(input.heartbeat_id, UnsetType):
        if owner is not None:
            raise Invalid.fields(heartbeat_id="can't be combined with monitor_id")
        owner = ("heartbeat", input.heartbeat_id)
    return Filter(
        team_ids=team_ids,
        since=None if isinstance(input.from_, UnsetType) else _instant("from", input.from_),
        until=None if isinstance(input.to, UnsetType) else _instant("to", input.to, end=True),
        owner=owner,
        resolved=None if isinstance(input.resolved, UnsetType) else input.resolved,
        acknowledged=None if isinstance(input.acknowledged, UnsetType) else input.acknowledged,
        words=() if isinstance(input.q, UnsetType) else tuple(input.q.split()[:MAX_WORDS]),
        status=None if isinstance(input.state, UnsetType) else _status(input.state),
        cause=None if isinstance(input.cause, UnsetType) else input.cause,
        critical_alert=None if isinstance(input.critical_alert, UnsetType) else input.critical_alert,
        mine=None if isinstance(input.mine, UnsetType) else input.mine,
        whose=caller,
        metadata=parsed(_nested(input.query)),
    )


def _status(sent: str) -> IncidentStatus:
    for status in IncidentStatus:
        if status.lower() == sent.lower():
            return status
    raise Invalid.values({"state": [str(status) for status in IncidentStatus]})


def opening(input: CreateIncident, team_id: int, caller: str) -> Opening:
    """The incident that a caller reports. Raises Invalid, with every wrong field at once."""
    errors: dict[str, list[str]] = {}
    name, summary, email = input.name or "", input.summary or "", input.requester_email or None
    for field, text, most in (
        ("name", name, MAX_NAME_CHARACTERS),
        ("summary", summary, MAX_SUMMARY_CHARACTERS),
        ("requester_email", email or "", MAX_EMAIL_CHARACTERS),
    ):
        if len(text) > most:
            errors[field] = [f"is too long (maximum is {most} characters)"]
    if email is not None and not re.fullmatch(r"[^\s@]+@[^\s@]+", email):
        errors.setdefault("requester_email", []).append("is not an e-mail address")
    wait = input.team_wait
    if isinstance(wait, int) and not 0 <= wait <= MAX_WAIT_SECONDS:
        errors["team_wait"] = [f"must be between 0 and {MAX_WAIT_SECONDS} seconds"]
    policy_id = _policy(input.policy_id, errors)
    if errors:
        raise Invalid.of(errors)
    switches = {
        field: on
        for field in ("call", "sms", "email", "push", "critical_alert")
        if isinstance(on := getattr(input, field), bool)
    }
    return Opening(
        team_id=team_id,
        owner_type=None,
        owner_id=None,
        kind=Kind.MANUAL,
        name=name.strip() or _first_line(summary) or DEFAULT_NAME,
        cause=summary.strip() or name.strip() or f"Reported by {email or caller}",
        paging=Paging(**switches, team_wait=wait if isinstance(wait, int) else None, policy_id=policy_id),
        confirmed=True,
        requester_email=email,
    )


def _policy(sent: str | int | UnsetType | None, errors: dict[str, list[str]]) -> int | None:
    """The policy's id. One that we do not know is no reason to page nobody: the plan then alerts the whole team."""
    if isinstance(sent, UnsetType) or sent is None or sent == "":
        return None
    try:
        id = int(sent)
    except ValueError:
        id = 0
    if not 0 < id <= MAX_ID:
        errors["policy_id"] = ["is not the id of a policy"]
        return None
    return id


def escalation_target(tx: Tx, input: Escalate, incident: Incident, team_ids: tuple[int, ...] | None) -> tuple[str, int]:
    """(one of `ESCALATION_TYPES`, id) of whom to page; 0 for the organization. Raises Invalid: missing or unknown."""
    if input.escalation_type == "User":
        if not input.user_id and not input.user_email:
            raise Invalid.missing(["user_email", "user_id"])
        return "User", _user(tx, input, incident, team_ids)
    if input.escalation_type == "Team":
        if not input.team_id and not input.team_name:
            raise Invalid.missing(["team_name", "team_id"])
        return "Team", _team(tx, input, team_ids)
    if input.escalation_type == "Schedule":
        return "Schedule", _owned(input.schedule_id, "schedule_id", partial(oncall.team_of, tx), incident, team_ids)
    if input.escalation_type == "Policy":
        return "Policy", _owned(input.policy_id, "policy_id", partial(policies.team_of, tx), incident, team_ids)
    if input.escalation_type == "Organization":
        return "Organization", 0
    raise Invalid.values({"escalation_type": list(ESCALATION_TYPES)})


def _owned(
    sent: int | UnsetType | None,
    field: str,
    team_of: Callable[[int], int | None],
    incident: Incident,
    team_ids: tuple[int, ...] | None,
) -> int:
    """The id of something of the incident's team, or of another one that the caller can see."""
    if not isinstance(sent, int):
        raise Invalid.missing([field])
    owner = team_of(sent)
    if owner is None or (team_ids is not None and owner != incident.team_id and owner not in team_ids):
        raise Invalid.of({field: ["doesn't exist"]})
    return sent


def _user(tx: Tx, input: Escalate, incident: Incident, team_ids: tuple[int, ...] | None) -> int:
    """A member of the incident's team or of another one that the caller can see."""
    field = "user_id" if input.user_id else "user_email"
    try:
        found: User | None = (
            accounts.user(tx, input.user_id)
            if isinstance(input.user_id, int)
            else accounts.user_by_email(tx, str(input.user_email))
        )
    except NotFound:
        found = None
    if found is not None:
        theirs = accounts.team_ids_of(tx, found.id)
        if team_ids is None or incident.team_id in theirs or set(theirs) & set(team_ids):
            return found.id
    raise Invalid.of({field: ["doesn't exist"]})


def _team(tx: Tx, input: Escalate, team_ids: tuple[int, ...] | None) -> int:
    field = "team_id" if input.team_id else "team_name"
    try:
        found = (
            accounts.team(tx, input.team_id)
            if isinstance(input.team_id, int)
            else accounts.team_by_name(tx, str(input.team_name))
        )
    except NotFound:
        found = None
    if found is None or (team_ids is not None and found.id not in team_ids):
        raise Invalid.of({field: ["doesn't exist"]})
    return found.id


def _instant(field: str, text: str, *, end: bool = False) -> datetime:
    """A day or an instant; the end of a range is inclusive, so it is the first instant after what was named."""
    try:
        found = datetime.fromisoformat(text.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if end:
            whole_day = re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()) is not None
            found += timedelta(days=1) if whole_day else timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise Invalid.of({field: ["is not a date, use YYYY-MM-DD"]}) from None
    return found


def _nested(query: dict[str, list[str]]) -> dict[str, Any]:
    """`metadata[Key][][value]=v` and its like as `{"Key": [{"value": "v"}, …]}` (contract part 2, 1.2)."""
    columns: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for name, texts in query.items():
        found = _NESTED.fullmatch(name)
        if found is not None:
            columns[found[1]].setdefault(found[2] or "value", []).extend(texts)
    facts: dict[str, Any] = {}
    for key, attributes in columns.items():
        rows = range(max(len(texts) for texts in attributes.values()))
        facts[key] = [
            {attribute: texts[row] for attribute, texts in attributes.items() if row < len(texts)} for row in rows
        ]
    return facts


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:MAX_NAME_CHARACTERS] if lines else ""
