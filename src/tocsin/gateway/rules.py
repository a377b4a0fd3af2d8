"""May they? Always answered with a reason, for yes and for no."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tocsin.gateway.identity import INVITED, PUBLIC_PAGE, SUBSCRIPTION_LINK, Actor
from tocsin.registry import Operation


class Answer(StrEnum):
    """What the door says."""

    ALLOW = "allow"
    DENY = "deny"


class Verdict(msgspec.Struct, frozen=True):
    """The answer and why."""

    answer: Answer
    reason: str


def on_record(actor: Actor, outcome: str) -> bool:
    """Whether a read is written down: a refusal always, and whatever an agent does."""
    return outcome == "denied" or actor.kind == "agent"


def decide(actor: Actor, operation: Operation, record_id: str | None = None) -> Verdict:
    """May this actor do this at all? Which records they reach is `call.team_ids`' business.

    Tokens of a team and its members may do everything within the team, as the contract has it. A link that we sent
    opens only what it was sent for: those operations, on that one record (`record_id` is the one in the path). Whoever
    is not known by name here is denied.
    """
    if actor.only is not None and operation.name not in actor.only:
        return Verdict(Answer.DENY, f"this link is not good for {operation.name}")
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
