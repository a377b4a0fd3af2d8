"""Says who the caller is here, what they may do, and how much of people's attention is left to them."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.agents.api.agents import GrantAttributes, render_grant
from tocsin.gateway.identity import Actor
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Route
from tocsin.storage import Tx


class NoArguments(msgspec.Struct, kw_only=True):
    """Nothing is asked for."""


class Whoami(msgspec.Struct, kw_only=True):
    """A caller as the door knows it."""

    kind: str
    """agent, token, global_token or person."""
    name: str
    team: str | None
    """null = every team."""
    owner: str | None
    purpose: str | None
    suspended_at: str | None
    grants: list[GrantAttributes] | None
    """An agent's grants that count at this moment; null = not an agent: everything within the team."""
    budgets_left: dict[str, int | None] | None
    """Until a person is asked: pages within the hour, night calls and subscriber mails within the day."""
    requests_per_minute: int | None
    acknowledgement_lease_seconds: int | None
    drafts_only: bool


def _whoami(tx: Tx, call: Call, input: NoArguments) -> Whoami:
    actor = call.actor
    assert isinstance(actor, Actor)
    agent = actor.agent
    team_id = actor.team_ids[0] if actor.team_ids and len(actor.team_ids) == 1 else None
    return Whoami(
        kind=actor.kind,
        name=actor.name if agent is None else agent.name,
        team=None if team_id is None else accounts.team(tx, team_id).name,
        owner=None if agent is None else accounts.user(tx, agent.owner_id).name,
        purpose=None if agent is None else agent.purpose,
        suspended_at=None if agent is None or agent.suspended_at is None else to_wire(agent.suspended_at),
        grants=None if agent is None else [render_grant(grant) for grant in agent.grants],
        budgets_left=None if agent is None else agents.remaining(tx, agent),
        requests_per_minute=None if agent is None else agent.budgets.requests_per_minute,
        acknowledgement_lease_seconds=None if agent is None else agent.acknowledgement_lease_seconds,
        drafts_only=agent is not None and agent.drafts_only,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="whoami.get", tool_name="whoami", routes=(Route("GET", "/api/v2/whoami"),), area="agents", level="read",
        self_service=True, input=NoArguments, handler=_whoami, answer="flat", flat=Whoami,
        doc="See who you are here, what you may do, what needs a person's approval and which budgets are left.",
        deed="asked who it is",
    ),
)  # fmt: skip
