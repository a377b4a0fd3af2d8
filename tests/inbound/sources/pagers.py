"""What is sent to Sentry's, PagerDuty's and Opsgenie's webhooks and APIs, in their own field names."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def sentry_resource(name: str) -> tuple[tuple[str, str], ...]:
    return (("sentry-hook-resource", name), ("sentry-hook-timestamp", "1763900000"))


def sentry_issue_alert(**changes: Any) -> Json:
    event: Json = {
        "_ref": 1,
        "culprit": "?(<anonymous>)",
        "datetime": "2026-08-19T21:06:17.677000Z",
        "environment": "production",
        "event_id": "e4874d664c3540c1a32eab185f12c5ab",
        "issue_id": "1117540176",
        "issue_url": "https://sentry.io/api/0/issues/1117540176/",
        "level": "error",
        "metadata": {"filename": "/runner", "type": "ReferenceError", "value": "heck is not defined"},
        "platform": "javascript",
        "project": 1,
        "release": "shop@1.2.3",
        "tags": [["browser", "Chrome 75.0.3770"], ["level", "error"]],
        "title": "ReferenceError: heck is not defined",
        "type": "error",
        "url": "https://sentry.io/api/0/projects/example/shop/events/e4874d664c3540c1a32eab185f12c5ab/",
        "web_url": "https://sentry.io/organizations/example/issues/1117540176/events/e4874d664c3540c1a32eab185f12c5ab/",
    }
    return {
        "action": "triggered",
        "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
        "data": {"event": event | changes, "triggered_rule": "Very important alert rule"},
        "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},
    }


def sentry_issue(action: str = "resolved", **changes: Any) -> Json:
    issue = {
        "id": "1117540176",
        "shortId": "SHOP-E",
        "title": "ReferenceError: heck is not defined",
        "culprit": "?(<anonymous>)",
        "level": "error",
        "status": "resolved" if action == "resolved" else "unresolved",
        "permalink": None,
        "web_url": "https://example.sentry.io/issues/1117540176/",
        "project": {"id": "1", "name": "Shop", "slug": "shop", "platform": "javascript"},
    }
    return {
        "action": action,
        "actor": {"type": "user", "id": 662437, "name": "Alice"},
        "data": {"issue": issue | changes, "resolution_type": "now"},
        "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},
    }


def sentry_metric_alert(action: str = "critical", **changes: Any) -> Json:
    metric = {
        "alert_rule": {
            "aggregate": "count()",
            "dataset": "events",
            "environment": None,
            "id": "7",
            "name": "Too many errors",
            "projects": ["shop"],
            "query": "level:error",
            "time_window": 10,
            "triggers": [],
        },
        "date_closed": None,
        "date_started": "2026-09-13T12:26:40.000000Z",
        "id": "42",
        "identifier": "12",
        "organization_id": "5",
        "projects": ["shop"],
        "status": 20 if action == "critical" else 2,
        "title": "Too many errors",
        "type": 2,
    }
    return {
        "action": action,
        "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
        "data": {
            "description_text": "1000 events in the last 10 minutes\nFilter: level:error",
            "description_title": f"{action.title()}: Too many errors",
            "metric_alert": metric | changes,
            "web_url": "https://sentry.io/organizations/example/alerts/rules/details/7/?alert=12",
        },
        "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},
    }


def sentry_plugin(**changes: Any) -> Json:
    """The webhooks plug-in of one project."""
    return {
        "id": "1117540176",
        "project": "shop",
        "project_name": "Shop",
        "project_slug": "shop",
        "logger": None,
        "level": "error",
        "culprit": "raven.scripts.runner in main",
        "message": "This is an example Python exception",
        "url": "https://example.sentry.io/issues/1117540176/?referrer=webhooks_plugin",
        "triggering_rules": ["Every error"],
        "event": {
            "event_id": "4dc4fc2858aa450eb658be9e5b8ad149",
            "title": "This is an example Python exception",
            "environment": "prod",
            "platform": "python",
        },
    } | changes


def pagerduty(action: str = "trigger", **changes: Any) -> Json:
    """An event of the Events API v2 as PagerDuty's reference shows it."""
    event: Json = {
        "routing_key": "e93facc04764012d7bfb002500d5d1a6",
        "event_action": action,
        "dedup_key": "srv01/mysql",
    }
    if action == "trigger":
        event |= {
            "payload": {
                "summary": "DISK at 99% on machine prod-datapipe03.example.com",
                "timestamp": "2026-07-17T08:42:58.315+0000",
                "severity": "critical",
                "source": "prod-datapipe03.example.com",
                "component": "mysql",
                "group": "prod-datapipe",
                "class": "disk",
                "custom_details": {"free space": "1%", "ping time": "1500ms", "load avg": 0.75},
            },
            "client": "Sample Monitoring Service",
            "client_url": "https://monitoring.example.com",
            "links": [{"href": "http://pagerduty.example.com", "text": "An example link."}],
            "images": [{"src": "https://chart.example.com/1.png", "href": "https://example.com", "alt": "A chart"}],
        }
    return event | changes


def opsgenie(**changes: Any) -> Json:
    """Create alert, with every field there is."""
    return {
        "message": "An example alert message",
        "alias": "Life is too short for no alias",
        "description": "Every alert needs a description",
        "responders": [{"name": "NOC", "type": "team"}, {"username": "alice@example.com", "type": "user"}],
        "visibleTo": [{"name": "rocket_team", "type": "team"}],
        "actions": ["Restart", "AnExampleAction"],
        "tags": ["OverwriteQuietHours", "Critical"],
        "details": {"key1": "value1", "key2": "value2"},
        "entity": "An example entity",
        "source": "Nagios",
        "priority": "P1",
        "user": "alice@example.com",
        "note": "Additional note",
    } | changes


OPSGENIE_ALIAS_PATH = "v2/alerts/Life is too short for no alias"
