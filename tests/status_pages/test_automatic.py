"""Reports that write themselves, lived through second by second: outages, storms, pauses for maintenance, people."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World
from tocsin.status_pages.store.tables import report_incidents, updates
from tocsin.storage import Tx

pytestmark = pytest.mark.slow


class Page:
    """A page that reports by itself."""

    def __init__(self, world: World, id: int) -> None:
        self.world = world
        self.path = f"/v2/status-pages/{id}"

    async def resource(self, name: str, monitor: int, **attributes: Any) -> int:
        body = {"resource_type": "Monitor", "resource_id": monitor, "public_name": name, **attributes}
        return int((await self.asked("POST", "/resources", body, 201))["data"]["id"])

    async def reports(self) -> list[dict[str, Any]]:
        """The oldest first, as (title, state, messages of its updates) in one dict each."""
        answer = await self.asked("GET", "/status-reports")
        told = {each["id"]: each["attributes"] for each in answer["included"]}
        return [
            {
                "id": each["id"],
                **each["attributes"],
                "said": [told[update["id"]]["message"] for update in _related(each)],
                "notified": [told[update["id"]]["notify_subscribers"] for update in _related(each)],
            }
            for each in reversed(answer["data"])
        ]

    async def titles(self) -> list[str]:
        return [report["title"] for report in await self.reports()]

    async def state(self) -> str:
        return str((await self.asked("GET", ""))["data"]["attributes"]["aggregate_state"])

    async def asked(self, method: str, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        answer = await self.world.api(method, f"{self.path}{path}", body)
        assert answer.status_code == status, answer.text
        await self.world.settle()
        found: dict[str, Any] = answer.json()
        return found


def _related(report: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report["relationships"]["status_updates"]["data"]
    return found


async def a_page(world: World, **attributes: Any) -> Page:
    body = {"subdomain": "acme", "timezone": "UTC", "automatic_reports": True, **attributes}
    made = await world.api("POST", "/v2/status-pages", body)
    assert made.status_code == 201, made.text
    return Page(world, int(made.json()["data"]["id"]))


async def down(world: World, *hosts: str, seconds: float = 35) -> None:
    for host in hosts:
        world.site(host).down()
    await world.fast_forward(seconds=seconds)


async def test_what_goes_down_is_told_when_it_has_lasted_and_what_is_well_at_once(world: World) -> None:
    page = await a_page(world)
    shop = await page.resource("Shop (EU)*", await world.monitor("shop", recovery_period=0))
    await down(world, "shop")
    assert (await page.state(), await page.titles()) == ("downtime", []), "the page itself says so at once"
    await world.fast_forward(seconds=60)
    (report,) = await page.reports()
    said = {"status_page_resource_id": str(shop), "status": "downtime"}
    assert (report["title"], report["report_type"], report["aggregate_state"], report["affected_resources"]) == (
        "Shop (EU)* is down", "automatic", "downtime", [said]
    )  # fmt: skip
    assert report["said"] == [r"Our checks have found that Shop (EU)\* is down. This page will say when that is over."]
    incident = (await world.incidents())[0]["attributes"]
    assert report["starts_at"] == incident["started_at"]
    world.site("shop").up()
    await world.fast_forward(seconds=35)
    (report,) = await page.reports()
    assert (report["aggregate_state"], await page.state()) == ("operational", "operational")
    assert report["ends_at"] == (await world.incidents())[0]["attributes"]["resolved_at"]
    assert report["said"][1:] == [r"Shop (EU)\* is working again. It took 2 minutes."]
    assert report["notified"] == [True, True]
    await world.fast_forward(minutes=5)
    assert await page.reports() == [report], "and that was all"


async def test_what_is_short_is_not_reported_nor_counted(world: World) -> None:
    page = await a_page(world, min_incident_length=300)
    await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    await down(world, "shop", seconds=200)
    assert (await page.state(), await page.titles()) == ("operational", [])
    world.site("shop").up()
    await world.fast_forward(minutes=10)
    assert await page.titles() == []
    assert await world.database.read(lambda tx: tx.execute(report_incidents.select()).all()) == []
    await down(world, "shop", seconds=400)
    assert (await page.state(), await page.titles()) == ("downtime", ["Shop is down"])


async def test_one_storm_is_one_report(world: World) -> None:
    page = await a_page(world)
    hosts = [f"site{number}" for number in range(6)]
    for host in hosts:
        await page.resource(host.title(), await world.monitor(host, recovery_period=0))
    await world.fast_forward(seconds=35)
    await down(world, *hosts, seconds=110)
    (report,) = await page.reports()
    assert report["title"] == "Site0, Site1, Site2 and 3 others are down"
    names = "Site0, Site1, Site2, Site3, Site4 and Site5"
    assert report["said"] == [f"Our checks have found that {names} are down. This page will say when that is over."]
    world.site("site3").up()
    await world.fast_forward(seconds=35)
    (report,) = await page.reports()
    assert (report["said"][1], report["ends_at"]) == ("Site3 is working again.", None)
    for host in hosts:
        world.site(host).up()
    await world.fast_forward(seconds=35)
    (report,) = await page.reports()
    assert report["ends_at"] is not None
    told = [each["status"] for each in report["affected_resources"]]
    assert (told, report["aggregate_state"]) == (["resolved"] * 6, "operational")
    assert " working again. It took " in report["said"][-1]
    await down(world, "site0", seconds=110)
    assert (await page.titles())[1:] == ["Site0 is down"], "another outage is another report"


async def test_what_fails_for_the_same_reason_joins_the_report(world: World) -> None:
    page = await a_page(world)
    router = await world.monitor("router", recovery_period=0)
    shop = await world.monitor("shop", recovery_period=0, depends_on=[router])
    await page.resource("Network", router)
    await page.resource("Shop", shop)
    await down(world, "router", seconds=180)
    await down(world, "shop", seconds=100)
    (report,) = await page.reports()
    assert (report["title"], report["said"][1]) == ("Network is down", "Shop is down as well.")
    assert [each["status"] for each in report["affected_resources"]] == ["downtime", "downtime"]


async def test_what_is_taken_off_the_page_is_not_told_of_any_more(world: World) -> None:
    page = await a_page(world)
    shop = await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    await down(world, "shop", seconds=100)
    assert (await world.api("DELETE", f"{page.path}/resources/{shop}")).status_code == 204
    world.site("shop").up()
    await world.fast_forward(seconds=35)
    (report,) = await page.reports()
    assert (len(report["said"]), report["notified"], report["ends_at"] is None) == (1, [True], False)


async def test_what_is_taken_off_the_page_beside_something_else_is_told_of_without_its_name(world: World) -> None:
    page = await a_page(world)
    shop = await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    await page.resource("Phone", await world.monitor("phone", recovery_period=0))
    world.site("phone").down(500)
    await down(world, "shop", seconds=100)
    assert (await world.api("DELETE", f"{page.path}/resources/{shop}")).status_code == 204
    world.site("shop").up()
    await world.fast_forward(seconds=35)
    (report,) = await page.reports()
    assert report["said"][1:] == ["What this was about is not on this page any more."]
    assert (report["notified"], report["ends_at"]) == ([True, False], None)


async def test_a_reopened_incident_opens_its_report_again(world: World) -> None:
    page = await a_page(world)
    await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    await down(world, "shop", seconds=100)
    world.site("shop").up()
    await world.fast_forward(seconds=35)
    id = (await world.incidents())[0]["id"]
    await world.fast_forward(minutes=1)
    assert (await world.api("POST", f"/v3/incidents/{id}/reopen", {})).status_code == 200
    await world.fast_forward(seconds=2)
    (report,) = await page.reports()
    assert (report["ends_at"], report["aggregate_state"]) == (None, "downtime")
    assert report["said"][2] == "Shop is down again. This page will say when that is over."


async def test_what_people_say_in_an_automatic_report_stands(world: World) -> None:
    page = await a_page(world)
    shop = await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    await down(world, "shop", seconds=100)
    (report,) = await page.reports()
    path = f"/status-reports/{report['id']}"
    await page.asked("PATCH", path, {"title": "Payments fail"})
    says = {
        "message": "It is only slow.",
        "affected_resources": [{"status_page_resource_id": shop, "status": "degraded"}],
    }
    await page.asked("POST", f"{path}/status-updates", says, 201)
    await world.fast_forward(minutes=1)
    (report,) = await page.reports()
    assert (report["title"], report["aggregate_state"], len(report["said"])) == ("Payments fail", "degraded", 2)
    says = {"message": "Done.", "affected_resources": [{"status_page_resource_id": shop, "status": "resolved"}]}
    await page.asked("POST", f"{path}/status-updates", says, 201)
    await world.fast_forward(minutes=1)
    (report,) = await page.reports()
    assert (report["aggregate_state"], len(report["said"])) == ("operational", 3), "though it fails still"
    assert (await world.api("DELETE", f"{page.path}{path}")).status_code == 204
    await world.fast_forward(minutes=1)
    assert await page.titles() == [], "and what was deleted does not come again"


async def test_maintenance_hides_what_is_bound_to_fail_until_it_is_over(world: World) -> None:
    page = await a_page(world)
    shop = await page.resource("Shop", await world.monitor("shop"))
    ends = world.clock.now().timestamp() + 600
    plan = {
        "title": "We move", "message": "To another place.", "report_type": "maintenance",
        "ends_at": world.clock.now().fromtimestamp(ends, world.clock.now().tzinfo).isoformat(),
        "affected_resources": [{"status_page_resource_id": shop, "status": "maintenance"}],
    }  # fmt: skip
    await page.asked("POST", "/status-reports", plan, 201)
    await down(world, "shop", seconds=400)
    assert (await page.state(), await page.titles()) == ("maintenance", ["We move"])
    await world.fast_forward(seconds=340)
    assert (await page.state(), await page.titles()) == ("downtime", ["We move", "Shop is down"])


async def test_that_we_see_nothing_ourselves_is_nobodys_outage(world: World) -> None:
    page = await a_page(world)
    for host in ("shop", "phone"):
        await page.resource(host.title(), await world.monitor(host, recovery_period=0))
    await world.fast_forward(seconds=35)
    for host in ("shop", "phone"):
        world.site(host).unreachable_through_our_fault()
    await world.fast_forward(minutes=14)
    (incident,) = await world.incidents()
    assert incident["attributes"]["cause"].startswith("Cannot be checked, through our own fault: ")
    assert (await page.state(), await page.titles()) == ("operational", []), "our people know, and that is enough"
    blind = incident["attributes"]["name"].partition(".")[0]
    for host in ("shop", "phone"):
        world.site(host).up()
    world.site(blind).down()
    await world.fast_forward(seconds=100)
    assert (await page.state(), await page.titles()) == ("downtime", [f"{blind.title()} is down"]), "now it is seen"
    (incident,) = await world.incidents()
    assert incident["attributes"]["cause"] == "Status 503"


async def test_a_page_that_does_not_want_them_has_none_until_it_does(world: World) -> None:
    page = await a_page(world, automatic_reports=False)
    await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    await down(world, "shop", seconds=200)
    assert await page.titles() == []
    await page.asked("PATCH", "", {"automatic_reports": True})
    await world.fast_forward(seconds=2)
    assert await page.titles() == ["Shop is down"]
    await page.asked("PATCH", "", {"automatic_reports": False})
    world.site("shop").up()
    await world.fast_forward(seconds=35)
    assert (await page.reports())[0]["ends_at"] is not None, "what was begun is brought to its end"


async def test_only_what_marks_the_resource_is_reported(world: World) -> None:
    page = await a_page(world)
    marks = {"mark_as_down_for": "no_incident", "mark_as_degraded_for": "any_incident"}
    await page.resource("Shop", await world.monitor("shop"), **marks)
    await page.resource("Phone", await world.monitor("phone"), mark_as_down_for="no_incident")
    await down(world, "shop", "phone", seconds=120)
    (report,) = await page.reports()
    assert (report["title"], report["aggregate_state"], await page.state()) == (
        "Shop is degraded", "degraded", "degraded"
    )  # fmt: skip


async def test_nothing_is_lost_when_everything_but_the_database_is(world: World) -> None:
    page = await a_page(world)
    await page.resource("Shop", await world.monitor("shop", recovery_period=0))
    waiting = {"title": "Later", "message": "Not yet.", "published_at": "2026-03-02T12:01:30Z"}
    await page.asked("POST", "/status-reports", waiting, 201)
    await down(world, "shop", seconds=40)
    world.crash()
    await world.fast_forward(minutes=2)
    assert sorted(await page.titles()) == ["Later", "Shop is down"]

    def told(tx: Tx) -> list[Any]:
        return [tuple(row) for row in tx.execute(
            updates.select().with_only_columns(updates.c.applied_at, updates.c.published_at, updates.c.due_at)
            .where(updates.c.message == "Not yet.")
        )]  # fmt: skip

    ((applied_at, published_at, due_at),) = await world.database.read(told)
    assert (applied_at, due_at) == (published_at, None), "to the second"
