"""Plays an outage through before it happens: the real plan, the real calendars, the real rules, and no message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation import rules
from tocsin.escalation.actions import audience, stamping
from tocsin.escalation.actions.audience import Situation
from tocsin.escalation.model import SWITCHES, Course, Moment, Page, Person, Plan, Step
from tocsin.escalation.model.forecast import Forecast, Simulation, Subject
from tocsin.escalation.model.policies import Policy, StepType
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata
from tocsin.notify import actions as notify
from tocsin.storage import Tx

MAX_FORECASTS = 200
"""Pages that one simulation shows."""
MAX_EVENTS = 2_000
"""Steps and pages that one simulation goes through."""
LAST_RESORT = "email"
"""What a person gets when nothing else of theirs has arrived, as in `notify`."""
_MOMENT = timedelta(milliseconds=1)


def simulate(
    tx: Tx,
    subject: Subject,
    *,
    at: datetime,
    away: Collection[int] = (),
    down: Collection[str] = (),
    draft: Policy | None = None,
) -> Simulation:
    """Who would be paged, how and when, if `subject` failed at `at` and nobody answered.

    `away`: people (ids) who could not answer, though they are paged. `down`: channels whose every message fails;
    what follows then is what follows in earnest (see docs/paging.md): the person's next way at once, then an e-mail,
    then whoever comes next in the plan. `draft`: a policy that is not saved (yet), in place of the one with its id.
    """
    facts = metadata.at_opening(tx, subject.team_id, subject.owner_kind, subject.owner_id, {})
    plan = stamping.plan(tx, subject.team_id, subject.paging, facts, draft)
    begins_at = at + timedelta(seconds=subject.confirmation_seconds)
    play = _Play(tx, subject, plan, facts, rules.begin(plan, begins_at), frozenset(away), frozenset(down))
    if plan.note:
        play.remarks.append((begins_at, plan.note))
    finished = play.through()
    return Simulation(
        subject=subject,
        at=at,
        forecasts=tuple(play.forecasts),
        remarks=tuple(dict.fromkeys(play.remarks)),
        cut=not finished,
    )


class _Play:
    """One outage, gone through from page to page."""

    def __init__(
        self,
        tx: Tx,
        subject: Subject,
        plan: Plan,
        facts: Metadata,
        course: Course,
        away: frozenset[int],
        down: frozenset[str],
    ) -> None:
        self.tx, self.subject, self.plan, self.facts, self.course = tx, subject, plan, facts, course
        self.away, self.down = away, down
        self.available = notify.available(tx)
        self.waiting: list[Forecast] = []
        self.forecasts: list[Forecast] = []
        self.remarks: list[tuple[datetime, str]] = []
        self.paged: set[int] = set()
        self.reached: set[int] = set()
        self.mailed: set[int] = set()

    def through(self) -> bool:
        """Go through everything; False when it was cut off."""
        for _ in range(MAX_EVENTS):
            step_at = rules.next_instant(self.course)
            self.waiting.sort(key=lambda forecast: forecast.page.at)
            if self.waiting and (step_at is None or self.waiting[0].page.at < step_at):
                self._send(self.waiting.pop(0))
                if len(self.forecasts) >= MAX_FORECASTS:
                    return False
            elif step_at is not None:
                moments, self.course = rules.advance(self.plan, self.course, step_at, self.facts)
                for moment in moments:
                    self._happen(moment)
            else:
                return True
        return False

    def _happen(self, moment: Moment) -> None:
        self.remarks += [(moment.at, remark.content) for remark in moment.remarks]
        step = moment.step
        if step.instructions is not None:
            self.remarks.append((moment.at, "Instructions are written into the incident."))
        if step.type is not StepType.ESCALATION:
            return
        situation = Situation(
            team_id=self.subject.team_id,
            plan=self.plan,
            facts=self.facts,
            at=moment.at,
            paged_user_ids=frozenset(self.paged),
            told=bool(self.forecasts or self.waiting),
        )
        found = audience.find(self.tx, situation, moment)
        self.remarks += [(moment.at, remark.content) for remark in found.remarks]
        if found.all_webhooks or found.webhook_ids:
            self.remarks.append((moment.at, "Outgoing webhooks are called."))
        if found.owed:
            self.remarks.append((moment.at, "NOBODY would be paged: the team has no members."))
        blank = Page(
            at=moment.at,
            channel="",
            recipient="",
            address="",
            policy_id=None if moment.policy_id == SWITCHES else moment.policy_id,
            policy_name=self.plan.scripts[moment.policy_id].name or None,
            round=moment.round,
            step=moment.index,
        )
        for person in found.people:
            self._page(moment, person, blank)
        for place in found.places:
            page = msgspec.structs.replace(
                blank, channel=place.kind, recipient=place.name, address=place.name, target_id=place.id
            )
            self.waiting.append(Forecast(page=page, answers=False))

    def _page(self, moment: Moment, person: Person, blank: Page) -> None:
        self.paged.add(person.user_id)
        reached = audience.reach(
            self.tx,
            person,
            moment.step.channels,
            urgency_id=moment.step.urgency_id,
            critical=moment.step.critical or self.subject.paging.critical_alert,
            at=moment.at,
            available=self.available,
        )
        self.remarks += [(moment.at, remark) for remark in reached.remarks]
        for message in reached.messages:
            page = msgspec.structs.replace(
                blank,
                at=moment.at + timedelta(seconds=message.after_seconds),
                channel=message.channel,
                recipient=person.name,
                address=message.address,
                user_id=person.user_id,
            )
            self.waiting.append(Forecast(page=page, answers=person.user_id not in self.away))

    def _send(self, forecast: Forecast) -> None:
        page = forecast.page
        if page.channel == LAST_RESORT:
            self.mailed.add(page.user_id)
        if page.channel in self.down:
            self.forecasts.append(msgspec.structs.replace(forecast, fails=f"{page.channel} is down"))
            self._fail_over(page)
            return
        self.forecasts.append(forecast)
        self.reached.add(page.user_id)

    def _fail_over(self, page: Page) -> None:
        """What follows a page that does not arrive, in the order of `notify.actions.failing_over`."""
        why = f"nothing arrived by {page.channel}"
        if page.user_id == 0:
            if not self.reached:
                self._hasten(page.at)
            return
        later = [each for each in self.waiting if each.page.user_id == page.user_id and each.page.at > page.at]
        if later:
            soonest = min(each.page.at for each in later)
            for each in later:
                if each.page.at == soonest:
                    self.waiting.remove(each)
                    self.waiting.append(_moved(each, page.at, why))
            return
        if page.user_id in self.reached or any(each.page.user_id == page.user_id for each in self.waiting):
            return
        if page.user_id not in self.mailed:
            address = accounts.user(self.tx, page.user_id).email
            mail = msgspec.structs.replace(page, channel=LAST_RESORT, address=address)
            self.waiting.append(Forecast(page=mail, because=why, answers=page.user_id not in self.away))
            return
        self._hasten(page.at)

    def _hasten(self, at: datetime) -> None:
        course = rules.hastened(self.plan, self.course, at + _MOMENT, self.facts)
        if course is not None and course != self.course:
            self.course = course
            self.remarks.append((at, "A page could not be delivered, so the next people are alerted early."))
        elif course is None and not (self.reached or any(each.page.user_id for each in self.waiting)):
            self._page_the_rest(at)

    def _page_the_rest(self, at: datetime) -> None:
        """The plan calls nobody else, and nobody hears of it."""
        rest = [user for user in accounts.members(self.tx, self.subject.team_id) if user.id not in self.paged]
        if not rest:
            self.remarks.append((at, "No page arrives, and nobody is left who was not tried: NOBODY would know of it."))
            return
        self.remarks.append((at, "No page arrives, and the plan calls nobody else: the rest of the team is alerted."))
        step = Step(channels=self.plan.otherwise)
        moment = Moment(at=at, policy_id=self.plan.root, round=0, index=0, step=step)
        blank = Page(at=at, channel="", recipient="", address="")
        for user in rest:
            self._page(moment, Person(user.id, user.name, user.email), blank)


def _moved(forecast: Forecast, at: datetime, why: str) -> Forecast:
    return msgspec.structs.replace(forecast, page=msgspec.structs.replace(forecast.page, at=at), because=why)


def people_away(tx: Tx, team_id: int, emails: Sequence[str]) -> tuple[set[int], list[str]]:
    """The ids of a team's members by their addresses, and the addresses that are nobody's."""
    known = {user.email.lower(): user.id for user in accounts.members(tx, team_id)}
    wanted = [email.strip().lower() for email in emails if email.strip()]
    return {known[email] for email in wanted if email in known}, [email for email in wanted if email not in known]
