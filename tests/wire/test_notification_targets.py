"""Notification targets on the wire, body for body (contract part 2, section 9.3), and ours besides."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import ALICES_TEAM, Clients
from tests.wire.examples import BODIES
from tocsin.gateway.audit import audit_entries
from tocsin.notify.store.targets import targets
from tocsin.storage import Database

ALL = "/api/v2/notification-targets"
SECRET = "k3Vt9QmZr2LwXb7NcHy5TdPa1"


async def create(at: Clients, path: str, **attributes: Any) -> dict[str, Any]:
    answer = await at.alice.post(path, json=attributes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()["data"]
    return body


async def test_a_pager_duty_webhook_is_what_terraform_reads(at: Clients) -> None:
    sent = {"name": "Shop", "key": SECRET, "severity": "error", "notify_alongside_primary_responder": False}
    made = await create(at, "/api/v2/pager-duty-webhooks", **sent)
    assert made == {"id": "1", "type": "pager_duty_webhook", "attributes": {**sent, "team_name": ALICES_TEAM}}
    changed = await at.alice.patch("/api/v2/pager-duty-webhooks/1", json={"severity": "critical"})
    assert changed.json()["data"]["attributes"] == {**sent, "severity": "critical", "team_name": ALICES_TEAM}
    assert (await at.alice.get("/api/v2/pager-duty-webhooks")).json()["data"] == [changed.json()["data"]]
    assert (await at.alice.delete("/api/v2/pager-duty-webhooks/1")).status_code == 204
    assert (await at.alice.get("/api/v2/pager-duty-webhooks/1")).status_code == 404


async def test_a_splunk_on_call_integration_needs_its_address(at: Clients) -> None:
    refused = await at.alice.post("/api/v2/splunk-on-calls", json={"name": "DB"})
    assert (refused.status_code, refused.json()["required_attributes"]) == (422, ["url"])
    wrong = await at.alice.post("/api/v2/splunk-on-calls", json={"url": "nowhere"})
    assert wrong.status_code == 422
    assert wrong.json()["errors"]["url"][0].startswith("is not a web address")
    url = "https://alert.victorops.example/integrations/generic/1/alert/key/db"
    made = await create(at, "/api/v2/splunk-on-calls", name="DB", url=url)
    assert made["type"] == "splunk_on_call"
    assert list(made["attributes"]) == ["name", "url", "notify_alongside_primary_responder", "team_name"]


async def test_a_slack_integration_is_made_with_secrets_that_nobody_sees_again(at: Clients) -> None:
    made = await create(
        at, "/api/v2/slack-integrations", bot_token=f"xoxb-{SECRET}", slack_channel_id="C012", slack_channel_name="ops",
        on_call_notifications=True,
    )  # fmt: skip
    assert made["attributes"] == {
        "slack_team_id": "",
        "slack_team_name": "",
        "slack_channel_id": "C012",
        "slack_channel_name": "ops",
        "slack_status": "active",
        "integration_type": "thread",
        "on_call_notifications": True,
        "notify_alongside_primary_responder": True,
        "team_name": ALICES_TEAM,
    }
    unreachable = await at.alice.post("/api/v2/slack-integrations", json={"slack_channel_id": "C012"})
    assert unreachable.json()["errors"] == {"bot_token": ["and slack_channel_id are needed, or a webhook_url"]}
    wrong = await at.alice.patch(f"/api/v2/slack-integrations/{made['id']}", json={"integration_type": "loud"})
    assert wrong.status_code == 422
    assert wrong.json()["allowed_values"] == {"integration_type": ["legacy", "verbose", "thread", "channel"]}


async def test_a_jira_integration_shows_what_the_original_shows(at: Clients) -> None:
    given = BODIES["jira_integrations.create"] | {"name": "Ops", "jira_fields": {"labels": ["outage"]}}
    made = await create(at, "/api/v2/jira-integrations", **given | {"jira_issue_type_id": 10001})
    assert made["attributes"] == {
        "name": "Ops",
        "automatic_issue_creation": True,
        "jira_project_key": "OPS",
        "jira_issue_type_id": "10001",
        "jira_fields": {"labels": ["outage"]},
    }
    changed = await at.alice.patch(
        f"/api/v2/jira-integrations/{made['id']}", json={"automatic_issue_creation": False, "jira_fields": {}}
    )
    assert changed.json()["data"]["attributes"]["automatic_issue_creation"] is False
    assert changed.json()["data"]["attributes"]["jira_fields"] == {}


async def test_every_kind_is_in_one_list_with_its_secrets_hidden(at: Clients, database: Database) -> None:
    settings = {"server": "https://ntfy.example.com", "topic": "ops", "token": SECRET}
    made = await create(at, ALL, kind="ntfy", name="Phones", settings=settings)
    pager = await create(at, "/api/v2/pager-duty-webhooks", name="Shop", key=SECRET, severity="info")
    assert made["attributes"]["settings"] == {
        "server": "https://ntfy.example.com", "topic": "[hidden]", "token": "[hidden]",
    }  # fmt: skip
    listed = (await at.alice.get(ALL)).json()["data"]
    assert [(each["id"], each["attributes"]["kind"]) for each in listed] == [
        (made["id"], "ntfy"), (pager["id"], "pagerduty"),
    ]  # fmt: skip
    assert len((await at.alice.get(f"{ALL}?kind=ntfy")).json()["data"]) == 1
    shown = made["attributes"]["settings"] | {"topic": "other"}
    await at.alice.patch(f"{ALL}/{made['id']}", json={"settings": shown})
    rows = await database.read(lambda tx: [(row.secrets, tx.vault.open(row.secrets)) for row in tx.execute(
        select(targets).where(targets.c.kind == "ntfy"))])  # fmt: skip
    ((sealed, opened),) = rows
    assert SECRET not in sealed
    assert '"topic":"other"' in opened
    assert f'"token":"{SECRET}"' in opened, "what is sent back as it was shown stays"
    log = await database.read(lambda tx: str(tx.execute(select(audit_entries)).all()))
    assert SECRET not in log


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "carrier_pigeon"}, ("allowed_values", "kind")),
        ({"kind": "ntfy"}, ("required_attributes", "topic")),
        ({"kind": "ntfy", "settings": {"topik": "ops"}}, ("invalid_attributes", "topik")),
        ({"kind": "ntfy", "settings": {"topic": "a b"}}, ("errors", "topic must be 1 to 64 letters")),
        ({"kind": "ntfy", "settings": {"topic": ["ops"]}}, ("errors", "topic is wrong: expected str, got array")),
        ({"kind": "ntfy", "settings": "ops"}, ("errors", "must be an object")),
        ({"kind": "apprise", "settings": {"url": "syslog://"}}, ("errors", "url begins with syslog://")),
        ({"kind": "ntfy", "settings": {"topic": "ops"}, "name": "x" * 300}, ("errors", "is too long")),
        ({"kind": "email", "settings": {}}, ("allowed_values", "pagerduty")),
    ],
)
async def test_what_cannot_work_is_refused_with_its_name(at: Clients, body: Any, expected: tuple[str, str]) -> None:
    answer = await at.alice.post(ALL, json=body)
    assert answer.status_code == 422, answer.text
    assert expected[1] in str(answer.json()[expected[0]])
    assert (await at.alice.get(ALL)).json()["data"] == []


async def test_a_test_is_a_message_of_the_outbox_and_stands_among_the_deliveries(at: Clients) -> None:
    made = await create(at, ALL, kind="ntfy", settings={"topic": "ops"})
    tested = await at.alice.post(f"{ALL}/{made['id']}/test")
    assert tested.status_code == 200, tested.text
    delivery = tested.json()["data"]
    assert delivery["type"] == "notification_target_delivery"
    assert (delivery["attributes"]["state"], delivery["attributes"]["incident_id"]) == ("queued", None)
    listed = await at.alice.get(f"{ALL}/{made['id']}/deliveries")
    assert listed.json()["data"] == [delivery]


async def test_the_forms_of_all_kinds_can_be_read(at: Clients) -> None:
    answer = await at.alice.get("/api/v2/notification-target-kinds")
    kinds = {each["id"]: each["attributes"] for each in answer.json()["data"]}
    assert {"slack", "pagerduty", "splunk_on_call", "jira", "linear", "zapier", "webhook", "ntfy"} <= set(kinds)
    assert kinds["pagerduty"]["title"] == "PagerDuty"
    assert "severity" in str(kinds["pagerduty"]["settings_schema"])


async def test_a_fact_may_refer_to_a_target_by_its_name(at: Clients) -> None:
    await create(at, "/api/v2/pager-duty-webhooks", name="Shop", key=SECRET, severity="info")
    metadata = {"Escalate to": [{"type": "PagerDutyWebhook", "name": "Shop"}]}
    made = await at.alice.post("/api/v3/incidents", json={"summary": "Closed", "metadata": metadata})
    assert made.status_code == 201, made.text
    facts = made.json()["data"]["attributes"]["metadata"]["Escalate to"]
    assert [(fact["item_id"], fact["name"]) for fact in facts] == [(1, "Shop")]
    wrong = {"Escalate to": [{"type": "SlackIntegration", "name": "Shop"}]}
    refused = await at.alice.post("/api/v3/incidents", json={"summary": "Closed", "metadata": wrong})
    assert refused.status_code == 422
    assert "refers to a SlackIntegration that doesn't exist" in refused.text
