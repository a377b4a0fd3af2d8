"""One policy may call other people for each outage: none is left out because a cause speaks for it to others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.incidents.test_actions import ALICE, BASE, BOB, Story, story
from tests.incidents.test_grouping import API, ROUTER, SHOP, cause, fails, recovers
from tests.time import FakeClock
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging
from tocsin.incidents import actions, rules
from tocsin.incidents.model import Incident
from tocsin.incidents.worker import Storms
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType, Value
from tocsin.notify import actions as notify
from tocsin.storage import Tx

__all__ = ["story"]

CALLS_OWNER = {
    "type": "escalation",
    "wait_before": 0,
    "step_members": [{"type": "incident_metadata", "metadata_key": "Owner"}],
}

INSTRUCTIONS = {"type": "instructions", "instructions_comment": "Look at the disk."}


async def owners(story: Story, *before: dict[str, Any]) -> Paging:
    """Whoever owns what fails is called."""

    def policy(tx: Tx) -> int:
        return policies.create_policy(tx, story.team_id, None, {"name": "P", "steps": [*before, CALLS_OWNER]}).id

    return Paging(policy_id=await story.do(policy))


async def called(story: Story, incident: Incident) -> list[str]:
    """Who is paged about it, once everything due was done."""
    await story.worker.run_once()
    return sorted({event.recipient for event in await story.do(notify.log, incident.id) if event.state == "queued"})


async def test_a_cause_that_shows_late_takes_over_only_what_its_own_people_would_hear_of(story: Story) -> None:
    paging = await owners(story)
    await fails(story, ROUTER, paging=paging, metadata={"Owner": ALICE}, confirmed=False)
    mine = await fails(story, SHOP, on=(ROUTER,), paging=paging, metadata={"Owner": ALICE})
    bobs = await fails(story, API, on=(ROUTER,), paging=paging, metadata={"Owner": BOB})
    router = await fails(story, ROUTER, paging=paging)
    assert (await cause(story, mine), await cause(story, bobs)) == (router.id, None)


async def test_a_cause_about_which_its_policy_calls_nobody_silences_nothing(story: Story, clock: FakeClock) -> None:
    silent = {"type": "metadata_branching", "metadata_key": "Mute", "metadata_values": ["yes"], "wait_before": 0}
    paging = await owners(story, silent)
    await fails(story, ROUTER, paging=paging, metadata={"Owner": BOB, "Mute": "yes"}, confirmed=False)
    shop = await fails(story, SHOP, on=(ROUTER,), paging=paging, metadata={"Owner": BOB})
    router = await fails(story, ROUTER, paging=paging)
    clock.wind(rules.SUSPECT_WAIT)
    assert await called(story, router) == []
    assert await called(story, shop) == ["Bob Brown"]


async def test_a_storm_takes_in_only_those_whose_people_hear_of_it(story: Story) -> None:
    paging = await owners(story)
    people = [ALICE, BOB, *[ALICE] * 5]
    incidents = [
        await fails(story, ("monitor", 10 + n), paging=paging, metadata={"Owner": who}) for n, who in enumerate(people)
    ]
    assert await cause(story, incidents[-1]) == incidents[0].id
    assert await cause(story, incidents[1]) is None
    assert await called(story, incidents[1]) == ["Bob Brown"]


async def test_when_many_outlast_their_cause_one_speaks_only_for_those_whose_people_hear_of_it(
    story: Story, clock: FakeClock
) -> None:
    paging = await owners(story)
    router = await fails(story, ROUTER, paging=paging, metadata={"Owner": ALICE})
    outages = [
        await fails(story, ("monitor", 10 + n), on=(ROUTER,), paging=paging, metadata={"Owner": ALICE})
        for n in range(6)
    ]

    def hand_over(tx: Tx) -> None:
        facts = {"Owner": [Value(value=BOB)]}
        metadata.put(tx, team_id=story.team_id, owner_type=OwnerType.INCIDENT, owner_id=outages[0].id, facts=facts)

    await story.do(hand_over)
    await recovers(story, router)
    clock.wind(rules.SETTLE)
    assert await called(story, outages[0]) == ["Bob Brown"]
    assert await called(story, outages[-1]) == ["Alice Adams"]


@pytest.mark.parametrize("well_at", [240, 290])
async def test_what_fails_again_and_again_is_paged_about_when_it_was_to_be(
    story: Story, clock: FakeClock, well_at: int
) -> None:
    paging = await owners(story, {**INSTRUCTIONS, "wait_before": 300})
    shop = await fails(story, SHOP, paging=paging, metadata={"Owner": BOB})
    clock.wind(seconds=well_at)
    await story.do(actions.validating, shop.id, base_url=BASE)
    clock.wind(seconds=30)
    assert await called(story, shop) == []
    await story.do(actions.failing_again, shop.id, base_url=BASE)
    clock.wind(seconds=300 - 270 if well_at == 240 else 0)
    assert await called(story, shop) == ["Bob Brown"]


async def test_news_of_an_incident_leave_its_critical_pages_critical(story: Story, clock: FakeClock) -> None:
    def loud(tx: Tx) -> Paging:
        urgency = policies.create_urgency(tx, story.team_id, {"name": "Loud", "email": True, "critical_alert": True})
        team = {"type": "escalation", "wait_before": 0, "step_members": [{"type": "entire_team"}]}
        steps = [{**team, "urgency_id": urgency.id}, {**team, "wait_before": 300}]
        return Paging(policy_id=policies.create_policy(tx, story.team_id, None, {"name": "P", "steps": steps}).id)

    paging = await story.do(loud)
    await fails(story, ROUTER, paging=paging)
    shop = await fails(story, SHOP, on=(ROUTER,), paging=paging)
    clock.wind(rules.NEWS_FIRST)
    await Storms(story.database, clock, BASE).run_once()
    clock.wind(seconds=300)
    await story.worker.run_once()
    messages = [each for each in await story.do(notify.claim, "email", 100, BASE) if each.notice.kind == "page"]
    assert {(each.notice.critical, shop.name in str(each.notice.facts)) for each in messages} == {
        (True, True),
        (False, True),
    }
