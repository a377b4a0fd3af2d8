"""Messages are kept and answered: understood or not, at once or in a burst, and never with a secret in them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from tests.inbound.conftest import Ops
from tocsin.inbound import actions
from tocsin.inbound.model import Integration, Payload, Received, ReceivedMail
from tocsin.inbound.rules.keeping import MAX_BODY_BYTES
from tocsin.inbound.store import alerts as alert_shelf
from tocsin.inbound.store import payloads as shelf
from tocsin.inbound.store.tables import payloads as payload_rows
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author
from tocsin.metadata import actions as metadata
from tocsin.storage import Tx

DOWN = {"rule_target": "json", "target_field": "status", "match_type": "equals", "content": "down"}
UP = {**DOWN, "content": "up"}
ID = {"field_target": "json", "target_field": "id", "match_type": "match_everything"}
RULES: dict[str, Any] = {
    "started_rule_type": "any", "started_rules": [DOWN], "resolved_rule_type": "any", "resolved_rules": [UP],
    "started_alert_id_field": ID,
    "title_field": {"field_target": "json", "target_field": "host", "match_type": "match_everything"},
    "cause_field": {"field_target": "json", "target_field": "why", "match_type": "match_everything"},
    "other_started_fields": [
        {"name": "Host", "field_target": "json", "target_field": "host", "match_type": "match_everything"}
    ],
    "other_resolved_fields": [
        {"name": "Mended by", "field_target": "json", "target_field": "by", "match_type": "match_everything"}
    ],
}  # fmt: skip


async def payloads(ops: Ops, integration: Integration) -> list[Payload]:
    found, _ = await ops.database.read(lambda tx: actions.payloads(tx, integration.id, None, page=1, per_page=50))
    return found


async def test_rules_start_and_end_an_incident_and_take_out_its_facts(ops: Ops) -> None:
    hook = await ops.integration("incoming_webhook", name="Backups", **RULES)
    answer = await ops.post(hook, {"id": 7, "status": "down", "host": "db-1", "why": "disk full"})
    assert answer.status == 202
    (incident,) = await ops.incidents()
    assert (incident.name, incident.cause, incident.owner_type) == ("db-1", "disk full", "incoming_webhook")
    assert answer.body["incident_ids"] == [str(incident.id)]
    await ops.post(hook, {"id": 8, "status": "up"})
    assert await ops.statuses() == ["Started"]
    await ops.post(hook, {"id": 7, "status": "up", "by": "Bob"})
    assert await ops.statuses() == ["Resolved"]
    facts = (await ops.database.read(metadata.of, "Incident", [incident.id]))[incident.id]
    assert {key: values[0].value for key, values in facts.items()} == {"Host": "db-1", "Mended by": "Bob"}


async def test_a_message_that_no_rule_matches_is_kept_and_does_nothing(ops: Ops) -> None:
    hook = await ops.integration("incoming_webhook", **RULES)
    for body in ({"status": "meh"}, b"not json", b"", b"\xff\x00"):
        assert (await ops.post(hook, body)).status == 202
    assert await ops.incidents() == []
    told = {payload.outcome.partition(".")[0] for payload in await payloads(ops, hook)}
    assert told == {"No rule matched, so nothing was done"}


async def test_without_ids_an_integration_has_one_trouble_at_a_time(ops: Ops) -> None:
    mails = await ops.integration("email", resolved_rule_type="any", resolved_rules=[
        {"rule_target": "subject", "match_type": "contains", "content": "OK"}
    ])  # fmt: skip
    assert await ops.mail(mails, "Disk full on db-1")
    assert await ops.mail(mails, "Disk full on db-1")
    (incident,) = await ops.incidents()
    assert (incident.name, incident.cause) == ("E-mail integration", "Disk full on db-1")
    assert [alert.count for alert in await ops.alerts(incident.id)] == [2]
    await ops.mail(mails, "Disk OK")
    assert await ops.statuses() == ["Resolved"]


async def test_mails_about_different_things_are_different_incidents_and_one_mail_ends_them(ops: Ops) -> None:
    mails = await ops.integration("email", resolved_rule_type="any", resolved_rules=[
        {"rule_target": "subject", "match_type": "contains", "content": "all is well"}
    ])  # fmt: skip
    await ops.mail(mails, "Disk full on db-1")
    await ops.mail(mails, "Certificate of shop expired")
    assert [incident.cause for incident in await ops.incidents()] == [
        "Disk full on db-1",
        "Certificate of shop expired",
    ]
    await ops.mail(mails, "all is well")
    assert await ops.statuses() == ["Resolved", "Resolved"]


async def test_what_cannot_be_understood_is_kept_and_said_to_the_sender(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    answer = await ops.post(integration, {"hello": "world"})
    assert answer.status == 422
    (payload,) = await payloads(ops, integration)
    assert payload.outcome.startswith("Not understood: ")
    assert payload.body == b'{"hello":"world"}'
    assert answer.body == {"errors": payload.outcome.removeprefix("Not understood: "), "payload_id": str(payload.id)}


@pytest.mark.slow
async def test_people_are_told_once_that_messages_cannot_be_read_until_one_of_them_has_looked(ops: Ops) -> None:
    integration = await ops.integration("prometheus", name="Cluster")
    for body in (b"{", {"hello": "world"}):
        assert (await ops.post(integration, body)).status == 422
    (incident,) = await ops.incidents()
    assert incident.name == "Cluster: a message could not be read"
    assert incident.cause.startswith("Expected ")
    assert await ops.planned() == [incident.id]
    await ops.group(integration, "a")
    await ops.group(integration, "a", status="resolved")
    assert await ops.statuses() == ["Started", "Resolved"], "a good message does not say what the bad one meant"
    await ops.database.write(incidents.resolve, incident.id, Author(name="Alice"), base_url="https://tocsin.example")
    assert (await ops.post(integration, b"{")).status == 422
    assert await ops.statuses() == ["Resolved", "Resolved", "Started"]


async def test_nobody_is_told_of_messages_that_a_paused_integration_cannot_read(ops: Ops) -> None:
    integration = await ops.integration("prometheus", paused=True)
    assert (await ops.post(integration, b"{")).status == 422
    assert await ops.incidents() == []


async def test_programs_that_look_at_the_answer_are_refused_and_nobody_is_told(ops: Ops) -> None:
    pagerduty, opsgenie = await ops.integration("pagerduty"), await ops.integration("opsgenie")
    assert (await ops.post(pagerduty, {"event_action": "x"})).status == 400
    assert (await ops.post(opsgenie, {"hello": "world"}, path="v2/alerts")).status == 422
    assert await ops.incidents() == []


async def test_a_token_is_good_for_its_own_kind_alone(ops: Ops) -> None:
    hook = await ops.integration("incoming_webhook")
    for kind in ("prometheus", "email"):
        received = await ops.inbox.receive(kind, hook.token, _request(ops))
        assert received.status == 404
    assert not await ops.inbox.takes_mail(hook.token)
    assert not await ops.inbox.receive_mail(hook.token, _mail(ops))
    assert (await ops.inbox.receive("incoming_webhook", "x" * 24, _request(ops))).status == 404
    assert (await ops.inbox.receive("incoming_webhook", "", _request(ops))).status == 404


async def test_no_secret_is_kept(ops: Ops) -> None:
    integration = await ops.integration("pagerduty")
    await ops.post(
        integration,
        {"routing_key": integration.token, "event_action": "x"},
        headers=(("authorization", "Bearer hunter2"), ("x-api-key", "hunter2"), ("cookie", "hunter2"), ("x-a", "b")),
        query=(("token", "hunter2"), ("signature", "hunter2"), ("page", "1")),
        path=f"{integration.token}/v2/enqueue",
    )
    (payload,) = await payloads(ops, integration)
    seen = str(payload)
    assert "hunter2" not in seen
    assert integration.token not in seen
    assert (("x-a", "b") in payload.headers, ("page", "1") in payload.query) == (True, True)


@pytest.mark.slow
async def test_the_newest_fifty_are_kept_and_a_long_one_is_cut(ops: Ops) -> None:
    hook = await ops.integration("incoming_webhook", **RULES)
    other = await ops.integration("incoming_webhook", **RULES)
    await ops.post(other, {"status": "meh"})
    for number in range(75):
        await ops.post(hook, {"status": number})
    await ops.post(hook, b"x" * (MAX_BODY_BYTES + 1))
    found = await payloads(ops, hook)
    assert len(found) == shelf.KEPT
    assert (len(found[0].body), found[0].truncated) == (MAX_BODY_BYTES, True)
    assert [payload.body for payload in found[1:3]] == [b'{"status":74}', b'{"status":73}']
    assert len(await payloads(ops, other)) == 1

    def rows(tx: Tx) -> int:
        return shelf.page(tx, hook.id, page=1, per_page=1)[1]

    assert await ops.database.read(rows) == shelf.KEPT


@pytest.mark.slow
async def test_a_burst_is_taken_in_whole(ops: Ops) -> None:
    integration = await ops.integration()

    async def sender(key: str) -> None:
        for _ in range(10):
            await ops.event(integration, "trigger", key)
            await ops.event(integration, "resolve", key)

    await asyncio.gather(*(sender(key) for key in ("a", "b", "c", "d")))
    assert set(await ops.statuses()) == {"Resolved"}
    assert ops.inbox.received == 80
    listed = [alert.alert_id for each in await ops.incidents() for alert in await ops.alerts(each.id)]
    assert {key: listed.count(key) for key in "abcd"} == {"a": 10, "b": 10, "c": 10, "d": 10}


async def test_an_integration_changed_while_a_message_is_read_judges_it_by_what_is_set_now(ops: Ops) -> None:
    hook = await ops.integration("incoming_webhook")
    await ops.change(hook, **RULES)
    reading = actions.read_request(hook, _request(ops))
    (recorded,) = await ops.database.write(actions.record, [reading], "https://tocsin.example")
    assert recorded.state == "stale"
    assert await ops.incidents() == []
    assert (await ops.post(hook, {"status": "meh"})).status == 202
    assert await ops.outcome(hook) == "No rule matched, so nothing was done."


async def test_one_message_that_is_not_understood_costs_the_others_nothing(ops: Ops) -> None:
    integration, other = await ops.integration(), await ops.integration("prometheus")
    answers = await asyncio.gather(
        ops.event(integration, "trigger", "a"), ops.post(other, b"{"), ops.event(integration, "trigger", "b")
    )
    assert [answer.status for answer in answers] == [202, 422, 202]
    found = await ops.incidents()
    assert sorted(each.name for each in found if each.owner_id == integration.id) == ["a is down", "b is down"]


def _request(ops: Ops) -> Received:
    return Received(method="POST", body=b"{}", at=ops.clock.now())


def _mail(ops: Ops) -> ReceivedMail:
    return ReceivedMail(sender="a@b", recipient="x", subject="s", text="t", at=ops.clock.now())


async def test_a_guess_of_any_form_finds_nobody(ops: Ops) -> None:
    await ops.integration("incoming_webhook")
    for guess in ("é" * 32, "\udcff" * 8, "a b", "'; drop table x", "\x00", "a" * 10_000):
        assert (await ops.inbox.receive("incoming_webhook", guess, _request(ops))).status == 404
        assert not await ops.inbox.takes_mail(guess)


def _long(ops: Ops, alerts: int) -> Received:
    """A message of Alertmanager's about so many alerts of one group."""
    told = [
        {"status": "firing", "labels": {"alertname": f"host-{number}"}, "fingerprint": f"{number:04}"}
        for number in range(alerts)
    ]
    body = msgspec.json.encode({"version": "4", "groupKey": "g", "status": "firing", "alerts": told})
    return Received(method="POST", body=body, content_type="application/json", at=ops.clock.now())


@pytest.mark.slow
async def test_a_message_of_very_many_alerts_is_worked_off_in_parts_and_answered_as_one(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    many = 2 * actions.MAX_ALERTS_AT_ONCE + 7
    answer = await ops.inbox.receive("prometheus", integration.token, _long(ops, many))
    (incident,) = await ops.incidents()
    assert (answer.status, answer.body["incident_ids"]) == (202, [str(incident.id)])
    assert await ops.outcome(integration) == f"Alerts: 1 opened an incident, {many - 1} joined an open incident."
    assert sorted(alert.ordinal for alert in await ops.alerts(incident.id)) == list(range(1, many + 1))
    facts = (await ops.database.read(metadata.of, "Incident", [incident.id]))[incident.id]
    assert facts["Alerts"][0].value == str(many)
    (payload,) = await payloads(ops, integration)
    assert payload.alerts == many


async def test_a_long_message_cut_off_by_a_kill_is_sent_again_and_opens_nothing_twice(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    message = _long(ops, 2 * actions.MAX_ALERTS_AT_ONCE)
    reading = actions.read_request(integration, message)
    begun = await ops.database.write(actions.record_part, reading, actions.Progress(), "https://tocsin.example")
    assert (begun.alerts, begun.recorded) == (actions.MAX_ALERTS_AT_ONCE, None)
    (incident,) = await ops.incidents()
    assert len(await ops.alerts(incident.id)) == actions.MAX_ALERTS_AT_ONCE
    assert await payloads(ops, integration) == []
    assert (await ops.inbox.receive("prometheus", integration.token, message)).status == 202
    assert [each.id for each in await ops.incidents()] == [incident.id]
    assert len(await ops.alerts(incident.id)) == 2 * actions.MAX_ALERTS_AT_ONCE
    assert await ops.planned() == [incident.id]


async def test_an_integration_deleted_or_changed_between_the_parts_of_a_message_is_noticed(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    reading = actions.read_request(integration, _long(ops, 2 * actions.MAX_ALERTS_AT_ONCE))
    begun = await ops.database.write(actions.record_part, reading, actions.Progress(), "https://tocsin.example")
    await ops.change(integration, name="Cluster")
    then = await ops.database.write(actions.record_part, reading, begun, "https://tocsin.example")
    assert (then.recorded is not None and then.recorded.state, then.alerts) == ("stale", begun.alerts)
    await ops.database.write(actions.delete, integration.id, None, integration.kind, "https://tocsin.example")
    then = await ops.database.write(actions.record_part, reading, begun, "https://tocsin.example")
    assert then.recorded is not None
    assert then.recorded.state == "gone"
    assert await ops.statuses() == ["Resolved"]


@pytest.mark.slow
async def test_others_write_between_the_parts_of_a_long_message(sqlite_ops: Ops) -> None:
    ops = sqlite_ops
    integration = await ops.integration("prometheus")
    sending = asyncio.create_task(
        ops.inbox.receive("prometheus", integration.token, _long(ops, 10 * actions.MAX_ALERTS_AT_ONCE))
    )
    seen: set[int] = set()
    while not sending.done():  # each look is a write that waits its turn, as a page does
        seen.add(await ops.database.write(lambda tx: len(_open_keys(tx, integration))))
    assert (await sending).status == 202
    assert len(seen) > 3, seen
    assert all(count % actions.MAX_ALERTS_AT_ONCE == 0 for count in seen)


def _open_keys(tx: Tx, integration: Integration) -> list[str]:
    return list(alert_shelf.open_by_keys(tx, integration.id, [f"id:{number:04}" for number in range(1_000)]))


@pytest.mark.slow
async def test_those_whose_messages_come_by_turns_are_pruned_alike(sqlite_ops: Ops) -> None:
    ops = sqlite_ops
    hooks = [await ops.integration("incoming_webhook", **RULES) for _ in range(2)]
    for number in range(shelf.KEPT + 2 * shelf.PRUNE_EVERY):
        for hook in hooks:
            await ops.post(hook, {"status": number})

    def rows(tx: Tx) -> list[int]:
        counted = select(func.count(payload_rows.c.id)).group_by(payload_rows.c.integration_id)
        return list(tx.execute(counted.order_by(payload_rows.c.integration_id)).scalars())

    assert max(await ops.database.read(rows)) <= shelf.KEPT + shelf.PRUNE_EVERY
