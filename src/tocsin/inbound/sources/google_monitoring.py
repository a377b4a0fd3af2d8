"""Google Cloud Monitoring: its webhook notification channel, one message per change of an incident, schema 1.2."""

from __future__ import annotations

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, facts, identity, read_object

KIND = "google_monitoring"
NAME = "Google Cloud Monitoring"

_EXPECTED = "Google Cloud Monitoring's webhook JSON (version 1.2)"
_ACTIONS: dict[str, Action] = {"open": "started", "acknowledged": "acknowledged", "closed": "resolved"}


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One incident of Google's; its `incident_id` is the alert's id."""
    incident = read_object(received, _EXPECTED).object("incident")
    if not incident:
        raise Unreadable(f"Expected {_EXPECTED}: `incident` is missing")
    state = incident.whole("state").lower()
    if state not in _ACTIONS:
        raise Unreadable(f"Expected {_EXPECTED}: `incident.state` must be open or closed, not {state[:50]!r}")
    alert_id = identity(incident.whole("incident_id"))
    if alert_id is None:
        raise Unreadable(f"Expected {_EXPECTED}: `incident.incident_id` is missing")
    title = incident.line("policy_name", "condition_name") or "Google Cloud incident"
    action = _ACTIONS[state]
    alert = Alert(
        action=action,
        alert_id=alert_id,
        title=title,
        cause=incident.text("summary", "condition_name") or title,
        severity=incident.line("severity", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=incident.link("url"),
        facts=facts(
            action,
            {
                "project": incident.line("scoping_project_id"),
                "condition": incident.line("condition_name"),
                "resource": incident.line("resource_display_name", "resource_name"),
                "resource_type": incident.line("resource.type"),
                "metric": incident.line("metric.type"),
                "observed_value": incident.line("observed_value"),
                "threshold_value": incident.line("threshold_value"),
                "documentation": incident.text("documentation.content", "documentation"),
            },
            incident.flat("resource.labels"),
            incident.flat("metric.labels"),
            incident.flat("policy_user_labels"),
            incident.flat("metadata.user_labels"),
        ),
    )
    return [alert]
