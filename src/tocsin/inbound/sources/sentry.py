"""Sentry: issue alerts, metric alerts and resolved issues by an internal integration, and the webhooks plug-in."""

from __future__ import annotations

import msgspec

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, read_object

KIND = "sentry"
NAME = "Sentry"

_EXPECTED = "Sentry's webhook JSON"
_METRIC_ACTIONS: dict[str, Action] = {"critical": "started", "warning": "started", "resolved": "resolved"}
_ISSUE_ACTIONS: dict[str, Action] = {"resolved": "resolved", "archived": "resolved", "ignored": "resolved"}
"""The others open nothing: which issues are worth an incident is said by alert rules, and an issue may be assigned by a
rule before any person has seen it."""
_SILENT = {"installation", "comment", "error", "seer", "preprod_artifact"}
"""Resources of Sentry that say nothing about trouble."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One issue or one metric alert; Sentry's id of it is the alert's id, so that a resolved issue ends the incident
    that an issue alert has opened."""
    message = read_object(received, _EXPECTED)
    resource = received.header("sentry-hook-resource").lower() or _guess(message)
    if resource == "event_alert":
        return [_issue_alert(message)]
    if resource == "metric_alert":
        return [_metric_alert(message)]
    if resource == "activity_alert":
        return [_activity_alert(message)]
    if resource == "issue":
        return _issue(message)
    if resource in _SILENT:
        return []
    if resource == "plugin":
        return [_plugin(message)]
    raise Unreadable(
        f"Expected {_EXPECTED}: the header Sentry-Hook-Resource must be event_alert, metric_alert or issue, "
        f"not {resource[:50]!r}"
    )


def _guess(message: Fields) -> str:
    """What it must be when a proxy has lost the header; the plug-in never had one."""
    for resource, field in (("event_alert", "event"), ("metric_alert", "metric_alert"), ("issue", "issue")):
        if message.object(f"data.{field}"):
            return resource
    return "plugin" if message.whole("id") and message.whole("project_slug", "project") else "nothing known"


def _issue_alert(message: Fields) -> Alert:
    event = message.object("data.event")
    issue_id = event.whole("issue_id", "groupID", "group_id")
    if not issue_id:
        raise Unreadable(f"Expected {_EXPECTED}: `data.event.issue_id` is missing")
    rule = message.line("data.triggered_rule")
    return _started(event, issue_id, event.link("web_url"), rule)


def _activity_alert(message: Fields) -> Alert:
    """An alert rule about what happens to an issue (in limited availability at Sentry): its state says what."""
    issue = message.object("data.issue")
    issue_id = issue.whole("id")
    if not issue_id:
        raise Unreadable(f"Expected {_EXPECTED}: `data.issue.id` is missing")
    alert = _started(issue, issue_id, issue.link("web_url", "permalink"), message.line("data.alert.title"))
    action = _ISSUE_ACTIONS.get(issue.whole("status").lower(), "started")
    return msgspec.structs.replace(alert, action=action)


def _plugin(message: Fields) -> Alert:
    event = message.object("event")
    rules = message.listed("triggering_rules") or message.line("triggering_rules")
    merged = Fields(
        {
            "title": event.line("title") or message.line("message"),
            "culprit": message.line("culprit"),
            "level": message.line("level"),
            "project": message.line("project_slug", "project"),
            "environment": event.line("environment"),
            "release": event.line("release"),
            "platform": event.line("platform"),
            "message": message.text("message"),
        }
    )
    return _started(merged, message.whole("id"), message.link("url"), rules)


def _started(event: Fields, issue_id: str, url: str | None, rule: str) -> Alert:
    title = event.line("title", "metadata.title", "message") or "Sentry issue"
    culprit = event.line("culprit", "location")
    return Alert(
        action="started",
        alert_id=identity("issue", issue_id),
        title=title,
        cause=event.text("metadata.value", "message") or culprit or title,
        severity=event.line("level", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=url,
        facts=facts(
            "started",
            {
                "rule": rule,
                "culprit": culprit,
                "project": event.line("project_slug", "project.slug", "project_name", "project"),
                "environment": event.line("environment"),
                "release": event.line("release"),
                "platform": event.line("platform"),
                "event_id": event.line("event_id"),
            },
        ),
    )


def _metric_alert(message: Fields) -> Alert:
    action = message.whole("action").lower()
    if action not in _METRIC_ACTIONS:
        raise Unreadable(
            f"Expected {_EXPECTED}: `action` of a metric alert must be critical, warning or resolved, "
            f"not {action[:50]!r}"
        )
    metric = message.object("data.metric_alert")
    alert_id = metric.whole("id", "identifier")
    if not alert_id:
        raise Unreadable(f"Expected {_EXPECTED}: `data.metric_alert.id` is missing")
    title = metric.line("alert_rule.name", "title") or message.line("data.description_title") or "Sentry metric alert"
    return Alert(
        action=_METRIC_ACTIONS[action],
        alert_id=identity("metric", alert_id),
        title=title,
        cause=message.text("data.description_text", "data.description_title") or title,
        severity=action if action != "resolved" else None,
        url=message.link("data.web_url"),
        facts=facts(
            _METRIC_ACTIONS[action],
            {
                "projects": metric.listed("projects"),
                "query": metric.line("alert_rule.query"),
                "aggregate": metric.line("alert_rule.aggregate"),
                "environment": metric.line("alert_rule.environment"),
            },
        ),
    )


def _issue(message: Fields) -> list[Alert]:
    issue = message.object("data.issue")
    issue_id = issue.whole("id")
    if not issue_id:
        raise Unreadable(f"Expected {_EXPECTED}: `data.issue.id` is missing")
    action = _ISSUE_ACTIONS.get(message.whole("action").lower())
    if action is None:
        return []
    title = issue.line("title", "shortId") or "Sentry issue"
    alert = Alert(
        action=action,
        alert_id=identity("issue", issue_id),
        title=title,
        cause=f"{message.line('action')} in Sentry by {message.line('actor.name') or 'somebody'}",
        severity=issue.line("level", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=issue.link("web_url", "permalink"),
    )
    return [alert]
