"""Makes the plan of an incident from the policies as they stand, so that a later edit changes no page in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.escalation import rules
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging, Plan, Script
from tocsin.escalation.model.policies import Policy
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata, OwnerType
from tocsin.storage import Tx

log = structlog.get_logger()

MAX_POLICIES = 50
"""Policies that one plan can lead to: more than anybody can oversee, few enough to be read when an incident opens."""


def plan(tx: Tx, team_id: int, paging: Paging, facts: Metadata, draft: Policy | None = None) -> Plan:
    """What happens about an incident of a team if nobody answers; without a usable policy the whole team is alerted.

    A policy of another team is none: nobody can have somebody else's people called by its number. `draft`: a policy
    that is not saved (yet), taken in place of the one that has its id.
    """
    if paging.policy_id is None:
        return rules.plan_of(paging)
    stamped = Plan(scripts={}, root=paging.policy_id, otherwise=rules.otherwise(paging))
    try:
        stamped = _added(tx, stamped, [paging.policy_id], team_id, draft)
        stamped = completed(tx, stamped, facts)
    except DBAPIError:
        raise
    except Exception:  # whatever is wrong with a policy of ours, the page goes out
        log.exception("a policy could not be read, the whole team is alerted", policy_id=paging.policy_id)
        return rules.everybody(paging.policy_id)
    return _audible(stamped)


def completed(tx: Tx, plan: Plan, facts: Metadata) -> Plan:
    """The same plan with the policies that the incident names under the keys by which the plan goes on.

    Only those of the plan's own team: what a policy itself names was looked at when it was written.
    """
    root = plan.scripts.get(plan.root)
    for _ in range(MAX_POLICIES):
        named = {id for key in rules.keys(plan) for id in rules.policies_under(key, facts)} - plan.scripts.keys()
        more = _readable(tx, plan, sorted(named), None if root is None else root.team_id)
        if more.scripts.keys() == plan.scripts.keys():
            break
        plan = more
    return plan


def facts_of(tx: Tx, incident_id: int, plan: Plan | None) -> Metadata:
    """What the incident says, as far as the plan can ask for it; `plan` None = all of it."""
    if plan is not None and not rules.keys(plan):
        return {}
    return metadata.of(tx, OwnerType.INCIDENT, [incident_id])[incident_id]


def _readable(tx: Tx, plan: Plan, wanted: Sequence[int], team_id: int | None) -> Plan:
    """The plan with these policies; as it is when one of them cannot be read through a fault of ours."""
    try:
        return _added(tx, plan, wanted, team_id)
    except DBAPIError:
        raise
    except Exception:
        log.exception("a policy that an incident names could not be read, so it counts as gone", policy_ids=wanted)
        return plan


def _audible(plan: Plan) -> Plan:
    """The plan with a note when it alerts nobody because its policies have no steps; the whole team in place of one
    that is gone, be it the first or one to which empty ones fall back."""
    id: int | None = plan.root
    way: list[int] = []
    while id is not None and id not in way:
        way.append(id)
        script = plan.scripts.get(id)
        if script is None:
            return rules.everybody(id)
        if script.steps:
            return plan
        id = script.fallback_policy_id
    have = "has no steps: it collects, and alerts" if len(way) == 1 else "and its fallbacks have no steps: they alert"
    name = rules.named(plan, plan.root)
    note = f"{name[0].upper()}{name[1:]} {have} nobody."
    return msgspec.structs.replace(plan, note=note)


def _added(tx: Tx, plan: Plan, wanted: Iterable[int], team_id: int | None, draft: Policy | None = None) -> Plan:
    """The plan with these policies, if they are the team's, and all to which they lead, as far as there is room."""
    named = set(wanted)
    scripts: dict[int, Script] = dict(plan.scripts)
    queue = deque(sorted(named))
    looked_up = set(scripts)
    while queue and len(scripts) < MAX_POLICIES:
        id = queue.popleft()
        if id in looked_up:
            continue
        looked_up.add(id)
        policy = draft if draft is not None and draft.id == id else policies.find(tx, id)
        if policy is None or (id in named and policy.team_id != team_id):
            continue
        urgencies = {
            step.urgency_id: found
            for step in policy.steps
            if step.urgency_id is not None and (found := policies.urgency(tx, step.urgency_id)) is not None
        }
        scripts[id] = rules.script_of(policy, urgencies, plan.otherwise)
        queue.extend(rules.leads_to(scripts[id]))
    return msgspec.structs.replace(plan, scripts=scripts)
