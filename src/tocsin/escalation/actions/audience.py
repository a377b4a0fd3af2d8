"""Finds who is meant by a step of a plan at the instant when it is due: people, places that a team reads, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.contacts import actions as contacts
from tocsin.contacts import rules as contact_rules
from tocsin.contacts.model import SWITCHES, Reach, Reached
from tocsin.escalation.model import ALONGSIDE, OTHERS, Member, Moment, Person, Plan, Remark
from tocsin.escalation.model.policies import MemberType
from tocsin.kernel.errors import NotFound
from tocsin.metadata.model import Metadata, Value
from tocsin.notify.actions import targets as places
from tocsin.notify.model.targets import Target
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx

log = structlog.get_logger()
T = TypeVar("T")

MAX_RECIPIENTS = 500
"""People, and places, that one step alerts at most."""

_ALL_OF_A_KIND = {
    MemberType.ALL_SLACK: "slack",
    MemberType.ALL_MICROSOFT_TEAMS: "microsoft_teams",
    MemberType.ALL_ZAPIER: "zapier",
    MemberType.ALL_SPLUNK_ON_CALL: "splunk_on_call",
}
_ONE_PLACE = {
    MemberType.SLACK, MemberType.MICROSOFT_TEAMS, MemberType.ZAPIER, MemberType.PAGERDUTY,
    MemberType.NOTIFICATION_TARGET,
}  # fmt: skip
_PLACES_IN_METADATA = {
    "SlackIntegration", "LinearIntegration", "JiraIntegration", "MicrosoftTeamsWebhook", "ZapierWebhook",
    "PagerDutyWebhook",
}  # fmt: skip
_WEBHOOK_IN_METADATA = "NativeWebhook"
_POLICY = "Policy"


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Whom and what one step alerts."""

    people: tuple[Person, ...] = ()
    places: tuple[Target, ...] = ()
    webhook_ids: tuple[int, ...] = ()
    all_webhooks: bool = False
    remarks: tuple[Remark, ...] = ()
    owed: bool = False
    """It was to alert people, and there is nobody at all: somebody may still join the team."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides who is meant, beside the step itself."""

    team_id: int
    """The incident's."""
    plan: Plan
    facts: Metadata
    at: datetime
    """Whoever is on call at this instant is on call."""
    paged_user_ids: Collection[int] = ()
    told: bool = False
    """Whether anybody or anything was alerted before."""


class _Search:
    """Gathers what the members of one step come to."""

    def __init__(self, tx: Tx, situation: Situation, moment: Moment) -> None:
        self.tx = tx
        self.situation = situation
        self.step = moment.step
        self.team_ids = {situation.team_id, situation.plan.scripts[moment.policy_id].team_id or situation.team_id}
        self.users: dict[int, User] = {}
        self.places: dict[int, Target] = {}
        self.webhook_ids: list[int] = []
        self.all_webhooks = False
        self.remarks: list[Remark] = []
        self.asks_for_people = not moment.step.members
        self.nobody_on_call = False

    def member(self, member: Member) -> None:
        """Find who or what one member of a step is."""
        kind, team_id = member.type, self.situation.team_id
        if kind == MemberType.CURRENT_ON_CALL:
            self.on_call(member.id)
        elif kind == MemberType.ENTIRE_TEAM:
            self.team(member.id or team_id)
        elif kind == OTHERS:
            self.add(user for user in self.members(team_id) if user.id not in self.situation.paged_user_ids)
        elif kind == MemberType.USER and member.id is not None:
            self.user(member.id)
        elif kind == MemberType.INCIDENT_METADATA:
            self.metadata(member.metadata_key or "")
        elif kind == ALONGSIDE:
            self.put(places.of_team(self.tx, team_id, alongside=True))
        elif kind == MemberType.ALL_WEBHOOKS:
            self.all_webhooks = True
        elif kind == MemberType.WEBHOOK and member.id is not None:
            self.webhook_ids.append(member.id)
        elif kind in _ONE_PLACE and member.id is not None:
            self.place(member.id)
        elif (of_kind := _ALL_OF_A_KIND.get(MemberType(kind))) is not None:
            self.put(places.of_team(self.tx, team_id, kind=of_kind))

    def on_call(self, calendar_id: int | None) -> None:
        self.asks_for_people = True
        owner = self.situation.team_id
        if calendar_id is not None:
            owner = oncall.team_of(self.tx, calendar_id) or 0
        found = oncall.on_call(self.tx, owner, calendar_id, self.situation.at) if owner in self.team_ids else []
        present = [user for id in found if (user := self.known(id)) is not None]
        self.add(present)
        if not present and self.step.channels:
            self.nobody_on_call = True
            which = "on call" if calendar_id is None else f"on call in schedule {calendar_id}"
            self.say("Nobody is on call", f"Nobody is {which}, so the whole team is alerted.")
            self.add(self.members(self.situation.team_id))

    def team(self, team_id: int) -> None:
        self.asks_for_people = True
        self.add(self.members(team_id))

    def user(self, user_id: int) -> None:
        self.asks_for_people = True
        found = self.known(user_id)
        if found is None:
            self.say("Person not found", f"Person {user_id} is in no team any more.")
        else:
            self.add([found])

    def metadata(self, key: str) -> None:
        values = self.situation.facts.get(key, ())
        if all(value.type == _POLICY for value in values) and values:
            return  # a policy: it is gone through by itself
        self.asks_for_people = True
        before = self.size
        for value in values:
            self.value(value)
        if self.size == before:
            self.say("Nobody found by metadata", f"The incident names nobody who can be alerted under {key}.")

    def value(self, value: Value) -> None:
        """Whoever a fact of the incident means; a text may be a member's e-mail address."""
        id, team_id = value.item_id, self.situation.team_id
        if value.type in ("User", "String"):
            address = (value.email or value.value or "").strip().lower()
            mine = [user for user in self.members(team_id) if id == user.id or address == user.email.lower()]
            self.add(mine)
        elif value.type == "Team" and id in self.team_ids:
            self.add(self.members(id or team_id))
        elif value.type == "Schedule" and id is not None and oncall.team_of(self.tx, id) in self.team_ids:
            self.on_call(id)
        elif value.type in _PLACES_IN_METADATA and id is not None:
            self.place(id)
        elif value.type == _WEBHOOK_IN_METADATA and id is not None:
            self.webhook_ids.append(id)

    def place(self, id: int) -> None:
        found = places.find(self.tx, id)
        if found is None or found.team_id not in self.team_ids:
            self.say("Integration not found", f"Integration {id} does not exist any more.")
        else:
            self.put([found])

    @property
    def size(self) -> int:
        return len(self.users) + len(self.places) + len(self.webhook_ids) + self.all_webhooks

    def known(self, user_id: int) -> User | None:
        """Somebody who is in some team still: whoever was removed is paged no more."""
        try:
            found = accounts.user(self.tx, user_id)
        except NotFound:
            return None
        return found if accounts.team_ids_of(self.tx, user_id) else None

    def members(self, team_id: int) -> list[User]:
        return accounts.members(self.tx, team_id)

    def add(self, users: Iterable[User]) -> None:
        self.users.update((user.id, user) for user in users)

    def put(self, found: Sequence[Target]) -> None:
        self.places.update((place.id, place) for place in found)

    def say(self, title: str, content: str) -> None:
        self.remarks.append(Remark(title, content))


def find(tx: Tx, situation: Situation, moment: Moment) -> Audience:
    """Whom and what a step of a plan alerts. One that finds nobody alerts the whole team: better too many than nobody.

    When even the team has no members, the step stays owed.
    """
    search = _Search(tx, situation, moment)
    for member in moment.step.members:
        _safely(partial(search.member, member), None, "a member of a step could not be found")
    only_others = [member.type for member in moment.step.members] == [OTHERS]
    if only_others:
        search.asks_for_people = not situation.paged_user_ids
        if not search.users and not search.asks_for_people:
            search.say("Nobody else to page", "Everybody in the team has been alerted already.")
    named = bool(moment.step.channels)
    lost = not search.size and not moment.chained and (search.asks_for_people or not situation.told)
    if named and not search.users and lost and not _silent_by_nature(moment) and not only_others:
        search.add(search.members(situation.team_id))
        if search.users:
            search.say("Nobody found", "This step found nobody to alert, so the whole team is alerted.")
    if not named and search.users:
        what = f"severity “{moment.step.urgency}”" if moment.step.urgency else "this step"
        search.say("No channels", f"All channels of {what} are switched off, so no person is alerted.")
    people = tuple(Person(user.id, user.name, user.email) for user in search.users.values()) if named else ()
    return Audience(
        people=people[:MAX_RECIPIENTS],
        places=tuple(search.places.values())[:MAX_RECIPIENTS],
        webhook_ids=tuple(dict.fromkeys(search.webhook_ids)),
        all_webhooks=search.all_webhooks,
        remarks=tuple(search.remarks),
        owed=named and not people and search.asks_for_people and not moment.chained and not search.places,
    )


def reach(
    tx: Tx,
    person: Person,
    channels: Sequence[str],
    *,
    urgency_id: int | None,
    critical: bool,
    at: datetime,
    available: Collection[str],
) -> Reached:
    """How one person is reached; by e-mail when their own rules cannot be read through a fault of ours."""
    able = [channel for channel in channels if channel in usable(available)]
    plain = Reached(
        messages=(Reach(channel="email", address=person.email),),
        remarks=(f"How {person.name} wants to be reached could not be read, so they get an e-mail.",),
    )
    return _safely(
        lambda: contacts.reach(
            tx, person.user_id, able or channels, urgency_id=urgency_id, critical=critical, at=at, available=available
        ),
        plain,
        "how a person is to be reached could not be read",
    )


def usable(available: Collection[str]) -> set[str]:
    """Which of the wire's switches can mean anything on an installation with these channels."""
    at_hand = contact_rules.ALWAYS.union(available)
    return {switch for switch, channels in SWITCHES.items() if at_hand.intersection(channels)}


def _silent_by_nature(moment: Moment) -> bool:
    """Whether a step calls only the places beside the first responder, of which a team need not have any."""
    return [member.type for member in moment.step.members] == [ALONGSIDE]


def _safely(work: Callable[[], T], otherwise: T, complaint: str) -> T:
    """A fault of ours in finding one of many must not cost the page of the others."""
    try:
        return work()
    except DBAPIError:
        raise
    except Exception:
        log.exception(complaint)
        return otherwise
