"""An incident that was deleted is back: what was open is open, and somebody must hear of it."""

from __future__ import annotations

from tocsin.escalation import actions as escalation
from tocsin.incidents import rules, store
from tocsin.incidents.actions import grouping, lifecycle
from tocsin.incidents.actions.reading import find
from tocsin.incidents.actions.recording import record
from tocsin.incidents.actions.telling import page_notice
from tocsin.incidents.model import IncidentStatus, Kind
from tocsin.storage import Tx


def returned(tx: Tx, incident_id: int, by: str, base_url: str) -> None:
    """Go on with an incident whose deletion was taken back.

    Nobody was paged about it meanwhile, and pages that were still to come are lost: who is on call is paged again from
    the start, unless somebody has it or it is over. What watched it may have found all well without its being there to
    be resolved, so it is over by itself if nothing fails within `rules.LAPSE`, as after a reopening. A mere suspicion
    is dropped: if it is true, the next check raises it anew.
    """
    incident = find(tx, incident_id)
    if incident.status is IncidentStatus.UNCONFIRMED:
        lifecycle.withdraw(tx, incident_id)
        return
    store.tell(tx, incident_id, "restore", "Incident restored", f"{by} took its deletion back.", by)
    if not incident.open:
        return
    lapses_at = tx.now + rules.LAPSE if incident.kind in (Kind.CHECK, Kind.ALERT) else None
    store.change(tx, incident, incident_group_id=None, lapses_at=lapses_at)
    tx.ring(grouping.TOPIC)
    incident = find(tx, incident_id)
    if not incident.acknowledged:
        escalation.start(tx, page_notice(tx, incident, base_url, reopened=True), incident.paging)
    record(tx, "incident.reopened", incident, by=by)
