"""Elastic: Kibana's webhook connector and Watcher's webhook action, with the bodies that our documentation gives."""

from __future__ import annotations

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, read_object

KIND = "elastic"
NAME = "Elastic"

_EXPECTED = "the JSON body of docs/inbound/elastic.md in Kibana's webhook connector"
_RESOLVED = {"recovered", "resolved", "ok", "closed"}
_ACKNOWLEDGED = {"acknowledged"}


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One alert of one rule; `rule_id` and `alert_id` together are its id. Any action group but `recovered` means that
    it is active: what groups there are depends on the type of the rule."""
    message = read_object(received, _EXPECTED)
    group = message.line("action_group", "alert.actionGroup", "status", limit=MAX_SEVERITY_CHARACTERS)
    if not group or "{{" in group:
        raise Unreadable(f"Expected {_EXPECTED}: `action_group`, filled by {{{{alert.actionGroup}}}}, is missing")
    rule = message.whole("rule_id", "rule.id", "watch_id")
    if not rule:
        raise Unreadable(f"Expected {_EXPECTED}: `rule_id`, filled by {{{{rule.id}}}}, is missing")
    return [_alert(message, _action(group), identity(rule, message.whole("alert_id", "alert.id")), group)]


def _action(group: str) -> Action:
    word = group.lower()
    if word in _RESOLVED:
        return "resolved"
    return "acknowledged" if word in _ACKNOWLEDGED else "started"


def _alert(message: Fields, action: Action, alert_id: str | None, group: str) -> Alert:
    name = message.line("rule_name", "rule.name", "watch_id") or "Elastic rule"
    instance = message.line("alert_id", "alert.id")
    return Alert(
        action=action,
        alert_id=alert_id,
        title=name,
        cause=message.text("reason", "message", "context.reason", "context.message") or name,
        severity=message.line("severity", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=message.link("alert_url", "context.alertDetailsUrl", "url", "rule_url", "rule.url"),
        facts=facts(
            action,
            {
                "alert": instance,
                "action_group": message.line("action_group_name", "alert.actionGroupName") or group,
                "rule_id": message.line("rule_id", "rule.id", "watch_id"),
                "rule_type": message.line("rule_type", "rule.type"),
                "space": message.line("space_id", "rule.spaceId"),
                "tags": message.listed("tags") or message.listed("rule.tags"),
                "date": message.line("date"),
            },
        ),
    )
