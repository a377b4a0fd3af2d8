"""What alerts do to incidents: each trouble once, its end ends it, and nobody's answer silences somebody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.inbound.conftest import BASE_URL, Ops
from tocsin.inbound import actions
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author
from tocsin.storage import Tx


@pytest.mark.slow
async def test_a_trouble_is_one_incident_however_often_it_is_said(ops: Ops) -> None:
    integration = await ops.integration(name="Pager")
    await ops.trigger(integration, "db", "db", "web", "db")
    db, web = await ops.incidents()
    assert (db.name, db.kind, db.owner_type, db.owner_id) == (
        "db is down", "alert", "pagerduty_events_integration", integration.id,
    )  # fmt: skip
    assert web.name == "web is down"
    (alert,) = await ops.alerts(db.id)
    assert (alert.count, alert.alert_id, alert.severity) == (3, "db", "critical")
    await ops.resolve(integration, "db")
    assert await ops.statuses() == ["Resolved", "Started"]
    await ops.resolve(integration, "db", "unheard-of")
    assert "about nothing that is open" in await ops.outcome(integration)
    await ops.trigger(integration, "db")
    assert await ops.statuses() == ["Resolved", "Started", "Started"], "after its end it is a new trouble"


async def test_the_same_id_at_another_integration_is_another_trouble(ops: Ops) -> None:
    one, other = await ops.integration(), await ops.integration()
    await ops.trigger(one, "db")
    await ops.trigger(other, "db")
    await ops.resolve(one, "db")
    assert await ops.statuses() == ["Resolved", "Started"]


async def test_an_acknowledgement_where_it_came_from_is_one_here(ops: Ops) -> None:
    integration = await ops.integration(name="Pager")
    await ops.trigger(integration, "db")
    await ops.acknowledge(integration, "db", "db")
    (incident,) = await ops.incidents()
    assert (incident.status, incident.acknowledged_by) == ("Acknowledged", "Pager")
    assert await ops.planned() == []


async def test_a_group_is_one_incident_and_is_over_with_its_last_alert(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    await ops.group(integration, "a", "b")
    await ops.group(integration, "a", "b", "c")
    (incident,) = await ops.incidents()
    assert [alert.key for alert in await ops.alerts(incident.id)] == ["id:a", "id:b", "id:c"]
    shown = await ops.database.read(incidents.show, incident, BASE_URL)
    assert shown.metadata["Alerts"][0].value == "3"
    await ops.group(integration, "a", "b", status="resolved")
    assert await ops.statuses() == ["Started"]
    await ops.group(integration, "c", status="resolved")
    assert await ops.statuses() == ["Resolved"]


@pytest.mark.slow
async def test_one_acknowledged_alert_of_a_group_does_not_silence_the_others(ops: Ops) -> None:
    integration = await ops.integration(recovery_period=0)
    # PagerDuty's events have no groups, so this is a storm's incident, which is joined by the same rule.
    await ops.trigger(integration, *(f"host-{number}" for number in range(13)))
    storm = (await ops.incidents())[-1]
    members = [alert.alert_id or "" for alert in await ops.alerts(storm.id)]
    assert len(members) == 3
    await ops.acknowledge(integration, *members[:2])
    assert (await ops.incidents())[-1].status == "Started"
    await ops.acknowledge(integration, members[2])
    assert (await ops.incidents())[-1].status == "Acknowledged"


async def test_an_alert_that_joins_late_pages_for_itself(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    await ops.group(integration, "a")
    ops.clock.wind(minutes=59)
    await ops.group(integration, "a", "b")
    assert len(await ops.incidents()) == 1
    ops.clock.wind(minutes=2)
    await ops.group(integration, "a", "b", "c")
    first, second = await ops.incidents()
    assert [alert.key for alert in await ops.alerts(second.id)] == ["id:c"]
    assert sorted(await ops.planned()) == [first.id, second.id]
    await ops.group(integration, "c", "d")
    assert [alert.key for alert in await ops.alerts(second.id)] == ["id:c", "id:d"], "the newest takes in what follows"


async def test_what_comes_back_while_others_keep_its_incident_open_pages_for_itself_when_that_is_old(ops: Ops) -> None:
    integration = await ops.integration("prometheus")
    await ops.group(integration, "a", "b")
    await ops.group(integration, "a", status="resolved")
    ops.clock.wind(hours=2)
    await ops.group(integration, "a")
    first, second = await ops.incidents()
    assert sorted(await ops.planned()) == [first.id, second.id]
    await ops.group(integration, "a", "b", status="resolved")
    assert await ops.statuses() == ["Resolved", "Resolved"]


async def test_an_alert_must_stay_resolved_for_the_recovery_period(ops: Ops) -> None:
    integration = await ops.integration(recovery_period=180)
    await ops.trigger(integration, "db")
    await ops.resolve(integration, "db")
    assert await ops.statuses() == ["Validating"]
    ops.clock.wind(seconds=170)
    await ops.recoveries.run_once()
    await ops.trigger(integration, "db")
    assert await ops.statuses() == ["Started"], "it came back, and it is the same trouble"
    ops.clock.wind(seconds=60)
    assert await ops.recoveries.run_once() is None
    await ops.resolve(integration, "db")
    due = await ops.recoveries.run_once()
    assert due == ops.clock.now() + timedelta(seconds=180)
    ops.clock.wind(seconds=100)
    await ops.resolve(integration, "db")
    assert await ops.recoveries.run_once() == due, "said twice, it still counts from the first time"
    ops.clock.wind(seconds=80)
    await ops.recoveries.run_once()
    assert await ops.statuses() == ["Resolved"]


async def test_paused_means_nothing_opens_but_ends_still_end(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, "db")
    integration = await ops.change(integration, paused=True)
    await ops.trigger(integration, "web")
    assert "paused" in await ops.outcome(integration)
    assert len(await ops.incidents()) == 1
    await ops.resolve(integration, "db")
    assert await ops.statuses() == ["Resolved"]
    integration = await ops.change(integration, paused=False)
    await ops.trigger(integration, "web")
    assert await ops.statuses() == ["Resolved", "Started"], "what is still so when the pause ends is said again"


async def test_what_a_person_resolved_comes_back_when_it_is_said_again(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, "db")
    (incident,) = await ops.incidents()
    await ops.database.write(lambda tx: incidents.resolve(tx, incident.id, Author(name="Alice"), base_url=BASE_URL))
    await ops.trigger(integration, "db")
    assert await ops.statuses() == ["Resolved", "Started"]
    await ops.database.write(incidents.delete, (await ops.incidents())[1].id)
    await ops.trigger(integration, "db")
    assert await ops.statuses() == ["Resolved", "Started"], "the deleted one is forgotten"
    await ops.resolve(integration, "db")
    assert await ops.statuses() == ["Resolved", "Resolved"]


async def test_a_deleted_integration_leaves_nothing_open(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, "db", "web")

    def delete(tx: Tx) -> None:
        actions.delete(tx, integration.id, None, integration.kind, BASE_URL)

    await ops.database.write(delete)
    assert await ops.statuses() == ["Resolved", "Resolved"]
    assert await ops.planned() == []
    answer = await ops.post(integration, {"event_action": "trigger"})
    assert answer.status == 404
    alerts = await ops.alerts((await ops.incidents())[0].id)
    assert alerts[0].resolved_at is not None, "the incident still says what it was about"


@pytest.mark.slow
async def test_a_storm_is_a_handful_of_incidents_and_when_all_is_over_so_are_they(ops: Ops) -> None:
    integration = await ops.integration(name="Pager")
    keys = [f"host-{number}" for number in range(100)]
    await ops.trigger(integration, *keys)
    found = await ops.incidents()
    assert len(found) == 11
    assert found[-1].name == "Pager: alert storm"
    listed = [alert.alert_id for incident in found for alert in await ops.alerts(incident.id)]
    assert sorted(map(str, listed)) == sorted(keys), "nothing is lost"
    shown = await ops.database.read(incidents.show, found[-1], BASE_URL)
    assert shown.metadata["Alerts"][0].value == "90"
    told = [
        item.data["content"] for item in await ops.database.read(incidents.timeline, found[-1], BASE_URL)
        if item.data["title"] == "More alerts"
    ]  # fmt: skip
    assert [text.partition(";")[0] for text in told] == [
        "This incident now stands for 10 alerts", "This incident now stands for 2 alerts",
    ]  # fmt: skip
    await ops.resolve(integration, *keys[:-1])
    assert (await ops.statuses()).count("Started") == 1
    await ops.resolve(integration, keys[-1])
    assert set(await ops.statuses()) == {"Resolved"}


@pytest.mark.slow
async def test_after_a_storm_each_alert_has_its_own_incident_again(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, *(f"host-{number}" for number in range(12)))
    assert len(await ops.incidents()) == 11
    ops.clock.wind(minutes=6)
    await ops.trigger(integration, "db")
    assert (await ops.incidents())[-1].name == "db is down"


@pytest.mark.slow
async def test_a_storm_that_does_not_end_pages_again_after_an_hour(ops: Ops) -> None:
    integration = await ops.integration(name="Pager")
    for round in range(14):
        await ops.trigger(integration, *(f"host-{round}-{number}" for number in range(12)))
        ops.clock.wind(minutes=5, seconds=-1)
    storms = [incident for incident in await ops.incidents() if incident.name == "Pager: alert storm"]
    assert len(storms) == 2
    assert storms[1].started_at - storms[0].started_at >= timedelta(hours=1)


@pytest.mark.slow
async def test_what_a_person_has_just_reopened_ends_with_its_alert(ops: Ops) -> None:
    integration = await ops.integration()
    await ops.trigger(integration, "db")
    await ops.resolve(integration, "db")
    (incident,) = await ops.incidents()
    await ops.database.write(lambda tx: incidents.reopen(tx, incident.id, Author(name="Alice"), base_url=BASE_URL))
    await ops.trigger(integration, "db")
    assert await ops.statuses() == ["Started"], "it is the same trouble, and people are alerted"
    await ops.resolve(integration, "db")
    assert await ops.statuses() == ["Resolved"]
    await ops.database.write(lambda tx: incidents.reopen(tx, incident.id, Author(name="Alice"), base_url=BASE_URL))
    ops.clock.wind(hours=2)
    await ops.trigger(integration, "db")
    assert len(await ops.planned()) == 2, "after hours nobody may be looking any more"


async def test_texts_of_any_length_and_kind_are_kept(ops: Ops) -> None:
    integration = await ops.integration()
    key = "é" * 254 + "\x00" * 3
    custom = {"custom_details": {f"k{number}": "v" * 5_000 for number in range(200)}}
    await ops.event(integration, "trigger", key, summary="s\x00" * 9_000, **custom)
    (incident,) = await ops.incidents()
    (alert,) = await ops.alerts(incident.id)
    assert sum(len(key) + len(value) for key, value in alert.facts.items()) < 25_000
    assert "\x00" not in incident.name + incident.cause
    await ops.event(integration, "resolve", key)
    assert await ops.statuses() == ["Resolved"]
