"""What the engine does besides judging: looks at the cause of a failure, at what is degraded, at what was reopened."""

from __future__ import annotations

import pytest

from tests.monitors.test_actions_monitors import BASE
from tests.monitors.test_worker_engine import Watch
from tests.time import FakeClock
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author
from tocsin.monitors.model import Verdict
from tocsin.storage import Database


@pytest.fixture
def watch(database: Database, clock: FakeClock) -> Watch:
    return Watch(database, clock)


async def test_when_something_fails_what_it_leans_on_is_checked_at_once_and_not_twice(watch: Watch) -> None:
    router = watch.site.create(url="https://router.example.com").id
    watch.site.create(depends_on=[router])
    await watch.beat()
    watch.see(Verdict.UP)
    assert watch.hands.asked == []
    watch.clock.wind(seconds=30)
    watch.see(Verdict.DOWN)
    assert watch.hands.asked == [router]
    watch.clock.wind(seconds=30)
    watch.see(Verdict.DOWN)
    assert watch.hands.asked == [router], "it is known to fail"
    watch.clock.wind(seconds=30)
    watch.see(Verdict.UP)
    watch.clock.wind(seconds=30)
    watch.see(Verdict.DOWN)
    assert watch.hands.asked == [router] * 2


async def test_many_that_lean_on_one_and_fail_together_have_it_checked_once(watch: Watch) -> None:
    router = watch.site.create(url="https://router.example.com").id
    shops = [watch.site.create(depends_on=[router]).id for _ in range(3)]
    await watch.beat()
    for shop in shops:
        watch.site.id = shop
        watch.see(Verdict.DOWN)
    assert watch.hands.asked == [router]


async def test_what_is_degraded_is_judged_again_until_all_is_well(watch: Watch) -> None:
    watch.site.create()
    await watch.beat()
    watch.see(Verdict.UP)
    for degraded in ("slow", None):
        watch.clock.wind(seconds=30)
        watch.see(Verdict.UP, degraded=degraded)
        assert watch.site.monitor.degraded_reason == degraded


async def test_a_monitor_whose_incident_was_reopened_is_judged_again_within_seconds(watch: Watch) -> None:
    watch.site.create(recovery_period=0)
    await watch.beat()
    watch.see(Verdict.DOWN)
    incident = watch.site.incident
    assert incident is not None
    watch.clock.wind(seconds=30)
    watch.see(Verdict.UP)
    await watch.beat()
    watch.site.write(incidents.reopen, incident.id, Author(name="Bob"), base_url=BASE)
    watch.clock.wind(seconds=16)
    await watch.beat()
    assert watch.hands.asked == [watch.site.id]
    watch.see(Verdict.UP)
    watch.clock.wind(seconds=181)
    watch.see(Verdict.UP)
    assert watch.site.incident is None
    watch.clock.wind(seconds=16)
    await watch.beat()
    assert watch.hands.asked == [watch.site.id], "once it has proved itself it is left in peace"
