"""Says what is still to come of an escalation: who would be paged, how and when, if nobody answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from tocsin.escalation import rules, store
from tocsin.escalation.actions import audience, stamping
from tocsin.escalation.actions.audience import Audience, Situation
from tocsin.escalation.model import SWITCHES, Course, Moment, Page, Paging, Person, Plan
from tocsin.escalation.model.policies import StepType
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata, OwnerType
from tocsin.notify import actions as notify
from tocsin.notify.actions.looking import waiting
from tocsin.storage import Tx

MAX_COMING = 200
"""Coming pages shown per incident."""
MAX_LOOKED_AT = 500
"""Steps of a plan that are looked at for them: some call nobody."""


def coming(tx: Tx, incident_id: int) -> list[Page]:
    """The pages that will be sent if nobody answers, to whomever they would go as things stand, in order of time.

    First come those that people's own rules have put off, then those of the plan's steps to come.
    """
    planned = [
        Page(
            at=at,
            channel=to.channel,
            recipient=name,
            address=to.address,
            user_id=to.user_id,
            target_id=to.target_id,
        )
        for at, name, to in waiting(tx, incident_id, MAX_COMING)
    ]
    escalation = store.running(tx, incident_id)
    if escalation is None or escalation.next_page_at is None:
        return planned
    facts = stamping.facts_of(tx, incident_id, escalation.plan)
    plan = stamping.completed(tx, escalation.plan, facts)
    to_come = pages(
        tx,
        team_id=escalation.team_id,
        plan=plan,
        course=escalation.course,
        facts=facts,
        paged_user_ids=escalation.paged_user_ids,
        critical=bool(store.notice_of(tx, escalation.id).get("critical")),
    )
    return sorted((*planned, *to_come), key=lambda page: page.at)[:MAX_COMING]


def coming_again(tx: Tx, incident_id: int, team_id: int, paging: Paging, at: datetime) -> list[Page]:
    """The pages that would be sent were an escalation that was stopped begun once more at that instant."""
    before = store.running(tx, incident_id, stopped=True)
    critical = paging.critical_alert
    if before is None:
        facts = stamping.facts_of(tx, incident_id, None) if paging.policy_id else {}
        plan = stamping.plan(tx, team_id, paging, facts)
    else:
        facts = stamping.facts_of(tx, incident_id, before.plan)
        plan = stamping.completed(tx, before.plan, facts)
        critical = critical or bool(store.notice_of(tx, before.id).get("critical"))
    return pages(tx, team_id=team_id, plan=plan, course=rules.begin(plan, at), facts=facts, critical=critical)


def pages(
    tx: Tx,
    *,
    team_id: int,
    plan: Plan,
    course: Course,
    facts: Metadata,
    paged_user_ids: tuple[int, ...] = (),
    critical: bool = False,
    at_most: int = MAX_COMING,
) -> list[Page]:
    """Every page of a plan from where its course stands, if nobody answers; who is on call is asked for its instant."""
    found: list[Page] = []
    available = notify.available(tx)
    for moment, each in _audiences(tx, team_id, plan, course, facts, paged_user_ids):
        page = Page(
            at=moment.at,
            channel="",
            recipient="",
            address="",
            policy_id=None if moment.policy_id == SWITCHES else moment.policy_id,
            policy_name=plan.scripts[moment.policy_id].name or None,
            round=moment.round,
            step=moment.index,
        )
        for person in each.people:
            found += _messages(tx, moment, person, available, critical, page)
        found += [
            replace(page, channel=place.kind, recipient=place.name, address=place.name, target_id=place.id)
            for place in each.places
        ]
        if len(found) >= at_most:
            break
    return sorted(found, key=lambda page: page.at)[:at_most]


def reaches(tx: Tx, cause_id: int, child_id: int, team_id: int, paging: Paging) -> bool:
    """Whether everybody whom an incident would page as things stand was or will be paged about another one.

    True as well when somebody has taken that one on. Who has come on call, or joined the team, after the last page of
    the other one hears nothing of it: then the answer is False.
    """
    cause = store.running(tx, cause_id)
    if cause is None:
        return store.standing(tx, cause_id).paged
    facts = stamping.facts_of(tx, child_id, None) if paging.policy_id else {}
    plan = stamping.plan(tx, team_id, paging, facts)
    wanted = _everybody(tx, team_id, plan, rules.begin(plan, tx.now), facts, ())
    heard = {("person", id) for id in cause.paged_user_ids} | {("place", id) for id in cause.told_target_ids}
    if wanted <= heard:
        return True
    about = stamping.facts_of(tx, cause_id, cause.plan)
    their_plan = stamping.completed(tx, cause.plan, about)
    return wanted <= heard | _everybody(tx, cause.team_id, their_plan, cause.course, about, cause.paged_user_ids)


def unreached(tx: Tx, cause_id: int, incident_ids: Sequence[int], team_id: int, paging: Paging) -> set[int]:
    """Which of these incidents would alert somebody who does not hear of another one that is paged by the same policy.

    Only when the policy asks for metadata can it be any: otherwise it calls the same people about each of them. The
    other one counts as paged from now on when its escalation does not run.
    """
    keys = rules.keys(stamping.plan(tx, team_id, paging, {})) if paging.policy_id is not None else set()
    if not keys:
        return set()
    said = metadata.of(tx, OwnerType.INCIDENT, [cause_id, *incident_ids])
    cause = store.running(tx, cause_id)
    if cause is None:
        plan = stamping.plan(tx, team_id, paging, said[cause_id])
        heard = _everybody(tx, team_id, plan, rules.begin(plan, tx.now), said[cause_id], ())
    else:
        plan = stamping.completed(tx, cause.plan, said[cause_id])
        heard = _everybody(tx, team_id, plan, cause.course, said[cause_id], cause.paged_user_ids)
        heard |= {("person", id) for id in cause.paged_user_ids} | {("place", id) for id in cause.told_target_ids}
    left_out = set()
    known: dict[bytes, bool] = {}
    """Hundreds of one storm say the same under the keys that count."""
    for id in incident_ids:
        same = msgspec.json.encode(sorted((key, said[id].get(key)) for key in keys))
        if same not in known:
            plan = stamping.plan(tx, team_id, paging, said[id])
            hears = _everybody(tx, team_id, plan, rules.begin(plan, tx.now), said[id], ()) <= heard
            if rules.keys(plan) <= keys:  # what it says under other keys does not matter
                known[same] = hears
        else:
            hears = known[same]
        if not hears:
            left_out.add(id)
    return left_out


def _everybody(
    tx: Tx, team_id: int, plan: Plan, course: Course, facts: Metadata, paged: tuple[int, ...]
) -> set[tuple[str, int]]:
    """Whom a plan alerts from where it stands, to the people who are on call now."""
    found: set[tuple[str, int]] = set()
    for _, each in _audiences(tx, team_id, plan, course, facts, paged, now=tx.now):
        found |= {("person", person.user_id) for person in each.people}
        found |= {("place", place.id) for place in each.places}
    return found


def _audiences(
    tx: Tx,
    team_id: int,
    plan: Plan,
    course: Course,
    facts: Metadata,
    paged_user_ids: tuple[int, ...],
    now: datetime | None = None,
) -> Iterator[tuple[Moment, Audience]]:
    """Each step that calls somebody, with those whom it calls. `now`: ask who is on call then, for each step once."""
    paged, told = set(paged_user_ids), bool(paged_user_ids)
    seen: set[tuple[int, int]] = set()
    for number, moment in enumerate(rules.timeline(plan, course, facts)):
        if number >= MAX_LOOKED_AT:
            return
        which = (moment.policy_id, moment.index)
        if moment.step.type is not StepType.ESCALATION or (now is not None and which in seen):
            continue
        seen.add(which)
        at = max(moment.at, tx.now) if now is None else now
        situation = Situation(
            team_id=team_id, plan=plan, facts=facts, at=at, paged_user_ids=frozenset(paged), told=told
        )
        each = audience.find(tx, situation, moment)
        paged.update(person.user_id for person in each.people)
        told = told or bool(paged or each.places)
        yield moment, each


def _messages(
    tx: Tx, moment: Moment, person: Person, available: frozenset[str], critical: bool, page: Page
) -> list[Page]:
    """What one person gets about one step."""
    step = moment.step
    reached = audience.reach(
        tx,
        person,
        step.channels,
        urgency_id=step.urgency_id,
        critical=critical or step.critical,
        at=max(moment.at, tx.now),
        available=available,
    )
    return [
        replace(
            page,
            at=moment.at + timedelta(seconds=message.after_seconds),
            channel=message.channel,
            recipient=person.name,
            address=message.address,
            user_id=person.user_id,
        )
        for message in reached.messages
    ]
