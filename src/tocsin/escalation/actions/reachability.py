"""Looks for what would cost somebody a page one day: steps that call nobody, people who left, policies gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tocsin.accounts import actions as accounts
from tocsin.contacts.model import Shortcoming
from tocsin.escalation.actions.policies import CHANNELS, MAX_PER_TEAM, PLACES
from tocsin.escalation.model.policies import MemberType, Policy, PolicyStep, StepMember, StepType
from tocsin.escalation.store import policies as shelf
from tocsin.notify.actions import targets as places
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx

Source = Callable[[Tx, int], Sequence[Shortcoming]]
"""(tx, team id) to what one concept has to say; runtime.wiring puts them together."""


def everything(tx: Tx, team_ids: Sequence[int], sources: Sequence[Source]) -> list[tuple[int, Shortcoming]]:
    """(team id, shortcoming) of these teams, what weighs most first: who is on call, then whom steps call."""
    return [(team_id, found) for team_id in team_ids for source in sources for found in source(tx, team_id)]


def warnings(tx: Tx, team_id: int) -> list[Shortcoming]:
    """What is wrong with a team's policies."""
    policies: list[Policy] = shelf.page(tx, "policy", team_ids=(team_id,), page=1, per_page=MAX_PER_TEAM)[0]
    known = _Known(tx, policies)
    return [
        Shortcoming(code, f"{policy.name}: {sentence}", "policy", policy.id)
        for policy in policies
        for code, sentence in _of_policy(policy, known)
    ]


class _Known:
    """What the steps of a team's policies name, as far as it exists."""

    def __init__(self, tx: Tx, policies: Sequence[Policy]) -> None:
        steps = [step for policy in policies for step in policy.steps]
        members = [member for step in steps for member in step.step_members]
        named = {step.policy_id for step in steps} | {policy.fallback_policy_id for policy in policies}
        named |= {member.id for member in members if member.type is MemberType.POLICY}
        self.policies = {policy.id for policy in policies}
        self.policies |= {each.id for each in shelf.several(tx, "policy", {id for id in named if id is not None})}
        urgencies = {step.urgency_id for step in steps if step.urgency_id is not None}
        self.urgencies = {each.id: each for each in shelf.several(tx, "urgency", urgencies)}
        people = {member.id for member in members if member.type is MemberType.USER and member.id is not None}
        self.absent = {id for id in people if not accounts.team_ids_of(tx, id)}
        named_things = {(member.type, member.id) for member in members if member.id is not None}
        self.gone = {
            (type, id)
            for type, id in named_things
            if (type in PLACES and places.team_of(tx, id) is None)
            or (type is MemberType.CURRENT_ON_CALL and oncall.team_of(tx, id) is None)
        }


def _of_policy(policy: Policy, known: _Known) -> list[tuple[str, str]]:
    found = []
    if policy.fallback_policy_id is not None and policy.fallback_policy_id not in known.policies:
        found.append(("policy_gone", f"its fallback, policy {policy.fallback_policy_id}, is gone."))
    for number, step in enumerate(policy.steps, start=1):
        found += [(code, f"step {number} {sentence}") for code, sentence in _of_step(step, known)]
    return found


def _of_step(step: PolicyStep, known: _Known) -> list[tuple[str, str]]:
    found = []
    if step.policy_id is not None and step.policy_id not in known.policies:
        found.append(("policy_gone", f"leads to policy {step.policy_id}, which is gone."))
    if step.type is not StepType.ESCALATION:
        return found
    if not step.step_members:
        found.append(("empty_step", "calls nobody, so the whole team is alerted when it comes."))
    if step.urgency_id is not None:
        urgency = known.urgencies.get(step.urgency_id)
        if urgency is None:
            found.append(("urgency_gone", f"names severity {step.urgency_id}, which is gone."))
        elif not any(getattr(urgency, channel) for channel in CHANNELS):
            found.append(("no_channel", f"has the severity {urgency.name}, which has no channel switched on."))
    return found + [remark for member in step.step_members if (remark := _of_member(member, known)) is not None]


def _of_member(member: StepMember, known: _Known) -> tuple[str, str] | None:
    if member.type is MemberType.POLICY and member.id not in known.policies:
        return "policy_gone", f"calls policy {member.id}, which is gone."
    if (member.type, member.id) in known.gone:
        return "member_gone", f"calls {member.type} {member.id}, which is gone."
    if member.type is MemberType.USER and member.id in known.absent:
        return "member_left", f"calls person {member.id}, who is in no team any more."
    return None
