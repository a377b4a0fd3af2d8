"""What is kept for how long, and what a dry run says of each kind of message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inbound.conftest import BASE_URL, Ops
from tocsin.inbound import actions
from tocsin.inbound.actions.looking import Sample, Trial
from tocsin.inbound.model import Integration
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author
from tocsin.kernel.errors import Invalid, NotFound


async def trial(ops: Ops, integration: Integration, **sample: Any) -> Trial:
    return await ops.database.read(lambda tx: actions.dry_run(tx, integration.id, (ops.team_id,), Sample(**sample)))


async def test_rules_can_be_tried_before_they_are_set(ops: Ops) -> None:
    integration = await ops.integration("incoming_webhook")

    rules = {
        "started_rule_type": "all",
        "started_rules": [{"rule_target": "json", "target_field": "state", "match_type": "equals", "content": "FAIL"}],
        "title_field": {"field_target": "json", "target_field": "job", "match_type": "match_everything"},
    }

    async def said(body: str, given: dict[str, Any] | None = None) -> Trial:
        sample = Sample(body=body, headers={"content-type": "application/json"})
        return await ops.database.read(
            lambda tx: actions.dry_run(tx, integration.id, (ops.team_id,), sample, given or rules)
        )

    (alert,) = (await said('{"state": "FAIL", "job": "Import"}')).alerts
    assert (alert.title, alert.consequence) == ("Import", "would open an incident")
    assert (await said('{"state": "OK", "job": "Import"}')).alerts == []
    with pytest.raises(Invalid) as wrong:
        await said("{}", {"started_rule_type": "all"})
    assert "started_rules" in str(wrong.value.field_errors)
    kept = await ops.database.read(lambda tx: actions.find(tx, integration.id, None))
    assert kept.settings == integration.settings


async def prune(ops: Ops) -> int:
    return await ops.database.write(lambda tx: actions.prune(tx, at_most=100))


async def test_alerts_that_are_over_are_forgotten_after_ninety_days_and_open_ones_never(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, "db", "web", "mail")
    db, web, mail = await ops.incidents()
    await ops.resolve(integration, "db")
    ops.clock.wind(days=89)
    assert await prune(ops) == 0
    ops.clock.wind(days=2)
    assert await prune(ops) == 1
    assert [len(await ops.alerts(each.id)) for each in (db, web, mail)] == [0, 1, 1]
    await ops.database.write(lambda tx: incidents.resolve(tx, web.id, Author(name="Alice"), base_url=BASE_URL))
    assert await prune(ops) == 0
    (alert,) = await ops.alerts(web.id)
    assert alert.resolved_at is not None, "a person ended the incident, and its sender has long been silent"
    (alert,) = await ops.alerts(mail.id)
    assert alert.resolved_at is None
    ops.clock.wind(days=91)
    assert await prune(ops) == 1


@pytest.mark.slow
async def test_a_flood_of_alerts_does_not_fill_the_disk(ops: Ops) -> None:
    integration = await ops.integration()
    for _ in range(4):
        await ops.trigger(integration, "db", "web")
        await ops.resolve(integration, "db", "web")
    await ops.trigger(integration, "mail")
    for forgotten in (4, 0):
        assert await ops.database.write(lambda tx: actions.prune(tx, at_most=100, at_most_kept=5)) == forgotten


@pytest.mark.slow
async def test_a_flood_whose_sender_never_says_that_it_is_over_is_forgotten_when_its_incidents_are(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, "db", "web", "mail", "dns")
    db, web, *_ = await ops.incidents()
    await ops.database.write(lambda tx: incidents.resolve(tx, db.id, Author(name="Alice"), base_url=BASE_URL))
    for forgotten in (1, 0):
        assert await ops.database.write(lambda tx: actions.prune(tx, at_most=100, at_most_kept=2)) == forgotten
    assert await ops.alerts(db.id) == []
    assert [alert.resolved_at for alert in await ops.alerts(web.id)] == [None], "its incident is open"


@pytest.mark.slow
async def test_a_dry_run_tells_every_fate(ops: Ops) -> None:
    integration = await ops.integration("prometheus")

    def body(group: str, status: str = "firing") -> str:
        alert = (
            f'{{"status":"{status}","labels":{{"alertname":"x"}},"startsAt":"2026-03-02T12:00:00Z","fingerprint":"b"}}'
        )
        return f'{{"version":"4","groupKey":"{group}","status":"{status}","receiver":"t","alerts":[{alert}]}}'

    async def fate(text: str) -> tuple[str, int | None]:
        (found,) = (await trial(ops, integration, body=text)).alerts
        return found.consequence, found.incident_id

    assert await fate(body("g")) == ("would open an incident", None)
    assert await fate(body("g", "resolved")) == ("would do nothing: no such alert is open", None)
    await ops.group(integration, "a", group="g")
    (incident,) = await ops.incidents()
    assert await fate(body("g")) == ("would join the open incident of its group", incident.id)
    await ops.group(integration, "b", group="g")
    assert await fate(body("g")) == ("would be counted as said again", incident.id)
    assert await fate(body("g", "resolved")) == ("would count as resolved", incident.id)
    for number in range(10):
        await ops.group(integration, f"other-{number}", group=f"other-{number}")
    await ops.group(integration, "b", group="g", status="resolved")
    assert (await fate(body("new")))[0] == "would be listed in the incident of the present storm of alerts"
    integration = await ops.change(integration, paused=True)
    assert (await fate(body("new")))[0] == "would open nothing: the integration is paused"
    unread = await trial(ops, integration, body="{}")
    assert unread.alerts == []
    assert unread.explanation.startswith("It would not be understood: ")


async def test_a_mail_can_be_tried_as_it_came_and_as_it_is_written_down(ops: Ops) -> None:
    mails = await ops.integration("email", name="Mails", started_rule_type="any", started_rules=[
        {"rule_target": "from_email", "match_type": "contains", "content": "cron@"}
    ])  # fmt: skip
    assert (await trial(ops, mails, from_email="ann@example.com", subject="hello")).alerts == []
    (fate,) = (await trial(ops, mails, from_email="Cron@host", subject="Disk full")).alerts
    assert (fate.title, fate.cause) == ("Mails", "Disk full")
    await ops.mail(mails, "Disk full on db-1", "See the log.", sender="cron@db-1")
    (payload,), _ = await ops.database.read(lambda tx: actions.payloads(tx, mails.id, None, page=1, per_page=9))
    assert (payload.method, payload.body) == ("MAIL", b"See the log.")
    again = await trial(ops, mails, payload_id=payload.id)
    assert again.matched_rules == ('started_rules[0]: from_email contains "cron@"',)
    assert again.alerts[0].consequence == "would be counted as said again"


async def test_messages_of_another_team_cannot_be_tried(ops: Ops) -> None:
    one, other = await ops.integration(), await ops.integration()
    await ops.trigger(one, "db")
    (payload,), _ = await ops.database.read(lambda tx: actions.payloads(tx, one.id, None, page=1, per_page=9))
    with pytest.raises(Invalid, match="payload_id"):
        await trial(ops, other, payload_id=payload.id)
    with pytest.raises(NotFound):
        await ops.database.read(lambda tx: actions.dry_run(tx, one.id, (ops.others,), Sample()))
