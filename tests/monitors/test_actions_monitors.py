"""What can be done with monitors, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Incident, IncidentStatus
from tocsin.monitors import actions
from tocsin.monitors.model import Evidence, Monitor, MonitorStatus, Observation, Standing, Verdict
from tocsin.monitors.rules.settings import Limits
from tocsin.storage import Database

BASE = "https://tocsin.example"


class Site:
    """One monitor in one team, and the checks that it goes through."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.team_id = self.write(accounts.ensure_team, "Core team").id
        alice = self.write(accounts.create_user, email="alice@example.com", name="Alice Owner", password=None)
        self.write(accounts.join, self.team_id, alice.id)
        self.id = 0

    def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        return self.database.submit_write(work, *args, **kwargs).result(10)

    def create(self, **given: Any) -> Monitor:
        given = {"url": "https://shop.example.com"} | given
        monitor: Monitor = self.write(actions.create, self.team_id, given, Limits(), BASE)
        self.id = monitor.id
        return monitor

    def update(self, **given: Any) -> Monitor:
        monitor: Monitor = self.write(actions.update, self.id, None, given, Limits(), BASE)
        return monitor

    @property
    def monitor(self) -> Monitor:
        found: Monitor = self.write(actions.find, self.id, None)
        return found

    @property
    def incident(self) -> Incident | None:
        found: Incident | None = self.write(incidents.current, "monitor", self.id, "check")
        return found

    def observe(self, verdict: Verdict, **values: Any) -> Standing | None:
        """A check that begins now and takes half a second."""
        now = int(self.clock.now().timestamp() * 1000)
        observation = Observation(
            monitor_id=self.id,
            revision=values.pop("revision", self.monitor.revision),
            region="eu",
            started_ms=values.pop("started_ms", now),
            ended_ms=now + 500,
            verdict=verdict,
            cause="Status 503" if verdict is Verdict.DOWN else None,
            evidence=Evidence(url="https://shop.example.com", status_code=503) if verdict is Verdict.DOWN else None,
            **values,
        )
        standing: Standing | None = self.write(actions.record, observation, BASE)
        return standing


@pytest.fixture
def site(database: Database, clock: FakeClock) -> Site:
    return Site(database, clock)


def test_a_failing_check_opens_an_incident_and_the_recovery_resolves_it(site: Site) -> None:
    site.create(recovery_period=60)
    assert site.monitor.status is MonitorStatus.PENDING
    site.observe(Verdict.UP)
    assert site.monitor.status is MonitorStatus.UP
    site.clock.wind(seconds=180)
    site.observe(Verdict.DOWN)
    assert site.monitor.status is MonitorStatus.DOWN
    incident = site.incident
    assert incident is not None
    assert (incident.status, incident.cause) == (IncidentStatus.STARTED, "Status 503")
    site.clock.wind(seconds=180)
    site.observe(Verdict.UP)
    assert site.monitor.status is MonitorStatus.VALIDATING
    assert site.incident.status is IncidentStatus.VALIDATING  # type: ignore[union-attr]
    site.clock.wind(seconds=180)
    site.observe(Verdict.UP)
    assert site.monitor.status is MonitorStatus.UP
    assert site.incident is None
    assert site.write(incidents.find, incident.id).resolved_by is None


def test_a_failure_within_the_confirmation_period_tells_nobody(site: Site) -> None:
    site.create(confirmation_period=120, recovery_period=0)
    site.observe(Verdict.UP)
    site.clock.wind(seconds=60)
    site.observe(Verdict.DOWN)
    assert site.monitor.status is MonitorStatus.UP
    suspected = site.incident
    assert suspected is not None
    assert suspected.status is IncidentStatus.UNCONFIRMED
    site.clock.wind(seconds=60)
    site.observe(Verdict.UP)
    assert site.incident is None
    site.clock.wind(seconds=60)
    site.observe(Verdict.DOWN)
    site.clock.wind(seconds=120)
    site.observe(Verdict.DOWN)
    confirmed = site.incident
    assert confirmed is not None
    assert confirmed.id != suspected.id
    assert confirmed.status is IncidentStatus.STARTED
    assert site.monitor.status is MonitorStatus.DOWN
