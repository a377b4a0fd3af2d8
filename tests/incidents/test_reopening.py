"""An incident that somebody reopened: how it ends when nothing fails any more, and that it goes on when it does."""

from __future__ import annotations

from typing import Any

from tests.incidents.test_actions import BASE, Story, story
from tests.incidents.test_grouping import ROUTER, fails, recovers
from tests.time import FakeClock
from tocsin.incidents import actions
from tocsin.incidents.model import Author, IncidentStatus, Kind
from tocsin.incidents.worker import Storms

__all__ = ["story"]


async def test_a_reopened_incident_that_nothing_happens_to_ends_by_itself(story: Story, clock: FakeClock) -> None:
    worker = Storms(story.database, clock, BASE)
    router = await fails(story, ROUTER)
    await recovers(story, router)
    await story.do(actions.reopen, router.id, Author(name="Ann"), base_url=BASE)
    clock.wind(hours=23)
    await worker.run_once()
    assert (await story.find(router)).open
    clock.wind(hours=1)
    assert await worker.run_once() is None
    ended = await story.find(router)
    assert (ended.status, ended.resolved_by, ended.lapses_at) == (IncidentStatus.RESOLVED, None, None)


async def test_a_reopened_alert_that_fires_again_does_not_end_by_time(story: Story, clock: FakeClock) -> None:
    alert: dict[str, Any] = {"kind": Kind.ALERT, "alert_id": "disk-7"}
    incident = await fails(story, ("prometheus_integration", 1), **alert)
    await recovers(story, incident)
    await story.do(actions.reopen, incident.id, Author(name="Ann"), base_url=BASE)
    await fails(story, ("prometheus_integration", 1), **alert)
    assert (await story.find(incident)).lapses_at is None


async def test_a_reopened_incident_whose_owner_fails_anew_does_not_end_by_time(story: Story, clock: FakeClock) -> None:
    worker = Storms(story.database, clock, BASE)
    router = await fails(story, ROUTER)
    await recovers(story, router)
    await story.do(actions.reopen, router.id, Author(name="Ann"), base_url=BASE)
    clock.wind(hours=1)
    await fails(story, ROUTER)
    clock.wind(hours=48)
    await worker.run_once()
    assert (await story.find(router)).open
