"""Sentry's webhooks."""

from __future__ import annotations

import pytest

from tests.inbound.sources.pagers import (
    sentry_issue,
    sentry_issue_alert,
    sentry_metric_alert,
    sentry_plugin,
    sentry_resource,
)
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable, sentry


def read(body: object, resource: str | None = None) -> list[Alert]:
    return sentry.read(request(body, headers=sentry_resource(resource) if resource else ()), SourceSettings())


def test_an_issue_alert() -> None:
    [alert] = read(sentry_issue_alert(), "event_alert")
    assert alert.alert_id == "issue/1117540176"
    assert alert.title == "ReferenceError: heck is not defined"
    assert alert.cause == "heck is not defined"
    assert alert.severity == "error"
    assert (
        alert.url
        == "https://sentry.io/organizations/example/issues/1117540176/events/e4874d664c3540c1a32eab185f12c5ab/"
    )
    assert alert.facts["rule"] == "Very important alert rule"
    assert alert.facts["environment"] == "production"


def test_a_metric_alert() -> None:
    [alert] = read(sentry_metric_alert(), "metric_alert")
    assert alert.alert_id == "metric/42"
    assert alert.title == "Too many errors"
    assert alert.cause == "1000 events in the last 10 minutes\nFilter: level:error"
    assert alert.severity == "critical"
    assert alert.facts["projects"] == "shop"


def test_a_metric_alert_that_warns_opens_and_keeps_its_id_when_it_gets_worse() -> None:
    [warned], [worse] = read(sentry_metric_alert("warning")), read(sentry_metric_alert("critical"))
    assert warned.action == worse.action == "started"
    assert warned.alert_id == worse.alert_id


@pytest.mark.parametrize("action", ["resolved", "archived", "ignored"])
def test_an_issue_that_is_done_with_ends_what_its_alert_opened(action: str) -> None:
    [alert] = read(sentry_issue(action), "issue")
    assert (alert.action, alert.alert_id) == ("resolved", "issue/1117540176")
    assert alert.cause == f"{action} in Sentry by Alice"


@pytest.mark.parametrize("action", ["created", "assigned", "unresolved"])
def test_what_else_happens_to_an_issue_neither_opens_nor_silences(action: str) -> None:
    assert read(sentry_issue(action), "issue") == []


def test_an_alert_rule_about_an_issues_activity_opens_and_its_resolution_ends() -> None:
    [begun] = read(sentry_issue("triggered", status="unresolved"), "activity_alert")
    [ended] = read(sentry_issue("triggered", status="resolved"), "activity_alert")
    assert (begun.action, begun.alert_id) == ("started", "issue/1117540176")
    assert (ended.action, ended.alert_id) == ("resolved", "issue/1117540176")
    assert begun.facts["project"] == "shop"


def test_the_plug_in() -> None:
    [alert] = read(sentry_plugin())
    assert alert.alert_id == "issue/1117540176"
    assert alert.title == "This is an example Python exception"
    assert alert.facts["project"] == "shop"
    assert alert.facts["rule"] == "Every error"


def test_a_header_that_a_proxy_has_lost_is_guessed() -> None:
    assert read(sentry_issue_alert())[0].alert_id == "issue/1117540176"
    assert read(sentry_metric_alert())[0].alert_id == "metric/42"
    assert read(sentry_issue())[0].action == "resolved"


@pytest.mark.parametrize("resource", ["installation", "comment", "error"])
def test_other_messages_of_sentry_say_nothing(resource: str) -> None:
    assert read({"action": "created", "data": {}}, resource) == []


@pytest.mark.parametrize(
    ("body", "resource", "words"),
    [
        (sentry_issue_alert(issue_id=None), "event_alert", "`data.event.issue_id` is missing"),
        (sentry_metric_alert("green"), "metric_alert", "critical, warning or resolved, not 'green'"),
        (sentry_metric_alert(id=None, identifier=None), "metric_alert", "`data.metric_alert.id` is missing"),
        (sentry_issue(id=None), "issue", "`data.issue.id` is missing"),
        ({}, "weather", "event_alert, metric_alert or issue, not 'weather'"),
        ({"hello": 1}, None, "event_alert, metric_alert or issue"),
    ],
)
def test_what_cannot_be_read_is_refused(body: object, resource: str | None, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(body, resource)
