"""Writes down what happened to an incident, for everybody outside who is told of it later."""

from __future__ import annotations

from typing import Any

from tocsin.incidents.actions.reading import TYPE
from tocsin.incidents.model import Incident
from tocsin.storage import Tx, events

_REMEMBERED = (
    "owner_type", "owner_id", "kind", "name", "url", "http_method", "cause", "status", "started_at", "acknowledged_at",
    "acknowledged_by", "resolved_at", "resolved_by", "reopened_at", "reopened_by", "regions", "response_content",
    "has_response",
)  # fmt: skip


def record(tx: Tx, name: str, incident: Incident, **data: Any) -> int:
    """Record the event `name` (e.g. `incident.started`) with the incident as it stands at this instant.

    Whoever tells others of it does so later, perhaps after a day of trying: by then the incident may have been resolved
    or deleted, and "it has started" must not say so. Returns the event's id.
    """
    then = {field: getattr(incident, field) for field in _REMEMBERED}
    return events.record(
        tx, name, team_id=incident.team_id, resource_type=TYPE, resource_id=incident.id, incident=then, **data
    )
