"""How a page would look, before anything of it is saved (ours)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import Clients

PAGES = "/api/v2/status-pages"


@pytest.fixture
async def page(at: Clients) -> str:
    """The address of a page of Alice's team with two lines."""
    made = await at.alice.post(PAGES, json={"subdomain": "acme", "timezone": "Prague", "company_name": "Acme"})
    path = f"{PAGES}/{made.json()['data']['id']}"
    for name in ("Shop", "Search"):
        line = {"resource_type": "ManuallyTrackedItem", "public_name": name}
        assert (await at.alice.post(f"{path}/resources", json=line)).status_code == 201
    return path


async def seen(at: Clients, page: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await at.alice.post(f"{page}/preview", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines(found: dict[str, Any]) -> dict[str, str]:
    return {line["public_name"]: line["status"] for part in found["page"]["sections"] for line in part["resources"]}


async def test_what_would_change_is_shown_and_nothing_is_saved(at: Clients, page: str) -> None:
    before = (await at.alice.get(page)).json()
    found = await seen(at, page, {"company_name": "Nova", "theme": "dark", "password": "secret", "published": False})
    assert found["page"]["settings"]["company_name"] == "Nova"
    assert found["page"]["settings"]["theme"] == "dark"
    assert (found["logo"], found["dark_logo"]) == (None, None)
    assert (await at.alice.get(page)).json() == before


async def test_what_would_be_refused_is_refused(at: Clients, page: str) -> None:
    for body, field in (
        ({"company_url": "javascript:alert(1)"}, "company_url"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"report": {"affected_resources": [{"status_page_resource_id": "9", "status": "degraded"}]}},
         "affected_resources"),
        ({"report": {"starts_at": "soon"}}, "starts_at"),
    ):  # fmt: skip
        answer = await at.alice.post(f"{page}/preview", json=body)
        assert answer.status_code == 422, body
        assert field in answer.json()["errors"], body


async def test_a_report_is_shown_with_what_it_says_of_everything(at: Clients, page: str) -> None:
    shop = {"status_page_resource_id": "1", "status": "downtime"}
    found = await seen(at, page, {"report": {"title": "Down", "message": "It is.", "affected_resources": [shop]}})
    (report,) = found["page"]["current"]
    assert (report["title"], report["state"], report["updates"][0]["message"]) == ("Down", "downtime", "It is.")
    assert lines(found) == {"Shop": "downtime", "Search": "operational"}
    assert found["page"]["state"] == "downtime"
    assert (await seen(at, page, {}))["page"]["current"] == []
    planned = {"report_type": "maintenance", "starts_at": "2090-01-01T00:00:00Z", "ends_at": "2090-01-02T00:00:00Z",
               "affected_resources": [{"status_page_resource_id": "1", "status": "maintenance"}]}  # fmt: skip
    found = await seen(at, page, {"report": planned})
    assert [each["title"] for each in found["page"]["maintenance"]] == ["…"]
    assert lines(found)["Shop"] == "operational", "it has not begun"


async def test_an_update_is_shown_before_the_others_and_may_end_its_report(at: Clients, page: str) -> None:
    shop = {"status_page_resource_id": "1", "status": "downtime"}
    body = {"title": "Down", "message": "It is.", "affected_resources": [shop]}
    made = await at.alice.post(f"{page}/status-reports", json=body)
    id = int(made.json()["data"]["id"])
    found = await seen(at, page, {"report": {"id": id, "message": "We have found it."}})
    (report,) = found["page"]["current"]
    assert [each["message"] for each in report["updates"]] == ["We have found it.", "It is."]
    well = {"id": id, "message": "Over.", "affected_resources": [{**shop, "status": "resolved"}]}
    found = await seen(at, page, {"report": well})
    assert found["page"]["current"] == []
    assert found["page"]["recent"][0]["updates"][0]["message"] == "Over."
