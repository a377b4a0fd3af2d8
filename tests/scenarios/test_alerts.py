"""Alerts of other systems, told as stories: one trouble is one incident, its end ends it, a storm stays readable."""

from __future__ import annotations

from typing import Any

from tests.world import World

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


async def test_an_alert_of_alertmanager_opens_pages_alice_and_resolves(world: World) -> None:
    integration = await world.integration("prometheus-integrations", name="Cluster", team_wait=300)
    answer = await world.send(integration["webhook_url"], firing("db-1:9100"))
    assert answer.status_code == 202, answer.text
    (incident,) = await world.incidents()
    attributes = incident["attributes"]
    assert attributes["status"] == "Started"
    assert "db-1:9100" in str(attributes["metadata"])
    owner = {"id": str(integration["id"]), "type": "prometheus_integration"}
    assert incident["relationships"] == {"prometheus_integration": {"data": owner}}
    ((to, subject),) = world.new_mails()
    assert to == "alice"
    assert "db-1:9100 is down" in subject

    again = await world.send(integration["webhook_url"], firing("db-1:9100"))
    assert again.status_code == 202
    assert world.new_mails() == [], "said twice is known once"
    await world.send(integration["webhook_url"], firing("db-1:9100", status="resolved"))
    assert (await world.incident(int(incident["id"])))["status"] == "Resolved"
    assert [to for to, _ in world.new_mails()] == ["alice"]
    await world.fast_forward(minutes=10)
    assert world.new_mails() == []
