"""Starts, advances and stops the paging about an incident, in the transaction of its cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog
from msgspec.structs import replace

from tocsin.accounts import actions as accounts
from tocsin.escalation import rules, store
from tocsin.escalation.actions import audience, errands, policies, stamping
from tocsin.escalation.actions.audience import Audience, Situation
from tocsin.escalation.model import Escalation, Moment, Note, Paging, Person, Plan, Remark, Standing
from tocsin.escalation.model.policies import StepType
from tocsin.escalation.store import errands as errand_shelf
from tocsin.metadata.model import Metadata
from tocsin.notify import actions as notify
from tocsin.notify.model import Kind, Notice
from tocsin.notify.model.targets import Target
from tocsin.storage import Tx, events

log = structlog.get_logger()

TOPIC = "escalations"
"""Rung when the next instant at which somebody must be paged may have changed."""
BATCH = 200
"""Escalations claimed in one look: bounds how long one look takes; the rest is due at the next, at once."""
RETRY_SECONDS = 15
"""After a failure of ours while paging about one incident: soon enough for people, rare enough for the log."""
NOBODY_SECONDS = 60
"""While there is nobody to page, how often we look whether somebody has joined: an outage must not wait longer."""
MAX_OWED = 20
"""Steps that wait for somebody to join; whoever does is paged once anyway."""
MAX_NOTES = 500
"""Remarks shown per incident."""
WEBHOOKS_EVENT = "incident.webhooks"
"""Recorded when a step calls outgoing webhooks: `webhook_ids`, or None for all of the team's."""
UNDELIVERABLE = "A page could not be delivered, so nobody waits for it."

_NOBODY = "Nobody to page"
_MOMENT = timedelta(milliseconds=1)
_LOST = frozenset({"given_up", "undelivered", "cancelled"})
"""States of a page that reaches nobody."""


def start(tx: Tx, notice: Notice, paging: Paging, *, at: datetime | None = None) -> None:
    """Begin to page about `notice.incident_id`: stamps the plan, queues what is due at once, in this transaction.

    `at`: the instant of the first page; None = now. Replaces an escalation that the incident may have had (it was
    reopened). A plan that pages nobody says so.
    """
    begins_at = tx.now if at is None else max(at, tx.now)
    facts = stamping.facts_of(tx, notice.incident_id, None) if paging.policy_id else {}
    plan = stamping.plan(tx, notice.team_id, paging, facts)
    _begin(tx, notice, plan, begins_at, None)


def restart(tx: Tx, notice: Notice, paging: Paging) -> None:
    """Go on by another plan from now on, e.g. another policy; whom the old one has alerted stays alerted."""
    chosen = None if paging.policy_id is None else policies.team_of(tx, paging.policy_id)  # by whoever may see it
    facts = stamping.facts_of(tx, notice.incident_id, None)
    plan = stamping.plan(tx, chosen or notice.team_id, paging, facts)
    _begin(tx, notice, plan, tx.now, store.standing(tx, notice.incident_id))


def begin_again(tx: Tx, notice: Notice, paging: Paging) -> None:
    """Page from the start once more after a stop: by the plan as it was, however it was edited since; by `paging` when
    there never was one."""
    before = store.running(tx, notice.incident_id, stopped=True)
    if before is None:
        start(tx, notice, paging)
        return
    if _notice(tx, before).critical:
        notice = replace(notice, critical=True)  # somebody escalated it as critical
    facts = stamping.facts_of(tx, notice.incident_id, before.plan)
    _begin(tx, notice, stamping.completed(tx, before.plan, facts), tx.now, None)


def resume(tx: Tx, notice: Notice) -> bool:
    """Go on with an escalation that was stopped before anybody was paged: at once with what would have come meanwhile,
    later with the rest. False: it had not begun, had nothing more to do, or somebody was paged.

    Were it begun anew, the waits before its first page would begin anew as well, as often as something fails again.
    """
    before = store.running(tx, notice.incident_id, stopped=True)
    if before is None or before.paged_user_ids or before.told_target_ids or before.opened_at > tx.now:
        return False
    if not (before.course.runs or before.owed):
        return False
    plan = stamping.completed(tx, before.plan, stamping.facts_of(tx, notice.incident_id, before.plan))
    next_at = rules.next_instant(before.course)
    late = timedelta(0) if next_at is None else max(timedelta(0), tx.now - next_at)
    runs = tuple(replace(run, due_at=run.due_at + late) for run in before.course.runs)
    course = replace(before.course, runs=runs)
    _go(tx, notice, replace(before, plan=plan, course=course, opened_at=tx.now, since=tx.now - _MOMENT))
    return True


def hurry(tx: Tx, incident_id: int) -> None:
    """What an escalation waited for will not come: if nobody was paged yet, the first page is due now."""
    escalation = store.running(tx, incident_id)
    if escalation is None or escalation.paged_user_ids or escalation.opened_at <= tx.now:
        return
    course = rules.begin(escalation.plan, tx.now)
    after = replace(escalation, course=course, next_page_at=rules.next_instant(course), opened_at=tx.now)
    if store.claim(tx, escalation, after):
        tx.ring(TOPIC)
        page_due(tx, incident_id)


def standing(tx: Tx, incident_id: int) -> Standing:
    """How far the paging about an incident has come."""
    return store.standing(tx, incident_id)


def renew(tx: Tx, notice: Notice) -> None:
    """What is to be said has changed: pages still to come, and those that have not left yet, say the new thing."""
    escalation = store.running(tx, notice.incident_id)
    if escalation is not None and _notice(tx, escalation).critical:
        notice = replace(notice, critical=True)  # somebody escalated it as critical
    store.renew(tx, notice.incident_id, notice)
    notify.renew(tx, notice)


def stop(tx: Tx, incident_id: int, reason: str) -> None:
    """Page nobody else about this incident: ends the plan and cancels the pages that have not left yet."""
    if store.stop(tx, incident_id, reason):
        tx.ring(TOPIC)
    notify.cancel(tx, incident_id, reason)


def forget(tx: Tx, incident_id: int, reason: str) -> None:
    """The incident is deleted: stop paging and delete what is known of its escalation."""
    stop(tx, incident_id, reason)
    store.forget(tx, incident_id)
    errand_shelf.forget(tx, incident_id)


def page_due(tx: Tx, incident_id: int) -> int:
    """Do everything of this incident's plan that is due by now and was not done yet. Returns how many pages it queued.

    Nothing is skipped after our own downtime: whatever has become due since is done now, and whoever is on call now is
    paged, once. While a step finds nobody at all it is owed, and whoever joins the team is paged within
    `NOBODY_SECONDS`.
    """
    escalation = store.running(tx, incident_id)
    if escalation is None or escalation.next_page_at is None or escalation.next_page_at > tx.now:
        return 0
    facts = stamping.facts_of(tx, incident_id, escalation.plan)
    look = _look(tx, escalation, stamping.completed(tx, escalation.plan, facts), facts)
    if not store.claim(tx, escalation, look.after):
        return 0
    return _act(tx, look, _notice(tx, escalation))


def escalate_to(
    tx: Tx, notice: Notice, people: Sequence[Person], channels: tuple[str, ...], *, urgency_id: int | None = None
) -> int:
    """Page these people now, besides whatever the plan does. Returns how many pages were queued."""
    available = notify.available(tx)
    if people:
        _remark(tx, notice.incident_id, _falling_back([channels], available))
    return sum(
        _queue_for(tx, notice, person, channels, tx.now, urgency_id, available, {}) for person in people if channels
    )


def bring_forward(tx: Tx, incident_id: int) -> None:
    """A page of this incident will never arrive: whoever comes next is due now, and all who follow that much earlier.

    When nobody is left to come and nobody was reached, the rest of the team is alerted. Called in the transaction in
    which the page is given up, so that no crash can come between the two.
    """
    if alert_next(tx, incident_id, UNDELIVERABLE):
        return
    escalation = store.running(tx, incident_id)
    if escalation is not None:
        _page_the_rest(tx, escalation, _soonest(tx, escalation))


def alert_next(tx: Tx, incident_id: int, why: str) -> bool:
    """Make the plan's next page due now, and all that follow it that much earlier; `why`: for the timeline.

    False: the plan calls nobody else.
    """
    escalation = store.running(tx, incident_id)
    if escalation is None:
        return False
    facts = stamping.facts_of(tx, incident_id, escalation.plan)
    plan = stamping.completed(tx, escalation.plan, facts)
    course = rules.hastened(plan, escalation.course, _soonest(tx, escalation), facts)
    if course is None or course == escalation.course:  # nobody comes, or they are due by then anyway
        return course is not None
    if store.claim(tx, escalation, replace(escalation, course=course, next_page_at=rules.next_instant(course))):
        store.note(tx, incident_id, "Next people alerted early", why)
        tx.ring(TOPIC)
    return True


def notes(tx: Tx, incident_id: int) -> list[Note]:
    """Remarks about this incident's escalation, newest first, for its timeline."""
    return store.notes(tx, incident_id, MAX_NOTES)


def people_of(tx: Tx, team_id: int) -> list[Person]:
    """The members of a team in joining order, as people who can be paged."""
    return [Person(user.id, user.name, user.email) for user in accounts.members(tx, team_id)]


def overdue(tx: Tx, limit: int = BATCH) -> list[tuple[int, datetime]]:
    """(incident id, instant) of the escalations with a page due by now, the oldest first."""
    return store.overdue(tx, tx.now, limit)


def earliest(tx: Tx) -> datetime | None:
    """When the next page of all is due."""
    return store.earliest(tx)


def postpone(tx: Tx, incident_id: int) -> None:
    """Paging about this incident failed through a fault of ours: look again shortly, with nothing skipped."""
    store.postpone(tx, incident_id, tx.now + timedelta(seconds=RETRY_SECONDS))


def _soonest(tx: Tx, escalation: Escalation) -> datetime:
    """The first instant at which anything can still be planned: the same person's page at the same one is the same."""
    return max(tx.now, escalation.since + _MOMENT)


class _Look(msgspec.Struct, frozen=True):
    """What one look at an escalation comes to: what is to be done now, and how it then stands."""

    moments: Sequence[Moment]
    found: Sequence[tuple[Moment, Audience]]
    after: Escalation


def _begin(tx: Tx, notice: Notice, plan: Plan, at: datetime, told: Standing | None) -> None:
    if plan.note:
        store.note(tx, notice.incident_id, "Paging", plan.note)
    course = rules.begin(plan, at)
    escalation = Escalation(
        id=0,
        incident_id=notice.incident_id,
        team_id=notice.team_id,
        plan=plan,
        course=course,
        owed=(),
        opened_at=at,
        since=tx.now - _MOMENT,  # what is due at once is still to be done
        next_page_at=rules.next_instant(course),
        paged_user_ids=() if told is None else told.paged_user_ids,
        told_target_ids=() if told is None else told.told_target_ids,
    )
    _go(tx, notice, escalation)
    tx.ring(TOPIC)


def _go(tx: Tx, notice: Notice, escalation: Escalation) -> None:
    """Put an escalation in place of any earlier one, and do what of it is due at once."""
    plan = escalation.plan
    facts = stamping.facts_of(tx, notice.incident_id, plan)
    look = _look(tx, escalation, plan, facts)
    store.put(tx, look.after, notice)
    channels = {step.channels for script in plan.scripts.values() for step in script.steps}
    _remark(tx, notice.incident_id, _falling_back(sorted(channels), notify.available(tx)))
    tx.ring(TOPIC)
    _act(tx, look, notice)


def _look(tx: Tx, escalation: Escalation, plan: Plan, facts: Metadata) -> _Look:
    """Take the steps that are due by now, and find those whom they alert; writes nothing."""
    moments, course = rules.advance(plan, escalation.course, tx.now, facts)
    found = _found(tx, escalation, plan, facts, (*escalation.owed, *moments))
    owed = _owed(found)
    next_at = rules.next_instant(course)
    if owed:
        look_again = tx.now + timedelta(seconds=NOBODY_SECONDS)
        next_at = look_again if next_at is None else min(next_at, look_again)
    users = [*escalation.paged_user_ids, *(person.user_id for _, each in found for person in each.people)]
    places = [*escalation.told_target_ids, *(place.id for _, each in found for place in each.places)]
    after = replace(
        escalation,
        plan=plan,
        course=course,
        owed=tuple(owed),
        since=tx.now,
        next_page_at=next_at,
        paged_user_ids=tuple(dict.fromkeys(users)),
        told_target_ids=tuple(dict.fromkeys(places)),
    )
    return _Look(moments, found, after)


def _act(tx: Tx, look: _Look, notice: Notice) -> int:
    """Do what a look has found, now that it is ours to do. Returns how many pages it queued."""
    incident_id = look.after.incident_id
    if look.after.next_page_at is not None:
        tx.ring(TOPIC)
    for moment in look.moments:
        _remark(tx, incident_id, moment.remarks)
        given = moment.step.instructions
        if given is not None and errand_shelf.assign(tx, incident_id, moment.policy_id, moment.index, given):
            tx.ring(errands.TOPIC)
    if look.after.course.turns >= rules.MAX_TURNS and look.moments:
        _remark(tx, incident_id, [Remark("Plan cut off", f"{rules.MAX_TURNS} steps were taken: it ends here.")])
    return _tell(tx, look, notice)


def _found(
    tx: Tx, escalation: Escalation, plan: Plan, facts: Metadata, moments: Iterable[Moment]
) -> list[tuple[Moment, Audience]]:
    """Whom each of these steps alerts now; who was alerted by one of them counts as alerted for the next."""
    paged, told = set(escalation.paged_user_ids), bool(escalation.told_target_ids)
    found = []
    for moment in moments:
        if moment.step.type is not StepType.ESCALATION:
            continue
        situation = Situation(
            team_id=escalation.team_id,
            plan=plan,
            facts=facts,
            at=tx.now,
            paged_user_ids=frozenset(paged),
            told=told or bool(paged),
        )
        each = audience.find(tx, situation, moment)
        paged.update(person.user_id for person in each.people)
        told = told or bool(each.places or each.webhook_ids or each.all_webhooks)
        found.append((moment, each))
    return found


def _owed(found: Sequence[tuple[Moment, Audience]]) -> list[Moment]:
    """The steps that have found nobody, each once."""
    owed = {(moment.policy_id, moment.index): moment for moment, each in reversed(found) if each.owed}
    return sorted(owed.values(), key=lambda moment: moment.at)[:MAX_OWED]


def _tell(tx: Tx, look: _Look, notice: Notice) -> int:
    """Queue the pages of these steps. Each way to reach somebody is used once, for the loudest: a catch-up is not a
    barrage, and a critical alert is never left out for one that is not."""
    if not look.found:
        return 0
    available = notify.available(tx)
    used: dict[object, datetime] = {}
    queued = 0
    for moment, each in sorted(look.found, key=lambda found: not found[0].step.critical):
        loud = replace(notice, critical=True) if moment.step.critical else notice
        _remark(tx, look.after.incident_id, each.remarks)
        for person in each.people:
            queued += _queue_for(
                tx, loud, person, moment.step.channels, moment.at, moment.step.urgency_id, available, used
            )
        for place in each.places:
            if place.id not in used:
                used[place.id] = moment.at
                queued += _queue_at(tx, loud, place, moment.at)
        if each.all_webhooks or each.webhook_ids:
            _call_webhooks(tx, look.after, None if each.all_webhooks else each.webhook_ids)
        if each.owed:
            _say_nobody(tx, look.after)
    return queued


def _queue_at(tx: Tx, notice: Notice, place: Target, at: datetime) -> int:
    """Queue what a place that a team reads gets about a step that is due at `at`."""
    id = notify.queue(
        tx, notice, user_id=0, channel=place.kind, address=place.name, planned_at=at, target_id=place.id
    )  # fmt: skip
    return id is not None


def _queue_for(
    tx: Tx,
    notice: Notice,
    person: Person,
    channels: Sequence[str],
    at: datetime,
    urgency_id: int | None,
    available: frozenset[str],
    used: dict[object, datetime],
) -> int:
    """Queue what one person gets about a step that is due at `at`, as they want to be reached now.

    `used`: the ways that were used just before, and for when; such a page is left out unless it would come sooner.
    """
    reached = audience.reach(
        tx, person, channels, urgency_id=urgency_id, critical=notice.critical, at=tx.now, available=available
    )
    _remark(
        tx,
        notice.incident_id,
        [Remark("How people are reached", f"{remark.rstrip('.')}.") for remark in reached.remarks],
    )
    queued = 0
    for message in reached.messages:
        way = (person.user_id, message.channel, message.address, message.endpoint)
        planned_at = at + timedelta(seconds=message.after_seconds)
        if way in used and used[way] <= max(planned_at, tx.now):
            continue
        used[way] = planned_at
        id = notify.queue(
            tx,
            notice,
            user_id=person.user_id,
            channel=message.channel,
            address=message.address,
            planned_at=planned_at,
            endpoint=message.endpoint,
        )
        queued += id is not None
    return queued


def _call_webhooks(tx: Tx, escalation: Escalation, webhook_ids: Sequence[int] | None) -> None:
    """Let outgoing webhooks be told; who they are is known above."""
    events.record(
        tx,
        WEBHOOKS_EVENT,
        team_id=escalation.team_id,
        resource_type="incident",
        resource_id=escalation.incident_id,
        webhook_ids=None if webhook_ids is None else list(webhook_ids),
    )


def _page_the_rest(tx: Tx, escalation: Escalation, at: datetime) -> None:
    """The plan has nobody else to call, and a page was lost: the rest of the team, unless somebody hears of it."""
    latest = {event.delivery_id: event for event in notify.log(tx, escalation.incident_id)}
    if any(event.user_id and event.kind == "page" and event.state not in _LOST for event in latest.values()):
        return
    rest = [person for person in people_of(tx, escalation.team_id) if person.user_id not in escalation.paged_user_ids]
    if not rest:
        log.error("a page was given up, and nobody is left to be paged instead", incident_id=escalation.incident_id)
        text = "No page could be delivered, and nobody is left who was not tried. NOBODY may know of this incident."
        _remark(tx, escalation.incident_id, [Remark("Nobody reached", text)])
        return
    text = "No page could be delivered, and the plan calls nobody else, so the rest of the team is alerted."
    _remark(tx, escalation.incident_id, [Remark("The rest of the team alerted", text)])
    notice = _notice(tx, escalation)
    available = notify.available(tx)
    for person in rest:
        _queue_for(tx, notice, person, escalation.plan.otherwise, at, None, available, {})
    users = [*escalation.paged_user_ids, *(person.user_id for person in rest)]
    store.remember_told(tx, escalation.id, user_ids=users, target_ids=escalation.told_target_ids)


def _say_nobody(tx: Tx, escalation: Escalation) -> None:
    """Say aloud, once, that a page has nobody to go to."""
    if store.noted(tx, escalation.incident_id, _NOBODY):
        return
    store.note(
        tx,
        escalation.incident_id,
        _NOBODY,
        "The team has no members, so NOBODY has been alerted about this incident. "
        "Add people to the team: they are alerted within a minute.",
    )
    log.error("nobody to page: the team has no members", incident_id=escalation.incident_id, team_id=escalation.team_id)


def _remark(tx: Tx, incident_id: int, remarks: Iterable[Remark]) -> None:
    """Leave remarks for the timeline, each once."""
    for remark in dict.fromkeys(remarks):
        if not store.noted(tx, incident_id, remark.title, remark.content):
            store.note(tx, incident_id, remark.title, remark.content)


def _falling_back(wanted: Iterable[tuple[str, ...]], available: frozenset[str]) -> list[Remark]:
    sentences = dict.fromkeys(rules.falls_back(channels, audience.usable(available)) for channels in wanted)
    return [Remark("Paging by e-mail instead", sentence) for sentence in sentences if sentence]


def _notice(tx: Tx, escalation: Escalation) -> Notice:
    stored = store.notice_of(tx, escalation.id)
    return notify.notice_of(stored, kind=Kind.PAGE, incident_id=escalation.incident_id, team_id=escalation.team_id)
