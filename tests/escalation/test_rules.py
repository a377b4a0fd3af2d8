"""Who is paged when, if nobody answers: the same pages whatever the rhythm at which we look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.time import START
from tocsin.escalation import rules
from tocsin.escalation.model import Page, Paging, Person, Plan, Step, Target

ALICE, BOB, CHARLIE = (
    Person(1, "Alice", "alice@x.example"),
    Person(2, "Bob", "bob@x.example"),
    Person(3, "Charlie", "charlie@x.example"),
)
TEAM = (ALICE, BOB, CHARLIE)
JUST_BEFORE = START - timedelta(milliseconds=1)


def pages_of(plan: Plan, members: tuple[Person, ...] = TEAM) -> list[Page]:
    """Every page of a plan for this team, as if the primary had been paged when the others' turn comes."""
    paged = [person.user_id for person in members[:1]]
    return list(rules.timeline(plan, START, lambda step: rules.recipients(step.target, members, paged)))


def who_and_when(pages: list[Page]) -> list[tuple[str | None, int]]:
    return [(page.person.name if page.person else None, int((page.at - START).total_seconds())) for page in pages]


plans = st.builds(
    Plan,
    steps=st.lists(
        st.builds(
            Step,
            wait_seconds=st.integers(0, 5_000),
            target=st.sampled_from(Target),
            channels=st.just(("email",)),
        ),
        max_size=5,
    ).map(tuple),
    repeat_count=st.integers(0, 3),
    repeat_delay_seconds=st.integers(0, 5_000),
)


def test_without_team_wait_everybody_is_paged_at_once() -> None:
    assert who_and_when(pages_of(rules.plan_of(Paging()))) == [("Alice", 0), ("Bob", 0), ("Charlie", 0)]


def test_with_team_wait_the_primary_is_paged_first() -> None:
    plan = rules.plan_of(Paging(team_wait=180))
    assert who_and_when(pages_of(plan)) == [("Alice", 0), ("Bob", 180), ("Charlie", 180)]


def test_all_channels_off_pages_nobody_and_says_so() -> None:
    plan = rules.plan_of(Paging(call=False, sms=False, email=False, push=False))
    assert plan.steps == ()
    assert plan.note is not None
    assert "nobody is alerted" in plan.note


def test_a_policy_that_is_not_known_pages_everybody_rather_than_nobody() -> None:
    plan = rules.plan_of(Paging(call=False, sms=False, email=False, push=False, policy_id=9))
    assert who_and_when(pages_of(plan)) == [("Alice", 0), ("Bob", 0), ("Charlie", 0)]


def test_a_wanted_channel_that_does_not_exist_becomes_e_mail_and_is_said() -> None:
    assert rules.usable(("call", "sms"), ["email"]) == ("email",)
    assert rules.falls_back(("call", "sms"), ["email"]) is not None
    assert rules.usable(("call", "email"), ["email"]) == ("email",)
    assert rules.falls_back(("call", "email"), ["email"]) is None
    assert rules.usable((), ["email"]) == ()


def test_a_step_without_anybody_is_one_page_to_nobody() -> None:
    assert who_and_when(pages_of(rules.plan_of(Paging()), members=())) == [(None, 0)]


def test_whoever_joined_after_the_primary_left_is_still_paged_with_the_others() -> None:
    assert rules.recipients(Target.OTHERS, (BOB, CHARLIE), paged_user_ids=[ALICE.user_id]) == (BOB, CHARLIE)


@pytest.mark.parametrize("tick_seconds", [1, 7, 60, 601, 4_000])
@given(plan=plans)
def test_whatever_the_tick_each_page_is_planned_exactly_once(plan: Plan, tick_seconds: int) -> None:
    pages = pages_of(plan)
    planned: list[Page] = []
    since = JUST_BEFORE
    now = START
    while since < (pages[-1].at if pages else START):
        # Jump over stretches in which nothing is due, as the worker does, but never off the grid of ticks.
        coming = rules.next_instant(plan, START, since)
        if coming is not None and coming > now:
            now += timedelta(seconds=tick_seconds * -(-(coming - now) // timedelta(seconds=tick_seconds)))
        planned += rules.due(pages, since, now)
        since = now
    assert planned == pages


@given(plan=plans)
def test_the_worker_wakes_for_every_page_and_then_never_again(plan: Plan) -> None:
    instants = []
    at = rules.next_instant(plan, START, JUST_BEFORE)
    while at is not None:
        instants.append(at)
        at = rules.next_instant(plan, START, at)
    assert instants == sorted({page.at for page in pages_of(plan)})


@given(plan=plans)
def test_a_catch_up_names_everybody_once_and_leaves_nobody_out(plan: Plan) -> None:
    pages = pages_of(plan)
    kept = rules.caught_up(pages)
    named = [page.person and page.person.user_id for page in kept]
    assert len(named) == len(set(named))
    assert set(named) == {page.person and page.person.user_id for page in pages}


@given(wait=st.integers(-(2**70), 2**70))
def test_no_wait_however_mad_breaks_the_plan(wait: int) -> None:
    pages = pages_of(rules.plan_of(Paging(team_wait=wait)))
    assert pages[-1].at <= START + timedelta(seconds=rules.MAX_WAIT_SECONDS)


def test_a_plan_that_repeats_for_ever_is_cut_off() -> None:
    plan = Plan(steps=(Step(0, Target.TEAM, ("email",)),), repeat_count=10**9, repeat_delay_seconds=0)
    assert len(pages_of(plan)) == rules.MAX_PAGES
