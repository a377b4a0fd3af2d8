"""Status reports and their updates on the wire, body for body (contract part 2, section 5.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import Clients
from tests.time import START
from tocsin.kernel.clock import to_wire
from tocsin.status_pages.store.tables import NOTICES_TOPIC, PUBLISHING_TOPIC, updates
from tocsin.storage import Database, Tx
from tocsin.storage.events import events

PAGES = "/api/v2/status-pages"
NOW = to_wire(START)


def wire(**later: float) -> str:
    return to_wire(START + timedelta(**later))


class Page:
    """Alice's page with two resources, and what may be done on it."""

    def __init__(self, at: Clients, id: str, resources: list[str]) -> None:
        self.at = at
        self.path = f"{PAGES}/{id}/status-reports"
        self.id = int(id)
        self.shop, self.phone = resources

    def says(self, **states: str) -> list[dict[str, str]]:
        return [{"status_page_resource_id": getattr(self, name), "status": status} for name, status in states.items()]

    async def report(self, status: int = 201, **attributes: Any) -> dict[str, Any]:
        body = {"title": "Slow answers", "message": "We are looking into it.", **attributes}
        return await self._did("POST", self.path, status, body)

    async def update(self, report: dict[str, Any], status: int = 201, **attributes: Any) -> dict[str, Any]:
        body = {"message": "We have found it.", "affected_resources": [], **attributes}
        return await self._did("POST", f"{self.path}/{report['data']['id']}/status-updates", status, body)

    async def change(self, report: dict[str, Any], status: int = 200, **attributes: Any) -> dict[str, Any]:
        return await self._did("PATCH", f"{self.path}/{report['data']['id']}", status, attributes)

    async def change_update(self, update: dict[str, Any], status: int = 200, **attributes: Any) -> dict[str, Any]:
        return await self._did("PATCH", self.of(update), status, attributes)

    async def get(self, report: dict[str, Any]) -> dict[str, Any]:
        return await self._did("GET", f"{self.path}/{report['data']['id']}", 200, None)

    def of(self, update: dict[str, Any]) -> str:
        report_id = update["data"]["attributes"]["status_report_id"]
        return f"{self.path}/{report_id}/status-updates/{update['data']['id']}"

    async def _did(self, method: str, path: str, status: int, body: Any) -> dict[str, Any]:
        answer = await self.at.alice.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def page(at: Clients) -> Page:
    made = await at.alice.post(PAGES, json={"subdomain": "acme", "timezone": "UTC", "company_name": "Acme"})
    id = made.json()["data"]["id"]
    resources = []
    for name in ("Shop", "Phone"):
        body = {"resource_type": "ManuallyTrackedItem", "public_name": name}
        resources.append((await at.alice.post(f"{PAGES}/{id}/resources", json=body)).json()["data"]["id"])
    return Page(at, id, resources)


def attributes(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["data"]["attributes"]
    return found


async def recorded(database: Database) -> list[str]:
    names = "status_report.%", "status_update.%"

    def read(tx: Tx) -> list[str]:
        mine = events.c.name.like(names[0]) | events.c.name.like(names[1])
        return list(tx.execute(select(events.c.name).where(mine).order_by(events.c.id)).scalars())

    return await database.read(read)


async def telling(database: Database) -> list[int | None]:
    """What stands in `told_through_id` of every update, in order."""
    column = updates.c.told_through_id
    return await database.read(lambda tx: list(tx.execute(select(column).order_by(updates.c.id)).scalars()))


async def test_a_report_and_its_first_update_are_as_documented(page: Page, database: Database) -> None:
    affected = [{"status_page_resource_id": page.shop, "status": "downtime"}]
    body = await page.report(title="API errors", message="Looking", affected_resources=affected)
    report_id, update_id = body["data"]["id"], body["included"][0]["id"]
    assert body == {
        "data": {
            "id": report_id,
            "type": "status_report",
            "attributes": {
                "title": "API errors", "report_type": "manual", "starts_at": NOW, "ends_at": None,
                "status_page_id": page.id, "affected_resources": affected, "aggregate_state": "downtime",
                "draft": False,
            },
            "relationships": {"status_updates": {"data": [{"id": update_id, "type": "status_update"}]}},
        },
        "included": [
            {
                "id": update_id,
                "type": "status_update",
                "attributes": {
                    "message": "Looking", "published_at": NOW, "published_at_timezone": "UTC",
                    "notify_subscribers": True, "status_report_id": int(report_id), "affected_resources": affected,
                    "draft": False,
                },
            }
        ],
    }  # fmt: skip
    assert await page.get(body) == body
    listed = (await page.at.alice.get(page.path)).json()
    assert (listed["data"], listed["included"]) == ([body["data"]], body["included"])
    assert await recorded(database) == ["status_report.created", "status_update.published"]
    assert await telling(database) == [0], "subscribers are told"


async def test_an_update_is_as_documented_and_tells_nobody_unless_asked(page: Page, database: Database) -> None:
    report = await page.report(notify_subscribers=False)
    body = await page.update(report, affected_resources=page.says(shop="degraded"))
    assert attributes(body) == {
        "message": "We have found it.", "published_at": NOW, "published_at_timezone": "UTC",
        "notify_subscribers": False, "status_report_id": int(report["data"]["id"]),
        "affected_resources": page.says(shop="degraded"), "draft": False,
    }  # fmt: skip
    assert (await page.at.alice.get(page.of(body))).json() == body
    await page.update(report, notify_subscribers=True)
    assert await telling(database) == [None, None, 0]
    one = (await page.at.alice.get(f"{page.path}/{report['data']['id']}/status-updates?per_page=1&page=2")).json()
    assert [each["id"] for each in one["data"]] == [body["data"]["id"]]
    assert one["pagination"]["next"].endswith("per_page=1&page=3")


async def test_reports_are_listed_newest_first_page_by_page(page: Page) -> None:
    made = [await page.report(title=f"Number {number}") for number in range(3)]
    listed = (await page.at.alice.get(f"{page.path}?per_page=2")).json()
    assert [each["attributes"]["title"] for each in listed["data"]] == ["Number 2", "Number 1"]
    assert len(listed["included"]) == 2
    assert listed["pagination"]["next"].endswith("?per_page=2&page=2")
    assert (await page.at.alice.get(listed["pagination"]["next"])).json()["data"][0]["id"] == made[0]["data"]["id"]


async def test_numbers_are_taken_for_ids_and_digits_given_back(page: Page) -> None:
    body = await page.report(affected_resources=[{"status_page_resource_id": int(page.shop), "status": "degraded"}])
    assert attributes(body)["affected_resources"] == page.says(shop="degraded")
    assert attributes(body)["aggregate_state"] == "degraded"


async def test_a_report_says_of_each_resource_what_was_said_last_and_ends_when_all_are_well(page: Page) -> None:
    report = await page.report(affected_resources=page.says(shop="downtime", phone="degraded"))
    await page.update(report, affected_resources=page.says(shop="degraded"))
    now = attributes(await page.get(report))
    assert now["affected_resources"] == page.says(shop="degraded", phone="degraded")
    assert (now["aggregate_state"], now["ends_at"]) == ("degraded", None)
    await page.update(report, affected_resources=page.says(shop="resolved"))
    assert attributes(await page.get(report))["ends_at"] is None
    last = await page.update(report, affected_resources=page.says(phone="resolved"))
    now = attributes(await page.get(report))
    assert (now["aggregate_state"], now["ends_at"]) == ("operational", NOW)
    await page.change_update(last, affected_resources=page.says(phone="degraded"))
    assert attributes(await page.get(report))["ends_at"] is None, "it was a mistake"
    await page.change_update(last, affected_resources=page.says(phone="resolved"))
    await page.update(report, affected_resources=page.says(shop="downtime"))
    now = attributes(await page.get(report))
    assert (now["aggregate_state"], now["ends_at"]) == ("downtime", None), "it goes on"


async def test_an_end_that_a_person_has_set_stands(page: Page) -> None:
    past = await page.report(
        affected_resources=page.says(shop="downtime"), starts_at=wire(hours=-3), ends_at=wire(hours=-2),
        published_at=wire(hours=-3),
    )  # fmt: skip
    assert (attributes(past)["ends_at"], attributes(past)["aggregate_state"]) == (wire(hours=-2), "operational")
    assert past["included"][0]["attributes"]["published_at"] == wire(hours=-3)
    await page.update(past, message="What we have learnt.")
    await page.update(past, affected_resources=page.says(shop="resolved"))
    assert attributes(await page.get(past))["ends_at"] == wire(hours=-2)
    opened = await page.report(affected_resources=page.says(shop="downtime"))
    assert attributes(await page.change(opened, ends_at=wire(hours=1)))["aggregate_state"] == "downtime"
    assert attributes(await page.change(opened, ends_at=None))["ends_at"] is None


async def test_maintenance_has_an_end_and_only_one_status(page: Page) -> None:
    times = {"starts_at": wire(hours=2), "ends_at": wire(hours=3)}
    body = await page.report(report_type="maintenance", affected_resources=page.says(shop="maintenance"), **times)
    assert (attributes(body)["report_type"], attributes(body)["aggregate_state"]) == ("maintenance", "maintenance")
    for wrong, errors in (
        ({**times, "ends_at": None}, {"ends_at": ["can't be blank for maintenance: say when it will be over"]}),
        ({**times, "ends_at": wire(hours=1)}, {"ends_at": ["must be after starts_at"]}),
        ({**times, "affected_resources": page.says(shop="degraded")},
         {"affected_resources": ["must have the status maintenance in a maintenance report"]}),
    ):  # fmt: skip
        assert (await page.report(422, report_type="maintenance", **wrong))["errors"] == errors
    refused = await page.update(body, 422, affected_resources=page.says(shop="resolved"))
    assert refused["errors"]["affected_resources"][0].endswith("to end it early, set the report's ends_at")
    started = await page.change(body, starts_at=wire(hours=-1))
    assert attributes(started)["aggregate_state"] == "maintenance"
    assert attributes(await page.change(body, ends_at=NOW))["aggregate_state"] == "operational"
    assert (await page.change(body, 422, ends_at=None))["errors"]["ends_at"][0].startswith("can't be blank")


async def test_what_is_wrong_is_said_field_by_field(page: Page) -> None:
    missing = await page.at.alice.post(page.path, json={"title": " "})
    assert missing.json() == {
        "errors": "Sorry, you are missing some required attributes", "required_attributes": ["title", "message"]
    }  # fmt: skip
    assert await page.report(422, report_type="automatic") == {
        "errors": "Sorry, these attributes have unsupported values",
        "allowed_values": {"report_type": ["manual", "maintenance"]},
    }
    wrong = await page.report(
        422, title="x" * 251, message="x" * 20_001, published_at="soon", starts_at="0001-01-01",
        affected_resources=[{"status_page_resource_id": "99", "status": "degraded"}, *page.says(shop="gone")],
    )  # fmt: skip
    no_time = ["is not a time between 2000 and 2199: write it like 2026-01-15T09:00:00Z"]
    assert wrong["errors"] == {
        "title": ["is too long (maximum is 250 characters)"],
        "message": ["is too long (maximum is 20000 characters)"],
        "published_at": no_time,
        "starts_at": no_time,
        "affected_resources": [
            "has no resource '99' on this status page",
            "must have one of the statuses resolved, degraded, downtime",
        ],
    }
    assert (await page.report(422, affected_resources="shop"))["errors"] == {
        "affected_resources": ["must be a list of objects"]
    }
    report = await page.report()
    bare = await page.at.alice.post(f"{page.path}/{report['data']['id']}/status-updates", json={"message": "x"})
    assert bare.json()["required_attributes"] == ["affected_resources"]
    assert (await page.change(report, 422, title=""))["errors"] == {"title": ["can't be blank"]}


async def test_resources_of_another_page_cannot_be_named(page: Page) -> None:
    made = await page.at.alice.post(PAGES, json={"subdomain": "other", "timezone": "UTC"})
    other = made.json()["data"]["id"]
    answer = await page.at.alice.post(
        f"{PAGES}/{other}/status-reports",
        json={"title": "x", "message": "x", "affected_resources": page.says(shop="downtime")},
    )
    assert answer.status_code == 422
    report = await page.report()
    moved = await page.at.alice.get(f"{PAGES}/{other}/status-reports/{report['data']['id']}")
    assert (moved.status_code, moved.json()) == (
        404, {"errors": f"Resource type status_report with id = {report['data']['id']} was not found"}
    )  # fmt: skip


async def test_what_is_corrected_at_the_report_is_what_its_updates_say_from_then_on(page: Page) -> None:
    report = await page.report(affected_resources=page.says(shop="downtime", phone="degraded"))
    await page.update(report, affected_resources=page.says(shop="degraded"))
    body = await page.change(report, affected_resources=page.says(shop="downtime"))
    assert attributes(body)["affected_resources"] == page.says(shop="downtime")
    said = [each["attributes"]["affected_resources"] for each in body["included"]]
    assert said == [page.says(shop="downtime"), page.says(shop="downtime")], "the phone was never affected"
    body = await page.change(report, affected_resources=page.says(shop="resolved", phone="resolved"))
    assert attributes(body)["ends_at"] == NOW


async def test_a_draft_is_published_when_it_is_no_draft_any_more(page: Page, database: Database, clock: Any) -> None:
    report = await page.report(draft=True, affected_resources=page.says(shop="downtime"))
    assert attributes(report)["draft"] is True
    await page.update(report, affected_resources=page.says(shop="resolved"), draft=True)
    assert await telling(database) == [None, None]
    assert attributes(await page.get(report))["ends_at"] is None
    clock.wind(minutes=5)
    body = await page.change(report, draft=False)
    assert (attributes(body)["draft"], attributes(body)["ends_at"]) == (False, None)
    first, second = sorted(body["included"], key=lambda each: int(each["id"]))
    assert [each["attributes"]["draft"] for each in (first, second)] == [False, True]
    assert first["attributes"]["published_at"] == wire(minutes=5), "nobody had said when it is from"
    assert await telling(database) == [0, None]
    path = f"{page.path}/{report['data']['id']}/status-updates/{second['id']}"
    await page.at.alice.patch(path, json={"draft": False})
    assert attributes(await page.get(report))["ends_at"] == wire(minutes=5)
    assert (await recorded(database)).count("status_update.published") == 2
    assert (await page.change(report, 422, draft=True))["errors"]["draft"][0].startswith("can't be set again")
    again = await page.at.alice.patch(path, json={"draft": True})
    assert again.json()["errors"]["draft"][0].startswith("can't be set again")


async def test_what_is_from_the_future_waits_for_it(page: Page, database: Database, bus: Any) -> None:
    rung: set[str] = set()
    ring, bus.ring = bus.ring, lambda topic: (rung.add(topic), ring(topic))
    report = await page.report(published_at=wire(hours=1), affected_resources=page.says(shop="downtime"))
    await database.write(lambda tx: None)  # behind the ring
    assert attributes(report)["starts_at"] == wire(hours=1)
    assert (PUBLISHING_TOPIC in rung, NOTICES_TOPIC in rung) == (True, False)
    assert await recorded(database) == ["status_report.created"]
    path = f"{page.path}/{report['data']['id']}/status-updates/{report['included'][0]['id']}"
    assert (await page.at.alice.patch(path, json={"published_at": NOW})).status_code == 200
    await database.write(lambda tx: None)
    assert NOTICES_TOPIC in rung
    assert "status_update.published" in await recorded(database)
    late = await page.at.alice.patch(path, json={"published_at": wire(hours=1)})
    assert late.json()["errors"] == {"published_at": ["can't be in the future: the update is published already"]}


async def test_subscribers_can_be_told_later_and_telling_can_be_stopped(page: Page, database: Database) -> None:
    report = await page.report(notify_subscribers=False)
    path = f"{page.path}/{report['data']['id']}/status-updates/{report['included'][0]['id']}"
    for wanted, expected in ((True, 0), (True, 0), (False, None)):
        await page.at.alice.patch(path, json={"notify_subscribers": wanted})
        assert await telling(database) == [expected]


async def test_what_is_deleted_was_never_said(page: Page, database: Database) -> None:
    report = await page.report(affected_resources=page.says(shop="degraded"))
    last = await page.update(report, affected_resources=page.says(shop="resolved"))
    assert (await page.at.alice.delete(page.of(last))).status_code == 204
    now = attributes(await page.get(report))
    assert (now["affected_resources"], now["ends_at"]) == (page.says(shop="degraded"), None)
    only = f"{page.path}/{report['data']['id']}/status-updates/{report['included'][0]['id']}"
    refused = await page.at.alice.delete(only)
    assert (refused.status_code, refused.json()) == (
        422, {"errors": {"base": ["A report needs an update: delete the report instead"]}}
    )  # fmt: skip
    assert (await page.at.alice.delete(f"{page.path}/{report['data']['id']}")).status_code == 204
    assert (await page.at.alice.get(only)).status_code == 404
    assert await database.read(lambda tx: tx.execute(select(updates.c.id)).all()) == []
    assert (await recorded(database))[-2:] == ["status_update.deleted", "status_report.deleted"]


async def test_what_is_taken_off_the_page_keeps_no_report_open(page: Page) -> None:
    report = await page.report(affected_resources=page.says(shop="downtime", phone="degraded"))
    await page.at.alice.delete(f"{PAGES}/{page.id}/resources/{page.shop}")
    now = attributes(await page.get(report))
    assert (now["affected_resources"], now["aggregate_state"]) == (page.says(phone="degraded"), "degraded")
    await page.update(report, affected_resources=page.says(phone="resolved"))
    now = attributes(await page.get(report))
    assert (now["aggregate_state"], now["ends_at"]) == ("operational", NOW)


async def test_a_report_that_names_nobody_is_ended_by_its_end(page: Page) -> None:
    report = await page.report()
    await page.update(report, message="It is over.")
    now = attributes(await page.get(report))
    assert (now["affected_resources"], now["aggregate_state"], now["ends_at"]) == ([], "operational", None)
    assert attributes(await page.change(report, ends_at=NOW))["ends_at"] == NOW
    await page.update(report, message="We have learnt from it.")
    assert attributes(await page.get(report))["ends_at"] == NOW


async def test_a_report_ends_with_the_last_resource_that_it_affects(page: Page) -> None:
    report = await page.report(affected_resources=page.says(shop="downtime"))
    assert (await page.at.alice.delete(f"{PAGES}/{page.id}/resources/{page.shop}")).status_code == 204
    now = attributes(await page.get(report))
    assert (now["affected_resources"], now["aggregate_state"], now["ends_at"]) == ([], "operational", NOW)


async def test_a_page_stands_as_its_reports_say(page: Page) -> None:
    async def state() -> str:
        answer = await page.at.alice.get(f"{PAGES}/{page.id}")
        return str(attributes(answer.json())["aggregate_state"])

    async def resource() -> dict[str, Any]:
        return attributes((await page.at.alice.get(f"{PAGES}/{page.id}/resources/{page.shop}")).json())

    assert await state() == "operational"
    report = await page.report(affected_resources=page.says(shop="downtime"), starts_at=wire(hours=-1))
    assert (await state(), (await resource())["status"]) == ("downtime", "downtime")
    await page.update(report, affected_resources=page.says(shop="resolved"))
    assert await state() == "operational"
    shop = await resource()
    assert shop["status_history"][-1] == {
        "day": "2026-03-02", "status": "downtime", "downtime_duration": 3_600, "maintenance_duration": 0,
        "degraded_duration": 0,
    }  # fmt: skip
    assert 0 <= shop["availability"] < 1
