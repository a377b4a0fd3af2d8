"""Writes a policy's instructions into its incident, and reminds people of boxes that are still to be ticked."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.escalation import actions as escalation
from tocsin.escalation.model import Errand
from tocsin.escalation.rules import filled_in, unfinished
from tocsin.incidents import store
from tocsin.incidents.actions.comments import write_comment
from tocsin.incidents.actions.telling import tell_unfinished
from tocsin.incidents.model import Author, Incident
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType
from tocsin.storage import Tx

AUTHOR = Author(name="Escalation policy")


def carry_out(tx: Tx, errand_id: int, *, base_url: str) -> None:
    """Do what is due about some instructions: write them, or remind people of them while the incident is open."""
    errand = escalation.find_errand(tx, errand_id)
    if errand is None or errand.due_at is None or errand.due_at > tx.now:
        return
    incident = store.find(tx, errand.incident_id)
    if incident is None or not incident.open:
        escalation.claim_errand(tx, errand, due_at=None)
    elif errand.comment_id is None:
        _write(tx, errand, incident)
    else:
        _remind(tx, errand, errand.comment_id, incident, base_url)


def _write(tx: Tx, errand: Errand, incident: Incident) -> None:
    facts = metadata.of(tx, OwnerType.INCIDENT, [incident.id])[incident.id]
    text = filled_in(errand.instructions.comment, facts).replace("\x00", "\ufffd")
    again_at = _again_at(tx, errand) if unfinished(text)[0] else None
    if escalation.claim_errand(tx, errand, due_at=again_at) and text.strip():
        escalation.errand_written(tx, errand.id, write_comment(tx, incident, text, AUTHOR).id)


def _remind(tx: Tx, errand: Errand, comment_id: int, incident: Incident, base_url: str) -> None:
    """A box may be ticked and unticked again, so it is looked at for as long as the comment stands."""
    written = store.comment(tx, incident.id, comment_id)
    left, boxes = (0, 0) if written is None else unfinished(written.content)
    if not escalation.claim_errand(tx, errand, due_at=_again_at(tx, errand) if boxes else None) or not left:
        return
    tell_unfinished(tx, incident, left, boxes, base_url)
    text = f"{left} of {boxes} boxes of the instructions are not ticked yet."
    store.tell(tx, incident.id, "remind", "Instructions are unfinished", text)


def _again_at(tx: Tx, errand: Errand) -> datetime | None:
    hours = errand.instructions.reminder_hours
    return None if hours is None else tx.now + timedelta(hours=hours)
