"""Says who would notice if a policy were changed or taken away: what is paged by it, and which policies lead to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tocsin.escalation.actions.policies import MAX_PER_TEAM
from tocsin.escalation.model.forecast import Use
from tocsin.escalation.model.policies import MemberType, Policy
from tocsin.escalation.store import policies as shelf
from tocsin.storage import Tx

Source = Callable[[Tx, int], Iterable[tuple[int, Use]]]
"""(tx, team id) to (policy id, who uses it) from one concept; runtime puts them together."""


def uses(tx: Tx, team_id: int) -> Iterator[tuple[int, Use]]:
    """(policy id, which policy) for every policy of a team that chains to, branches to or falls back on another."""
    policies: list[Policy] = shelf.page(tx, "policy", team_ids=(team_id,), page=1, per_page=MAX_PER_TEAM)[0]
    for policy in policies:
        for id in sorted(_named(policy) - {policy.id}):
            yield id, Use("policy", policy.id, policy.name)


def by_policy(
    tx: Tx, team_ids: Sequence[int], wanted: Sequence[int], sources: Sequence[Source]
) -> dict[int, list[Use]]:  # fmt: skip
    """Who uses each of the wanted policies; one that nobody uses has an empty list."""
    found: dict[int, list[Use]] = {id: [] for id in wanted}
    for team_id in team_ids:
        for source in sources:
            for id, use in source(tx, team_id):
                if id in found:
                    found[id].append(use)
    return found


def _named(policy: Policy) -> set[int]:
    ids = {policy.fallback_policy_id} | {step.policy_id for step in policy.steps}
    ids |= {member.id for step in policy.steps for member in step.step_members if member.type is MemberType.POLICY}
    return {id for id in ids if id is not None}
