"""New Relic: the webhook of its workflows, one message per change of an issue, and its older notification channels."""

from __future__ import annotations

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, read_object

KIND = "new_relic"
NAME = "New Relic"

_EXPECTED = "the JSON of a New Relic workflow's webhook"
_ACTIONS: dict[str, Action] = {
    "created": "started",
    "activated": "started",
    "open": "started",
    "acknowledged": "acknowledged",
    "closed": "resolved",
    "deactivated": "resolved",
    "resolved": "resolved",
}
_WARNINGS = {"high", "medium", "low", "warning", "info"}
"""A condition's warning threshold gives an issue the priority HIGH, its critical one CRITICAL."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One message is one issue; its id is the issue's. An issue that is only a warning opens nothing unless
    `alerting_rule` is `alert_and_warn`; when it becomes critical, New Relic says so and it opens then."""
    message = read_object(received, _EXPECTED)
    state = message.whole("state", "current_state").lower()
    if state not in _ACTIONS:
        raise Unreadable(
            f"Expected {_EXPECTED}: `state` must be CREATED, ACTIVATED, ACKNOWLEDGED or CLOSED, not {state[:50]!r}"
        )
    alert_id = identity(message.whole("id", "issueId", "incident_id"))
    if alert_id is None:
        raise Unreadable(f"Expected {_EXPECTED}: `id`, the issue's, is missing")
    action = _ACTIONS[state]
    if action == "started" and _taken_on(message):
        action = "acknowledged"
    priority = message.line("priority", "severity", limit=MAX_SEVERITY_CHARACTERS)
    if action == "started" and priority.lower() in _WARNINGS and settings.alerting_rule == "alert":
        return []
    return [_alert(message, action, alert_id, priority)]


def _taken_on(message: Fields) -> bool:
    """An acknowledged issue stays ACTIVATED; what happened to it is in `trigger`."""
    trigger = message.whole("trigger", "triggerEvent").upper()
    owner = message.line("owner", "acknowledgedBy")
    named = bool(owner) and owner.upper() not in ("N/A", "NULL", "NONE")
    return trigger in ("ACKNOWLEDGED", "ISSUE_ACKNOWLEDGED") or (trigger == "USER_ACTION" and named)


def _alert(message: Fields, action: Action, alert_id: str, priority: str) -> Alert:
    conditions = message.listed("alertConditionNames") or message.line("condition_name")
    title = message.line("title") or conditions or "New Relic issue"
    return Alert(
        action=action,
        alert_id=alert_id,
        title=title,
        cause=message.text("details", "description", "conditionDescription") or title,
        severity=priority or None,
        url=message.link("issueUrl", "incident_url"),
        facts=facts(
            action,
            {
                "condition": conditions,
                "policy": message.listed("alertPolicyNames") or message.line("policy_name"),
                "entities": message.listed("impactedEntities") or _targets(message),
                "incidents": message.line("totalIncidents"),
                "workflow": message.line("workflowName"),
                "owner": message.line("owner", "acknowledgedBy"),
                "account": message.line("account_name"),
                "runbook_url": message.link("runbook_url", "runbookUrl"),
            },
        ),
    )


def _targets(message: Fields) -> str:
    return ", ".join(name for target in message.objects("targets")[:20] if (name := target.line("name")))
