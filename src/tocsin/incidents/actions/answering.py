"""What people do about incidents: report, take on, end, reopen, merge and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation import actions as escalation
from tocsin.incidents import rules, store
from tocsin.incidents.actions import grouping, leases, lifecycle
from tocsin.incidents.actions.comments import write_comment
from tocsin.incidents.actions.reading import find
from tocsin.incidents.actions.recording import record
from tocsin.incidents.actions.telling import page_notice, tell_acknowledged
from tocsin.incidents.model import Act, Author, Incident, IncidentStatus, Kind, Opening
from tocsin.incidents.store import groups
from tocsin.kernel.errors import Conflict, Invalid
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata, OwnerType
from tocsin.storage import Tx


def author_of(tx: Tx, team_id: int, text: str) -> Author:
    """Who `text` means: a member's e-mail address becomes the person's name, anything else stays as it is."""
    user = accounts.user_by_email(tx, text) if "@" in text else None
    if user is not None and any(member.id == user.id for member in accounts.members(tx, team_id)):
        return Author(name=user.name, user_id=user.id)
    return Author(name=text)


def report(
    tx: Tx, opening: Opening, *, description: str | None, facts: Metadata, author: Author, base_url: str
) -> Incident:
    """Open an incident that a person or a program reports; pages at once. `description` becomes the first comment."""
    incident = lifecycle.open(tx, msgspec.structs.replace(opening, facts=facts), base_url)
    if description:
        write_comment(tx, incident, description, author)
    return incident


def acknowledge(tx: Tx, incident_id: int, author: Author, *, base_url: str) -> Incident:
    """Somebody takes it on: nobody else is paged, what has not left is cancelled, those who were paged are told.

    An agent's is a lease (`leases`). A person takes over what only an agent has, and nobody is paged again.

    Raises NotFound, and Conflict when it was acknowledged or resolved already.
    """
    incident = find(tx, incident_id)
    outcome = rules.acknowledging(incident, author.agent_id is not None)
    values = {"acknowledged_at": tx.now, "acknowledged_by": author.name, **leases.taken(tx, incident, author)}
    lifecycle.change(tx, incident, outcome, **values)
    escalation.stop(tx, incident_id, f"{author.name} acknowledged the incident")
    store.tell(
        tx, incident_id, Act.ACKNOWLEDGE, "Incident acknowledged", leases.said(incident, author, values), author.name
    )
    incident = find(tx, incident_id)
    tell_acknowledged(tx, incident, author, base_url)
    record(tx, "incident.acknowledged", incident, by=author.name)
    return incident


def resolve(tx: Tx, incident_id: int, author: Author, *, base_url: str) -> Incident:
    """Somebody says that it is over. Raises NotFound, and Conflict when it was resolved already."""
    incident = find(tx, incident_id)
    outcome = rules.decide(incident.status, incident.acknowledged, Act.RESOLVE)
    lifecycle.change(tx, incident, outcome, resolved_at=tx.now, resolved_by=author.name)
    why = f"{author.name} resolved the incident."
    return lifecycle.end(tx, incident_id, why=why, author=author.name, base_url=base_url)


def reopen(tx: Tx, incident_id: int, author: Author, *, base_url: str) -> Incident:
    """It is not over after all: acknowledgement and end are cleared, and people are paged again from the start.

    Raises NotFound; Conflict when it is not resolved, was resolved over 24 hours ago, or a newer one is open.
    """
    incident = find(tx, incident_id)
    outcome = rules.reopenable(incident, tx.now)
    if isinstance(outcome, rules.Move) and incident.owner_type is not None and incident.owner_id is not None:
        newer = store.current(tx, incident.owner_type, incident.owner_id, incident.kind, incident.alert_id)
        if newer is not None:
            raise Conflict(f"Incident {newer.id} is already open for the same {incident.owner_type}")
    lifecycle.change(
        tx,
        incident,
        outcome,
        **lifecycle.UNANSWERED,
        resolved_at=None,
        resolved_by=None,
        reopened_at=tx.now,
        reopened_by=author.name,
        incident_group_id=None,
        lapses_at=tx.now + rules.LAPSE if incident.kind in (Kind.CHECK, Kind.ALERT) else None,
    )
    tx.ring(grouping.TOPIC)
    store.tell(tx, incident_id, Act.REOPEN, "Incident reopened", f"{author.name} reopened it.", author.name)
    incident = find(tx, incident_id)
    escalation.start(tx, page_notice(tx, incident, base_url, reopened=True), incident.paging)
    record(tx, "incident.reopened", incident, by=author.name)
    return incident


def merge(tx: Tx, incident_id: int, children: Sequence[Incident], author: Author) -> Incident:
    """Somebody says that these are consequences of this one: nobody else is paged about them while it is open.

    Raises NotFound; Conflict when one of them is over, not confirmed yet, or speaks for itself no longer; Invalid
    (field `incident_ids`) when one of them is the incident itself or of another team.
    """
    incident = find(tx, incident_id)
    cause = grouping.cause_of(tx, incident)
    if cause is not None:
        raise Conflict(f"Incident {incident_id} belongs to incident {cause.id} itself, merge into that one")
    for each in (incident, *children):
        if not each.open or each.status is IncidentStatus.UNCONFIRMED:
            state = "not confirmed yet" if each.open else "resolved"
            raise Conflict(f"Incident {each.id} is {state}, so it can't be merged")
    for child in children:
        if child.id == incident.id or child.team_id != incident.team_id:
            raise Invalid.fields(incident_ids=f"{child.id} is the incident itself, or of another team")
        grouping.merge(tx, incident, child, author.name)
    return find(tx, incident_id)


def lapse(tx: Tx, incident_id: int, *, base_url: str) -> None:
    """A reopened incident is over when its owner has not failed anew within `rules.LAPSE`."""
    incident = store.find(tx, incident_id)
    if incident is None or incident.lapses_at is None or incident.lapses_at > tx.now:
        return
    if incident.open:
        hours = rules.LAPSE // timedelta(hours=1)
        why = f"Nothing has failed within {hours} hours after {incident.reopened_by} had reopened it."
        lifecycle.recover(tx, incident_id, why=why, base_url=base_url)
    else:
        store.change(tx, incident, lapses_at=None)


def delete(tx: Tx, incident_id: int, *, base_url: str = "") -> None:
    """Delete an incident with everything that hangs on it; nobody is paged about it any more. Raises NotFound."""
    incident = find(tx, incident_id)
    escalation.forget(tx, incident.id, "the incident was deleted")
    metadata.forget(tx, OwnerType.INCIDENT, [incident.id])
    store.remove(tx, incident.id)
    grouping.relieved(tx, incident)  # now that it cannot be taken for a cause any more
    grouping.pass_on(tx, incident, base_url)
    groups.forget_groups(tx, incident.id)
    record(tx, "incident.deleted", incident)
