"""What can be done with monitors, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Incident, IncidentStatus
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.monitors import actions
from tocsin.monitors.model import Evidence, Monitor, MonitorStatus, Observation, Standing, Verdict
from tocsin.monitors.rules.settings import Limits
from tocsin.storage import Database, Tx

BASE = "https://tocsin.example"
_EVIDENCE = Evidence(url="https://shop.example.com", status_code=503)


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
            evidence=values.pop("evidence", _EVIDENCE if verdict is Verdict.DOWN else None),
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


def test_what_was_set_comes_back_exactly_secrets_included(site: Site) -> None:
    headers = [{"name": "Authorization", "value": "Bearer s3cret"}]
    site.create(auth_username="u", auth_password="p4ss", proxy_host="user:pr0xy@10.0.0.1", request_headers=headers,
                environment_variables={"TOKEN": "v4r"}, maintenance_days=["tue", "mon"])  # fmt: skip
    settings = site.monitor.settings
    assert (settings.auth_password, settings.proxy_host) == ("p4ss", "user:pr0xy@10.0.0.1")
    assert settings.request_headers[0].value == "Bearer s3cret"
    assert settings.environment_variables == {"TOKEN": "v4r"}

    def stored(tx: Tx) -> str:
        return str(tx.connection.exec_driver_sql("SELECT settings, secrets FROM monitors").all())

    text = site.database.submit_read(stored).result(10)
    assert not any(secret in text for secret in ("p4ss", "pr0xy", "s3cret", "v4r"))


def test_a_change_touches_what_was_sent_and_nothing_else(site: Site) -> None:
    before = site.create(pronounceable_name="Shop", ssl_expiration=7, confirmation_period=60)
    site.clock.wind(seconds=5)
    after = site.update(domain_expiration=7, expiration_policy_id=None)
    assert after.settings.domain_expiration == 7
    assert (after.settings.ssl_expiration, after.settings.confirmation_period) == (7, 60)
    assert (after.pronounceable_name, after.created_at) == ("Shop", before.created_at)
    assert after.updated_at > before.updated_at
    assert after.revision == before.revision + 1


def test_an_unknown_group_is_no_group(site: Site) -> None:
    with pytest.raises(Invalid) as refused:
        site.create(monitor_group_id=99)
    assert refused.value.field_errors == {"resource_group": ["doesn't exist"]}


def test_another_teams_group_is_no_group_and_another_teams_monitor_is_not_there(site: Site) -> None:
    other = site.write(accounts.ensure_team, "Other").id
    group = site.write(actions.create_group, other, {"name": "Theirs"})
    with pytest.raises(Invalid):
        site.create(monitor_group_id=group.id)
    site.create()
    for deed in (
        lambda: site.write(actions.find, site.id, (other,)),
        lambda: site.write(actions.update, site.id, (other,), {"paused": True}, Limits(), BASE),
        lambda: site.write(actions.delete, site.id, (other,), BASE),
        lambda: site.write(actions.sla, site.id, (other,), None, None),
        lambda: site.write(actions.response_times, site.id, (other,), 0, 1),
        lambda: site.write(actions.update_group, group.id, (site.team_id,), {"paused": True}, BASE),
        lambda: site.write(actions.delete_group, group.id, (site.team_id,)),
    ):
        with pytest.raises(NotFound):
            deed()


def test_pausing_ends_the_incident_and_resuming_waits_for_a_check(site: Site) -> None:
    site.create()
    site.observe(Verdict.DOWN)
    incident = site.incident
    assert incident is not None
    paused = site.update(paused=True)
    assert (paused.status, paused.paused_at) == (MonitorStatus.PAUSED, site.clock.now())
    assert site.write(incidents.find, incident.id).status is IncidentStatus.RESOLVED
    assert site.observe(Verdict.DOWN) is None
    resumed = site.update(paused=False)
    assert (resumed.status, resumed.paused_at) == (MonitorStatus.PENDING, None)


def test_deleting_ends_the_incident_and_forgets_the_monitor(site: Site) -> None:
    site.create()
    site.observe(Verdict.DOWN)
    incident = site.incident
    assert incident is not None
    site.write(actions.delete, site.id, (site.team_id,), BASE)
    assert site.write(incidents.find, incident.id).status is IncidentStatus.RESOLVED
    with pytest.raises(NotFound):
        site.write(actions.find, site.id, None)


def test_an_observation_of_an_older_revision_is_dropped(site: Site) -> None:
    site.create()
    old = site.monitor.revision
    site.update(url="https://other.example.com")
    assert site.observe(Verdict.DOWN, revision=old) is None
    assert site.incident is None


def test_an_observation_that_comes_twice_or_late_changes_nothing(site: Site) -> None:
    site.create(recovery_period=0)
    earlier = int(site.clock.now().timestamp() * 1000) - 60_000
    site.observe(Verdict.UP)
    site.observe(Verdict.DOWN)
    assert site.incident is None
    site.observe(Verdict.DOWN, started_ms=earlier)
    assert site.incident is None


def test_what_somebody_resolved_while_it_still_fails_is_judged_anew(site: Site) -> None:
    site.create()
    site.observe(Verdict.DOWN)
    first = site.incident
    assert first is not None
    author = site.write(incidents.author_of, site.team_id, "alice@example.com")
    site.write(incidents.resolve, first.id, author, base_url=BASE)
    site.clock.wind(seconds=180)
    site.observe(Verdict.DOWN)
    assert site.incident is not None
    assert site.incident.id != first.id


def test_an_incident_that_somebody_deleted_is_no_obstacle(site: Site) -> None:
    site.create(recovery_period=0)
    site.observe(Verdict.DOWN)
    assert site.incident is not None
    site.write(incidents.delete, site.incident.id)
    site.clock.wind(seconds=180)
    site.observe(Verdict.UP)
    assert site.monitor.status is MonitorStatus.UP


def test_lists_go_by_id_page_by_page_and_filter_by_the_whole_text(site: Site) -> None:
    other = site.write(accounts.ensure_team, "Other").id
    ids = [site.create(url=f"https://{name}.example.com", pronounceable_name=name.upper()).id for name in "abcde"]
    site.write(actions.create, other, {"url": "https://a.example.com"}, Limits(), BASE)

    def found(team_ids: tuple[int, ...] | None, **filters: Any) -> tuple[list[int], int]:
        asked = {"page": 1, "per_page": 50} | filters
        monitors, total = site.write(actions.list_monitors, team_ids, **asked)
        return [monitor.id for monitor in monitors], total

    mine = (site.team_id,)
    assert found(mine, page=2, per_page=2) == (ids[2:4], 5)
    assert found(mine, page=9, per_page=2) == ([], 5)
    assert found(mine, url="https://a.example.com") == ([ids[0]], 1)
    assert found(mine, url="https://a.example.com/") == ([], 0)
    assert found(mine, name="C") == ([ids[2]], 1)
    assert found(mine, url="https://a.example.com", name="B") == ([], 0)
    assert found(None)[1] == 6
    assert found((site.team_id, other), url="https://a.example.com")[1] == 2
    assert found(()) == ([], 0)
    site.write(actions.delete, ids[0], None, BASE)
    assert found(mine) == (ids[1:], 4)


def test_pausing_a_group_pauses_the_monitors_in_it_now_and_deleting_it_sets_them_free(site: Site) -> None:
    group = site.write(actions.create_group, site.team_id, {"name": "Production"})
    early = site.create(monitor_group_id=group.id)
    paused = site.write(actions.update_group, group.id, None, {"paused": True}, BASE)
    later = site.create(monitor_group_id=group.id)
    assert paused.paused is True
    assert site.write(actions.find, early.id, None).status is MonitorStatus.PAUSED
    assert later.paused_at is None
    site.write(actions.update_group, group.id, None, {"sort_index": 3}, BASE)
    assert site.write(actions.find, early.id, None).status is MonitorStatus.PAUSED
    site.write(actions.update_group, group.id, None, {"paused": False}, BASE)
    assert site.write(actions.find, early.id, None).paused_at is None
    site.write(actions.delete_group, group.id, None)
    assert site.write(actions.find, early.id, None).monitor_group_id is None


def test_availability_leaves_out_the_pause_and_counts_the_outage(site: Site) -> None:
    site.create(recovery_period=0)
    site.observe(Verdict.UP)
    site.clock.wind(minutes=10)
    site.observe(Verdict.DOWN)
    site.clock.wind(minutes=10)
    site.observe(Verdict.UP)
    site.update(paused=True)
    site.clock.wind(minutes=60)
    site.update(paused=False)
    site.clock.wind(minutes=20)
    _, figures = site.write(actions.sla, site.id, None, None, None)
    assert (figures.total_downtime, figures.number_of_incidents, figures.availability) == (600, 1, 75.0)
