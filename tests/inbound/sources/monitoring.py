"""What monitoring systems send, in their own field names: Prometheus, Grafana, Datadog, New Relic, Elastic."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def alertmanager(status: str = "firing", **changes: Any) -> Json:
    """Version 4 of Alertmanager's webhook: two alerts of one group."""

    def alert(instance: str, fingerprint: str) -> Json:
        return {
            "status": status,
            "labels": {
                "alertname": "ProbeFailure",
                "instance": instance,
                "job": "http_checks",
                "severity": "critical",
            },
            "annotations": {
                "description": f"{instance} has been down for over 5m.",
                "summary": f"Probe of {instance} fails",
                "runbook_url": "https://wiki.example.org/probe",
            },
            "startsAt": "2026-11-02T13:08:45.828Z",
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-02T13:18:45.828Z",
            "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=probe_success+%3D%3D+0&g0.tab=1",
            "fingerprint": fingerprint,
        }

    return {
        "receiver": "tocsin",
        "status": status,
        "alerts": [
            alert("https://a.example.org", "1a30ba71cca2921f"),
            alert("https://b.example.org", "27f7f0a3b1c85d04"),
        ],
        "groupLabels": {"alertname": "ProbeFailure"},
        "commonLabels": {"alertname": "ProbeFailure", "job": "http_checks", "severity": "critical"},
        "commonAnnotations": {"runbook_url": "https://wiki.example.org/probe"},
        "externalURL": "http://alertmanager.example.org:9093",
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="ProbeFailure"}',
        "truncatedAlerts": 0,
    } | changes


def grafana(status: str = "firing", **changes: Any) -> Json:
    """A webhook contact point of unified alerting."""
    return {
        "receiver": "My Super Webhook",
        "status": status,
        "orgId": 1,
        "alerts": [
            {
                "status": status,
                "labels": {
                    "alertname": "High memory usage",
                    "grafana_folder": "Hosts",
                    "team": "blue",
                    "zone": "us-1",
                    "__alert_rule_uid__": "1afz29v7z",
                },
                "annotations": {
                    "description": "The system has high memory usage",
                    "runbook_url": "https://runbooks.example.org/1234",
                    "summary": "Memory is short in zone us-1",
                },
                "startsAt": "2026-10-12T09:51:03.157076+02:00",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "https://grafana.example.org/alerting/1afz29v7z/edit",
                "fingerprint": "c6eadffa33fcdf37",
                "silenceURL": "https://grafana.example.org/alerting/silence/new?alertmanager=grafana&matchers=zone%3Dus-1",
                "dashboardURL": "",
                "panelURL": "https://grafana.example.org/d/abc?viewPanel=2",
                "values": {"B": 44.23943737541908, "C": 1},
                "valueString": "[ var='B' labels={} value=44.2 ]",
            }
        ],
        "groupLabels": {},
        "commonLabels": {"team": "blue"},
        "commonAnnotations": {},
        "externalURL": "https://grafana.example.org/",
        "version": "1",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "title": "[FIRING:1] (blue)",
        "state": "alerting" if status == "firing" else "ok",
        "message": "**Firing**",
    } | changes


def grafana_legacy(state: str = "alerting", **changes: Any) -> Json:
    """A notification channel of Grafana before version 11."""
    return {
        "dashboardId": 2,
        "evalMatches": [{"value": 100, "metric": "High value", "tags": None}] if state == "alerting" else [],
        "imageUrl": "https://grafana.example.org/image.png",
        "message": "The disk of db1 fills up",
        "orgId": 1,
        "panelId": 6,
        "ruleId": 3,
        "ruleName": "Disk of db1",
        "ruleUrl": "http://grafana.example.org/d/GG2qhR3Wz/disks?tab=alert&panelId=6&orgId=1",
        "state": state,
        "tags": {"host": "db1"},
        "title": f"[{state.title()}] Disk of db1",
    } | changes


def datadog(transition: str = "Triggered", alert_type: str = "error", **changes: Any) -> Json:
    """The payload of docs/inbound/datadog.md with its variables filled; one of them has no value."""
    return {
        "id": "8306082202796025694",
        "alert_id": "221164084",
        "alert_cycle_key": "6409872305218236912",
        "aggreg_key": "9bd4ac313a4d1e8fae2482df7b77628",
        "alert_transition": transition,
        "alert_type": alert_type,
        "alert_title": "Host is down",
        "event_title": f"[{transition} on {{host:ip-012345}}] Host is down",
        "alert_status": "system.load.1 over host:ip-012345 was > 4 on average during the last 5m.",
        "alert_scope": "host:ip-012345",
        "alert_priority": "P1",
        "alert_metric": "system.load.1",
        "alert_query": "avg(last_5m):avg:system.load.1{*} by {host} > 4",
        "text": "Load is high. @webhook-tocsin",
        "hostname": "$HOSTNAME",
        "tags": "env:prod,host:ip-012345",
        "link": "https://app.datadoghq.com/monitors/221164084?event_id=8306082202796025694",
        "snapshot": "null",
        "org_name": "Example",
        "date": "1759343824000",
    } | changes


def datadog_default(transition: str = "Triggered") -> Json:
    """What Datadog sends when nobody has changed the payload."""
    return {
        "id": "8306082202796025694" if transition == "Triggered" else "8306082202796025777",
        "last_updated": "1759343824000",
        "event_type": "query_alert_monitor",
        "title": f"[P2] [{transition} on {{host:ip-012345}}] Host is down",
        "date": "1759343824000",
        "org": {"id": "352347", "name": "Example"},
        "body": "%%%\nLoad is high.\n%%%",
    }


def new_relic(state: str = "ACTIVATED", trigger: str = "STATE_CHANGE", **changes: Any) -> Json:
    """The default template of a workflow's webhook."""
    return {
        "id": "c5faa7e6-7b54-402d-af79-f99601e0278c",
        "issueUrl": "https://radar-api.service.newrelic.com/accounts/1/issues/c5faa7e6?notifier=WEBHOOK",
        "title": "shop query result is > 1.0 for 1 minutes on 'Server low on storage'",
        "priority": "CRITICAL",
        "impactedEntities": ["shop"],
        "totalIncidents": 1,
        "state": state,
        "trigger": trigger,
        "isCorrelated": False,
        "createdAt": 1713755131352,
        "updatedAt": 1713769708699,
        "sources": ["newrelic"],
        "alertPolicyNames": ["Golden Signals"],
        "alertConditionNames": ["Server low on storage"],
        "workflowName": "page the team",
    } | changes


def new_relic_channel(state: str = "open", **changes: Any) -> Json:
    """A notification channel, from before there were workflows."""
    return {
        "account_id": 2941966,
        "account_name": "Example",
        "condition_id": 412,
        "condition_name": "Server down",
        "current_state": state,
        "details": "Server down on db1",
        "event_type": "INCIDENT",
        "incident_acknowledge_url": "https://alerts.newrelic.com/accounts/2941966/incidents/1234/acknowledge",
        "incident_id": 1234,
        "incident_url": "https://alerts.newrelic.com/accounts/2941966/incidents/1234",
        "owner": "",
        "policy_name": "Servers",
        "severity": "CRITICAL",
        "targets": [{"id": "12345", "name": "db1", "link": "https://example.org", "type": "host"}],
        "timestamp": 1605133931151,
        "version": "1.0",
    } | changes


def kibana(group: str = "threshold met", **changes: Any) -> Json:
    """The body of docs/inbound/elastic.md with its variables filled."""
    return {
        "rule_id": "6f9e3a50-1c1b-11ee-9b5d-5f1f3d1c2a77",
        "rule_name": "Disk usage",
        "rule_type": ".index-threshold",
        "rule_url": "https://kibana.example.org/app/management/insightsAndAlerting/triggersActions/rule/6f9e3a50",
        "space_id": "default",
        "tags": "disk,production",
        "alert_id": "db1",
        "alert_uuid": "1d9f1c5e-1111-4d6b-8c3a-0c4b7e6f5a21",
        "action_group": group,
        "action_group_name": group.title(),
        "reason": "disk.used is 97 on db1, threshold is 90",
        "message": "",
        "alert_url": "",
        "severity": "critical",
        "date": "2026-11-02T13:08:45.828Z",
    } | changes


def watcher(status: str = "active") -> Json:
    return {
        "watch_id": "log_errors",
        "status": status,
        "rule_name": "Errors in the log",
        "reason": "417 errors in five minutes",
        "severity": "error",
    }
