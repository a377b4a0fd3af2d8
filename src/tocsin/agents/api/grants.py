"""The operations on grants: more for a while, or while an incident is open, and taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.agents import actions
from tocsin.agents.api.agents import AREA, GrantAttributes, render_grant
from tocsin.agents.model import Grant
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx

_ALL = "/api/v2/agents/{agent_id}/grants"


class GrantFields(msgspec.Struct, kw_only=True):
    """What may be sent about a grant."""

    levels: dict[str, str] | UnsetType = UNSET
    """By area: read, write or full. One grant must give both the level and the switch that a call needs."""
    switches: dict[str, str] | UnsetType = UNSET
    """By risky act: ask or on."""
    monitor_ids: list[int] | UnsetType | None = UNSET
    monitor_group_ids: list[int] | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    """Until when, e.g. `2026-12-01T12:00:00Z`; null = until it is removed."""
    incident_id: int | UnsetType | None = UNSET
    """Only while this incident is open."""
    reason: str | UnsetType | None = UNSET


class CreateGrant(GrantFields, kw_only=True):
    """A grant beside those that the agent has."""

    agent_id: int


class OneGrant(msgspec.Struct, kw_only=True):
    agent_id: int
    id: int


class ListGrants(msgspec.Struct, kw_only=True):
    agent_id: int
    page: int = 1
    per_page: int = 50


GRANT = Resource(
    type="agent_grant", attributes=GrantAttributes, render=render_grant, doc="Something that an agent may do."
)


def aware(sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, with an instant that names no zone read as UTC."""
    from datetime import UTC

    at = sent.get("expires_at")
    return sent if at is None or at.tzinfo is not None else {**sent, "expires_at": at.replace(tzinfo=UTC)}


def _list(tx: Tx, call: Call, input: ListGrants) -> Page[Grant]:
    grants = actions.find(tx, input.agent_id, call.team_ids).grants
    start = (input.page - 1) * input.per_page
    chosen = grants[start : start + input.per_page]
    return Page(items=chosen, total=len(grants), page=input.page, per_page=input.per_page)


def _create(tx: Tx, call: Call, input: CreateGrant) -> Grant:
    sent = aware(given(input, GrantFields))
    return actions.add_grant(tx, input.agent_id, call.team_ids, sent, by=call.actor.name)


def _delete(tx: Tx, call: Call, input: OneGrant) -> None:
    actions.remove_grant(tx, input.agent_id, input.id, call.team_ids)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="agent_grants.list", routes=(Route("GET", _ALL),), area=AREA, level="read", people_only=True,
        input=ListGrants, handler=_list, resource=GRANT, answer="list", scope=Scope.RECORD,
        doc="List what an agent is granted.", deed="listed what an agent is granted",
    ),
    Operation(
        name="agent_grants.create", routes=(Route("POST", _ALL),), area=AREA, level="write", people_only=True,
        input=CreateGrant, handler=_create, resource=GRANT, event="agent.granted",
        doc="Grant an agent something more, for a while or while an incident is open.",
        deed="granted an agent something",
    ),
    Operation(
        name="agent_grants.delete", routes=(Route("DELETE", _ALL + "/{id}"),), area=AREA, level="full",
        people_only=True, input=OneGrant, handler=_delete, answer="none", resource=GRANT, event="agent.grant_removed",
        doc="Take back what an agent was granted.", deed="took back what an agent was granted",
    ),
)  # fmt: skip
