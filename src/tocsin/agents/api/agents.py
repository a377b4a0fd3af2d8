"""The operations on agents: only people have them, no agent can be granted any."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.agents import actions
from tocsin.agents.model import Agent, AgentShown, Grant
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx

AREA = "agents"
_ALL = "/api/v2/agents"
_ONE = _ALL + "/{id}"


class GrantAttributes(msgspec.Struct, kw_only=True):
    """What an agent may do, where, and until when. One grant must allow a call by itself."""

    levels: dict[str, str]
    """By area: read, write or full; what is not named is off."""
    switches: dict[str, str]
    """By risky act: on or ask; what is not named is off."""
    monitor_ids: list[int]
    """Good for these monitors and what is about them; with all three of these empty, for everything."""
    monitor_group_ids: list[int]
    metadata: dict[str, str]
    expires_at: str | None
    incident_id: int | None
    """Good while this incident is open."""
    reason: str | None
    granted_by: str
    base: bool
    """The grant that the agent itself is made with and changed by."""
    created_at: str | None


class AgentAttributes(msgspec.Struct, kw_only=True):
    """A program with an identity of its own, owned by a person."""

    team_id: int
    owner_id: int
    owner_name: str | None
    owner_left: bool
    """Whether its owner is in the team no more: then it does nothing until somebody takes it over."""
    name: str
    purpose: str | None
    levels: dict[str, str]
    """Of its base grant, as are the next four."""
    switches: dict[str, str]
    monitor_ids: list[int]
    monitor_group_ids: list[int]
    metadata: dict[str, str]
    grants: int
    """How many grants it has, with the base grant."""
    pages_per_hour: int | None
    night_calls_per_day: int | None
    subscriber_mails_per_day: int | None
    requests_per_minute: int
    acknowledgement_lease_seconds: int | None
    drafts_only: bool
    suspended_at: str | None
    suspended_by: str | None
    tokens: int
    """With which it can come at this moment."""
    last_seen_at: str | None
    """When one of them was used last, to about five minutes."""
    waiting: int
    """Questions of its that wait for a person."""
    budgets_left: dict[str, int | None]
    """`page` within the hour, `night_call` and `subscriber_mail` within the day, until a person is asked."""
    created_at: str


class AgentFields(msgspec.Struct, kw_only=True):
    """What may be sent about an agent."""

    name: str | UnsetType = UNSET
    purpose: str | UnsetType | None = UNSET
    owner_email: str | UnsetType = UNSET
    """A member of the team, who answers for it and is asked first; without one, whoever makes it."""
    levels: dict[str, str] | UnsetType = UNSET
    """By area (monitors, monitor_groups, heartbeats, incidents, on_call, policies, status_pages, metadata,
    integrations, webhooks, team, telemetry): off, read, write or full."""
    switches: dict[str, str] | UnsetType = UNSET
    """By risky act (acknowledge, resolve, page, publish, notify, delete): off, ask or on."""
    monitor_ids: list[int] | UnsetType | None = UNSET
    monitor_group_ids: list[int] | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    pages_per_hour: int | UnsetType | None = UNSET
    """People whom it may page by itself; beyond it a person is asked; null = without bound. So are the next two."""
    night_calls_per_day: int | UnsetType | None = UNSET
    subscriber_mails_per_day: int | UnsetType | None = UNSET
    requests_per_minute: int | UnsetType = UNSET
    acknowledgement_lease_seconds: int | UnsetType | None = UNSET
    """After it acknowledged, a person must confirm within this time, else people are paged again; null = never."""
    drafts_only: bool | UnsetType = UNSET
    """What it writes for status pages waits as a draft until a person publishes it."""


class CreateAgent(AgentFields, kw_only=True):
    """An agent to be; what is not granted is denied."""

    team_name: str | None = None
    """The team; required from a global token."""


class UpdateAgent(AgentFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OneAgent(msgspec.Struct, kw_only=True):
    id: int


class ListAgents(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


class AllAgents(msgspec.Struct, kw_only=True):
    """Without a team: all that the caller may see."""

    team_name: str | None = None


class Stopped(msgspec.Struct, kw_only=True):
    """How many agents were stopped by it."""

    suspended: int


class Resumed(msgspec.Struct, kw_only=True):
    """How many agents go on."""

    resumed: int


def render_grant(grant: Grant) -> GrantAttributes:
    """A grant as it goes over the wire."""
    return GrantAttributes(
        levels={area: level.value for area, level in grant.levels.items()},
        switches={act: setting.value for act, setting in grant.switches.items()},
        monitor_ids=list(grant.monitor_ids),
        monitor_group_ids=list(grant.monitor_group_ids),
        metadata=dict(grant.metadata),
        expires_at=None if grant.expires_at is None else to_wire(grant.expires_at),
        incident_id=grant.incident_id,
        reason=grant.reason,
        granted_by=grant.granted_by,
        base=grant.base,
        created_at=None if grant.created_at is None else to_wire(grant.created_at),
    )


def _render(agent: AgentShown) -> AgentAttributes:
    base = render_grant(next((grant for grant in agent.grants if grant.base), Grant()))
    return AgentAttributes(
        team_id=agent.team_id,
        owner_id=agent.owner_id,
        owner_name=agent.owner_name,
        owner_left=agent.owner_left,
        name=agent.name,
        purpose=agent.purpose,
        levels=base.levels,
        switches=base.switches,
        monitor_ids=base.monitor_ids,
        monitor_group_ids=base.monitor_group_ids,
        metadata=base.metadata,
        grants=len(agent.grants),
        pages_per_hour=agent.budgets.pages_per_hour,
        night_calls_per_day=agent.budgets.night_calls_per_day,
        subscriber_mails_per_day=agent.budgets.subscriber_mails_per_day,
        requests_per_minute=agent.budgets.requests_per_minute,
        acknowledgement_lease_seconds=agent.acknowledgement_lease_seconds,
        drafts_only=agent.drafts_only,
        suspended_at=None if agent.suspended_at is None else to_wire(agent.suspended_at),
        suspended_by=agent.suspended_by,
        tokens=agent.tokens,
        last_seen_at=None if agent.last_seen_at is None else to_wire(agent.last_seen_at),
        waiting=agent.waiting,
        budgets_left=dict(agent.left),
        created_at=to_wire(agent.created_at),
    )


AGENT = Resource(
    type="agent",
    attributes=AgentAttributes,
    render=_render,
    doc="A program that acts with an identity and grants of its own.",
)


def _list(tx: Tx, call: Call, input: ListAgents) -> Page[AgentShown]:
    found, total = actions.list_agents(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(items=actions.shown(tx, found), total=total, page=input.page, per_page=input.per_page)


def _get(tx: Tx, call: Call, input: OneAgent) -> AgentShown:
    return _shown(tx, actions.find(tx, input.id, call.team_ids))


def _create(tx: Tx, call: Call, input: CreateAgent) -> AgentShown:
    assert call.team_id is not None
    sent = given(input, AgentFields)
    made = actions.create(tx, call.team_id, sent, granted_by=call.actor.name, owner_id=call.actor.user_id)
    return _shown(tx, made)


def _update(tx: Tx, call: Call, input: UpdateAgent) -> AgentShown:
    return _shown(tx, actions.update(tx, input.id, call.team_ids, given(input, AgentFields), by=call.actor.name))


def _delete(tx: Tx, call: Call, input: OneAgent) -> None:
    actions.remove(tx, input.id, call.team_ids)


def _suspend(tx: Tx, call: Call, input: OneAgent) -> AgentShown:
    return _shown(tx, actions.suspend(tx, input.id, call.team_ids, by=call.actor.name))


def _resume(tx: Tx, call: Call, input: OneAgent) -> AgentShown:
    return _shown(tx, actions.resume(tx, input.id, call.team_ids))


def _suspend_all(tx: Tx, call: Call, input: AllAgents) -> Stopped:
    return Stopped(suspended=actions.suspend_all(tx, _teams(call), by=call.actor.name))


def _resume_all(tx: Tx, call: Call, input: AllAgents) -> Resumed:
    return Resumed(resumed=actions.resume_all(tx, _teams(call)))


def _teams(call: Call) -> tuple[int, ...] | None:
    return call.team_ids if call.team_id is None else (call.team_id,)


def _shown(tx: Tx, agent: Agent) -> AgentShown:
    return actions.shown(tx, [agent])[0]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="agents.list", routes=(Route("GET", _ALL),), area=AREA, level="read", people_only=True, input=ListAgents,
        handler=_list, resource=AGENT, answer="list", scope=Scope.LIST, doc="List agents.", deed="listed agents",
    ),
    Operation(
        name="agents.get", routes=(Route("GET", _ONE),), area=AREA, level="read", people_only=True, input=OneAgent,
        handler=_get, resource=AGENT, doc="Show an agent.", deed="looked at an agent",
    ),
    Operation(
        name="agents.create", routes=(Route("POST", _ALL),), area=AREA, level="write", people_only=True,
        input=CreateAgent, handler=_create, resource=AGENT, scope=Scope.CREATE, event="agent.created",
        doc="Make an agent; what is not granted is denied. Its tokens are made for themselves.", deed="made an agent",
    ),
    Operation(
        name="agents.update", routes=(Route("PATCH", _ONE),), area=AREA, level="write", people_only=True,
        input=UpdateAgent, handler=_update, resource=AGENT, event="agent.updated",
        doc="Change an agent, its budgets or its base grant; it holds from the next call on.", deed="changed an agent",
    ),
    Operation(
        name="agents.delete", routes=(Route("DELETE", _ONE),), area=AREA, level="full", people_only=True,
        input=OneAgent, handler=_delete, answer="none", resource=AGENT, event="agent.removed",
        doc="End an agent and all its tokens at once; its name stays on record.", deed="removed an agent",
    ),
    Operation(
        name="agents.suspend", routes=(Route("POST", _ONE + "/suspend"),), area=AREA, level="write", people_only=True,
        input=OneAgent, handler=_suspend, resource=AGENT, event="agent.suspended",
        doc="Stop an agent: from now on it may do nothing, until it is resumed.", deed="suspended an agent",
    ),
    Operation(
        name="agents.resume", routes=(Route("POST", _ONE + "/resume"),), area=AREA, level="write", people_only=True,
        input=OneAgent, handler=_resume, resource=AGENT, event="agent.resumed",
        doc="Let a suspended agent go on.", deed="resumed an agent",
    ),
    Operation(
        name="agents.suspend_all", routes=(Route("POST", _ALL + "/suspend"),), area=AREA, level="write",
        people_only=True, input=AllAgents, handler=_suspend_all, answer="flat", flat=Stopped, statuses=(200,),
        scope=Scope.LIST, event="agent.suspended", doc="Stop every agent of the team at once: the kill switch.",
        deed="suspended all agents",
    ),
    Operation(
        name="agents.resume_all", routes=(Route("POST", _ALL + "/resume"),), area=AREA, level="write",
        people_only=True, input=AllAgents, handler=_resume_all, answer="flat", flat=Resumed, statuses=(200,),
        scope=Scope.LIST, event="agent.resumed",
        doc="Let every suspended agent of the team go on, whoever suspended it.", deed="resumed all agents",
    ),
)  # fmt: skip
