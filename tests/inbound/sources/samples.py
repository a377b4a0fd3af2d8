"""How each system tells of a trouble from its beginning to its end: one story for each way that it has."""

from __future__ import annotations

import json

import msgspec

from tests.inbound.sources.clouds import alarm, azure, eventbridge, google, sns
from tests.inbound.sources.monitoring import (
    alertmanager,
    datadog,
    datadog_default,
    grafana,
    grafana_legacy,
    kibana,
    new_relic,
    new_relic_channel,
    watcher,
)
from tests.inbound.sources.pagers import (
    OPSGENIE_ALIAS_PATH,
    opsgenie,
    pagerduty,
    sentry_issue,
    sentry_issue_alert,
    sentry_metric_alert,
    sentry_plugin,
    sentry_resource,
)
from tests.time import START
from tocsin.inbound.model import Received, SourceSettings


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble from its beginning to its end, as one system tells it."""

    kind: str
    name: str
    started: Received
    acknowledged: Received | None = None
    resolved: Received | None
    """None: this system never says so."""
    settings: SourceSettings = SourceSettings()
    alerts: int = 1
    """In the message that starts it."""


def request(body: object, path: str = "", method: str = "POST", headers: tuple[tuple[str, str], ...] = ()) -> Received:
    """A web request as the receiver hands it in; `body` is bytes, or what shall be JSON."""
    return Received(
        method=method,
        path=path,
        headers=(("content-type", "application/json"), *headers),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        content_type="application/json",
        at=START,
    )


STORIES = (
    Story(
        kind="prometheus",
        name="alertmanager",
        started=request(alertmanager()),
        resolved=request(alertmanager("resolved")),
        alerts=2,
    ),
    Story(kind="grafana", name="unified", started=request(grafana()), resolved=request(grafana("resolved"))),
    Story(kind="grafana", name="legacy", started=request(grafana_legacy()), resolved=request(grafana_legacy("ok"))),
    Story(kind="datadog", name="ours", started=request(datadog()), resolved=request(datadog("Recovered", "success"))),
    Story(
        kind="datadog",
        name="default",
        started=request(datadog_default()),
        resolved=request(datadog_default("Recovered")),
    ),
    Story(
        kind="datadog",
        name="warning",
        started=request(datadog("Warn", "warning")),
        resolved=request(datadog("Recovered", "success")),
        settings=SourceSettings(alerting_rule="alert_and_warn"),
    ),
    Story(
        kind="new_relic",
        name="workflow",
        started=request(new_relic()),
        acknowledged=request(new_relic("ACTIVATED", "USER_ACTION", owner="Alice")),
        resolved=request(new_relic("CLOSED")),
    ),
    Story(
        kind="new_relic",
        name="channel",
        started=request(new_relic_channel()),
        acknowledged=request(new_relic_channel("acknowledged", owner="Alice")),
        resolved=request(new_relic_channel("closed")),
    ),
    Story(
        kind="aws_cloudwatch",
        name="sns",
        started=request(sns(alarm())),
        resolved=request(sns(alarm("OK"))),
    ),
    Story(kind="aws_cloudwatch", name="raw", started=request(alarm()), resolved=request(alarm("OK"))),
    Story(
        kind="aws_cloudwatch",
        name="eventbridge",
        started=request(sns(eventbridge())),
        resolved=request(sns(eventbridge("OK"))),
    ),
    Story(kind="azure", name="metric", started=request(azure()), resolved=request(azure("Resolved"))),
    Story(kind="google_monitoring", name="1.2", started=request(google()), resolved=request(google("closed"))),
    Story(kind="elastic", name="kibana", started=request(kibana()), resolved=request(kibana("recovered"))),
    Story(kind="elastic", name="watcher", started=request(watcher()), resolved=request(watcher("resolved"))),
    Story(
        kind="sentry",
        name="issue",
        started=request(sentry_issue_alert(), headers=sentry_resource("event_alert")),
        resolved=request(sentry_issue(), headers=sentry_resource("issue")),
    ),
    Story(
        kind="sentry",
        name="metric",
        started=request(sentry_metric_alert(), headers=sentry_resource("metric_alert")),
        resolved=request(sentry_metric_alert("resolved"), headers=sentry_resource("metric_alert")),
    ),
    Story(kind="sentry", name="plugin", started=request(sentry_plugin()), resolved=None),
    Story(
        kind="pagerduty",
        name="events-v2",
        started=request(pagerduty(), path="v2/enqueue"),
        acknowledged=request(pagerduty("acknowledge"), path="v2/enqueue"),
        resolved=request(pagerduty("resolve"), path="v2/enqueue"),
    ),
    Story(
        kind="opsgenie",
        name="alerts",
        started=request(opsgenie(), path="v2/alerts"),
        acknowledged=request({"user": "Alice"}, path=f"{OPSGENIE_ALIAS_PATH}/acknowledge"),
        resolved=request({"user": "Alice", "note": "done"}, path=f"{OPSGENIE_ALIAS_PATH}/close"),
    ),
)
