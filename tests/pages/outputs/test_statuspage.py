"""The shapes that Atlassian documents for the pages of Statuspage, which its clients read."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest

from tests.pages.outputs.feeds import ROOT
from tests.status_pages import samples
from tocsin.pages.outputs import feed_atom, feed_rss, index_json, statuspage
from tocsin.pages.targets import STATUSPAGE_FILES
from tocsin.status_pages.model import ReportType
from tocsin.status_pages.model.views import PageView

INDICATORS = {"none", "minor", "major", "critical", "maintenance"}
COMPONENT = {"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
INCIDENT = {"investigating", "identified", "monitoring", "resolved", "postmortem"}
MAINTENANCE = {"scheduled", "in_progress", "verifying", "completed"}


def read(name: str, view: PageView | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statuspage.draw(view or samples.shop(), ROOT, name))
    assert set(found["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    return found


def test_the_summary_has_all_of_it() -> None:
    summary = read("summary")
    assert set(summary) == {"page", "components", "incidents", "scheduled_maintenances", "status"}
    assert summary["status"] == {"indicator": "major", "description": "Some systems are down"}
    assert summary["status"]["indicator"] in INDICATORS
    assert summary["page"]["url"] == ROOT
    assert {incident["name"] for incident in summary["incidents"]} == {"Card payments fail for some customers"}
    assert [each["status"] for each in summary["scheduled_maintenances"]] == ["in_progress", "scheduled"]
    assert summary["components"] == read("components")["components"]
    assert summary["status"] == read("status")["status"]


def test_components_stand_in_groups() -> None:
    components = read("components")["components"]
    assert all(each["status"] in COMPONENT for each in components)
    groups = {each["id"]: each for each in components if each["group"]}
    assert {group["name"] for group in groups.values()} == {"Shop", "Integrations", "Regions"}
    for each in components:
        if not each["group"]:
            assert each["id"] in groups[each["group_id"]]["components"]
    assert groups["section-3"]["status"] == "major_outage", "a group is as bad as its worst"
    assert len({each["id"] for each in components}) == len(components)
    assert set(components[1]) >= {
        "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date",
        "group_id", "page_id", "group", "only_show_if_degraded",
    }  # fmt: skip


def test_incidents_and_maintenance_go_through_their_stages() -> None:
    incidents = {each["name"]: each for each in read("incidents")["incidents"]}
    assert all(each["status"] in INCIDENT for each in incidents.values())
    ongoing, past = incidents["Card payments fail for some customers"], incidents["Slow search"]
    assert (ongoing["status"], ongoing["impact"], ongoing["resolved_at"]) == ("investigating", "critical", None)
    assert (past["status"], past["impact"]) == ("resolved", "minor")
    assert past["resolved_at"] == "2026-11-26T11:18:00.000Z"
    assert [update["status"] for update in past["incident_updates"]] == ["resolved", "investigating", "investigating"]
    assert ongoing["shortlink"] == f"{ROOT}/incidents/71"
    assert [each["id"] for each in read("incidents/unresolved")["incidents"]] == ["71"]
    planned = {each["name"]: each for each in read("scheduled-maintenances")["scheduled_maintenances"]}
    assert {each["status"] for each in planned.values()} == {"scheduled", "in_progress", "completed"} <= MAINTENANCE
    assert planned["Database moves to new machines"]["scheduled_until"] == "2026-12-03T16:26:00.000Z"
    for name, title in (("upcoming", "Database moves to new machines"), ("active", "Network work in Frankfurt")):
        (only,) = read(f"scheduled-maintenances/{name}")["scheduled_maintenances"]
        assert only["name"] == title


def test_each_update_says_what_changed_of_each_component() -> None:
    shop, phone = partial(samples.said, 1, "Shop"), partial(samples.said, 2, "Phone")
    updates = (  # the newest first
        samples.update(3, "Over.", samples.NOW, phone("resolved"), shop("resolved")),
        samples.update(2, "Worse.", samples.NOW, shop("downtime"), phone("degraded")),
        samples.update(1, "Slow.", samples.NOW, shop("degraded")),
    )
    report = msgspec.structs.replace(samples.shop().current[0], updates=updates)
    view = msgspec.structs.replace(samples.shop(), current=(report,))
    for name in ("summary", "incidents"):
        (told,) = (each for each in read(name, view)["incidents"] if each["id"] == str(report.id))
        changes = [
            {each["name"]: (each["old_status"], each["new_status"]) for each in update["affected_components"]}
            for update in told["incident_updates"]
        ]
        assert changes == [
            {"Phone": ("degraded_performance", "operational"), "Shop": ("major_outage", "operational")},
            {"Shop": ("degraded_performance", "major_outage"), "Phone": ("operational", "degraded_performance")},
            {"Shop": ("operational", "degraded_performance")},
        ]


def test_what_is_over_is_told_of_however_long_ago() -> None:
    old = []
    for id in (*range(100, 150), *range(200, 250)):
        kind, at = ReportType.MANUAL if id < 200 else ReportType.MAINTENANCE, samples.NOW - id * samples.DAY
        old.append(
            samples.report(id, f"Old {id}", report_type=kind, starts_at=at, ends_at=at, created_at=at, state=samples.UP)
        )
    view = samples.shop(latest=(*samples.shop().current, *old))
    incidents = [each["id"] for each in read("incidents", view)["incidents"]]
    assert (len(incidents), incidents[0], incidents[-1]) == (50, "71", "146")
    assert len(set(incidents)) == 50
    planned = [each["id"] for each in read("scheduled-maintenances", view)["scheduled_maintenances"]]
    assert (len(planned), planned[-1]) == (50, "246")
    assert [each["id"] for each in read("incidents/unresolved", view)["incidents"]] == ["71"]
    for feed, item in ((feed_rss, b"<item>"), (feed_atom, b"<entry>")):
        drawn = feed.draw(view, ROOT)
        assert (drawn.count(item), b"[Resolved] Old 100" in drawn, b"Old 200" in drawn) == (50, True, False)
    assert index_json.draw(view).count(b'"type":"status_report","attributes"') == 50


@pytest.mark.parametrize(
    ("state", "one", "indicator"),
    [
        (samples.UP, samples.UP, "none"), (samples.SLOW, samples.SLOW, "minor"), (samples.DOWN, samples.UP, "major"),
        (samples.DOWN, samples.DOWN, "critical"), (samples.HELD, samples.HELD, "maintenance"),
    ],
)  # fmt: skip
def test_the_indicator_follows_the_state(state: Any, one: Any, indicator: str) -> None:
    section = samples.section(1, None, samples.resource(1, "A", status=one), samples.resource(2, "B", status=state))
    view = msgspec.structs.replace(samples.page(), state=state, sections=(section,))
    assert read("status", view)["status"]["indicator"] == indicator
    assert all(each["group_id"] is None for each in read("components", view)["components"])


@pytest.mark.parametrize("name", sorted(STATUSPAGE_FILES))
def test_every_file_is_drawn_of_an_empty_page_too(name: str) -> None:
    assert len(read(name, samples.page())) >= 2
