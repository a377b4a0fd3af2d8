"""Lists and glances, on both databases: what the pages of the console are drawn from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.monitors.test_actions_monitors import BASE, Site
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.kernel.clock import to_milliseconds
from tocsin.metadata.model import Value
from tocsin.monitors import actions
from tocsin.monitors.actions.packing import pack, read_unpacked
from tocsin.monitors.model import Observation, Verdict
from tocsin.monitors.rules.searching import Wanted
from tocsin.monitors.rules.settings import Limits
from tocsin.storage import Database


@pytest.fixture
def site(database: Database, clock: FakeClock) -> Site:
    return Site(database, clock)


def search(site: Site, wanted: Wanted | None = None, **values: Any) -> Any:
    values = {"sort": "name", "page": 1, "per_page": 50} | values
    return site.write(actions.search, (site.team_id,), wanted or Wanted(), **values)


def steady(site: Site, seconds: float, tls: float | None = 0.02) -> None:
    """A good check that need not be judged."""
    now = to_milliseconds(site.clock.now())
    seen = Observation(
        monitor_id=site.id, revision=1, region="eu", started_ms=now, ended_ms=now + 500, verdict=Verdict.UP,
        response_time=seconds, tls_handshake_time=tls,
    )  # fmt: skip
    site.write(actions.record_batch, {"eu": (now, [seen])}, {site.id: now}, now)


def test_a_line_tells_how_a_monitor_stands_and_fared(site: Site) -> None:
    site.create(pronounceable_name="Shop", recovery_period=0)
    site.observe(Verdict.UP, response_time=0.25)
    site.clock.wind(hours=5)
    site.observe(Verdict.DOWN)
    began = to_milliseconds(site.clock.now())
    (found,), total, counts = search(site)
    assert (found.line.status, found.since_ms, total, counts["down"]) == ("down", began, 1, 1)
    assert found.line.response_us == 250_000, "a failure takes no time that means anything"
    site.clock.wind(hours=5)
    site.observe(Verdict.UP, response_time=0.5)
    (found,), _, _ = search(site)
    assert (found.line.status, found.since_ms) == ("up", to_milliseconds(site.clock.now()))
    assert found.line.response_us == 500_000
    assert found.availability == pytest.approx(50.0, abs=0.01)
    site.clock.wind(seconds=60)
    steady(site, 0.75)
    assert search(site)[0][0].line.response_us == 750_000
    site.update(paused=True)
    (found,), _, counts = search(site, Wanted(statuses=frozenset({"paused"})))
    assert found.since_ms == to_milliseconds(site.clock.now())
    assert counts["up"] == 0


def test_maintenance_groups_facts_and_teams_are_told_apart(site: Site, clock: FakeClock) -> None:
    group = site.write(actions.create_group, site.team_id, {"name": "Production"})
    site.create(pronounceable_name="A", monitor_group_id=group.id, metadata={"Tier": "1"})
    site.create(pronounceable_name="B", maintenance_from="00:00:00", maintenance_to="23:59:59", metadata={"Tier": "2"})
    other = site.write(accounts.ensure_team, "Others").id
    site.write(actions.create, other, {"url": "https://other.example.com"}, Limits(), BASE)
    (a, b), total, counts = search(site)
    assert (total, a.group_name, b.group_name, a.team_name) == (2, "Production", None, "Core team")
    assert b.line.status == "maintenance"
    assert (counts["pending"], counts["maintenance"]) == (1, 1)
    assert [f.line.name for f in search(site, facts={"Tier": [Value(value="2")]})[0]] == ["B"]
    assert len(search(site, facts={"Tier": []})[0]) == 2
    assert [f.line.name for f in search(site, per_page=1, page=2)[0]] == ["B"]


def test_a_glance_tells_since_when_and_day_by_day(site: Site) -> None:
    site.create(recovery_period=0, domain_expiration=14)
    site.observe(Verdict.UP)
    site.clock.wind(hours=24)
    site.observe(Verdict.DOWN)
    down_at = site.clock.now()
    site.clock.wind(hours=1)
    seen = site.write(actions.summary, site.id, (site.team_id,), 7)
    assert (seen.since, seen.incident_id) == (down_at, site.incident.id)  # type: ignore[union-attr]
    site.observe(Verdict.UP, response_time=0.125)
    site.clock.wind(hours=1)
    seen = site.write(actions.summary, site.id, (site.team_id,), 7)
    assert (seen.since, seen.incident_id, seen.response_time) == (site.clock.now() - timedelta(hours=1), None, 0.125)
    assert len(seen.days) == 7
    assert sum(day.downtime for day in seen.days) == 3_600
    assert seen.windows["7d"].total_downtime == seen.windows["24h"].total_downtime == 3_600
    assert seen.domain is not None
    assert seen.domain.name == "example.com"


def test_a_chart_averages_what_was_measured_packed_or_not(site: Site) -> None:
    site.create()
    start = to_milliseconds(site.clock.now())
    for seconds in (0.1, 0.3, 0.5, 0.7):
        steady(site, seconds)
        site.clock.wind(seconds=60)
    end = to_milliseconds(site.clock.now())
    plain = site.write(actions.chart, site.id, None, start, end, 2)
    assert plain.bucket_ms == 120_000
    first, second = plain.regions["eu"]
    assert (first.count, second.count) == (2, 2)
    assert first.response_time == pytest.approx(0.2)
    assert second.response_time == pytest.approx(0.6)
    assert (second.maximum, second.tls_handshake_time, second.name_lookup_time) == (0.7, 0.02, None)
    _, _, found = site.write(read_unpacked, 100)
    site.write(pack, found)
    assert site.write(actions.chart, site.id, None, start, end, 2) == plain
