"""Integrations in the console: set up, given an address, watched, tried without doing anything, and nobody else's."""

from __future__ import annotations

import pytest

from tests.world import World

EVIL = '"><script>alert(1)</script>'
pytestmark = pytest.mark.slow
RULES = {
    "started_rule_type": "all",
    "started_rules-0-rule_target": "json", "started_rules-0-target_field": "state",
    "started_rules-0-match_type": "equals", "started_rules-0-content": "FAIL",
    "started_rules-1-rule_target": "json", "started_rules-1-match_type": "contains",
    "acknowledged_rule_type": "unused", "resolved_rule_type": "unused",
    "title_field-field_target": "json", "title_field-target_field": "job", "title_field-match_type": "match_everything",
    "other_started_fields-0-name": "host", "other_started_fields-0-field_target": "json",
    "other_started_fields-0-target_field": "host", "other_started_fields-0-match_type": "match_everything",
}  # fmt: skip


async def test_the_directory_shows_every_system_and_finds_one_by_name(world: World) -> None:
    await world.integration("grafana-integrations", name="Grafana in Lyon")
    await world.target("ntfy", "ops topic", {"topic": "ops-4711"})
    alice = await world.sign_in("alice")
    page = (await alice.get("/integrations")).text
    for words in (
        "Prometheus Alertmanager",
        "Incoming webhook",
        "Sentry",
        "Azure Monitor",
        "Slack",
        "Jira",
        "Telegram",
    ):
        assert words in page, words
    assert "Grafana in Lyon" in page
    assert "ops topic" in page
    found = (await alice.get("/integrations?q=graf")).text
    assert "Grafana in Lyon" in found
    assert "Sentry" not in found
    assert "Nothing found" in (await alice.get("/integrations?q=" + EVIL)).text


async def test_every_kind_of_source_can_be_set_up_and_shows_its_address(world: World) -> None:
    alice = await world.sign_in("alice")
    for key in ("webhook", "email", "prometheus", "grafana", "datadog", "new-relic", "elastic", "sentry",
                "aws-cloudwatch", "azure", "google-monitoring", "pagerduty", "opsgenie"):  # fmt: skip
        assert (await alice.get(f"/integrations/in/{key}/new")).status_code == 200, key
        made = await alice.post(f"/integrations/in/{key}/new", name=f"My {key}", email="true", alerting_rule="alert")
        assert made.status_code == 303, (key, made.text)
        page = (await alice.get(made.headers["location"])).text
        assert "Its address" in page
        assert "tocsin.test" in page, key
        assert "Nothing came yet" in page
    assert (await alice.get("/integrations/in/carrier-pigeon/new")).status_code == 404
    assert (await world.audit_log())[-1].startswith("Alice Archer created an Opsgenie integration")


async def test_what_came_is_shown_with_its_outcome_and_can_be_tried_again(world: World) -> None:
    hook = await world.integration("incoming-webhooks", name="Jobs")
    await world.send(hook["url"], {"job": EVIL})
    alice = await world.sign_in("alice")
    here = f"/integrations/in/webhook/{hook['id']}"
    page = (await alice.get(here)).text
    assert "1 opened an incident" in page
    assert "&lt;script&gt;" in page
    assert EVIL not in page
    tried = await alice.post(f"{here}/try", payload_id="1")
    assert "would be counted as said again" in tried.text
    assert len(await world.incidents()) == 1
    unread = await alice.post(f"{here}/try", payload_id="99")
    assert unread.status_code == 422


async def test_rules_are_tried_before_they_are_saved(world: World) -> None:
    hook = await world.integration("incoming-webhooks", name="Jobs")
    alice = await world.sign_in("alice")
    here = f"/integrations/in/webhook/{hook['id']}"
    fields = {"name": "Jobs", "email": "true", **RULES}
    message = '{"state": "FAIL", "job": "Nightly import", "host": "db-1"}'
    tried = await alice.post(f"{here}/edit", deed="try", body=message, **fields)
    assert tried.status_code == 200, tried.text
    assert "would open an incident" in tried.text
    assert "<strong>Nightly import</strong>" in tried.text
    assert "db-1" in tried.text
    assert 'value="FAIL"' in tried.text
    kept = (await world.api("GET", f"/v2/incoming-webhooks/{hook['id']}")).json()["data"]["attributes"]
    assert kept["started_rules"] == []
    assert await world.incidents() == []
    other = await alice.post(f"{here}/edit", deed="try", body='{"state": "OK"}', **fields)
    assert "would open an incident" not in other.text
    saved = await alice.post(f"{here}/edit", deed="save", **fields)
    assert saved.headers["location"] == here
    kept = (await world.api("GET", f"/v2/incoming-webhooks/{hook['id']}")).json()["data"]["attributes"]
    assert [rule["content"] for rule in kept["started_rules"]] == ["FAIL"]
    assert kept["title_field"]["target_field"] == "job"
    assert [field["name"] for field in kept["other_started_fields"]] == ["host"]
    assert "JSON at state is" in (await alice.get(here)).text
    refused = await alice.post(f"{here}/edit", deed="save", **{**fields, "started_rules-0-match_type": "matches_regex",
                                                               "started_rules-0-content": "("})  # fmt: skip
    assert refused.status_code == 422
    assert "Nothing was saved." in refused.text


async def test_a_source_is_paused_and_deleted(world: World) -> None:
    source = await world.integration("prometheus-integrations", name="Prometheus")
    alice = await world.sign_in("alice")
    here = f"/integrations/in/prometheus/{source['id']}"
    await alice.post(f"{here}/pause", paused="true")
    assert "Paused: messages are kept" in (await alice.get(here)).text
    assert (await alice.post(f"{here}/delete")).headers["location"] == "/integrations"
    assert (await alice.get(here)).status_code == 404


async def test_every_kind_of_place_has_a_form_and_one_is_set_up_tested_and_deleted(world: World) -> None:
    alice = await world.sign_in("alice")
    for kind in ("slack", "microsoft_teams", "discord", "telegram", "mattermost", "ntfy", "pushover", "pagerduty",
                 "splunk_on_call", "jira", "linear", "zapier", "webhook", "apprise"):  # fmt: skip
        form = await alice.get(f"/integrations/to/{kind}/new")
        assert form.status_code == 200, kind
        assert (await alice.post(f"/integrations/to/{kind}/new", name="x")).status_code == 422, kind
    assert (await alice.get("/integrations/to/pigeon/new")).status_code == 404
    made = await alice.post("/integrations/to/ntfy/new", name=EVIL, topic="secret-topic", server="https://ntfy.sh")
    here = made.headers["location"]
    page = (await alice.get(here)).text
    assert "secret-topic" not in page
    assert EVIL not in page
    await alice.post(f"{here}/edit", name="ops", topic="", server="https://ntfy.example.com")
    assert "ntfy.example.com" in (await alice.get(here)).text
    await alice.post(f"{here}/test")
    assert "Nothing was sent yet" not in (await alice.get(here)).text
    await alice.post(f"{here}/delete")
    assert (await alice.get(here)).status_code == 404
    assert (await world.audit_log())[-1].startswith("Alice Archer deleted a notification target")


async def test_another_teams_integrations_are_not_there(world: World) -> None:
    hook = await world.integration("incoming-webhooks", name="Jobs of Ops")
    place = await world.target("ntfy", "Topic of Ops", {"topic": "ops-4711"})
    charlie = await world.sign_in("charlie")
    page = (await charlie.get("/integrations")).text
    assert "of Ops" not in page
    source, target = f"/integrations/in/webhook/{hook['id']}", f"/integrations/to/{place}"
    for path in (source, f"{source}/edit", target, f"{target}/edit"):
        assert (await charlie.get(path)).status_code == 404, path
    for path in (f"{source}/edit", f"{source}/try", f"{source}/pause", f"{source}/delete", f"{target}/edit",
                 f"{target}/test", f"{target}/delete"):  # fmt: skip
        assert (await charlie.post(path, name="Mine")).status_code == 404, path


async def test_no_form_works_without_what_proves_that_it_is_ours(world: World) -> None:
    hook = await world.integration("incoming-webhooks", name="Jobs")
    alice = await world.sign_in("alice")
    source = f"/integrations/in/webhook/{hook['id']}"
    for path in ("/integrations/in/webhook/new", "/integrations/to/ntfy/new", f"{source}/edit", f"{source}/pause",
                 f"{source}/delete", f"{source}/try"):  # fmt: skip
        assert (await alice.post(path, csrf="", name="x")).status_code == 403, path
