"""One cause, one page, against real databases: who is silent for whom, and who speaks when the cause is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.incidents.test_actions import ALICE, BASE, BOB, Story, story
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging
from tocsin.incidents import actions, rules
from tocsin.incidents.model import Author, Incident, IncidentStatus, Kind
from tocsin.incidents.worker import Storms
from tocsin.kernel.errors import Conflict, Invalid
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx

__all__ = ["story"]

ROUTER, SHOP, API = ("monitor", 1), ("monitor", 2), ("monitor", 3)


async def fails(story: Story, owner: tuple[str, int], *, on: tuple[tuple[str, int], ...] = (), **more: Any) -> Incident:
    """Something fails that leans on other things."""
    name = {1: "Router", 2: "Shop", 3: "Api"}.get(owner[1], f"Site {owner[1]}")
    return await story.open(owner_type=owner[0], owner_id=owner[1], name=name, depends_on=on, **more)


async def recovers(story: Story, incident: Incident) -> None:
    await story.do(actions.recover, incident.id, why="It is well.", base_url=BASE)


async def paged(story: Story, incident: Incident) -> list[str]:
    """Who gets a page about this incident from now on, once everything due was done."""
    await story.worker.run_once()
    return [address.partition("@")[0] for address, _ in await story.mails(incident, "page")]


async def cause(story: Story, incident: Incident) -> int | None:
    found = await story.do(actions.cause_of, await story.find(incident))
    return None if found is None else int(found.id)


async def test_what_leans_on_something_that_fails_is_not_paged_about(story: Story) -> None:
    router = await fails(story, ROUTER)
    assert await paged(story, router) == ["alice", "bob"]
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await paged(story, shop) == []
    assert await cause(story, shop) == router.id
    assert "Part of another incident" in await story.titles(shop)
    assert "Another incident belongs to this one" in await story.titles(router)
    assert (await story.find(shop)).incident_group_id == (await story.find(router)).incident_group_id is not None


async def test_when_the_cause_ends_first_the_rest_is_paged_about_after_a_short_time(
    story: Story, clock: FakeClock
) -> None:
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    await recovers(story, router)
    assert await paged(story, shop) == []
    clock.wind(rules.SETTLE)
    assert await paged(story, shop) == ["alice", "bob"]
    assert (await story.find(shop)).incident_group_id is None


async def test_what_recovers_within_that_time_is_never_paged_about(story: Story, clock: FakeClock) -> None:
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    await recovers(story, router)
    clock.wind(rules.SETTLE / 2)
    await recovers(story, shop)
    clock.wind(hours=1)
    assert await paged(story, shop) == []


@pytest.mark.parametrize("deed", ["resolve", "delete"])
async def test_a_person_who_ends_or_deletes_the_cause_silences_nothing(
    story: Story, clock: FakeClock, deed: str
) -> None:
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    if deed == "resolve":
        await story.do(actions.resolve, router.id, Author(name="Ann"), base_url=BASE)
    else:
        await story.do(actions.delete, router.id, base_url=BASE)
    clock.wind(rules.SETTLE)
    assert await paged(story, shop) == ["alice", "bob"]


async def test_who_took_on_the_cause_has_taken_on_what_joins_it(story: Story, clock: FakeClock) -> None:
    router = await fails(story, ROUTER)
    await paged(story, router)
    await story.do(actions.acknowledge, router.id, Author(name="Alice Adams", user_id=story.alice), base_url=BASE)
    shop = await fails(story, SHOP, on=(ROUTER,))
    clock.wind(hours=1)
    assert await paged(story, shop) == []
    assert (await story.find(shop)).status is IncidentStatus.STARTED, "it stays visible as what it is"
    await recovers(story, router)
    clock.wind(rules.SETTLE)
    assert await paged(story, shop) == ["alice", "bob"], "she had taken on another thing"


async def test_a_cause_that_shows_after_the_page_stops_the_pages_still_to_come(story: Story, clock: FakeClock) -> None:
    await story.on_call(ALICE)
    wait = Paging(team_wait=300)
    shop = await fails(story, SHOP, on=(ROUTER,), paging=wait)
    assert await paged(story, shop) == ["alice"]
    clock.wind(seconds=90)
    router = await fails(story, ROUTER, paging=wait)
    assert [address for address, subject in await story.mails(router, "page")] == ["alice@team.example"]
    assert await cause(story, shop) == router.id
    clock.wind(seconds=301)
    assert await paged(story, router) == ["bob"]
    clock.wind(hours=1)
    assert await paged(story, shop) == []


async def test_a_page_counts_those_that_belong_to_it(story: Story) -> None:
    for number in range(2, 5):
        await fails(story, ("monitor", number), on=(ROUTER,))
    router = await fails(story, ROUTER)
    (subject, *_) = [subject for _, subject in await story.mails(router, "page")]
    assert subject == "[Tocsin] Down: Router (Status 503) and 3 more"


async def test_an_old_outage_is_no_consequence_of_a_new_one(story: Story, clock: FakeClock) -> None:
    await story.on_call(ALICE)
    wait = Paging(team_wait=3600)
    shop = await fails(story, SHOP, on=(ROUTER,), paging=wait)
    await paged(story, shop)
    clock.wind(rules.JOIN_WITHIN)
    clock.wind(seconds=1)
    await fails(story, ROUTER, paging=wait)
    assert await cause(story, shop) is None
    clock.wind(hours=1)
    assert await paged(story, shop) == ["bob"]


async def test_a_suspected_cause_is_waited_for_but_not_for_long(story: Story, clock: FakeClock) -> None:
    await fails(story, ROUTER, confirmed=False)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await paged(story, shop) == []
    clock.wind(rules.SUSPECT_WAIT)
    assert await paged(story, shop) == ["alice", "bob"]


async def test_a_suspicion_that_comes_true_is_the_cause(story: Story, clock: FakeClock) -> None:
    router = await fails(story, ROUTER, confirmed=False)
    shop = await fails(story, SHOP, on=(ROUTER,))
    clock.wind(seconds=60)
    await story.do(actions.confirm, router.id, cause=None, evidence=None, base_url=BASE)
    clock.wind(hours=1)
    assert await paged(story, router) == ["alice", "bob"]
    assert await paged(story, shop) == []
    assert await cause(story, shop) == router.id


async def test_a_suspicion_that_comes_to_nothing_holds_up_nobody(story: Story, clock: FakeClock) -> None:
    router = await fails(story, ROUTER, confirmed=False)
    shop = await fails(story, SHOP, on=(ROUTER,))
    clock.wind(seconds=10)
    await story.do(actions.withdraw, router.id)
    assert await paged(story, shop) == ["alice", "bob"]


async def test_a_cause_that_looks_well_again_is_a_suspicion(story: Story, clock: FakeClock) -> None:
    router = await fails(story, ROUTER)
    await story.do(actions.validating, router.id)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await paged(story, shop) == []
    await story.do(actions.failing_again, router.id)
    assert await cause(story, shop) == router.id


@pytest.mark.slow
async def test_a_chain_ends_at_its_first_link(story: Story, clock: FakeClock) -> None:
    api = await fails(story, API, on=(SHOP, ROUTER))
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await cause(story, api) == shop.id
    router = await fails(story, ROUTER)
    assert (await cause(story, api), await cause(story, shop)) == (router.id, router.id)
    await recovers(story, router)
    clock.wind(rules.SETTLE)
    assert await paged(story, shop) == ["alice", "bob"]
    assert await paged(story, api) == [], "what it leans on is broken still"


@pytest.mark.parametrize(
    "paging",
    [
        Paging(critical_alert=True),
        Paging(team_wait=None, call=True),
        Paging(policy_id=3),
        Paging(team_wait=60),
    ],
)
async def test_who_would_wake_other_people_or_louder_is_not_silenced(story: Story, paging: Paging) -> None:
    router = await fails(story, ROUTER, paging=Paging(team_wait=120))
    shop = await fails(story, SHOP, on=(ROUTER,), paging=paging)
    assert await cause(story, shop) is None
    assert "alice" in await paged(story, shop)
    assert router.id != shop.id


async def test_who_came_on_call_after_the_causes_page_is_not_left_out(story: Story) -> None:
    await story.on_call(ALICE)
    router = await fails(story, ROUTER)
    assert await paged(story, router) == ["alice"]
    api = await fails(story, API, on=(ROUTER,))
    assert await cause(story, api) == router.id
    calendar = await story.do(oncall.ensure_default, story.team_id)
    for event in await story.do(oncall.list_events, calendar):
        await story.do(oncall.delete_event, calendar, event.id)
    await story.on_call(BOB)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await cause(story, shop) is None
    assert await paged(story, shop) == ["bob"]


async def test_by_the_same_policy_one_is_silent_only_if_it_would_call_nobody_else(story: Story) -> None:
    def policy(tx: Tx) -> int:
        calls = {"type": "incident_metadata", "metadata_key": "Owner"}
        steps = [{"type": "escalation", "wait_before": 0, "step_members": [calls]}]
        return policies.create_policy(tx, story.team_id, None, {"name": "Owners", "steps": steps}).id

    paging = Paging(policy_id=await story.do(policy))
    router = await fails(story, ROUTER, paging=paging, metadata={"Owner": ALICE})
    mine = await fails(story, SHOP, on=(ROUTER,), paging=paging, metadata={"Owner": ALICE})
    bobs = await fails(story, API, on=(ROUTER,), paging=paging, metadata={"Owner": BOB})
    assert (await cause(story, mine), await cause(story, bobs)) == (router.id, None)
    assert await paged(story, bobs) == ["bob"]


async def test_another_teams_cause_silences_nothing(story: Story) -> None:
    others = await story.do(accounts.ensure_team, "Others")
    await fails(story, ROUTER, team_id=others.id)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await paged(story, shop) == ["alice", "bob"]


async def test_who_joined_the_team_after_the_causes_page_is_not_left_out(story: Story) -> None:
    router = await fails(story, ROUTER)
    await paged(story, router)

    def join(tx: Tx) -> None:
        dora = accounts.create_user(tx, email="dora@team.example", name="Dora", password=None)
        accounts.join(tx, story.team_id, dora.id)

    await story.do(join)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await paged(story, shop) == ["alice", "bob", "dora"]


async def test_one_that_looked_well_when_its_cause_ended_is_paged_about_when_it_fails_again(
    story: Story, clock: FakeClock
) -> None:
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    await story.do(actions.validating, shop.id)
    await recovers(story, router)
    clock.wind(minutes=10)
    assert await paged(story, shop) == []
    await story.do(actions.failing_again, shop.id)
    assert await paged(story, shop) == ["alice", "bob"]


async def test_one_that_looks_well_before_its_page_is_due_is_not_paged_about(story: Story, clock: FakeClock) -> None:
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, on=(ROUTER,))
    await recovers(story, router)
    clock.wind(seconds=10)
    await story.do(actions.validating, shop.id)
    clock.wind(minutes=5)
    assert await paged(story, shop) == []
    await story.do(actions.failing_again, shop.id)
    assert await paged(story, shop) == ["alice", "bob"]


# --- Storms --------------------------------------------------------------------------------------------------------


async def storm(story: Story, number: int, **more: Any) -> list[Incident]:
    return [await fails(story, ("monitor", 100 + n), **more) for n in range(number)]


@pytest.mark.slow
async def test_the_sixth_within_a_minute_makes_a_storm_and_the_first_stands_for_all(story: Story) -> None:
    incidents = await storm(story, 8)
    assert [await cause(story, incident) for incident in incidents] == [None] + [incidents[0].id] * 7
    silent = incidents[5:]
    assert [await paged(story, incident) for incident in silent] == [[], [], []]


async def test_five_within_a_minute_are_five_outages(story: Story, clock: FakeClock) -> None:
    incidents = await storm(story, 5)
    clock.wind(rules.STORM_WINDOW)
    incidents.append(await fails(story, SHOP))
    assert [await cause(story, incident) for incident in incidents] == [None] * 6


@pytest.mark.slow
async def test_a_storm_that_abates_takes_nothing_more_in(story: Story, clock: FakeClock) -> None:
    await storm(story, 10)
    clock.wind(rules.STORM_WINDOW)
    late = await fails(story, SHOP)
    assert await paged(story, late) == ["alice", "bob"]


@pytest.mark.slow
async def test_what_a_person_reports_is_never_part_of_a_storm(story: Story) -> None:
    await storm(story, 10)
    reported = await story.open(owner_type=None, owner_id=None, kind=Kind.MANUAL)
    assert await paged(story, reported) == ["alice", "bob"]


@pytest.mark.slow
async def test_expiring_certificates_are_no_part_of_an_outage(story: Story) -> None:
    await storm(story, 10)
    certificate = await fails(story, SHOP, kind=Kind.SSL_EXPIRATION)
    assert await paged(story, certificate) == ["alice", "bob"]


@pytest.mark.slow
async def test_when_the_first_of_a_storm_recovers_one_speaks_for_the_rest(story: Story, clock: FakeClock) -> None:
    incidents = await storm(story, 20)
    await paged(story, incidents[0])
    await recovers(story, incidents[0])
    clock.wind(rules.SETTLE)
    await story.worker.run_once()
    (speaker,) = {await cause(story, incident) for incident in incidents[1:19]}
    assert speaker == incidents[19].id
    assert [subject for _, subject in await story.mails(incidents[19], "page")] == [
        "[Tocsin] Down: Site 119 (Status 503) and 18 more"
    ] * 2


@pytest.mark.slow
async def test_a_speaker_that_looks_well_hands_on_before_it_has_said_a_word(story: Story, clock: FakeClock) -> None:
    incidents = await storm(story, 20)
    await recovers(story, incidents[0])
    clock.wind(seconds=10)
    await story.do(actions.validating, incidents[19].id)
    clock.wind(rules.SETTLE)
    assert await paged(story, incidents[19]) == []
    assert await cause(story, incidents[19]) == incidents[18].id
    clock.wind(seconds=1)
    titles = await story.titles(incidents[18])
    assert "E-mail queued" in titles


@pytest.mark.slow
async def test_a_storm_of_several_ways_of_paging_leaves_nobody_without_a_speaker(
    story: Story, clock: FakeClock
) -> None:
    await story.on_call(ALICE)
    loud = await storm(story, 6, paging=Paging(team_wait=60))
    quiet = [await fails(story, ("monitor", 200 + n)) for n in range(7)]
    assert {await cause(story, incident) for incident in quiet} == {loud[0].id}, "everybody in time covers one alone"
    await recovers(story, loud[0])
    clock.wind(rules.SETTLE)
    await story.worker.run_once()
    assert {await cause(story, incident) for incident in quiet} == {quiet[-1].id, None}
    assert [address for address, _ in await story.mails(quiet[-1], "page")] == ["alice@team.example"]


@pytest.mark.slow
async def test_a_single_member_left_validating_ends_the_group_quietly(story: Story, clock: FakeClock) -> None:
    incidents = await storm(story, 7)
    for incident in incidents:
        await story.do(actions.validating, incident.id)
    for incident in incidents:
        await recovers(story, incident)
    clock.wind(hours=1)
    assert await paged(story, incidents[6]) == []
    assert await story.do(actions.count_groups) == 0


@pytest.mark.slow
async def test_people_hear_how_many_there_are_and_later_of_more(story: Story, clock: FakeClock) -> None:
    worker = Storms(story.database, clock, BASE)
    incidents = await storm(story, 10)
    await paged(story, incidents[0])
    assert await worker.run_once() == clock.now() + rules.NEWS_FIRST
    clock.wind(rules.NEWS_FIRST)
    await worker.run_once()
    assert [subject for _, subject in await story.mails(incidents[0], "notice")] == [
        "[Tocsin] Site 100, and 9 more"
    ] * 2
    await fails(story, ("monitor", 300))
    assert await worker.run_once() == clock.now() + rules.NEWS_EVERY
    clock.wind(rules.NEWS_EVERY)
    assert await worker.run_once() is None
    assert [subject for _, subject in await story.mails(incidents[0], "notice")] == [
        "[Tocsin] Site 100, and 10 more"
    ] * 2


@pytest.mark.slow
async def test_news_waits_until_the_page_itself_has_arrived(story: Story, clock: FakeClock) -> None:
    worker = Storms(story.database, clock, BASE)
    incidents = await storm(story, 10)
    clock.wind(rules.NEWS_FIRST)
    assert await worker.run_once() == clock.now() + rules.NEWS_FIRST
    pages = [subject for _, subject in await story.mails(incidents[0], "page")]
    assert pages == ["[Tocsin] Down: Site 100 (Status 503) and 9 more"] * 2, "what has not left says the new thing"
    clock.wind(rules.NEWS_FIRST)
    assert await worker.run_once() is None
    assert len(await story.mails(incidents[0], "notice")) == 2


async def test_news_of_an_outage_that_pages_nobody_is_not_tried_for_ever(story: Story, clock: FakeClock) -> None:
    worker = Storms(story.database, clock, BASE)
    await storm(story, 10, paging=Paging(email=False, push=False))
    clock.wind(rules.NEWS_FIRST)
    assert await worker.run_once() is None


@pytest.mark.slow
async def test_a_storm_whose_common_ground_shows_later_joins_it_whole(story: Story, clock: FakeClock) -> None:
    incidents = await storm(story, 12, on=(ROUTER,))
    router = await fails(story, ROUTER)
    assert {await cause(story, incident) for incident in incidents} == {router.id}
    titles = await story.titles(incidents[7])
    assert titles.count("Part of another incident") == 1, "those who were silent hear nothing new"
    (subject, *_) = [subject for _, subject in await story.mails(router, "page")]
    assert subject == "[Tocsin] Down: Router (Status 503) and 12 more"


@pytest.mark.slow
async def test_what_a_clock_that_ran_ahead_has_written_is_no_storm_of_now(story: Story, clock: FakeClock) -> None:
    await storm(story, 10)
    clock.step(-timedelta(hours=1))
    late = await fails(story, SHOP)
    assert await cause(story, late) is None, "the others failed an hour from now, as far as anybody can tell"


# --- By hand, and by time ------------------------------------------------------------------------------------------


async def test_a_person_can_merge_what_has_one_cause(story: Story, clock: FakeClock) -> None:
    await story.on_call(ALICE)
    router = await fails(story, ROUTER)
    shop = await fails(story, SHOP, paging=Paging(team_wait=300))
    await paged(story, shop)
    await story.do(actions.merge, router.id, [shop], Author(name="Ann"))
    assert await cause(story, shop) == router.id
    clock.wind(hours=1)
    assert await paged(story, shop) == []
    await recovers(story, router)
    clock.wind(rules.SETTLE)
    assert await paged(story, shop) == ["alice"]


async def test_only_what_is_open_and_of_one_team_can_be_merged(story: Story) -> None:
    router, shop = await fails(story, ROUTER), await fails(story, SHOP)
    with pytest.raises(Invalid):
        await story.do(actions.merge, router.id, [router], Author(name="Ann"))
    await recovers(story, shop)
    with pytest.raises(Conflict):
        await story.do(actions.merge, router.id, [await story.find(shop)], Author(name="Ann"))


async def test_a_reopened_incident_stands_for_itself_and_explains_nothing(story: Story) -> None:
    router = await fails(story, ROUTER)
    await recovers(story, router)
    await story.do(actions.reopen, router.id, Author(name="Ann"), base_url=BASE)
    shop = await fails(story, SHOP, on=(ROUTER,))
    assert await cause(story, shop) is None
    assert "alice" in await paged(story, shop)
