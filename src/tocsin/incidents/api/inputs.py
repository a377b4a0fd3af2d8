"""What callers may send about incidents, field by field, in the wire's words (contract part 2, 1.2 to 1.8)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class ById(msgspec.Struct, frozen=True, kw_only=True):
    """Names one incident."""

    id: int


class ListIncidents(msgspec.Struct, frozen=True, kw_only=True):
    """Filters and page of the list; metadata filters are nested and read from `query`.

    The contract's come first; `q`, `state`, `cause`, `critical_alert` and `mine` are ours.
    """

    from_: str | UnsetType = msgspec.field(default=UNSET, name="from")
    to: str | UnsetType = UNSET
    monitor_id: int | UnsetType = UNSET
    heartbeat_id: int | UnsetType = UNSET
    resolved: bool | UnsetType = UNSET
    acknowledged: bool | UnsetType = UNSET
    q: str | UnsetType = UNSET
    """Words that must all be found in name, cause or address; large and small letters are the same."""
    state: str | UnsetType = UNSET
    """One of the wire's five statuses, e.g. `Validating`."""
    cause: str | UnsetType = UNSET
    """The whole of it."""
    critical_alert: bool | UnsetType = UNSET
    mine: bool | UnsetType = UNSET
    """Those that the caller was paged about or has acknowledged; with false, the others."""
    page: int = 1
    per_page: int = 10
    query: dict[str, list[str]] = {}


class CreateIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident reported by a person or a program; nothing of it is required."""

    requester_email: str | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    summary: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    call: bool | UnsetType | None = UNSET
    sms: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET
    critical_alert: bool | UnsetType | None = UNSET
    team_wait: int | UnsetType | None = UNSET
    policy_id: str | int | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET


class Acknowledge(ById, frozen=True, kw_only=True):
    """Who takes it on: a member's e-mail address or any name; the caller when nothing is sent."""

    acknowledged_by: str | UnsetType | None = UNSET


class Resolve(ById, frozen=True, kw_only=True):
    """Who ends it: a member's e-mail address or any name; the caller when nothing is sent."""

    resolved_by: str | UnsetType | None = UNSET


class Reopen(ById, frozen=True, kw_only=True):
    """Who reopens it: a member's e-mail address or any name; the caller when nothing is sent."""

    reopened_by: str | UnsetType | None = UNSET


class Escalate(ById, frozen=True, kw_only=True):
    """Whom to call for help, and by which channels when not by the incident's own."""

    escalation_type: str
    user_email: str | UnsetType | None = UNSET
    user_id: int | UnsetType | None = UNSET
    team_name: str | UnsetType | None = UNSET
    team_id: int | UnsetType | None = UNSET
    schedule_id: int | UnsetType | None = UNSET
    policy_id: int | UnsetType | None = UNSET
    call: bool | UnsetType | None = UNSET
    sms: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET
    critical_alert: bool | UnsetType | None = UNSET


class ListChildren(ById, frozen=True, kw_only=True):
    """Which page of an incident's children."""

    page: int = 1
    per_page: int = 10


class Merge(ById, frozen=True, kw_only=True):
    """Open incidents of the same team that are consequences of this one."""

    incident_ids: list[int]


class CommentById(ById, frozen=True, kw_only=True):
    """Names one comment of an incident."""

    comment_id: int


class CreateComment(ById, frozen=True, kw_only=True):
    """A new comment, in Markdown."""

    content: str


class UpdateComment(CommentById, frozen=True, kw_only=True):
    """A comment's new text."""

    content: str | UnsetType = UNSET
