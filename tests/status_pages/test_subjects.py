"""Every kind of thing that a resource can be about, on both databases, from the rows that the other rooms write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.status_pages.stage import BASE_URL, Stage, hours
from tests.time import START, FakeClock
from tocsin.heartbeats import actions as heartbeats
from tocsin.heartbeats.model import Kind, Ping
from tocsin.inbound import actions as inbound
from tocsin.inbound.model import EMAIL, INCOMING_WEBHOOK, KINDS
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Value
from tocsin.status_pages import actions
from tocsin.status_pages.model import Resource, State, StatusPage
from tocsin.storage import Database, Tx

DAY = timedelta(days=1)


@pytest.fixture
def stage(database: Database, clock: FakeClock) -> Stage:
    clock.set(START - 20 * DAY)
    return Stage(database)


async def standing(stage: Stage, page: int) -> dict[str, Resource]:
    """The page's resources as the API shows them, by name."""

    def read(tx: Tx) -> dict[str, Resource]:
        found: StatusPage = actions.find_page(tx, page, None)
        resources = actions.with_standing(tx, found, actions.list_resources(tx, page, None))
        return {resource.public_name: resource for resource in resources}

    return await stage.database.read(read)


async def states(stage: Stage, page: int) -> dict[str, str]:
    return {name: resource.status.value for name, resource in (await standing(stage, page)).items()}


async def test_heartbeats_and_their_groups(stage: Stage, clock: FakeClock) -> None:
    page, team = await stage.page(), await stage.team()
    group = (await stage.database.write(heartbeats.create_group, team, {"name": "Jobs"})).id

    async def heartbeat(name: str, **more: Any) -> int:
        given = {"name": name, "period": 86_400, "heartbeat_group_id": group, **more}
        id = (await stage.database.write(heartbeats.create, team, given)).id
        await stage.resource(page, id, resource_type="Heartbeat", public_name=name)
        return id

    backup, report = await heartbeat("Backup"), await heartbeat("Report")
    night = {"maintenance_from": "11:00", "maintenance_to": "13:00"}
    await heartbeat("Import", **night)
    await stage.resource(page, group, resource_type="HeartbeatGroup", public_name="Jobs")
    assert await states(stage, page) == dict.fromkeys(["Backup", "Report", "Import", "Jobs"], "not_monitored"), (
        "nothing is known of a job that has never called"
    )
    for id in (backup, report):
        await stage.database.write(heartbeats.record, [Ping(heartbeat_id=id, kind=Kind.SUCCESS)], BASE_URL)
    clock.set(START - DAY)
    await stage.database.write(heartbeats.update, report, None, {"paused": True}, BASE_URL)
    clock.set(START - hours(12))
    await stage.database.write(heartbeats.update, report, None, {"paused": False}, BASE_URL)
    await stage.database.write(heartbeats.record, [Ping(heartbeat_id=report, kind=Kind.SUCCESS)], BASE_URL)
    clock.set(START - hours(1))
    await stage.database.write(heartbeats.record, [Ping(heartbeat_id=backup, kind=Kind.FAIL)], BASE_URL)
    clock.set(START)
    found = await standing(stage, page)
    assert await states(stage, page) == {
        "Backup": "downtime", "Report": "operational", "Import": "not_monitored", "Jobs": "downtime"
    }  # fmt: skip
    assert found["Backup"].status_history[-1].downtime_duration == 3_600
    assert found["Jobs"].status_history[-1].downtime_duration == 3_600
    assert found["Report"].availability == 1.0
    assert await stage.database.read(actions.states_of, [await page_of(stage, page)]) == {page: State.DOWNTIME}


async def page_of(stage: Stage, page: int) -> StatusPage:
    return await stage.database.read(actions.find_page, page, None)


async def test_groups_of_monitors_with_what_happened_to_each_member(stage: Stage, clock: FakeClock) -> None:
    page, group = await stage.page(), await stage.monitor_group()
    members = [await stage.monitor(f"m{number}", monitor_group_id=group) for number in range(3)]
    await stage.resource(page, group, resource_type="MonitorGroup", public_name="All")
    empty = await stage.monitor_group("Empty")
    await stage.resource(page, empty, resource_type="MonitorGroup", public_name="Empty")
    clock.set(START)
    await stage.incident(members[0], START - hours(5), START - hours(3))
    await stage.incident(members[1], START - hours(4), START - hours(2))
    await stage.incident(members[2], START - hours(9), START - hours(8), kind="ssl_expiration")
    await stage.incident(members[2], START - hours(9), START - hours(8), confirmed_at=None, withdrawn=True)
    found = await standing(stage, page)
    assert (found["All"].status, found["Empty"].status) == (State.OPERATIONAL, State.NOT_MONITORED)
    assert found["All"].status_history[-1].downtime_duration == 3 * 3_600, "time that two are down counts once"
    await stage.incident(members[2], START - hours(1))
    assert (await states(stage, page))["All"] == "downtime"


async def test_alerts_of_other_systems(stage: Stage, clock: FakeClock) -> None:
    page, team = await stage.page(), await stage.team()
    ids = {}
    for kind, type in (
        (INCOMING_WEBHOOK, "IncomingWebhook"), (EMAIL, "EmailIntegration"), (KINDS["prometheus"], "WebhookIntegration")
    ):  # fmt: skip
        ids[type] = (await stage.database.write(inbound.create, team, kind, {"name": "Alerts"})).id
        await stage.resource(page, ids[type], resource_type=type, public_name=type)
    clock.set(START)
    await stage.incident(
        ids["WebhookIntegration"], START - hours(1), owner_type="prometheus_integration", kind="alert", alert_id="a"
    )
    await stage.incident(
        ids["EmailIntegration"], START - hours(2), START - hours(1), owner_type="email_integration", kind="alert"
    )
    assert await states(stage, page) == {
        "IncomingWebhook": "operational", "EmailIntegration": "operational", "WebhookIntegration": "downtime"
    }  # fmt: skip
    paused = {"paused": True}
    await stage.database.write(inbound.update, ids["IncomingWebhook"], None, INCOMING_WEBHOOK, paused)
    assert (await states(stage, page))["IncomingWebhook"] == "not_monitored"
    assert (await standing(stage, page))["EmailIntegration"].status_history[-1].downtime_duration == 3_600


async def test_what_tocsin_has_nothing_of_is_not_monitored_but_may_be_reported(stage: Stage, clock: FakeClock) -> None:
    page = await stage.page()
    chart = await stage.resource(page, 5, resource_type="LogsChart", public_name="Logs")
    await stage.resource(page, 6, resource_type="ResourceGroup", public_name="Group")
    clock.set(START)
    assert set((await states(stage, page)).values()) == {"not_monitored"}
    await stage.report(page, {chart: "degraded"}, START - hours(1))
    found = (await standing(stage, page))["Logs"]
    assert (found.status, found.status_history[-1].degraded_duration) == (State.DEGRADED, 3_600)


async def test_incidents_mark_by_their_metadata(stage: Stage, clock: FakeClock) -> None:
    page, team = await stage.page(), await stage.team()
    monitor = await stage.monitor()
    rule = {"key": "Team", "values": ["Payments"]}

    async def resource(name: str, **marks: Any) -> None:
        def work(tx: Tx) -> None:
            id = actions.create_resource(
                tx, page, None, {"resource_type": "Monitor", "resource_id": monitor, "public_name": name}
            ).id
            tx.connection.exec_driver_sql(
                "UPDATE status_page_resources SET "
                + ", ".join(f"{column} = '{value}'" for column, value in marks.items())
                + f" WHERE id = {id}"
            )

        await stage.database.write(work)

    stored = '{"key": "Team", "values": [{"type": "String", "value": "Payments"}]}'
    match = "incident_matching_metadata"
    await resource("Pay", mark_as_down_for=match, mark_as_down_metadata_rule=stored)
    await resource(
        "Shop", mark_as_down_for="no_incident", mark_as_degraded_for=match, mark_as_degraded_metadata_rule=stored
    )
    await resource("Blog", mark_as_down_for="no_incident")
    clock.set(START)
    other = await stage.incident(monitor, START - hours(3), START - hours(2))
    mine = await stage.incident(monitor, START - hours(1))

    def attach(tx: Tx) -> None:
        for id, value in ((other, "Search"), (mine, rule["values"][0])):
            facts = {"Team": [Value(value=value)]}
            metadata.put(tx, team_id=team, owner_type="Incident", owner_id=id, facts=facts)

    await stage.database.write(attach)
    found = await standing(stage, page)
    assert {name: each.status.value for name, each in found.items()} == {
        "Pay": "downtime", "Shop": "degraded", "Blog": "operational"
    }  # fmt: skip
    assert found["Pay"].status_history[-1].downtime_duration == 3_600
    assert found["Shop"].status_history[-1].degraded_duration == 3_600
