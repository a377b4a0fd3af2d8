"""The page for programs that know Better Stack's (contract part 2, 5.7)."""

from __future__ import annotations

import json

from tests.status_pages import samples
from tocsin.pages.outputs import index_json


def test_the_whole_page_is_json_api_and_every_name_leads_to_what_is_included() -> None:
    document = json.loads(index_json.draw(samples.shop()))
    data = document["data"]
    assert (data["id"], data["type"]) == ("1", "status_page")
    assert set(data["attributes"]) == {
        "company_name", "company_url", "contact_url", "logo_url", "timezone", "subdomain", "custom_domain",
        "announcement", "aggregate_state", "created_at", "updated_at",
    }  # fmt: skip
    assert data["attributes"]["aggregate_state"] == "downtime"
    assert data["attributes"]["updated_at"] == "2026-11-30T14:26:00.000Z"
    included = {(each["type"], each["id"]): each for each in document["included"]}
    named = {(each["type"], each["id"]) for part in data["relationships"].values() for each in part["data"]}
    named |= {
        (each["type"], each["id"])
        for (kind, _), report in included.items()
        if kind == "status_report"
        for each in report["relationships"]["status_updates"]["data"]
    }
    assert named == set(included)
    assert {kind for kind, _ in named} == {
        "status_page_section", "status_page_resource", "status_report", "status_update",
    }  # fmt: skip


def test_types_are_those_that_typed_clients_need() -> None:
    document = json.loads(index_json.draw(samples.shop()))
    of = {each["type"] + each["id"]: each["attributes"] for each in document["included"]}
    website = of["status_page_resource1"]
    assert isinstance(website["availability"], float)
    assert isinstance(website["status_page_section_id"], int)
    assert isinstance(website["resource_id"], int)
    assert website["status_history"][-10] == {
        "day": "2026-11-21", "status": "downtime", "downtime_duration": 840, "maintenance_duration": 0,
        "degraded_duration": 0,
    }  # fmt: skip
    assert of["status_report71"]["affected_resources"][0] == {"status_page_resource_id": "3", "status": "degraded"}
    assert of["status_report71"]["ends_at"] is None
    assert isinstance(of["status_report71"]["status_page_id"], int)
    assert isinstance(of["status_update713"]["status_report_id"], int)
