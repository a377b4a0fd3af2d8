"""An agent's acknowledgement is a lease: unless a person confirms it in time, people are paged again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tocsin.agents import actions as agents
from tocsin.escalation import actions as escalation
from tocsin.escalation.model import Page
from tocsin.incidents import rules, store
from tocsin.incidents.actions import grouping, lifecycle
from tocsin.incidents.actions.reading import find
from tocsin.incidents.actions.recording import record
from tocsin.incidents.model import Act, Author, Incident, IncidentStatus
from tocsin.storage import Tx


def taken(tx: Tx, incident: Incident, author: Author) -> dict[str, Any]:
    """What an acknowledgement by `author` writes down beside who and when: for an agent, until when it is good."""
    if author.agent_id is None:
        return {"acknowledged_by_agent_id": None, "confirm_by": None}
    lease = agents.find(tx, author.agent_id, (incident.team_id,)).acknowledgement_lease_seconds
    if lease is not None:
        tx.ring(grouping.TOPIC)
    return {
        "acknowledged_by_agent_id": author.agent_id,
        "confirm_by": None if lease is None else tx.now + timedelta(seconds=lease),
        "agent_acknowledgements": incident.agent_acknowledgements + 1,
    }


def said(incident: Incident, author: Author, values: Mapping[str, Any]) -> str:
    """The line of the story. `incident`: as it was before; `values`: what is written down."""
    if values["confirm_by"] is not None:
        until = rules.say_instant(values["confirm_by"])
        return f"{author.name} is on it. Unless a person confirms it until {until}, people are paged again."
    if incident.acknowledged_by_agent_id is not None:
        return f"{author.name} is on it, in place of {incident.acknowledged_by}."
    return f"{author.name} is on it."


def confirmed(tx: Tx, incident: Incident, author: Author) -> None:
    """A person has done something about an incident that only an agent has acknowledged: it stays acknowledged."""
    if incident.confirm_by is None or author.agent_id is not None:
        return
    if store.change(tx, incident, confirm_by=None):
        text = f"{author.name} knows of it, so {incident.acknowledged_by} may go on."
        store.tell(tx, incident.id, "confirm", "Acknowledgement confirmed", text, author.name)


def expire(tx: Tx, incident_id: int, *, base_url: str) -> None:
    """No person has confirmed in time: the acknowledgement ends, and people are paged from the start of the plan.

    While it looks well nobody is paged; should it fail again, they are.
    """
    incident = store.find(tx, incident_id)
    if incident is None or incident.confirm_by is None or incident.confirm_by > tx.now:
        return
    outcome = rules.decide(incident.status, incident.acknowledged, Act.EXPIRE)
    if not isinstance(outcome, rules.Move):
        store.change(tx, incident, confirm_by=None)
        return
    if not store.change(tx, incident, status=outcome.status, **lifecycle.UNANSWERED):
        return  # a person was faster, or another worker
    who = incident.acknowledged_by
    why = f"Nobody confirmed that {who} has it"
    incident = find(tx, incident_id)
    if not rules.failing(incident):
        title, text = why, "It looks well, so nobody is paged; should it fail again, people are."
    elif grouping.page_again(tx, incident, base_url, why=why):
        title, text = f"{why}: people are paged again", "The acknowledgement has ended; paging begins from the start."
    else:
        title, text = why, "The acknowledgement has ended; people hear of this through its cause."
    store.tell(tx, incident_id, Act.EXPIRE, title, text)
    record(tx, "incident.escalated", incident, to="everybody from the start, as no person confirmed an agent's answer")


def coming(tx: Tx, incident: Incident) -> list[Page]:
    """The pages that will be sent if no person confirms what an agent has acknowledged, in order of time."""
    if incident.confirm_by is None or incident.status is not IncidentStatus.ACKNOWLEDGED:
        return []
    if grouping.heard_elsewhere(tx, incident):
        return []
    return escalation.coming_again(tx, incident.id, incident.team_id, incident.paging, incident.confirm_by)
