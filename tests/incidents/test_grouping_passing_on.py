"""When a cause that others had joined is over, or looks well: who lost a page to it gets it after all."""

from __future__ import annotations

import pytest

from tests.incidents.test_actions import ALICE, BASE, Story, story
from tests.incidents.test_grouping import API, ROUTER, SHOP, cause, fails, paged, recovers
from tests.time import FakeClock
from tocsin.escalation.model import Paging
from tocsin.incidents import actions, rules
from tocsin.incidents.worker import Storms
from tocsin.notify import actions as notify

__all__ = ["story"]


async def test_a_page_that_was_taken_back_for_a_cause_comes_when_the_cause_is_over_and_it_fails_again(
    story: Story, clock: FakeClock
) -> None:
    shop = await fails(story, SHOP, on=(ROUTER,))
    router = await fails(story, ROUTER)
    assert await cause(story, shop) == router.id, "before its page had left"
    await story.do(actions.validating, shop.id, base_url=BASE)
    await recovers(story, router)
    await story.do(actions.failing_again, shop.id, base_url=BASE)
    assert await paged(story, shop) == ["alice", "bob"]


async def test_who_was_still_to_be_paged_is_paged_when_it_fails_again_without_its_cause(
    story: Story, clock: FakeClock
) -> None:
    await story.on_call(ALICE)
    wait = Paging(team_wait=120)
    shop = await fails(story, SHOP, on=(ROUTER,), paging=wait)
    assert await paged(story, shop) == ["alice"]
    clock.wind(seconds=30)
    router = await fails(story, ROUTER, paging=wait)
    await story.do(actions.validating, shop.id, base_url=BASE)
    await story.do(actions.delete, router.id, base_url=BASE)
    await story.do(actions.failing_again, shop.id, base_url=BASE)
    assert await paged(story, shop) == ["alice"]
    clock.wind(seconds=120)
    assert await paged(story, shop) == ["bob"]


@pytest.mark.slow
async def test_a_cause_that_looks_well_before_its_page_hands_on_each_way_of_paging(
    story: Story, clock: FakeClock
) -> None:
    await fails(story, API, confirmed=False)
    loud = [await fails(story, ("monitor", 100 + n), on=(ROUTER,)) for n in range(4)]
    mute = await fails(story, SHOP, on=(ROUTER,), paging=Paging(email=False, push=False))
    router = await fails(story, ROUTER, on=(API,))
    assert {await cause(story, incident) for incident in [*loud, mute]} == {router.id}
    await story.worker.run_once()
    await story.do(actions.validating, router.id, base_url=BASE)
    clock.wind(rules.SETTLE)
    await story.worker.run_once()
    pages = await story.do(lambda tx: {message.notice.incident_id for message in notify.claim(tx, "email", 100, BASE)})
    assert pages == {loud[-1].id}, "the newest of all wants nobody to be paged: it speaks for nobody"


async def test_a_cause_that_looks_well_for_long_leaves_what_still_fails_to_itself(
    story: Story, clock: FakeClock
) -> None:
    worker = Storms(story.database, clock, BASE)
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await paged(story, router) == ["alice", "bob"]
    await story.do(actions.validating, router.id, base_url=BASE)
    clock.wind(rules.NEWS_FIRST)
    await worker.run_once()
    clock.wind(rules.WELL_LASTS - rules.NEWS_FIRST)
    await worker.run_once()
    assert await paged(story, shop) == []
    clock.wind(rules.SETTLE)
    assert await paged(story, shop) == ["alice", "bob"], "the router's recovery may take a day to be believed"
    assert await cause(story, shop) is None


async def test_a_cause_that_fails_again_within_that_time_is_the_cause_and_is_no_news(
    story: Story, clock: FakeClock
) -> None:
    worker = Storms(story.database, clock, BASE)
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    await paged(story, router)
    clock.wind(rules.NEWS_FIRST)
    await worker.run_once()
    assert len(await story.mails(router, "notice")) == 2
    await story.do(actions.validating, router.id, base_url=BASE)
    clock.wind(rules.WELL_LASTS / 2)
    await story.do(actions.failing_again, router.id, base_url=BASE)
    clock.wind(hours=1)
    assert await worker.run_once() is None
    assert await paged(story, shop) == []
    assert await story.mails(router, "notice") == [], "nobody has joined since"
