"""Turns what a monitor or a policy asks for into a plan that is stamped on an incident."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tocsin.escalation.model import (
    ALONGSIDE,
    CHANNELS,
    OTHERS,
    SWITCHES,
    Branch,
    Hours,
    Instructions,
    Member,
    Paging,
    Plan,
    Script,
    Step,
)
from tocsin.escalation.model.policies import MemberType, Policy, PolicyStep, StepType, Urgency

MAX_WAIT_SECONDS = 30 * 86_400
"""The longest wait of one step: whoever has not answered in a month is not waited for, and sums stay in range."""
MAX_REPEATS = 1_000
"""How often a policy is gone through again, whatever was stored."""

_FALLBACK = "email"
"""Everybody has an address: what is used when nothing that was wanted is available."""


def plan_of(paging: Paging) -> Plan:
    """The plan that a monitor's own switches mean (contract part 2, section 10, "Simple escalation").

    Whoever is on call and the targets beside them at once, everybody else in the team `team_wait` seconds later.
    """
    wanted = wanted_channels(paging)
    critical = paging.critical_alert
    first = (Member(MemberType.CURRENT_ON_CALL), Member(ALONGSIDE)) if wanted else (Member(ALONGSIDE),)
    steps = [Step(members=first, channels=wanted, critical=critical)]
    if wanted and paging.team_wait is not None:
        steps.append(
            Step(wait_seconds=wait(paging.team_wait), members=(Member(OTHERS),), channels=wanted, critical=critical)
        )
    note = None if wanted else "All of call, SMS, e-mail and push are switched off, so nobody is alerted."
    return Plan(scripts={SWITCHES: Script(steps=tuple(steps))}, note=note)


def everybody(policy_id: int) -> Plan:
    """The plan in place of a policy that does not exist (any more): better too many than nobody."""
    step = Step(members=(Member(MemberType.ENTIRE_TEAM),), channels=(_FALLBACK,))
    note = f"Escalation policy {policy_id} is not known here, so the whole team is alerted by e-mail."
    return Plan(scripts={SWITCHES: Script(steps=(step,))}, note=note)


def script_of(policy: Policy, urgencies: Mapping[int, Urgency], otherwise: tuple[str, ...]) -> Script:
    """A policy as it stands now; `otherwise`: the channels of a step whose severity is not known."""
    return Script(
        name=policy.name,
        team_id=policy.team_id,
        steps=tuple(_step(step, urgencies, otherwise) for step in policy.steps),
        repeat_count=min(max(0, policy.repeat_count), MAX_REPEATS),
        repeat_delay_seconds=wait(policy.repeat_delay),
        fallback_policy_id=policy.fallback_policy_id,
    )


def otherwise(paging: Paging) -> tuple[str, ...]:
    """How loud a step is that has no severity: as the incident's own switches say, and never silent."""
    return wanted_channels(paging) or (_FALLBACK,)


def leads_to(script: Script) -> Iterator[int]:
    """The policies that a script names by id: chained, branched to, fallen back on."""
    for step in script.steps:
        for member in step.members:
            if member.type == MemberType.POLICY and member.id is not None:
                yield member.id
        if step.branch is not None and step.branch.policy_id is not None:
            yield step.branch.policy_id
    if script.fallback_policy_id is not None:
        yield script.fallback_policy_id


def keys(plan: Plan) -> set[str]:
    """The metadata keys that decide how the plan goes on, or whom it calls."""
    found: set[str | None] = set()
    for script in plan.scripts.values():
        for step in script.steps:
            found.update(member.metadata_key for member in step.members)
            if step.branch is not None:
                found |= {step.branch.key, step.branch.policy_metadata_key}
    return {key for key in found if key}


def calls_webhooks(plan: Plan) -> bool:
    """Whether any step may call an outgoing webhook by name."""
    return any(
        member.type in (MemberType.WEBHOOK, MemberType.ALL_WEBHOOKS, MemberType.INCIDENT_METADATA)
        for script in plan.scripts.values()
        for step in script.steps
        for member in step.members
    )


def wanted_channels(paging: Paging) -> tuple[str, ...]:
    """The names of the switches that are on."""
    return tuple(channel for channel in CHANNELS if getattr(paging, channel))


def usable(wanted: Sequence[str], available: Iterable[str]) -> tuple[str, ...]:
    """The wanted channels that exist here; e-mail when none of them does, so that the page is not lost."""
    at_hand = set(available)
    return tuple(channel for channel in wanted if channel in at_hand) or ((_FALLBACK,) if wanted else ())


def falls_back(wanted: Sequence[str], available: Iterable[str]) -> str | None:
    """The sentence to tell people when none of the wanted channels exists here; None when at least one does."""
    if not wanted or set(wanted) & set(available):
        return None
    words = {"call": "phone calls", "sms": "SMS", "push": "push notifications"}
    missing = " and ".join(words.get(channel, channel) for channel in wanted)
    return f"This installation cannot send {missing}, so people are alerted by e-mail instead."


def wait(seconds: int | None) -> int:
    """Seconds that a plan may wait."""
    return min(max(0, seconds or 0), MAX_WAIT_SECONDS)


def _step(step: PolicyStep, urgencies: Mapping[int, Urgency], otherwise: tuple[str, ...]) -> Step:
    urgency = None if step.urgency_id is None else urgencies.get(step.urgency_id)
    pages = step.type is StepType.ESCALATION
    channels = otherwise if urgency is None else tuple(name for name in CHANNELS if getattr(urgency, name))
    return Step(
        type=step.type,
        wait_seconds=wait(step.wait_before),
        until=step.wait_until_time,
        until_timezone=step.wait_until_timezone,
        members=tuple(Member(member.type, member.id, member.metadata_key) for member in step.step_members),
        channels=channels if pages else (),
        critical=pages and urgency is not None and urgency.critical_alert,
        urgency_id=None if urgency is None else urgency.id,
        urgency="" if urgency is None else urgency.name,
        branch=_branch(step),
        instructions=_instructions(step),
    )


def _branch(step: PolicyStep) -> Branch | None:
    if step.type is StepType.TIME_BRANCHING:
        hours = Hours(step.timezone, step.days, step.time_from or "00:00", step.time_to or "00:00")
        return Branch(hours=hours, policy_id=step.policy_id, policy_metadata_key=step.policy_metadata_key)
    if step.type is StepType.METADATA_BRANCHING:
        return Branch(
            key=step.metadata_key,
            values=step.metadata_values,
            policy_id=step.policy_id,
            policy_metadata_key=step.policy_metadata_key,
        )
    return None


def _instructions(step: PolicyStep) -> Instructions | None:
    if step.type is not StepType.INSTRUCTIONS:
        return None
    hours = step.instructions_reminder_interval_hours if step.instructions_reminder_enabled else None
    return Instructions(step.instructions_comment or "", hours)
