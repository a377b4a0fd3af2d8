"""The pages of an escalation as a function of time: nothing here waits, it only says what would happen when.

A plan is gone through step by step. What has happened is behind it for good: whichever way was taken, no later edit of
policies or metadata takes another, so that no page is lost and none is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from tocsin.escalation.model import OTHERS, SWITCHES, Branch, Course, Moment, Plan, Remark, Run, Script, Step
from tocsin.escalation.model.policies import MemberType, StepType
from tocsin.escalation.rules.hours import next_wall_clock, say, within
from tocsin.escalation.rules.plans import wait
from tocsin.metadata.model import Metadata, Value
from tocsin.metadata.rules import plain, same

MAX_TURNS = 10_000
"""Steps of one plan that are ever taken: one that repeats for ever must not hang a worker."""
MAX_RUNS = 50
"""Policies that are gone through beside one another."""
AT_ONCE = 200
"""Steps taken in one transaction: bounds how long it takes; the rest is due at the next look, at once."""
NO_VALUE = "no_value"
"""The type of a branch's value that stands for a key that is absent or blank (contract part 2, 7.1)."""

_CIRCLE = "Policies lead in a circle"
_UNKNOWN = "Policy not found"
_POLICY = "Policy"
_PEOPLE = {MemberType.CURRENT_ON_CALL, MemberType.ENTIRE_TEAM, MemberType.USER, OTHERS}


def begin(plan: Plan, at: datetime) -> Course:
    """The course of a plan of which nothing has happened yet; its first step comes at `at` or after its own wait."""
    run, _ = _enter(plan, plan.root, at, ())
    return Course(runs=() if run is None else (run,))


def timeline(plan: Plan, course: Course, facts: Metadata) -> Iterator[Moment]:
    """Everything that would still happen if nobody ever answered and the facts stayed as they are, in order of time."""
    for _ in range(MAX_TURNS):
        turned = turn(plan, course, facts)
        if turned is None:
            return
        moment, course = turned
        yield moment


def advance(
    plan: Plan, course: Course, until: datetime, facts: Metadata, at_most: int = AT_ONCE
) -> tuple[list[Moment], Course]:
    """What happens up to and including `until`, and how far the plan has come then: windows that touch never share a
    step nor leave one out. At most `at_most` steps; when there are more, `next_instant` is not after `until`."""
    moments: list[Moment] = []
    while len(moments) < at_most:
        at = next_instant(course)
        turned = turn(plan, course, facts) if at is not None and at <= until else None
        if turned is None:
            break
        moment, course = turned
        moments.append(moment)
    return moments, course


def next_instant(course: Course) -> datetime | None:
    """When the plan has something to do next; None when it has run out."""
    return None if course.turns >= MAX_TURNS else min((run.due_at for run in course.runs), default=None)


def turn(plan: Plan, course: Course, facts: Metadata) -> tuple[Moment, Course] | None:
    """Take the next step, whenever it is due. None: there is none."""
    if not course.runs or course.turns >= MAX_TURNS:
        return None
    index = min(range(len(course.runs)), key=lambda number: course.runs[number].due_at)
    run = course.runs[index]
    step = plan.scripts[run.policy_id].steps[run.step]
    remarks: list[Remark] = []
    chained = False
    if step.branch is not None and _taken(step.branch, run.due_at, facts):
        successors = _branched(plan, run, step.branch, facts, remarks)
    else:
        started = _chained(plan, run, step, facts, remarks)
        chained = bool(started)
        successors = [*_onwards(plan, run, facts, remarks), *started]
    room = MAX_RUNS - len(course.runs) + 1
    if len(successors) > room:
        remarks.append(Remark("Too many policies at once", f"More than {MAX_RUNS} at a time are not gone through."))
    runs = (*course.runs[:index], *successors[: max(0, room)], *course.runs[index + 1 :])
    moment = Moment(
        at=run.due_at,
        policy_id=run.policy_id,
        round=run.round,
        index=run.step,
        step=step,
        pages=calls(step, facts),
        chained=chained,
        remarks=tuple(remarks),
    )
    return moment, Course(runs=runs, turns=course.turns + 1)


def hastened(plan: Plan, course: Course, at: datetime, facts: Metadata) -> Course | None:
    """The same course with the next page due at `at`, and all that follows it that much earlier.

    None: no page is to come. One that is due by then anyway stays as it is.
    """
    for run in sorted(course.runs, key=lambda run: run.due_at):
        if run.due_at <= at:
            candidate = course
        else:
            hasty = msgspec.structs.replace(run, due_at=at, hasty=True)
            candidate = Course(tuple(hasty if each == run else each for each in course.runs), course.turns)
        moments, _ = advance(plan, candidate, at, facts)
        if any(moment.pages for moment in moments):
            return candidate
    return None


def calls(step: Step, facts: Metadata) -> bool:
    """Whether a step itself alerts somebody or something: not when it only starts other policies, or is silent."""
    if step.type is not StepType.ESCALATION:
        return False
    if not step.members:
        return bool(step.channels)
    for member in step.members:
        if member.type == MemberType.POLICY or (member.type in _PEOPLE and not step.channels):
            continue
        named = facts.get(member.metadata_key or "", ())
        if member.type != MemberType.INCIDENT_METADATA or any(value.type != _POLICY for value in named) or not named:
            return True
    return False


def matches(branch: Branch, facts: Metadata) -> bool:
    """Whether the incident says one of a branch's values under its key; a text also matches what is called so."""
    said = [value for value in facts.get(branch.key or "", ()) if plain([value]).strip()]
    for wanted in branch.values:
        if wanted.type == NO_VALUE:
            if not said:
                return True
        elif any(same(wanted, value) or _called(wanted, value) for value in said):
            return True
    return False


def policies_under(key: str | None, facts: Metadata) -> list[int]:
    """The ids of the policies that the incident names under a key."""
    values = facts.get(key or "", ())
    return list(dict.fromkeys(value.item_id for value in values if value.type == _POLICY and value.item_id))


def _taken(branch: Branch, at: datetime, facts: Metadata) -> bool:
    return within(branch.hours, at) if branch.hours is not None else matches(branch, facts)


def _called(wanted: Value, value: Value) -> bool:
    """Older policies have texts where the incident may have a reference."""
    return wanted.type == "String" and wanted.value in (value.name, value.email)


def _branched(plan: Plan, run: Run, branch: Branch, facts: Metadata, remarks: list[Remark]) -> list[Run]:
    """The runs that take the place of one whose branch is taken."""
    why = f"It is {say(branch.hours)}" if branch.hours is not None else f"{branch.key} is {_said(branch, facts)}"
    wanted = [] if branch.policy_id is None else [branch.policy_id]
    if branch.policy_id is None and branch.policy_metadata_key:
        wanted = policies_under(branch.policy_metadata_key, facts)
        if not wanted:
            text = f"{why}, but {branch.policy_metadata_key} names no policy, so this one goes on."
            remarks.append(Remark(_UNKNOWN, text))
            return _onwards(plan, run, facts, remarks)
    elif branch.policy_id is None:
        remarks.append(Remark("Branch taken", f"{why}, so nobody else is alerted."))
        return []
    runs, entered = _enter_all(plan, run, wanted, remarks)
    if not entered:  # a way that leads nowhere is not taken: people are alerted rather than not
        return _onwards(plan, run, facts, remarks)
    names = " and ".join(named(plan, id) for id in entered)
    remarks.append(Remark("Branch taken", f"{why}, so this goes on with {names}."))
    return runs


def _chained(plan: Plan, run: Run, step: Step, facts: Metadata, remarks: list[Remark]) -> list[Run]:
    """The policies that a step starts beside its own."""
    wanted: list[int] = []
    for member in step.members:
        if member.type == MemberType.POLICY and member.id is not None:
            wanted.append(member.id)
        elif member.type == MemberType.INCIDENT_METADATA:
            wanted += policies_under(member.metadata_key, facts)
    after = msgspec.structs.replace(run, hasty=run.hasty and not calls(step, facts))
    return _enter_all(plan, after, list(dict.fromkeys(wanted)), remarks)[0]


def _enter_all(plan: Plan, run: Run, wanted: list[int], remarks: list[Remark]) -> tuple[list[Run], list[int]]:
    """The first runs of these policies, and which of them could be begun."""
    runs: list[Run] = []
    entered = []
    for policy_id in wanted:
        begun, remark = _enter(plan, policy_id, run.due_at, run.path, hasty=run.hasty)
        if remark is not None:
            remarks.append(remark)
        else:
            entered.append(policy_id)
        if begun is not None:
            runs.append(begun)
    return runs, entered


def _onwards(plan: Plan, run: Run, facts: Metadata, remarks: list[Remark]) -> list[Run]:
    """Where a policy goes on after a step: its next one, its next round, its fallback, or nowhere."""
    script, at = plan.scripts[run.policy_id], run.due_at
    hasty = run.hasty and not calls(script.steps[run.step], facts)  # otherwise the page that was hurried for is made
    number, round = run.step + 1, run.round
    if number == len(script.steps):
        if round >= script.repeat_count or not _takes_time(script, at):
            begun, remark = _fall_back(plan, script, at, run.path, hasty)
            if remark is not None:
                remarks.append(remark)
            return [] if begun is None else [begun]
        number, round = 0, round + 1
        at = at if hasty else at + timedelta(seconds=script.repeat_delay_seconds)
    due_at = _due(script.steps[number], at, hasty)
    return [msgspec.structs.replace(run, step=number, round=round, due_at=due_at, hasty=hasty)]


def _enter(
    plan: Plan, policy_id: int, at: datetime, path: tuple[int, ...], *, hasty: bool = False
) -> tuple[Run | None, Remark | None]:
    """Begin with a policy: its first run, if it has anything to do. The remark says why it cannot be begun at all."""
    script = plan.scripts.get(policy_id)
    if script is None:
        return None, Remark(_UNKNOWN, f"Escalation policy {policy_id} does not exist any more.")
    if policy_id in path:
        way = " → ".join(named(plan, id) for id in (*path[path.index(policy_id) :], policy_id))
        return None, Remark(_CIRCLE, f"{way}: it is not gone through again.")
    path = (*path, policy_id)
    if not script.steps:
        return _fall_back(plan, script, at, path, hasty)
    due_at = _due(script.steps[0], at, hasty)
    return Run(policy_id=policy_id, due_at=due_at, path=path, hasty=hasty), None


def _fall_back(
    plan: Plan, script: Script, at: datetime, path: tuple[int, ...], hasty: bool
) -> tuple[Run | None, Remark | None]:
    """After a policy has run out: its fallback comes when one more repetition would have come."""
    if script.fallback_policy_id is None:
        return None, None
    after = at if hasty else at + timedelta(seconds=script.repeat_delay_seconds)
    return _enter(plan, script.fallback_policy_id, after, path, hasty=hasty)


def _due(step: Step, after: datetime, hasty: bool) -> datetime:
    if hasty:
        return after
    if step.until is not None:
        return next_wall_clock(after, step.until, step.until_timezone)
    return after + timedelta(seconds=wait(step.wait_seconds))


def _takes_time(script: Script, at: datetime) -> bool:
    """Whether one more round from `at` on would end later: all rounds of one that does not would come at once."""
    ends_at = at + timedelta(seconds=script.repeat_delay_seconds)
    for step in script.steps:
        ends_at = _due(step, ends_at, hasty=False)
    return ends_at > at


def named(plan: Plan, policy_id: int) -> str:
    """A policy for people: `policy “Nights”`."""
    if policy_id == SWITCHES:
        return "the incident's own switches"
    script = plan.scripts.get(policy_id)
    return f"policy “{script.name}”" if script is not None and script.name else f"policy {policy_id}"


def _said(branch: Branch, facts: Metadata) -> str:
    return plain(facts.get(branch.key or "", ())) or "not set"
