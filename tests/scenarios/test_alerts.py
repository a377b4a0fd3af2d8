"""Alerts of other systems, told as stories: one trouble is one incident, its end ends it, a storm stays readable."""

from __future__ import annotations

from typing import Any

import aiosmtplib
import pytest

from tests.world import MAIL, World
from tocsin.runtime.mail import MailListener

ALERTMANAGER: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="InstanceDown"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "tocsin",
    "groupLabels": {"alertname": "InstanceDown"},
    "commonLabels": {"alertname": "InstanceDown", "severity": "critical"},
    "commonAnnotations": {"summary": "An instance is down"},
    "externalURL": "https://alertmanager.example.com",
}


def firing(*instances: str, status: str = "firing", group: str = "InstanceDown") -> dict[str, Any]:
    """What Alertmanager posts about some instances."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": group, "instance": instance, "severity": "critical"},
            "annotations": {"summary": f"{instance} is down"},
            "startsAt": "2026-03-02T12:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-02T12:10:00Z",
            "generatorURL": "https://prometheus.example.com/graph",
            "fingerprint": f"fp-{group}-{instance}",
        }
        for instance in instances
    ]
    group_key = f'{{}}:{{alertname="{group}"}}'
    return {**ALERTMANAGER, "status": status, "groupKey": group_key, "alerts": alerts}


@pytest.mark.slow
async def test_an_alert_of_alertmanager_opens_pages_alice_and_resolves(world: World) -> None:
    await world.on_call("alice")
    integration = await world.integration("prometheus-integrations", name="Cluster", team_wait=300)
    runbook = {
        "owner_type": "WebhookIntegration",
        "owner_id": str(integration["id"]),
        "key": "Runbook",
        "values": ["rb-1"],
    }
    assert (await world.api("POST", "/v3/metadata", runbook)).status_code == 201
    answer = await world.send(integration["webhook_url"], firing("db-1:9100"))
    assert answer.status_code == 202, answer.text
    (incident,) = await world.incidents()
    attributes = incident["attributes"]
    assert attributes["status"] == "Started"
    assert "db-1:9100" in str(attributes["metadata"])
    assert attributes["metadata"]["Runbook"] == [{"type": "String", "value": "rb-1"}], "inherited"
    owner = {"id": str(integration["id"]), "type": "prometheus_integration"}
    assert incident["relationships"] == {"prometheus_integration": {"data": owner}}
    ((to, subject),) = world.new_mails()
    assert to == "alice"
    assert "db-1:9100 is down" in subject

    told = (await world.api("GET", f"/v3/incidents/{incident['id']}/timeline")).json()["data"]
    (payload,) = [item["attributes"] for item in told if item["attributes"]["item_type"] == "payload"]
    assert payload["data"]["title"] == "Received by Cluster"
    assert '"fingerprint":"fp-InstanceDown-db-1:9100"' in payload["data"]["content"]

    again = await world.send(integration["webhook_url"], firing("db-1:9100"))
    assert again.status_code == 202
    assert world.new_mails() == [], "said twice is known once"
    await world.send(integration["webhook_url"], firing("db-1:9100", status="resolved"))
    assert (await world.incident(int(incident["id"])))["status"] == "Resolved"
    assert [to for to, _ in world.new_mails()] == ["alice"]
    await world.fast_forward(minutes=10)
    assert world.new_mails() == []


@pytest.mark.slow
async def test_a_mail_of_a_program_wakes_alice_and_another_one_lets_her_sleep(world: World) -> None:
    await world.on_call("alice")
    ends = [{"rule_target": "subject", "match_type": "matches_regex", "content": "^(?i)(ok|recovered)"}]
    integration = await world.integration(
        "email-integrations", name="Backups", team_wait=300, resolved_rule_type="any", resolved_rules=ends
    )
    listener = MailListener([world.inbox], world.clock, host="127.0.0.1", port=0, domain=MAIL, max_bytes=100_000)
    await listener.start()
    try:
        for subject in ("Backup of db-1 failed", "Recovered: backup of db-1"):
            content = f"From: cron@db-1\r\nSubject: {subject}\r\n\r\nSee the log.\r\n"
            await aiosmtplib.send(
                content.encode(), sender="cron@db-1", recipients=[integration["email_address"]], hostname="127.0.0.1",
                port=listener.port, start_tls=False,
            )  # fmt: skip
            await world.settle()
    finally:
        await listener.stop()
    assert world.new_mails() == [
        ("alice", "[Tocsin] Alert: Backups (Backup of db-1 failed)"), ("alice", "[Tocsin] Resolved: Backups"),
    ]  # fmt: skip


@pytest.mark.slow
async def test_what_pages_through_pagerduty_can_page_through_us(world: World) -> None:
    await world.on_call("alice")
    integration = await world.integration("pagerduty-events-integrations", name="Cron", team_wait=300)
    event = {
        "routing_key": integration["routing_key"], "event_action": "trigger", "dedup_key": "disk-7",
        "payload": {"summary": "Disk full on host 7", "source": "host-7", "severity": "critical"},
    }  # fmt: skip
    answer = await world.send("/v2/enqueue", event)
    assert (answer.status_code, answer.json()["dedup_key"]) == (202, "disk-7")
    assert world.new_mails() == [("alice", "[Tocsin] Alert: Disk full on host 7 (Disk full on host 7)")]
    await world.send("/api/v1/pagerduty/v2/enqueue", {**event, "event_action": "acknowledge"})
    await world.fast_forward(minutes=10)
    assert not world.mail_to("bob@example.com"), "somebody has it"
    await world.send("/v2/enqueue", {**event, "event_action": "resolve"})
    (incident,) = await world.incidents()
    assert incident["attributes"]["status"] == "Resolved"
    answer = await world.send("/v2/enqueue", {**event, "routing_key": "x" * 32})
    assert answer.status_code == 404


async def test_charlie_sees_neither_messages_nor_alerts_of_another_team(world: World) -> None:
    integration = await world.integration("prometheus-integrations")
    await world.send(integration["webhook_url"], firing("db-1:9100"))
    (incident,) = await world.incidents()
    for path in (
        f"/v2/prometheus-integrations/{integration['id']}",
        f"/v2/inbound-integrations/{integration['id']}/payloads",
        f"/v2/incidents/{incident['id']}/alerts",
    ):
        assert (await world.api("GET", path)).status_code == 200
        assert (await world.api("GET", path, token="charlie")).status_code == 404
    path = f"/v2/inbound-integrations/{integration['id']}/dry-run"
    assert (await world.api("POST", path, {"body": "{}"}, token="charlie")).status_code == 404


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(world: World) -> None:
    down = {"rule_target": "json", "target_field": "status", "match_type": "equals", "content": "down"}
    everything = {"field_target": "json", "match_type": "match_everything"}
    hook = await world.integration(
        "incoming-webhooks", name="Backups", started_rule_type="any", started_rules=[down],
        started_alert_id_field={**everything, "target_field": "id"}, cause_field={**everything, "target_field": "why"},
    )  # fmt: skip
    path = f"/v2/incoming-webhooks/{hook['id']}"
    answer = await world.api("POST", f"{path}/dry-run", {"body": {"status": "down", "id": 7, "why": "disk full"}})
    assert answer.status_code == 200, answer.text
    trial = answer.json()
    assert trial["matched_rules"] == ['started_rules[0]: json status equals "down"']
    assert trial["extracted_fields"]["started_alert_id_field"] == "7"
    (fate,) = trial["alerts"]
    assert (fate["consequence"], fate["cause"], fate["incident_id"]) == ("would open an incident", "disk full", None)
    assert await world.incidents() == []

    await world.send(hook["url"], {"status": "up", "id": 7})
    await world.send(hook["url"], {"status": "down", "id": 7, "why": "disk full"}, headers={"X-Api-Key": "hunter2"})
    (newest, older) = (await world.api("GET", f"{path}/payloads")).json()["data"]
    assert older["attributes"]["outcome"] == "No rule matched, so nothing was done."
    assert newest["attributes"]["outcome"] == "Alerts: 1 opened an incident."
    assert {"name": "x-api-key", "value": "[hidden]"} in newest["attributes"]["headers"]
    trial = (await world.api("POST", f"{path}/dry-run", {"payload_id": int(newest["id"])})).json()
    (incident,) = await world.incidents()
    assert trial["alerts"][0]["consequence"] == "would be counted as said again"
    assert trial["alerts"][0]["incident_id"] == int(incident["id"])
    assert (await world.api("POST", f"{path}/dry-run", {"payload_id": 999})).status_code == 422
    shown = (await world.api("GET", path)).json()["data"]["attributes"]
    assert shown["sample_body"] == '{"status":"down","id":7,"why":"disk full"}'
    assert "x-api-key: [hidden]" in shown["sample_headers"]
