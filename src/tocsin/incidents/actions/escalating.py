"""Calls for help about an incident: a person, a team, whoever is on call, another policy, or everybody there is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation import actions as escalation
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Page, Paging, Person
from tocsin.escalation.rules import wanted_channels
from tocsin.incidents import rules, store
from tocsin.incidents.actions import leases, lifecycle
from tocsin.incidents.actions.reading import find
from tocsin.incidents.actions.recording import record
from tocsin.incidents.actions.telling import page_notice
from tocsin.incidents.model import Act, Author, Incident, IncidentStatus
from tocsin.kernel.errors import Conflict, NotFound
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx

MAX_PEOPLE = 1_000
"""Alerted by one call for help: a larger organization has a better way."""


def escalate_to_user(
    tx: Tx,
    incident_id: int,
    user_id: int,
    channels: Sequence[str],
    author: Author,
    *,
    base_url: str,
    critical: bool | None = None,
) -> Incident:
    """Page one person now, besides whatever the plan does. Raises NotFound, Conflict when it is over."""
    user = accounts.user(tx, user_id)
    person = Person(user.id, user.name, user.email)
    return _escalate(tx, incident_id, [person], channels, user.name, author, base_url, critical)


def escalate_to_team(
    tx: Tx,
    incident_id: int,
    team_id: int,
    channels: Sequence[str],
    author: Author,
    *,
    base_url: str,
    critical: bool | None = None,
) -> Incident:
    """Page everybody in a team now, besides whatever the plan does. Raises NotFound, Conflict when it is over."""
    people = escalation.people_of(tx, team_id)
    name = f"the team {accounts.team(tx, team_id).name}"
    return _escalate(tx, incident_id, people, channels, name, author, base_url, critical)


def escalate_to_schedule(
    tx: Tx,
    incident_id: int,
    calendar_id: int,
    channels: Sequence[str],
    author: Author,
    *,
    base_url: str,
    critical: bool | None = None,
) -> Incident:
    """Page whoever is on call by a schedule; its whole team when nobody is. Raises NotFound, Conflict."""
    calendar = oncall.find(tx, calendar_id)
    ids = oncall.on_call(tx, calendar.team_id, calendar_id, tx.now)
    users = [accounts.user(tx, id) for id in ids]
    people = [Person(user.id, user.name, user.email) for user in users]
    names = " and ".join(person.name for person in people)
    to = f"whoever is on call in {calendar.name or 'the default schedule'} ({names or 'nobody, so its whole team'})"
    people = people or escalation.people_of(tx, calendar.team_id)
    return _escalate(tx, incident_id, people, channels, to, author, base_url, critical)


def escalate_to_everybody(
    tx: Tx,
    incident_id: int,
    channels: Sequence[str],
    author: Author,
    *,
    base_url: str,
    critical: bool | None = None,
) -> Incident:
    """Page everybody in every team. Raises NotFound, Conflict when it is over."""
    everybody: dict[int, Person] = {}
    for team in accounts.all_teams(tx):
        everybody.update((person.user_id, person) for person in escalation.people_of(tx, team.id))
    people = list(everybody.values())[:MAX_PEOPLE]
    return _escalate(tx, incident_id, people, channels, "the whole organization", author, base_url, critical)


def escalate_to_policy(
    tx: Tx,
    incident_id: int,
    policy_id: int,
    author: Author,
    *,
    base_url: str,
    critical: bool | None = None,
) -> Incident:
    """Begin with another policy now, in place of what would still have come of the old plan.

    An acknowledged incident is Started again: the policy asks for somebody to take it on. Raises NotFound, Conflict.
    """
    incident = _escalatable(tx, incident_id)
    policy = policies.find(tx, policy_id)
    if policy is None:
        raise NotFound("policy", policy_id)
    to = f"the policy {policy.name}"
    text = f"{author.name} escalated it to {to}, which begins now, in place of what would still have come."
    if incident.status is IncidentStatus.ACKNOWLEDGED:
        lifecycle.change(tx, incident, rules.Move(IncidentStatus.STARTED), **lifecycle.UNANSWERED)
        text += f" {incident.acknowledged_by} had taken it on; somebody else is to do so."
        incident = find(tx, incident_id)
    store.tell(tx, incident_id, Act.ESCALATE, "Incident escalated", text, author.name)
    notice = page_notice(tx, incident, base_url, critical=critical)
    escalation.restart(tx, notice, msgspec.structs.replace(incident.paging, policy_id=policy_id))
    record(tx, "incident.escalated", incident, to=to)
    return incident


def coming(tx: Tx, incident: Incident) -> list[Page]:
    """The pages that will be sent if nobody answers, or confirms what an agent has answered, in order of time."""
    if not incident.open:
        return []
    return sorted((*escalation.coming(tx, incident.id), *leases.coming(tx, incident)), key=lambda page: page.at)


def coming_about(tx: Tx, incident_id: int) -> list[Page]:
    """The same of the incident with that id; none when it is gone."""
    incident = store.find(tx, incident_id)
    return [] if incident is None else coming(tx, incident)


def alert_next(tx: Tx, incident_id: int, author: Author) -> Incident:
    """Whoever was alerted passes it on: those who come next in the plan are paged now, and it stays unacknowledged.

    Raises NotFound; Conflict when it is over or taken on, or when nobody comes next.
    """
    incident = _escalatable(tx, incident_id)
    if incident.acknowledged:
        raise Conflict(rules.ALREADY_ACKNOWLEDGED)
    if not escalation.alert_next(tx, incident_id, f"{author.name} passed it on."):
        raise Conflict("Nobody else is planned to be alerted")
    record(tx, "incident.escalated", incident, to="whoever comes next")
    return incident


def escalation_channels(paging: Paging, **overrides: bool | None) -> tuple[str, ...]:
    """The channels of an escalation by hand: the incident's own, with the overrides that were sent (not None)."""
    switches = {name: on for name, on in overrides.items() if on is not None}
    chosen = Paging(**{name: switches.get(name, getattr(paging, name)) for name in ("call", "sms", "email", "push")})
    return wanted_channels(chosen)


def _escalate(
    tx: Tx,
    incident_id: int,
    people: list[Person],
    channels: Sequence[str],
    to: str,
    author: Author,
    base_url: str,
    critical: bool | None,
) -> Incident:
    incident = _escalatable(tx, incident_id)
    notice = page_notice(tx, incident, base_url, critical=critical)
    queued = escalation.escalate_to(tx, notice, people, tuple(channels))
    text = f"{author.name} escalated it to {to}."
    if not people:
        text += " NOBODY was alerted: the team has no members."
    elif not channels:
        text += " NOBODY was alerted: all channels are switched off."
    elif not queued:
        text += " They were being alerted already."
    store.tell(tx, incident_id, Act.ESCALATE, "Incident escalated", text, author.name)
    leases.confirmed(tx, incident, author)
    record(tx, "incident.escalated", incident, to=to)
    return find(tx, incident_id)


def _escalatable(tx: Tx, incident_id: int) -> Incident:
    """The incident, if help can be called for about it. Raises NotFound, Conflict."""
    incident = find(tx, incident_id)
    outcome = rules.decide(incident.status, incident.acknowledged, Act.ESCALATE)
    if isinstance(outcome, rules.Refusal):
        raise Conflict(outcome.message)
    return incident
