"""What is remembered of a monitor besides up and down, on both databases: degraded, flapping, leaning, reopened."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.monitors.test_actions_monitors import BASE, Site
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author, IncidentStatus
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.errors import Invalid
from tocsin.metadata import actions as metadata
from tocsin.monitors import actions
from tocsin.monitors.actions import dependencies, watching
from tocsin.monitors.actions.recording import opening
from tocsin.monitors.model import Evidence, MonitorStatus, Observation, Verdict
from tocsin.monitors.rules.flapping import OUTAGES, RECOVERY_SECONDS
from tocsin.monitors.rules.settings import Limits
from tocsin.storage import Database, Tx
from tocsin.storage.events import events

SLOW = "response time is '900', expected: less than '500'"


@pytest.fixture
def site(database: Database, clock: FakeClock) -> Site:
    return Site(database, clock)


def happened(site: Site, *names: str) -> list[tuple[str, Any]]:
    """(event, its reason) of the monitor's events of these names, in order."""

    def read(tx: Tx) -> list[tuple[str, Any]]:
        rows = tx.execute(select(events.c.name, events.c.data).where(events.c.name.in_(names)).order_by(events.c.id))
        return [(row.name, row.data.get("reason")) for row in rows]

    found: list[tuple[str, Any]] = site.write(read)
    return found


def test_a_degraded_monitor_is_up_and_pages_nobody_and_each_change_is_told_once(site: Site) -> None:
    site.create()
    for degraded in (None, SLOW, SLOW.replace("900", "950"), None, None):
        site.clock.wind(seconds=180)
        standing = site.observe(Verdict.UP, degraded=degraded)
        assert standing is not None
        assert standing.steady is (degraded is None), "what is degraded is judged at each check"
        assert (site.monitor.status, site.monitor.degraded_reason) == (MonitorStatus.UP, degraded)
    assert site.incident is None
    assert happened(site, "monitor.degraded", "monitor.recovered") == [
        ("monitor.degraded", SLOW),
        ("monitor.recovered", SLOW.replace("900", "950")),
    ]


def test_what_goes_down_is_not_shown_as_degraded_and_tells_of_its_recovery_only_when_all_is_well(site: Site) -> None:
    site.create(recovery_period=0)
    for verdict, degraded in ((Verdict.UP, SLOW), (Verdict.DOWN, None), (Verdict.UP, SLOW), (Verdict.UP, None)):
        site.observe(verdict, degraded=degraded)
        assert site.monitor.degraded_reason == degraded
        site.clock.wind(seconds=180)
    names = [name for name, _ in happened(site, "monitor.degraded", "monitor.recovered")]
    assert names == ["monitor.degraded", "monitor.recovered"]


def test_a_monitor_that_was_paused_begins_without_its_past_degradation(site: Site) -> None:
    site.create()
    site.observe(Verdict.UP, degraded=SLOW)
    site.update(paused=True)
    assert site.monitor.degraded_reason is None
    site.update(paused=False)
    assert site.monitor.standing.degraded_since_ms is None


def outage(site: Site) -> int:
    """It fails, recovers, and is well for four minutes; returns the incident's id."""
    site.clock.wind(seconds=60)
    site.observe(Verdict.DOWN)
    incident = site.incident
    assert incident is not None
    assert incident.status is IncidentStatus.STARTED, "a new outage is never delayed"
    site.clock.wind(seconds=60)
    site.observe(Verdict.UP)
    site.clock.wind(seconds=240)
    site.observe(Verdict.UP)
    return incident.id


def test_the_fourth_outage_within_an_hour_pages_at_once_and_ends_only_after_a_quarter_of_an_hour(site: Site) -> None:
    site.create(recovery_period=60)
    site.observe(Verdict.UP)
    for _ in range(OUTAGES - 1):
        outage(site)
        assert site.incident is None
        assert not site.monitor.flapping
    last = outage(site)
    assert site.monitor.flapping
    assert site.monitor.status is MonitorStatus.VALIDATING
    assert site.write(watching.watched, [site.id])[0].look_again_ms is not None
    site.clock.wind(seconds=RECOVERY_SECONDS - 241)
    site.observe(Verdict.UP)
    assert site.incident is not None
    site.clock.wind(seconds=2)
    site.observe(Verdict.UP)
    assert site.incident is None
    (comment,) = site.write(lambda tx: incidents.comments(tx, incidents.find(tx, last)))
    assert "flapping" in comment.content
    assert comment.author_name == "Tocsin"
    assert happened(site, "monitor.flapping") == [("monitor.flapping", None)]
    site.clock.wind(seconds=3600)
    assert not site.monitor.flapping


@pytest.mark.slow
def test_a_monitor_whose_flapping_is_not_to_be_damped_recovers_as_fast_however_often_it_fails(site: Site) -> None:
    site.create(recovery_period=60, flapping_damping=False)
    site.observe(Verdict.UP)
    ids = {outage(site) for _ in range(OUTAGES + 2)}
    assert len(ids) == OUTAGES + 2, "each outage is an incident of its own"
    assert site.incident is None
    assert not site.monitor.flapping
    assert happened(site, "monitor.flapping") == []


@pytest.mark.slow
def test_damping_that_is_switched_off_while_a_monitor_flaps_ends_at_once(site: Site) -> None:
    site.create(recovery_period=60)
    site.observe(Verdict.UP)
    for _ in range(OUTAGES):
        outage(site)
    assert site.monitor.flapping
    site.update(flapping_damping=False)
    assert not site.monitor.flapping
    look_again_ms = site.write(watching.watched, [site.id])[0].look_again_ms
    assert look_again_ms is not None
    assert look_again_ms <= to_milliseconds(site.clock.now()), "its own recovery period is over already"
    site.clock.wind(seconds=1)
    site.observe(Verdict.UP)
    assert site.incident is None
    site.update(flapping_damping=True)
    assert not site.monitor.flapping, "what was over does not come back"


def test_an_incident_that_was_ended_and_reopened_while_it_went_on_does_not_end_by_time(site: Site) -> None:
    site.create()
    site.observe(Verdict.DOWN)
    incident = site.incident
    assert incident is not None
    site.write(incidents.resolve, incident.id, Author(name="Bob"), base_url=BASE)
    site.write(incidents.reopen, incident.id, Author(name="Bob"), base_url=BASE)
    assert site.incident is not None
    assert site.incident.lapses_at is not None
    site.clock.wind(seconds=60)
    site.observe(Verdict.DOWN)
    assert site.incident is not None
    assert site.incident.lapses_at is None


def test_an_incident_that_was_reopened_ends_again_after_a_recovery_period(site: Site) -> None:
    site.create(recovery_period=0)
    site.observe(Verdict.DOWN)
    incident = site.incident
    assert incident is not None
    site.clock.wind(seconds=60)
    site.observe(Verdict.UP)
    site.write(incidents.reopen, incident.id, Author(name="Bob"), base_url=BASE)
    assert site.write(watching.reopened) == [site.id]
    site.clock.wind(seconds=60)
    site.observe(Verdict.UP)
    assert site.incident.status is IncidentStatus.VALIDATING  # type: ignore[union-attr]
    site.clock.wind(seconds=180)
    site.observe(Verdict.UP)
    assert site.incident is None
    assert site.write(watching.reopened) == []


def test_a_failure_after_somebody_reopened_an_incident_pages_anew_and_only_once(site: Site) -> None:
    site.create(recovery_period=120)
    site.observe(Verdict.DOWN)
    incident = site.incident
    assert incident is not None
    for verdict in (Verdict.UP, Verdict.UP):
        site.clock.wind(seconds=130)
        site.observe(verdict)
    site.clock.wind(seconds=60)
    site.write(incidents.reopen, incident.id, Author(name="Bob"), base_url=BASE)
    site.write(incidents.acknowledge, incident.id, Author(name="Bob"), base_url=BASE)
    for verdict, answered in ((Verdict.UP, True), (Verdict.DOWN, False)):
        site.clock.wind(seconds=30)
        site.observe(verdict)
        assert site.incident.acknowledged is answered  # type: ignore[union-attr]
    site.write(incidents.acknowledge, incident.id, Author(name="Bob"), base_url=BASE)
    for verdict in (Verdict.UP, Verdict.DOWN):
        site.clock.wind(seconds=30)
        site.observe(verdict)
        assert site.incident.acknowledged  # type: ignore[union-attr]


def test_a_monitor_leans_on_others_of_its_team_in_no_circle(site: Site) -> None:
    router = site.create(url="https://router.example.com").id
    database = site.create(url="https://db.example.com", depends_on=[router]).id
    shop = site.create(depends_on=[database]).id
    assert site.monitor.settings.depends_on == (database,)
    assert site.write(dependencies.below, [database]) == (database, router)
    other = site.write(accounts.ensure_team, "Charlie's team").id
    foreign = site.write(actions.create, other, {"url": "https://charlie.example.com"}, Limits(), BASE).id
    for wrong in ([foreign], [999], [shop]):
        with pytest.raises(Invalid):
            site.update(depends_on=wrong)
    site.id = router
    with pytest.raises(Invalid) as refused:
        site.update(depends_on=[shop])
    assert "circle" in str(vars(refused.value))


def test_an_incident_says_what_its_monitor_leans_on_the_nearest_first(site: Site) -> None:
    router = site.create(url="https://router.example.com").id
    database = site.create(url="https://db.example.com", depends_on=[router]).id
    site.create(depends_on=[database])
    monitor = site.monitor
    seen = Observation(
        monitor_id=site.id, revision=1, region="eu", started_ms=1, ended_ms=2, verdict=Verdict.DOWN, cause="x"
    )
    told = site.write(lambda tx: opening(tx, monitor, seen, confirmed=True))
    assert told.depends_on == (("monitor", database), ("monitor", router))


def test_who_leaned_on_a_deleted_monitor_stands_alone_and_can_still_be_changed(site: Site) -> None:
    router = site.create(url="https://router.example.com").id
    shop = site.create(depends_on=[router]).id
    site.write(actions.delete, router, None, BASE)
    assert site.monitor.settings.depends_on == ()
    assert site.update(pronounceable_name="Shop").settings.depends_on == ()
    assert site.write(dependencies.of, [shop]) == {}


def test_facts_come_with_a_monitor_and_go_with_it(site: Site) -> None:
    site.create(metadata={"Region": "eu", "Owner": [{"type": "String", "value": "Ann"}]})

    def facts() -> dict[str, list[str | None]]:
        found = site.write(metadata.of, "Monitor", [site.id])[site.id]
        return {key: [value.value for value in values] for key, values in found.items()}

    assert facts() == {"Region": ["eu"], "Owner": ["Ann"]}
    site.update(metadata={"Region": "us", "Owner": None})
    assert facts() == {"Region": ["us"]}
    site.update(pronounceable_name="Shop")
    assert facts() == {"Region": ["us"]}
    with pytest.raises(Invalid):
        site.update(metadata={"Region": {"type": "Nonsense", "value": "x"}})
    id = site.id
    site.write(actions.delete, id, None, BASE)
    assert site.write(metadata.of, "Monitor", [id]) == {id: {}}


def test_the_picture_of_a_failed_check_is_kept_with_its_incident(site: Site) -> None:
    site.create(monitor_type="playwright", url="Checkout", playwright_script="x")
    picture = b"\x89PNG\r\n\x1a\n..."
    site.observe(Verdict.DOWN, evidence=Evidence(url="Checkout", body=b"test: x", screenshot=picture))
    incident = site.incident
    assert incident is not None
    assert incident.has_screenshot
    assert site.write(incidents.screenshot, incident.id) == picture
