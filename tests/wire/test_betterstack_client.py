"""The client library `betterstack-uptime` from PyPI, pointed at a real server, does what its manual says."""

from __future__ import annotations

import pytest
from betterstack.uptime import (
    AuthenticationError,
    BearerAuth,
    EscalationPolicy,
    Heartbeat,
    HeartbeatGroup,
    Incident,
    Monitor,
    MonitorGroup,
    NotFoundError,
    OnCallCalendar,
    PaginatedAPI,
    StatusPage,
    StatusPageGroup,
)

from tests.rest.clients import ALICES_TEAM, Clients


class TocsinAPI(PaginatedAPI):
    """The library's client with another server."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(f"{address}/api/v2/", BearerAuth(token), retries=0)


@pytest.fixture
def api(at: Clients, address: str) -> TocsinAPI:
    return TocsinAPI(address, at.tokens[ALICES_TEAM])


def test_monitors_are_made_found_changed_and_deleted(api: TocsinAPI) -> None:
    made = Monitor.new(api, url="https://shop.example.com", monitor_type="status")
    assert (made.id, made.url, made.status, made.team_name) == ("1", "https://shop.example.com", "pending", ALICES_TEAM)
    assert [each.id for each in Monitor.filter(api, url="https://shop.example.com")] == [made.id]
    assert list(Monitor.filter(api, pronounceable_name="nothing of that name")) == []
    made.paused = True
    made.check_frequency = 60
    made.save()
    again = Monitor(id=made.id, _api=api)
    again.fetch_data()
    assert (again.is_paused, again.check_frequency) == (True, 60)
    created, same = Monitor.get_or_create(api, url="https://shop.example.com")
    assert (created, same.id) == (False, made.id)
    made.delete()
    with pytest.raises(NotFoundError):
        again.fetch_data()


def test_a_list_of_many_pages_is_read_in_parallel_whole_and_in_order(api: TocsinAPI) -> None:
    for number in range(7):
        Monitor.new(api, url=f"https://{number}.example.com")
    assert [each.id for each in Monitor.filter(api, per_page=2)] == [str(number) for number in range(1, 8)]


def test_availability_can_be_asked_for_a_time(api: TocsinAPI) -> None:
    monitor = Monitor.new(api, url="https://shop.example.com")
    monitor.sla.fetch_sla("2026-03-01", "2026-03-02")
    assert (monitor.sla.availability, monitor.sla.number_of_incidents) == (100.0, 0)


def test_groups_know_their_monitors(api: TocsinAPI) -> None:
    group = MonitorGroup.new(api, name="Production")
    inside = Monitor.new(api, url="https://in.example.com", monitor_group_id=int(group.id))
    Monitor.new(api, url="https://out.example.com")
    assert [each.id for each in group.monitors] == [inside.id]
    group.name = "Live"
    group.save()
    assert [each.name for each in MonitorGroup.get_all_instances(api)] == ["Live"]


def test_incidents_are_reported_acknowledged_and_resolved(api: TocsinAPI) -> None:
    incident = Incident.new(api, name="Shop", summary="Closed", requester_email="alice@tocsin.example")
    assert (incident.status, incident.is_acknowledged, incident.is_resolved) == ("Started", False, False)
    incident.acknowledge("alice@tocsin.example")
    assert (incident.status, incident.acknowledged_by) == ("Acknowledged", "Alice")
    incident.resolve("alice@tocsin.example")
    assert incident.is_resolved
    assert [each.id for each in Incident.filter(api, resolved=True, from_="2026-03-01")] == [incident.id]
    incident.delete()
    assert list(Incident.get_all_instances(api)) == []


def test_a_wrong_token_is_the_error_that_the_library_knows(address: str) -> None:
    with pytest.raises(AuthenticationError):
        list(Monitor.get_all_instances(TocsinAPI(address, "wrong")))


def test_heartbeats_and_their_groups_are_made_found_changed_and_deleted(api: TocsinAPI) -> None:
    group = HeartbeatGroup.new(api, name="Backups")
    made = Heartbeat.new(api, name="Nightly", period=86_400, grace=3_600, heartbeat_group_id=int(group.id))
    Heartbeat.new(api, name="Hourly", period=3_600)
    assert (made.status, made.period, made.team_name, made.is_paused) == ("pending", 86_400, ALICES_TEAM, False)
    assert made.url is not None
    assert "/api/v1/heartbeat/" in made.url
    assert [each.id for each in group.heartbeats] == [made.id]
    made.paused = True
    made.grace = 60
    made.save()
    again = Heartbeat(id=made.id, _api=api)
    again.fetch_data()
    assert (again.is_paused, again.grace, again.name) == (True, 60, "Nightly")
    assert [each.name for each in Heartbeat.get_all_instances(api)] == ["Nightly", "Hourly"]
    made.delete()
    with pytest.raises(NotFoundError):
        again.fetch_data()


def test_status_pages_and_their_groups_are_made_found_changed_and_deleted(api: TocsinAPI) -> None:
    group = StatusPageGroup.new(api, name="Customers", sort_index=1)
    made = StatusPage.new(
        api,
        subdomain="acme",
        timezone="Prague",
        company_name="Acme",
        company_url="https://acme.example",
        status_page_group_id=int(group.id),
        navigation_links=[{"text": "Status", "href": "/"}],
    )
    assert (made.aggregate_state, made.history, made.design, made.password_enabled) == ("operational", 90, "v2", False)
    made.announcement = "We move on Sunday."
    made.save()
    again = StatusPage(id=made.id, _api=api)
    again.fetch_data()
    assert (again.announcement, again.status_page_group_id) == ("We move on Sunday.", int(group.id))
    assert [each.subdomain for each in StatusPage.get_all_instances(api)] == ["acme"]
    assert [each.name for each in StatusPageGroup.get_all_instances(api)] == ["Customers"]
    made.delete()
    with pytest.raises(NotFoundError):
        again.fetch_data()


def test_a_status_page_knows_its_sections_and_resources(api: TocsinAPI) -> None:
    page = StatusPage.new(api, subdomain="acme", timezone="UTC")
    for number in range(3):
        api.post(f"status-pages/{page.id}/sections", body={"name": f"Section {number}"})
        api.post(
            f"status-pages/{page.id}/resources",
            body={"resource_type": "ManuallyTrackedItem", "public_name": f"Part {number}"},
        )
    assert [section.name for section in page.sections] == ["Section 0", "Section 1", "Section 2"]
    assert [(part.public_name, part.position, part.status) for part in page.resources] == [
        (f"Part {number}", number, "operational") for number in range(3)
    ]
    assert page.resources[0].availability == 1


def test_policies_are_made_and_read(api: TocsinAPI) -> None:
    steps = [{"type": "escalation", "wait_before": 0, "step_members": [{"type": "entire_team"}]}]
    made = EscalationPolicy.new(api, name="Standard", repeat_count=2, repeat_delay=600, steps=steps)
    (found,) = EscalationPolicy.get_all_instances(api)
    assert (found.id, found.name, found.repeat_count, found.team_name) == (made.id, "Standard", 2, ALICES_TEAM)
    assert found.steps is not None
    assert found.steps[0]["type"] == "escalation"


def test_calendars_are_read_with_who_is_on_call_and_take_a_rotation(api: TocsinAPI) -> None:
    made = OnCallCalendar.new(api, name="Tier 2")
    made.create_rotation(
        ["alice@tocsin.example", "bob@tocsin.example"], 1, "day", "2026-03-01T09:00:00Z", "2026-03-20T09:00:00Z"
    )
    found = {each.name: each for each in OnCallCalendar.get_all_instances(api)}["Tier 2"]
    assert found.default_calendar is False
    assert len(found.on_call_users) == 1
    assert list(found.events) == [], "it looks under `data` for what the API calls `events` (contract part 2, 4.3)"
