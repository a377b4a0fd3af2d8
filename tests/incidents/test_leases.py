"""What an agent acknowledges is its own only until a person was to confirm it, on real databases and by two workers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.incidents.test_actions import ALICE, BASE, BOB, Story, story
from tests.incidents.test_grouping import ROUTER, SHOP, cause, fails, paged
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging
from tocsin.incidents import actions, rules
from tocsin.incidents.model import Author, Incident, IncidentStatus
from tocsin.incidents.worker import Storms
from tocsin.kernel.errors import Conflict
from tocsin.storage import Tx, shifting

__all__ = ["story"]

ANN = Author(name="Ann")
LEASE = timedelta(minutes=15)


def hired(tx: Tx, team_id: int, lease_seconds: int | None, name: str = "Triage-bot") -> int:
    """An agent of the team; returns its id."""
    owner = accounts.members(tx, team_id)[0]
    given = {"name": name, "acknowledgement_lease_seconds": lease_seconds}
    return agents.create(tx, team_id, given, granted_by="Alice", owner_id=owner.id).id


async def bot(story: Story, lease_seconds: int | None = 900, name: str = "Triage-bot") -> Author:
    id = await story.do(hired, story.team_id, lease_seconds, name)
    return Author(name=f"{name} (an agent)", agent_id=id)


async def take(story: Story, incident: Incident, who: Author) -> Incident:
    taken: Incident = await story.do(actions.acknowledge, incident.id, who, base_url=BASE)
    return taken


async def test_people_are_paged_again_from_the_start_when_nobody_confirms(story: Story, clock: FakeClock) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    await story.on_call(ALICE)
    shop = await fails(story, SHOP, paging=Paging(team_wait=300))
    assert await paged(story, shop) == ["alice"]
    taken = await take(story, shop, agent)
    assert (taken.status, taken.confirm_by) == (IncidentStatus.ACKNOWLEDGED, clock.now() + LEASE)
    assert await storms.run_once() == clock.now() + LEASE
    clock.wind(seconds=899)
    await storms.run_once()
    assert await paged(story, shop) == [], "Bob, whose turn would have come, sleeps on"
    clock.wind(seconds=1)
    assert await storms.run_once() is None
    assert await paged(story, shop) == ["alice"]
    clock.wind(seconds=300)
    assert await paged(story, shop) == ["bob"]
    again = await story.find(shop)
    assert (again.status, again.acknowledged_by, again.confirm_by) == (IncidentStatus.STARTED, None, None)
    title = "Nobody confirmed that Triage-bot (an agent) has it: people are paged again"
    assert (await story.titles(shop)).count(title) == 1


@pytest.mark.parametrize("how", ["acknowledge", "resolve", "escalate", "alert"])
async def test_a_person_confirms_by_whatever_they_do_about_it(story: Story, clock: FakeClock, how: str) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    shop = await fails(story, SHOP)
    await paged(story, shop)
    await take(story, shop, agent)
    clock.wind(minutes=5)
    if how == "acknowledge":
        assert (await take(story, shop, ANN)).acknowledged_by == "Ann"
        with pytest.raises(Conflict):
            await take(story, shop, ANN)
        with pytest.raises(Conflict):
            await take(story, shop, agent)
    elif how == "resolve":
        await story.do(actions.resolve, shop.id, ANN, base_url=BASE)
    elif how == "escalate":
        told = await story.do(
            actions.escalate_to_user, shop.id, story.bob, ["email"], Author(name="Ann"), base_url=BASE
        )
        assert told.acknowledged_by == "Triage-bot (an agent)"
        assert await paged(story, shop) == ["bob"]
    else:  # an agent calling for help is no person
        await story.do(actions.escalate_to_user, shop.id, story.bob, ["email"], agent, base_url=BASE)
        assert (await story.find(shop)).confirm_by is not None
        await paged(story, shop)
        await take(story, shop, ANN)
    clock.wind(hours=2)
    await storms.run_once()
    assert await paged(story, shop) == []
    assert (await story.find(shop)).confirm_by is None


async def test_what_only_an_agent_has_may_be_taken_over_also_when_nobody_need_confirm(
    story: Story, clock: FakeClock
) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story, None)
    shop = await fails(story, SHOP)
    await paged(story, shop)
    assert (await take(story, shop, agent)).confirm_by is None
    clock.wind(hours=48)
    await storms.run_once()
    assert await paged(story, shop) == []
    assert (await take(story, shop, ANN)).acknowledged_by == "Ann"


async def test_agents_in_a_loop_can_not_keep_people_asleep_for_ever(story: Story, clock: FakeClock) -> None:
    storms = Storms(story.database, clock, BASE)
    one, other = await bot(story), await bot(story, 86_400, "Other-bot")
    await story.on_call(ALICE)
    shop = await fails(story, SHOP, paging=Paging(team_wait=300))
    await paged(story, shop)
    for who in (one, other, one):
        await take(story, shop, who)
        with pytest.raises(Conflict, match="already acknowledged"):
            await take(story, shop, one)  # no lease is renewed
        clock.wind(days=1)
        await storms.run_once()
        assert await paged(story, shop) == ["alice"]
    for who in (one, other):
        with pytest.raises(Conflict, match="only a person"):
            await take(story, shop, who)
    clock.wind(seconds=300)
    assert await paged(story, shop) == ["bob"]
    assert (await take(story, shop, ANN)).acknowledged_by == "Ann"


async def test_two_workers_page_again_once_and_a_person_at_the_same_moment_is_no_error(
    story: Story, clock: FakeClock
) -> None:
    one, other = Storms(story.database, clock, BASE), Storms(story.database, clock, BASE)
    agent = await bot(story)
    shop = await fails(story, SHOP)
    await paged(story, shop)
    await take(story, shop, agent)
    clock.wind(LEASE)
    await asyncio.gather(one.run_once(), other.run_once())
    assert await paged(story, shop) == ["alice", "bob"]
    await take(story, shop, agent)
    clock.wind(LEASE)
    await asyncio.gather(one.run_once(), take(story, shop, ANN), other.run_once())
    assert (await story.find(shop)).acknowledged_by == "Ann", "before the end of the lease or after it"
    clock.wind(hours=1)
    await one.run_once()
    assert (await story.find(shop)).acknowledged_by == "Ann"


async def test_a_clock_that_is_set_back_makes_no_lease_longer(story: Story, clock: FakeClock) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    shop = await fails(story, SHOP)
    await paged(story, shop)
    await take(story, shop, agent)
    clock.step(-timedelta(hours=1))
    await story.do(shifting.shift, timedelta(hours=1))
    clock.wind(LEASE)
    await storms.run_once()
    assert await paged(story, shop) == ["alice", "bob"]


async def test_what_looks_well_pages_nobody_when_the_lease_ends_but_does_when_it_fails_again(
    story: Story, clock: FakeClock
) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    shop = await fails(story, SHOP)
    await paged(story, shop)
    await take(story, shop, agent)
    await story.do(actions.validating, shop.id, base_url=BASE)
    clock.wind(LEASE)
    await storms.run_once()
    assert await paged(story, shop) == []
    assert not (await story.find(shop)).acknowledged
    await story.do(actions.failing_again, shop.id, base_url=BASE)
    assert await paged(story, shop) == ["alice", "bob"]


async def test_a_part_of_another_incident_stays_with_its_cause_and_a_cause_pages_for_all(
    story: Story, clock: FakeClock
) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    await paged(story, router)
    await take(story, shop, agent)
    clock.wind(LEASE)
    await storms.run_once()
    assert await paged(story, shop) == [], "people hear of its cause"
    await take(story, router, agent)
    assert await story.do(actions.coming, await story.find(shop)) == []
    clock.wind(LEASE)
    await storms.run_once()
    assert await paged(story, router) == ["alice", "bob"]
    assert await cause(story, shop) == router.id


async def test_the_pages_that_will_come_if_nobody_confirms_are_foreseen_and_come(
    story: Story, clock: FakeClock
) -> None:
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    await story.on_call(ALICE)
    shop = await fails(story, SHOP, paging=Paging(team_wait=300))
    await paged(story, shop)
    taken = await take(story, shop, agent)
    until = clock.now() + LEASE
    pages = await story.do(actions.coming, taken)
    assert [(page.at, page.address) for page in pages] == [(until, ALICE), (until + timedelta(minutes=5), BOB)]
    assert await story.do(actions.coming, await take(story, shop, ANN)) == []
    assert await storms.run_once() is None


async def test_by_another_policy_that_a_person_chose_people_are_paged_again(story: Story, clock: FakeClock) -> None:
    """The plan that was stopped begins anew, not the one with which the incident was opened."""
    storms, agent = Storms(story.database, clock, BASE), await bot(story)
    shop = await fails(story, SHOP)
    await paged(story, shop)

    def only_bob(tx: Tx) -> int:
        steps = [{"type": "escalation", "step_members": [{"type": "user", "id": story.bob}], "wait_before": 0}]
        given = {"name": "Bob alone", "steps": steps}
        return int(policies.create_policy(tx, story.team_id, None, given).id)

    clock.wind(seconds=60)
    await story.do(actions.escalate_to_policy, shop.id, await story.do(only_bob), ANN, base_url=BASE)
    assert await paged(story, shop) == ["bob"]
    assert (await take(story, shop, agent)).agent_acknowledgements == 1
    clock.wind(LEASE)
    await storms.run_once()
    assert await paged(story, shop) == ["bob"]


def test_how_often_agents_may_is_bounded_in_words_that_say_so() -> None:
    assert rules.ONLY_A_PERSON.startswith(
        f"Agents have acknowledged this incident {rules.AGENT_ACKNOWLEDGEMENTS} times"
    )
