"""Who uses which policy: asked before one is changed or deleted (ours, beyond the contract)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation.actions import policies
from tocsin.escalation.actions import uses as using
from tocsin.escalation.actions.policies import MAX_PER_TEAM
from tocsin.escalation.model.forecast import Use
from tocsin.registry import Call, Operation, Route, Scope
from tocsin.storage import Tx

MAX_NAMED = 50
"""Things that are named of one policy; the counts beside them are of all."""


class ListUses(msgspec.Struct, kw_only=True):
    """Which policies are meant."""

    policy_id: int | None = None
    """This one alone; all of the team's when it is not said."""


class UseShown(msgspec.Struct, kw_only=True):
    """One thing that is paged by a policy, or a policy that leads to it."""

    resource_type: str
    """`monitor`, `heartbeat`, `integration` or `policy`."""
    resource_id: str
    name: str


class PolicyUses(msgspec.Struct, kw_only=True):
    """Who uses one policy."""

    policy_id: str
    total: int
    counts: dict[str, int]
    """How many, by type."""
    uses: list[UseShown]
    """The first of them by name."""


class UsesShown(msgspec.Struct, kw_only=True):
    """Who uses which policy."""

    policies: list[PolicyUses]


def operations(sources: Sequence[using.Source]) -> tuple[Operation, ...]:
    """`sources`: what each concept knows of its own; from runtime."""

    def handler(tx: Tx, call: Call, input: ListUses) -> UsesShown:
        if input.policy_id is None:
            found, _ = policies.page(tx, "policy", call.team_ids, page=1, per_page=MAX_PER_TEAM)
        else:
            found = [policies.get_policy(tx, input.policy_id, call.team_ids)]
        # Whoever may name another team's policy may use it: every team that the caller sees is looked at.
        teams = [team.id for team in accounts.all_teams(tx)] if call.team_ids is None else list(call.team_ids)
        by_policy = using.by_policy(tx, teams, [policy.id for policy in found], sources)
        return UsesShown(policies=[_shown(id, uses) for id, uses in by_policy.items()])

    return (
        Operation(
            name="policies.uses", upstream="not_there", tool_name="escalation_policy_uses",
            routes=(Route("GET", "/api/v3/policies/uses"),), area="policies", level="read",
            input=ListUses, handler=handler, answer="flat", flat=UsesShown, scope=Scope.LIST, not_found=True,
            doc="Say what is paged by each escalation policy, and which policies lead to it.",
            deed="looked at what uses an escalation policy",
        ),
    )  # fmt: skip


def _shown(policy_id: int, uses: Sequence[Use]) -> PolicyUses:
    named = sorted(uses, key=lambda use: (use.resource_type, use.name.casefold(), use.resource_id))[:MAX_NAMED]
    return PolicyUses(
        policy_id=str(policy_id),
        total=len(uses),
        counts=dict(sorted(Counter(use.resource_type for use in uses).items())),
        uses=[
            UseShown(resource_type=use.resource_type, resource_id=str(use.resource_id), name=use.name) for use in named
        ],
    )
