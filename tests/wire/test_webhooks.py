"""Outgoing webhooks on the wire, body for body (contract part 2, section 8.1)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import ALICES_TEAM, CHARLIES_TEAM, Clients
from tocsin.gateway.audit import audit_entries
from tocsin.storage import Database
from tocsin.webhooks.store.tables import templates, webhooks

PATH = "/api/v2/outgoing-webhooks"
TEMPLATE = "custom_webhook_template_attributes"
INCIDENT = {"url": "https://example.com/webhook", "trigger_type": "incident_change"}


async def create(at: Clients, **attributes: Any) -> dict[str, Any]:
    answer = await at.alice.post(PATH, json={**INCIDENT, **attributes})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_webhook_about_who_is_on_call_is_the_documented_example(at: Clients) -> None:
    sent = {"name": "Test", "url": "https://example.com", "trigger_type": "on_call_change"}
    answer = await at.alice.post(PATH + "/", json=sent)
    assert answer.status_code == 201
    assert answer.json() == {
        "data": {
            "id": "1",
            "type": "outgoing_webhook",
            "attributes": {**sent, "team_name": ALICES_TEAM},
            "relationships": {"custom_webhook_template": {"data": None}},
        },
        "included": [],
    }


async def test_a_webhook_about_incidents_shows_what_it_is_told_of_in_the_contracts_order(at: Clients) -> None:
    body = await create(at, on_incident_started=False, on_incident_comment=True)
    assert body["data"]["attributes"] == {
        "name": None,
        "url": "https://example.com/webhook",
        "trigger_type": "incident_change",
        "on_incident_started": False,
        "on_incident_acknowledged": True,
        "on_incident_resolved": True,
        "on_incident_reopened": False,
        "on_incident_comment": True,
        "notify_alongside_primary_responder": True,
        "team_name": ALICES_TEAM,
    }
    assert list(body["data"]["attributes"])[:3] == ["name", "url", "trigger_type"]


async def test_a_template_stands_in_included_and_its_body_is_text(at: Clients) -> None:
    template = {
        "http_method": "patch",
        "auth_username": "user",
        "auth_password": "password",
        "headers_template": [
            {"name": "Content-Type", "value": "application/json"},
            {"name": "X-Custom-Header", "value": "custom-value"},
        ],
        "body_template": {"incident": {"id": "$INCIDENT_ID", "started_at": "$STARTED_AT"}},
    }
    body = await create(at, **{TEMPLATE: template})
    assert TEMPLATE not in body["data"]["attributes"]
    assert body["data"]["relationships"] == {
        "custom_webhook_template": {"data": {"id": "1", "type": "custom_webhook_template"}}
    }
    text = '{"incident":{"id":"$INCIDENT_ID","started_at":"$STARTED_AT"}}'
    included = [
        {"id": "1", "type": "custom_webhook_template", "attributes": {**template, "body_template": text}}
    ]  # fmt: skip
    assert body["included"] == included
    assert (await at.alice.get(f"{PATH}/1")).json() == body
    assert (await at.alice.get(PATH)).json()["included"] == included


async def test_a_body_that_was_sent_as_text_comes_back_to_the_letter(at: Clients) -> None:
    text = '{ "id": $INCIDENT_ID,\n "x": "\\u00e9" }'
    body = await create(at, **{TEMPLATE: {"body_template": text}})
    assert body["included"][0]["attributes"] == {
        "http_method": "post",
        "auth_username": None,
        "auth_password": None,
        "headers_template": [],
        "body_template": text,
    }


async def test_with_its_id_a_template_changes_in_part_and_without_it_is_replaced(at: Clients) -> None:
    await create(at, **{TEMPLATE: {"auth_username": "user", "auth_password": "pass", "http_method": "put"}})
    changed = await at.alice.patch(f"{PATH}/1", json={TEMPLATE: {"id": 1, "auth_password": "new"}})
    assert changed.status_code == 200
    attributes = changed.json()["included"][0]["attributes"]
    assert (attributes["auth_username"], attributes["auth_password"], attributes["http_method"]) == (
        "user",
        "new",
        "put",
    )
    replaced = (await at.alice.patch(f"{PATH}/1", json={TEMPLATE: {"auth_user": "other"}})).json()
    attributes = replaced["included"][0]["attributes"]
    assert (attributes["auth_username"], attributes["auth_password"], attributes["http_method"]) == (
        "other",
        None,
        "post",
    )
    assert replaced["included"][0]["id"] == "2"
    wrong = await at.alice.patch(f"{PATH}/1", json={TEMPLATE: {"id": "1", "http_method": "get"}})
    assert wrong.status_code == 422
    assert wrong.json() == {"errors": {TEMPLATE: ["has no template with id 1"]}}
    for nothing in (None, {"id": 2, "_destroy": True}):
        await at.alice.patch(f"{PATH}/1", json={TEMPLATE: {"http_method": "put"}})
        gone = await at.alice.patch(f"{PATH}/1", json={TEMPLATE: nothing})
        assert gone.json()["included"] == []


async def test_what_terraform_sends_settles(at: Clients) -> None:
    name, url = "test", "https://example.com/webhook"
    flags = {"on_incident_started": True, "on_incident_acknowledged": True, "on_incident_resolved": True}
    made = await create(at, name=name, url=url, **flags)
    assert {key: made["data"]["attributes"][key] for key in flags} == flags
    sent = {"name": f"{name}1", "url": f"{url}?different=true", "on_incident_started": False}
    changed = await at.alice.patch(f"{PATH}/1", json={**sent, "trigger_type": "incident_change"})
    assert changed.status_code == 200
    read = (await at.alice.get(f"{PATH}/1")).json()["data"]["attributes"]
    assert {key: read[key] for key in sent} == sent
    assert (await at.alice.delete(f"{PATH}/1")).status_code == 204
    assert (await at.alice.get(f"{PATH}/1")).status_code == 404


async def test_what_a_webhook_is_about_is_chosen_once(at: Clients) -> None:
    await create(at)
    answer = await at.alice.patch(f"{PATH}/1", json={"trigger_type": "monitor_change"})
    assert answer.status_code == 422
    assert answer.json() == {"errors": {"trigger_type": ["can't be changed: create another webhook"]}}


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"url": "https://x.example"}, {"required_attributes": ["trigger_type"]}),
        ({}, {"required_attributes": ["trigger_type", "url"]}),
        (
            {"url": "https://x.example", "trigger_type": "other"},
            {"allowed_values": {"trigger_type": ["incident_change", "on_call_change", "monitor_change"]}},
        ),
        ({**INCIDENT, "url": ""}, {"errors": {"url": ["can't be blank"]}}),
        (
            {**INCIDENT, "url": "ftp://x"},
            {"errors": {"url": ["is not a web address: it must begin with http:// or https:// and name a host"]}},
        ),
        (
            {**INCIDENT, TEMPLATE: {"http_method": "delete"}},
            {"errors": {TEMPLATE: ["http_method must be one of: get, post, put, patch, head"]}},
        ),
        (
            {**INCIDENT, TEMPLATE: {"headers_template": [{"name": "Host", "value": "x"}]}},
            {"errors": {TEMPLATE: ["headers_template may not set Host"]}},
        ),
        (
            {**INCIDENT, TEMPLATE: {"auth_username": "a:b"}},
            {"errors": {TEMPLATE: ["auth_username must not contain a colon (RFC 7617)"]}},
        ),
        ({**INCIDENT, "misspelt": 1}, {"invalid_attributes": ["misspelt"]}),
    ],
)  # fmt: skip
async def test_what_cannot_be_accepted_is_named(at: Clients, sent: dict[str, Any], errors: dict[str, Any]) -> None:
    answer = await at.alice.post(PATH, json=sent)
    assert answer.status_code == 422
    assert answer.json() | errors == answer.json()
    assert (await at.alice.get(PATH)).json()["data"] == []


@pytest.mark.parametrize(
    "template",
    [
        {"body_template": "{"},
        {"body_template": 5},
        {"headers_template": [{"name": "X\r\nEvil", "value": "1"}]},
        {"headers_template": [{"name": "X", "value": "1\r\nEvil: 2"}]},
        {"headers_template": "X: 1"},
        {"headers_template": [{"name": "X", "value": "1"}] * 51},
        {"bodytemplate": {}},
        {"auth_password": "x" * 2_000},
        "text",
        [],
    ],
)
async def test_a_bad_template_is_refused_and_nothing_is_half_written(at: Clients, template: Any) -> None:
    await create(at, name="before")
    answer = await at.alice.patch(f"{PATH}/1", json={"name": "after", TEMPLATE: template})
    assert answer.status_code == 422, answer.text
    assert TEMPLATE in answer.json()["errors"]
    body = (await at.alice.get(f"{PATH}/1")).json()
    assert body["data"]["attributes"]["name"] == "before"
    assert body["included"] == []


async def test_a_signing_secret_is_made_on_request_shown_to_its_owner_and_taken_away(at: Clients) -> None:
    body = await create(at, signing_secret="generate")
    secret = body["data"]["attributes"]["signing_secret"]
    assert secret.startswith("whsec_")
    assert (await at.alice.get(f"{PATH}/1")).json()["data"]["attributes"]["signing_secret"] == secret
    again = await at.alice.patch(f"{PATH}/1", json={"signing_secret": "generate"})
    assert again.json()["data"]["attributes"]["signing_secret"] not in ("generate", secret)
    own = "whsec_" + "QUJD" * 8
    assert (await at.alice.patch(f"{PATH}/1", json={"signing_secret": own})).json()["data"]["attributes"][
        "signing_secret"
    ] == own
    assert (await at.alice.patch(f"{PATH}/1", json={"signing_secret": "whsec_short"})).status_code == 422
    without = await at.alice.patch(f"{PATH}/1", json={"signing_secret": None})
    assert "signing_secret" not in without.json()["data"]["attributes"]


async def test_no_secret_lies_in_the_tables_or_in_the_audit_log_in_clear(at: Clients, database: Database) -> None:
    secret = "hunter2-and-more"
    await create(
        at,
        url=f"https://chat.example.com/{secret}",
        signing_secret="generate",
        **{
            TEMPLATE: {
                "auth_password": secret,
                "headers_template": [{"name": "X-Key", "value": secret}],
                "body_template": {"routing_key": secret},
            }
        },
    )
    await at.alice.post(f"{PATH}/1/test")

    def everything(tx: Any) -> str:
        return repr([tx.execute(select(table)).all() for table in (webhooks, templates, audit_entries)])

    found = await database.read(everything)
    assert secret not in found
    assert "whsec_" not in found


async def test_the_log_of_messages_is_paged_filtered_and_shows_attempts(at: Clients) -> None:
    await create(at)
    tested = await at.alice.post(f"{PATH}/1/test")
    assert tested.status_code == 200
    attributes = tested.json()["data"]["attributes"]
    assert tested.json()["data"]["type"] == "outgoing_webhook_delivery"
    assert (attributes["event"], attributes["state"], attributes["attempts"]) == (
        "outgoing_webhook.tested",
        "queued",
        0,
    )
    assert attributes["log"] == []
    await at.alice.post(f"{PATH}/1/test")
    listed = (await at.alice.get(f"{PATH}/1/deliveries?per_page=1")).json()
    assert [each["id"] for each in listed["data"]] == ["2"]
    assert listed["pagination"]["next"] is not None
    assert (await at.alice.get(f"{PATH}/1/deliveries?state=delivered")).json()["data"] == []
    assert (await at.alice.get(f"{PATH}/1/deliveries?state=lost")).status_code == 422
    assert (await at.alice.get(f"{PATH}/1/deliveries/2")).json()["data"]["id"] == "2"
    assert (await at.alice.get(f"{PATH}/1/deliveries/9")).status_code == 404
    replayed = await at.alice.post(f"{PATH}/1/deliveries/2/replay")
    assert replayed.status_code == 200
    assert replayed.json()["data"]["id"] == "2", "it still waits: it is only hastened"


async def test_a_message_is_found_under_its_own_webhook_alone(at: Clients) -> None:
    await create(at)
    await create(at)
    await at.alice.post(f"{PATH}/1/test")
    assert (await at.alice.get(f"{PATH}/2/deliveries/1")).status_code == 404
    assert (await at.alice.post(f"{PATH}/2/deliveries/1/replay")).status_code == 404


@pytest.mark.slow
async def test_a_global_token_names_the_team_and_may_filter_by_it(at: Clients) -> None:
    assert (await at.everyone.post(PATH, json=INCIDENT)).status_code == 422
    made = await at.everyone.post(PATH, json={**INCIDENT, "team_name": CHARLIES_TEAM})
    assert made.json()["data"]["attributes"]["team_name"] == CHARLIES_TEAM
    await create(at)
    listed = (await at.everyone.get(PATH, params={"team_name": ALICES_TEAM})).json()
    assert [each["id"] for each in listed["data"]] == ["2"]


@pytest.mark.slow
async def test_a_team_has_a_hundred_webhooks_at_most(at: Clients) -> None:
    for _ in range(100):
        await create(at)
    answer = await at.alice.post(PATH, json=INCIDENT)
    assert answer.status_code == 422
    assert "at most 100" in answer.json()["errors"]["base"][0]
    assert (await at.charlie.post(PATH, json=INCIDENT)).status_code == 201
