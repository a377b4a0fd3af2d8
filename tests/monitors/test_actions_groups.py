"""Many monitors paused together: each is left exactly as if it had been paused alone."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select

from tests.monitors.test_actions_monitors import BASE, Site
from tests.time import FakeClock
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import IncidentStatus
from tocsin.monitors import actions
from tocsin.monitors.model import Monitor, MonitorStatus, Settings, Verdict
from tocsin.monitors.rules.settings import Limits
from tocsin.monitors.store import monitors as shelf
from tocsin.monitors.store import states as state_shelf
from tocsin.storage import Database, Tx
from tocsin.storage.events import events

MANY = 600
"""More than one statement takes."""


@pytest.fixture
def site(database: Database, clock: FakeClock) -> Site:
    return Site(database, clock)


def members(site: Site, group_id: int) -> list[Monitor]:
    found: list[Monitor] = site.write(lambda tx: shelf.by_ids(tx, shelf.ids_in_group(tx, group_id)))
    return found


def fill(tx: Tx, team_id: int, group_id: int) -> list[int]:
    return [
        shelf.insert_monitor(
            tx, team_id=team_id, url=f"https://{place}.example.com", name=f"Shop {place}", group_id=group_id,
            paused=False, domain=None, settings=Settings(),
        )
        for place in range(MANY)
    ]  # fmt: skip


def told(site: Site, name: str) -> Counter[int]:
    """How often the event happened to each monitor of the team."""
    chosen = select(events.c.resource_id).where(events.c.name == name, events.c.team_id == site.team_id)
    return Counter(site.write(lambda tx: list(tx.execute(chosen).scalars())))


def changed(site: Site, after: int) -> Counter[int]:
    return Counter(id for _, id in site.write(shelf.changed_since, after, 10 * MANY))


@pytest.mark.slow
def test_a_group_of_six_hundred_is_paused_and_resumed_whole_and_its_incidents_end(site: Site) -> None:
    group = site.write(actions.create_group, site.team_id, {"name": "Production"})
    ids = site.write(fill, site.team_id, group.id)
    failing, suspected, alone = ids[3], ids[-2], ids[7]
    site.write(actions.update, suspected, None, {"confirmation_period": 120}, Limits(), BASE)
    opened = {}
    for site.id in (failing, suspected):
        site.observe(Verdict.DOWN)
        opened[site.id] = site.incident
    site.write(actions.update, alone, None, {"paused": True}, Limits(), BASE)
    before = {monitor.id: monitor for monitor in members(site, group.id)}
    journal = site.write(shelf.latest_change)
    turned = set(ids) - {alone}

    site.clock.wind(seconds=30)
    paused_at = site.clock.now()
    site.write(actions.update_group, group.id, None, {"paused": True}, BASE)
    for monitor in members(site, group.id):
        mine = monitor.id != alone
        assert monitor.status is MonitorStatus.PAUSED
        assert monitor.paused_at == (paused_at if mine else before[alone].paused_at)
        assert monitor.revision == before[monitor.id].revision + mine
        assert monitor.last_checked_at == before[monitor.id].last_checked_at
        assert monitor.settings == before[monitor.id].settings
    assert told(site, "monitor.paused") == Counter(ids)
    assert changed(site, journal) == Counter(turned)
    assert set(site.write(state_shelf.open_gaps, "paused")) == set(ids)
    assert site.write(incidents.open_owners, "monitor", [failing, suspected]) == set()
    assert site.write(incidents.find, opened[suspected].id).confirmed_at is None
    ended = site.write(incidents.find, opened[failing].id)
    assert (ended.status, ended.resolved_at) == (IncidentStatus.RESOLVED, paused_at)

    site.clock.wind(seconds=30)
    site.write(actions.update_group, group.id, None, {"paused": False}, BASE)
    for monitor in members(site, group.id):
        assert (monitor.status, monitor.paused_at) == (MonitorStatus.PENDING, None)
        assert monitor.standing.incident_id is None
        assert monitor.standing.failing_since_ms is None
    assert told(site, "monitor.unpaused") == Counter(ids)
    assert site.write(state_shelf.open_gaps, "paused") == []


def test_incidents_of_monitors_outside_the_group_stay_open(site: Site) -> None:
    group = site.write(actions.create_group, site.team_id, {"name": "Production"})
    site.create(monitor_group_id=group.id)
    outside = site.create().id
    site.observe(Verdict.DOWN)
    site.write(actions.update_group, group.id, None, {"paused": True}, BASE)
    assert site.write(actions.find, outside, None).status is MonitorStatus.DOWN
    assert site.write(incidents.open_owners, "monitor", [outside, outside + 1]) == {outside}
