"""Starts, advances and stops the paging of people about an incident, in the transaction of its cause."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import structlog

from tocsin.accounts import actions as accounts
from tocsin.escalation import rules, store
from tocsin.escalation.model import Escalation, Note, Page, Paging, Person, Standing, Step, Target
from tocsin.notify import actions as notify
from tocsin.notify.model import Notice
from tocsin.storage import Tx

log = structlog.get_logger()

TOPIC = "escalations"
"""Rung when the next instant at which somebody must be paged may have changed."""
AVAILABLE = ("email",)
"""Channels that can really reach somebody here; later channels are added to it."""
BATCH = 200
"""Escalations claimed in one look: bounds how long one look takes; the rest is due at the next, at once."""
RETRY_SECONDS = 15
"""After a failure of ours while paging about one incident: soon enough for people, rare enough for the log."""
NOBODY_SECONDS = 60
"""While there is nobody to page, how often we look whether somebody has joined: an outage must not wait longer."""
MAX_NOTES = 500
"""Remarks shown per incident."""
MAX_COMING = 200
"""Coming pages shown per incident."""
UNDELIVERABLE = "A page could not be delivered, so nobody waits for it."

_NOBODY = "Nobody to page"


def start(tx: Tx, notice: Notice, paging: Paging, *, at: datetime | None = None) -> None:
    """Begin to page about `notice.incident_id`: stamps the plan, queues what is due at once, in this transaction.

    `at`: the instant of the first page; None = now. Replaces an escalation that the incident may have had (it was
    reopened). A plan that pages nobody says so.
    """
    begins_at = tx.now if at is None else max(at, tx.now)
    plan = rules.plan_of(paging)
    if plan.note:
        store.note(tx, notice.incident_id, "Paging", plan.note)
    for sentence in {rules.falls_back(step.channels, AVAILABLE) for step in plan.steps}:
        if sentence:
            store.note(tx, notice.incident_id, "Paging by e-mail instead", sentence)
    before = tx.now - timedelta(milliseconds=1)
    store.put(
        tx,
        incident_id=notice.incident_id,
        team_id=notice.team_id,
        plan=plan,
        notice=notice,
        opened_at=begins_at,
        next_at=rules.next_instant(plan, begins_at, before),
    )
    tx.ring(TOPIC)
    page_due(tx, notice.incident_id)


def hurry(tx: Tx, incident_id: int) -> None:
    """What an escalation waited for will not come: if nobody was paged yet, the first page is due now."""
    escalation = store.running(tx, incident_id)
    if escalation is None or escalation.paged_user_ids or escalation.opened_at <= tx.now:
        return
    if store.hasten(tx, escalation, opened_at=tx.now, next_at=tx.now):
        page_due(tx, incident_id)


def standing(tx: Tx, incident_id: int) -> Standing:
    """How far the paging about an incident has come."""
    return store.standing(tx, incident_id)


def reaches_everybody(tx: Tx, incident_id: int, team_id: int) -> bool:
    """Whether everybody in the team has been or will be paged about this incident, or somebody has taken it on.

    Who joined the team after the last page of the plan hears nothing of it: then the answer is False.
    """
    found = store.standing(tx, incident_id)
    if found.next_page_at is not None or not found.running:
        return found.running or found.paged
    return all(person.user_id in found.paged_user_ids for person in people_of(tx, team_id))


def renew(tx: Tx, notice: Notice) -> None:
    """What is to be said has changed: pages still to come, and those that have not left yet, say the new thing."""
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


def page_due(tx: Tx, incident_id: int) -> int:
    """Queue every page of this incident that is due by now and was not queued yet. Returns how many were queued.

    Nothing is skipped after our own downtime: the window reaches from the last queued instant up to now. While a step
    finds nobody at all, the window stays open, so that whoever joins the team is paged within `NOBODY_SECONDS`.
    """
    escalation = store.running(tx, incident_id)
    if escalation is None or escalation.next_page_at is None or escalation.next_page_at > tx.now:
        return 0
    next_at = rules.next_instant(escalation.plan, escalation.opened_at, tx.now)
    pages = rules.caught_up(rules.due(_timeline(tx, escalation), escalation.since, tx.now))
    since = tx.now
    if any(_finds_nobody(escalation, page) for page in pages):
        since = escalation.since
        look_again = tx.now + timedelta(seconds=NOBODY_SECONDS)
        next_at = look_again if next_at is None else min(next_at, look_again)
    if not store.claim(tx, escalation, since=since, next_at=next_at):
        return 0
    notice = msgspec.convert(store.notice_of(tx, escalation.id), Notice)
    queued = 0
    paged = list(escalation.paged_user_ids)
    for page in pages:
        if page.person is None:
            _nobody(tx, escalation, page)
            continue
        queued += _queue(tx, notice, page.person, page.channel, page.at)
        if page.person.user_id not in paged:
            paged.append(page.person.user_id)
    if tuple(paged) != escalation.paged_user_ids:
        store.remember_paged(tx, escalation.id, paged)
    if next_at is not None:
        tx.ring(TOPIC)
    return queued


def escalate_to(tx: Tx, notice: Notice, people: list[Person], channels: tuple[str, ...]) -> int:
    """Page these people now, besides whatever the plan does. Returns how many pages were queued."""
    sentence = rules.falls_back(channels, AVAILABLE)
    if sentence:
        store.note(tx, notice.incident_id, "Paging by e-mail instead", sentence)
    return sum(
        _queue(tx, notice, person, channel, tx.now)
        for person in people
        for channel in rules.usable(channels, AVAILABLE)
    )


def bring_forward(tx: Tx, incident_id: int, why: str = UNDELIVERABLE) -> None:
    """A page of this incident will never arrive: whoever comes next is due now, and all who follow that much earlier.

    `why`: for the timeline; somebody may also have passed it on.

    Called in the transaction in which the page is given up, so that no crash can come between the two.
    """
    escalation = store.running(tx, incident_id)
    if escalation is None:
        return
    upcoming = rules.next_instant(escalation.plan, escalation.opened_at, escalation.since)
    if upcoming is None or escalation.next_page_at is None:
        log.error("a page was given up, and nobody is left to be paged instead", incident_id=incident_id)
        return
    soonest = max(tx.now, escalation.since + timedelta(milliseconds=1))  # the window to come begins after `since`
    early = max(upcoming - soonest, timedelta(0))
    if store.hasten(tx, escalation, opened_at=escalation.opened_at - early, next_at=soonest):
        store.note(tx, incident_id, "Next people alerted early", why)
        tx.ring(TOPIC)


def coming(tx: Tx, incident_id: int) -> list[Page]:
    """The pages that will be sent if nobody answers, to whom they would go if they were due now."""
    escalation = store.running(tx, incident_id)
    if escalation is None or escalation.next_page_at is None:
        return []
    pages = []
    for page in _timeline(tx, escalation):
        if page.at > escalation.since:
            pages.append(page)
        if len(pages) >= MAX_COMING:
            break
    return pages


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


def _timeline(tx: Tx, escalation: Escalation) -> list[Page]:
    members = people_of(tx, escalation.team_id)

    def who(step: Step) -> tuple[Person, ...]:
        return rules.recipients(step.target, members, escalation.paged_user_ids)

    return list(rules.timeline(escalation.plan, escalation.opened_at, who, AVAILABLE))


def _queue(tx: Tx, notice: Notice, person: Person, channel: str, planned_at: datetime) -> int:
    delivery = notify.queue(
        tx, notice, user_id=person.user_id, channel=channel, address=person.email, planned_at=planned_at
    )
    return 0 if delivery is None else 1


def _finds_nobody(escalation: Escalation, page: Page) -> bool:
    """Whether this page has nobody to go to, and nobody has been paged who would make it needless."""
    return page.person is None and not (page.target is Target.OTHERS and escalation.paged_user_ids)


def _nobody(tx: Tx, escalation: Escalation, page: Page) -> None:
    """Say aloud, once, that a page has nobody to go to."""
    if not _finds_nobody(escalation, page):
        store.note(tx, escalation.incident_id, "Nobody else to page", "Everybody in the team has been alerted already.")
        return
    if store.noted(tx, escalation.incident_id, _NOBODY, since=escalation.since):
        return
    store.note(
        tx,
        escalation.incident_id,
        _NOBODY,
        "The team has no members, so NOBODY has been alerted about this incident. "
        "Add people to the team: they are alerted within a minute.",
    )
    log.error("nobody to page: the team has no members", incident_id=escalation.incident_id, team_id=escalation.team_id)
