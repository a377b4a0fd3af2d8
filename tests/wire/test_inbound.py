"""Integrations on the wire, body for body (contract part 2, section 9)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import ALICES_TEAM, BASE, Clients
from tocsin.inbound.model import SOURCES, Kind
from tocsin.storage import Database, metadata

NOW = "2026-03-02T12:00:00.000Z"
TOKEN = r"[a-z0-9]{32}"

ALERTING: dict[str, Any] = {
    "call": False,
    "sms": False,
    "email": True,
    "push": True,
    "critical_alert": False,
    "team_wait": None,
    "recovery_period": None,
    "paused": False,
}
RULED: dict[str, Any] = {
    "started_rule_type": "unused",
    "acknowledged_rule_type": "unused",
    "resolved_rule_type": "unused",
    "started_rules": [],
    "acknowledged_rules": [],
    "resolved_rules": [],
    "cause_field": None,
    "title_field": None,
    "started_alert_id_field": None,
    "acknowledged_alert_id_field": None,
    "resolved_alert_id_field": None,
    "other_started_fields": [],
    "other_acknowledged_fields": [],
    "other_resolved_fields": [],
}
LAST = {"team_name": ALICES_TEAM, "created_at": NOW, "updated_at": NOW}

FROM_TERRAFORM: dict[str, Any] = {
    "name": "Terraform Test",
    "call": False,
    "sms": False,
    "email": True,
    "push": True,
    "critical_alert": True,
    "team_wait": 180,
    "recovery_period": 0,
    "paused": False,
    "started_rule_type": "any",
    "acknowledged_rule_type": "unused",
    "resolved_rule_type": "all",
    "started_rules": [
        {"rule_target": "json", "target_field": "incident.status", "match_type": "contains", "content": "alert"},
        {"rule_target": "json", "target_field": "incident.status", "match_type": "contains", "content": "reminder"},
    ],
    "resolved_rules": [
        {"rule_target": "json", "target_field": "incident.status", "match_type": "contains", "content": "resolved"}
    ],
    "cause_field": {
        "field_target": "json", "target_field": "incident.status", "match_type": "match_everything", "content": "title",
    },
    "title_field": None,
    "started_alert_id_field": {
        "name": "Alert ID", "special_type": "alert_id", "field_target": "json", "target_field": "incident.id",
        "match_type": "match_between", "content_before": "<", "content_after": "-",
    },
    "other_started_fields": [
        {
            "name": "Caused by", "field_target": "json", "target_field": "incident.description",
            "match_type": "match_between", "content_before": "by:", "content_after": ",",
        }
    ],
}  # fmt: skip


async def make(at: Clients, path: str, **attributes: Any) -> dict[str, Any]:
    answer = await at.alice.post(f"/api/v2/{path}", json=attributes)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_an_incoming_webhook_made_of_nothing_has_the_defaults(at: Clients) -> None:
    data = await make(at, "incoming-webhooks")
    url = data["attributes"].pop("url")
    assert re.fullmatch(re.escape(BASE) + f"/api/v1/incoming-webhook/{TOKEN}", url)
    samples = {"sample_query_string": None, "sample_headers": None, "sample_body": None}
    head = {"name": "Incoming webhook", "policy_id": None}
    assert data == {
        "id": "1",
        "type": "incoming_webhook",
        "attributes": {**head, **ALERTING, **samples, **RULED, **LAST},
    }


async def test_an_email_integration_made_of_nothing_has_the_defaults(at: Clients) -> None:
    data = await make(at, "email-integrations")
    address = data["attributes"].pop("email_address")
    assert re.fullmatch(f"{TOKEN}@localhost", address)
    head = {"name": "E-mail integration", "policy_id": None}
    assert data == {"id": "1", "type": "email_integration", "attributes": {**head, **ALERTING, **RULED, **LAST}}


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
async def test_a_source_made_of_nothing_has_the_defaults(at: Clients, kind: Kind) -> None:
    data = await make(at, kind.path)
    attributes = data["attributes"]
    url = attributes.pop("webhook_url")
    token = next((attributes.pop(key) for key in ("routing_key", "api_key") if key in attributes), None)
    if kind.name in ("pagerduty", "opsgenie"):
        assert re.fullmatch(TOKEN, token)
        assert url == f"{BASE}/api/v1/{kind.name}" + ("/v2/enqueue" if kind.name == "pagerduty" else "")
    else:
        assert re.fullmatch(re.escape(f"{BASE}/api/v1/{kind.name.replace('_', '-')}/") + TOKEN, url)
    rule = {"alerting_rule": "alert"} if kind.name in ("datadog", "new_relic") else {}
    assert data["type"] == f"{kind.path.replace('-', '_')[:-1]}"
    assert attributes == {"name": kind.title, "policy_id": None, **ALERTING, **rule, **LAST}


@pytest.mark.usefixtures("policies")
async def test_a_policy_is_a_string_on_webhooks_and_a_number_on_sources(at: Clients) -> None:
    for sent in (2, "2"):
        assert (await make(at, "incoming-webhooks", policy_id=sent))["attributes"]["policy_id"] == "2"
        assert (await make(at, "email-integrations", policy_id=sent))["attributes"]["policy_id"] == "2"
        assert (await make(at, "grafana-integrations", policy_id=sent))["attributes"]["policy_id"] == 2
    for none in (None, "", 0):
        assert (await make(at, "grafana-integrations", policy_id=none))["attributes"]["policy_id"] is None
    answer = await at.alice.post("/api/v2/grafana-integrations", json={"policy_id": "the first"})
    assert (answer.status_code, answer.json()) == (422, {"errors": {"policy_id": ["is not the id of a policy"]}})
    foreign = await at.charlie.post("/api/v2/policies", json={"name": "Charlie's"})
    answer = await at.alice.post("/api/v2/grafana-integrations", json={"policy_id": foreign.json()["data"]["id"]})
    why = "doesn't exist: it is not the id of a policy of this team"
    assert (answer.status_code, answer.json()) == (422, {"errors": {"policy_id": [why]}})


async def test_what_terraform_sends_is_taken_and_comes_back_so_that_a_second_plan_is_empty(at: Clients) -> None:
    made = await make(at, "incoming-webhooks", **FROM_TERRAFORM)
    shown = made["attributes"]
    for name, sent in FROM_TERRAFORM.items():
        if isinstance(sent, dict):
            assert {key: value for key, value in shown[name].items() if value is not None} == sent
        elif isinstance(sent, list):
            assert [{k: v for k, v in each.items() if v is not None} for each in shown[name]] == sent
        else:
            assert shown[name] == sent, name
    assert set(shown["started_alert_id_field"]) == {
        "name", "special_type", "field_target", "target_field", "match_type", "content", "content_before",
        "content_after",
    }  # fmt: skip
    again = (await at.alice.get("/api/v2/incoming-webhooks/1")).json()["data"]["attributes"]
    assert again == shown


async def test_the_change_that_terraform_sends_changes_that_alone(at: Clients) -> None:
    title = {"field_target": "json", "target_field": "incident.title", "match_type": "match_everything"}
    before = (await make(at, "incoming-webhooks", **{**FROM_TERRAFORM, "title_field": title}))["attributes"]
    changes = {"name": "Updated", "paused": True, "recovery_period": 180, "team_wait": 0, "title_field": None}
    answer = await at.alice.patch("/api/v2/incoming-webhooks/1", json=changes)
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"] == {**before, **changes}


async def test_the_webhook_that_is_all_of_it_sent_back_is_taken(at: Clients) -> None:
    shown = (await make(at, "incoming-webhooks", **FROM_TERRAFORM))["attributes"]
    answer = await at.alice.patch("/api/v2/incoming-webhooks/1", json=shown)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["attributes"] == shown


@pytest.mark.parametrize(
    ("attributes", "field", "words"),
    [
        ({"started_rule_type": "all"}, "started_rules", "can't be blank when started_rule_type is all"),
        ({"resolved_rule_type": "any", "resolved_rules": []}, "resolved_rules", "can't be blank when"),
        ({"started_rule_type": "some"}, "started_rule_type", "must be one of: unused, all, any"),
        (
            {"started_rules": [{"rule_target": "metadata", "match_type": "contains", "content": "a"}]},
            "started_rules", "rule 1: rule_target must be one of: query_string, header, body, json, xml",
        ),
        (
            {"started_rules": [{"rule_target": "body", "match_type": "feels_like", "content": "a"}]},
            "started_rules", "rule 1: match_type must be one of: contains, contains_not,",
        ),
        (
            {"started_rules": [{"rule_target": "body", "match_type": "matches_regex", "content": "(a"}]},
            "started_rules", "rule 1: content is not a regular expression that can be used here",
        ),
        (
            {"started_rules": [{"rule_target": "xml", "target_field": "a[", "match_type": "equals", "content": "a"}]},
            "started_rules", "rule 1: target_field is not a CSS selector",
        ),
        (
            {"cause_field": {"field_target": "from_json", "match_type": "match_everything"}},
            "cause_field", "field_target must be one of: query_string, header, body, json, xml",
        ),
        (
            {"other_started_fields": [{"field_target": "body", "match_type": "match_between", "content_before": "a"}]},
            "other_started_fields", "field 1: content_before and content_after can't be blank",
        ),
        (
            {"started_alert_id_field": {"field_target": "body", "match_type": "match_all", "special_type": "id"}},
            "started_alert_id_field", "special_type must be one of: alert_id, cause, or null",
        ),
        ({"recovery_period": -1}, "recovery_period", "must be between 0 and 86400 seconds"),
        ({"team_wait": 90_000}, "team_wait", "must be between 0 and 86400 seconds"),
        ({"name": "x" * 256}, "name", "is too long"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_field(
    at: Clients, attributes: dict[str, Any], field: str, words: str
) -> None:
    answer = await at.alice.post("/api/v2/incoming-webhooks", json=attributes)
    assert answer.status_code == 422, answer.text
    assert words in " ".join(answer.json()["errors"][field])
    assert (await at.alice.get("/api/v2/incoming-webhooks")).json()["data"] == [], "nothing half-written"


async def test_a_mails_rules_look_at_mails(at: Clients) -> None:
    rules = [{"rule_target": "subject", "match_type": "contains", "content": "down"}]
    made = await make(at, "email-integrations", started_rule_type="any", started_rules=rules)
    assert made["attributes"]["started_rules"][0]["rule_target"] == "subject"
    rules = [{"rule_target": "json", "target_field": "a", "match_type": "contains", "content": "down"}]
    answer = await at.alice.post("/api/v2/email-integrations", json={"started_rules": rules})
    assert answer.status_code == 422
    assert "from_email, subject, body" in answer.text


async def test_rules_stay_required_when_their_type_changes(at: Clients) -> None:
    await make(at, "incoming-webhooks", **FROM_TERRAFORM)
    answer = await at.alice.patch("/api/v2/incoming-webhooks/1", json={"started_rules": []})
    assert answer.status_code == 422
    answer = await at.alice.patch(
        "/api/v2/incoming-webhooks/1", json={"started_rules": [], "started_rule_type": "unused"}
    )
    assert answer.status_code == 200


async def test_an_alerting_rule_is_datadogs_and_new_relics_alone(at: Clients) -> None:
    for path in ("datadog-integrations", "new-relic-integrations"):
        made = await make(at, path, alerting_rule="alert_and_warn")
        assert made["attributes"]["alerting_rule"] == "alert_and_warn"
        answer = await at.alice.post(f"/api/v2/{path}", json={"alerting_rule": "warn"})
        assert answer.json() == {"errors": {"alerting_rule": ["must be one of: alert, alert_and_warn"]}}
    answer = await at.alice.post("/api/v2/grafana-integrations", json={"alerting_rule": "alert"})
    assert answer.json()["invalid_attributes"] == ["alerting_rule"]


async def test_one_kind_is_not_found_at_the_address_of_another(at: Clients) -> None:
    await make(at, "incoming-webhooks")
    for path in ("email-integrations/1", "prometheus-integrations/1"):
        for method in ("GET", "PATCH", "DELETE"):
            body = {} if method == "PATCH" else None
            answer = await at.alice.request(method, f"/api/v2/{path}", json=body)
            assert answer.status_code == 404
            assert answer.json()["errors"].endswith("with id = 1 was not found")


async def test_what_is_deleted_is_gone_and_lists_are_paged(at: Clients) -> None:
    for number in range(3):
        await make(at, "grafana-integrations", name=f"G{number}")
    await make(at, "incoming-webhooks")
    assert (await at.alice.delete("/api/v2/grafana-integrations/2")).status_code == 204
    listed = (await at.alice.get("/api/v2/grafana-integrations?per_page=1")).json()
    assert [each["attributes"]["name"] for each in listed["data"]] == ["G0"]
    assert listed["pagination"]["next"] == f"{BASE}/api/v2/grafana-integrations?per_page=1&page=2"
    assert (await at.alice.get("/api/v2/grafana-integrations/2")).status_code == 404


async def test_a_global_token_says_for_which_team(at: Clients) -> None:
    answer = await at.everyone.post("/api/v2/prometheus-integrations", json={"name": "P"})
    assert answer.status_code == 422
    assert answer.json()["required_attributes"] == ["team_name"]
    answer = await at.everyone.post("/api/v2/prometheus-integrations", json={"team_name": ALICES_TEAM})
    assert answer.json()["data"]["attributes"]["team_name"] == ALICES_TEAM


async def test_metadata_hangs_on_integrations_and_goes_with_them(at: Clients) -> None:
    for path, owner in (
        ("incoming-webhooks", "IncomingWebhook"),
        ("email-integrations", "EmailIntegration"),
        ("prometheus-integrations", "WebhookIntegration"),
    ):
        id = (await make(at, path))["id"]
        fact = {"owner_type": owner, "owner_id": id, "key": "Team", "values": ["Payments"]}
        assert (await at.alice.post("/api/v3/metadata", json=fact)).status_code == 201
        assert (await at.charlie.post("/api/v3/metadata", json=fact)).status_code == 404
        wrong = {**fact, "owner_type": "Monitor"}
        assert (await at.alice.post("/api/v3/metadata", json=wrong)).status_code == 404
        assert (await at.alice.delete(f"/api/v2/{path}/{id}")).status_code == 204
        left = (await at.alice.get("/api/v3/metadata", params={"owner_type": owner})).json()
        assert left.get("data", []) == []


async def test_no_secret_of_an_address_is_in_the_audit_log_or_clear_in_the_database(
    at: Clients, database: Database
) -> None:
    url = (await make(at, "prometheus-integrations"))["attributes"]["webhook_url"]
    token = url.rpartition("/")[2]
    rows = await database.read(lambda tx: [str(tx.execute(select(table)).all()) for table in metadata.sorted_tables])
    assert token not in "".join(rows)
