"""The client library `betterstack-uptime` from PyPI, pointed at a real server, does what its manual says."""

from __future__ import annotations

import pytest
from betterstack.uptime import (
    AuthenticationError,
    BearerAuth,
    Heartbeat,
    HeartbeatGroup,
    Incident,
    Monitor,
    MonitorGroup,
    NotFoundError,
    PaginatedAPI,
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
