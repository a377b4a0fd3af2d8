"""May they? Always answered with a reason, for yes and for no."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tocsin.agents import rules as grants
from tocsin.agents.model import About, Agent, Level, Need, Setting
from tocsin.gateway import roles
from tocsin.gateway.identity import INVITED, PUBLIC_PAGE, SUBSCRIPTION_LINK, Actor
from tocsin.kernel.errors import Refused
from tocsin.registry import Operation

_BY_TOKEN = frozenset({"token", "global_token", "agent"})
"""Who comes with a secret, and may bind their own hands for a connection: to some tools and no others."""


class Answer(StrEnum):
    """What the door says."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"
    """A person must approve it first."""


class Verdict(msgspec.Struct, frozen=True):
    """The answer and why."""

    answer: Answer
    reason: str
    rule: str = ""
    """Which rule decided, e.g. `grant 12`."""
    approval_id: int | None = None
    approved_by: str | None = None
    """Who had to approve it, and has."""


def on_record(actor: Actor, outcome: str) -> bool:
    """Whether a read is written down: a refusal always, and whatever an agent does."""
    return outcome == "denied" or actor.kind == "agent"


def decide(
    actor: Actor,
    operation: Operation,
    record_id: str | None = None,
    *,
    sent: Mapping[str, Any] | None = None,
    path: Mapping[str, str] | None = None,
    about: About | None = None,
    narrowable: bool = True,
) -> Verdict:
    """May this actor do this at all? Which records they reach is `call.team_ids`' business.

    Tokens of a team may do everything within the team, as the contract has it; a person who is signed in may do what
    goes with their role there (`roles`; `path` are the parameters of the address, None asks whether they may do it at
    all). A link that we sent opens only what it was sent for: those operations, on that one record (`record_id` is the
    one in the path). An agent may do what it has been granted: `sent` are the arguments, None asks whether it may do
    this at all, with whatever arguments; `about` is what narrowed grants look at, `narrowable` whether they can allow
    this at all. Whoever is not known by name here is denied.
    """
    if actor.only is not None and operation.name not in actor.only:
        what = "connection has left out" if actor.kind in _BY_TOKEN else "link is not good for"
        return Verdict(Answer.DENY, f"this {what} {operation.name}")
    if actor.agent is not None:
        return _of_agent(actor.agent, operation, sent, about, narrowable)
    if actor.record_id is not None and record_id != str(actor.record_id):
        return Verdict(Answer.DENY, "this link is about something else")
    if actor.kind == "token":
        return Verdict(Answer.ALLOW, "the team's own token")
    if actor.kind == "global_token":
        return Verdict(Answer.ALLOW, "a global token")
    if actor.kind == "person":
        if not actor.team_ids:
            return Verdict(Answer.DENY, f"{actor.name} is in no team")
        if actor.record_id is not None:
            return Verdict(Answer.ALLOW, "the one to whom the link was sent")
        if actor.role is not None:
            refusal = roles.refusal(actor.role, operation, path, actor.user_id)
            if refusal is not None:
                return Verdict(Answer.DENY, refusal, "role")
            return Verdict(Answer.ALLOW, f"{actor.role.words} of the team")
        return Verdict(Answer.ALLOW, "a member of the team")
    if actor.kind == "guest" and actor.record_id is not None and actor.only is not None:
        if actor.through == INVITED:
            return Verdict(Answer.ALLOW, "the one whom the team has invited")
        if actor.through == PUBLIC_PAGE:
            return Verdict(Answer.ALLOW, "whoever reads a public page may ask to be told of its updates")
        if actor.through == SUBSCRIPTION_LINK:
            return Verdict(Answer.ALLOW, "the one to whom the link of this subscription was sent")
        return Verdict(Answer.ALLOW, "who reads what the team has us post may answer it")
    return Verdict(Answer.DENY, f"a caller of kind {actor.kind} has been granted nothing")


def need(operation: Operation, sent: Mapping[str, Any] | None) -> Need:
    """What a grant must give for this call; `sent` None = for the mildest call of it that there is."""
    acts = operation.least_acts() if sent is None else operation.acts_of(sent)
    answers = operation.area == "incidents" and bool(acts) and acts <= grants.COVERED_BY_SWITCH
    return Need(area=operation.area, level=Level.READ if answers else Level(operation.level), acts=acts)


def insist(verdict: Verdict) -> None:
    """Raises Refused unless it is allowed."""
    if verdict.answer is not Answer.ALLOW:
        refusal = Refused(f"You may not do this: {verdict.reason}.")
        refusal.rule, refusal.why = verdict.rule, verdict.reason
        raise refusal


def unforeseen(agent: Agent, operation: Operation, acts: frozenset[str], about: About | None) -> Verdict:
    """May it do this although it comes to these acts as well, which its declaration does not say?"""
    found = grants.decide(agent.grants, Need(area=operation.area, level=Level.READ, acts=acts), about)
    return Verdict(_ANSWERS[found.setting], f"{found.reason}, and this would do so", "measured")


def _of_agent(
    agent: Agent, operation: Operation, sent: Mapping[str, Any] | None, about: About | None, narrowable: bool
) -> Verdict:
    if agent.suspended_at is not None:
        return Verdict(Answer.DENY, f"{agent.name} is suspended, by {agent.suspended_by}", "suspended")
    if operation.people_only or not operation.routes:
        return Verdict(Answer.DENY, f"{operation.name} is for people alone: no agent can be granted it", "people only")
    if operation.self_service:
        return Verdict(Answer.ALLOW, "every agent may", "self-service")
    if agent.drafts_only and sent is not None and "publish" in operation.acts_of(sent):
        return Verdict(Answer.DENY, f"{agent.name} writes drafts only: a person publishes them", "drafts only")
    anything = sent is None and narrowable
    decision = grants.decide(agent.grants, need(operation, sent), about, anything=anything)
    rule = "no grant" if decision.grant_id is None else f"grant {decision.grant_id}"
    return Verdict(_ANSWERS[decision.setting], decision.reason, rule)


_ANSWERS = {Setting.ON: Answer.ALLOW, Setting.ASK: Answer.ASK, Setting.OFF: Answer.DENY}
