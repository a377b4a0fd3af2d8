"""What happens when, if nobody answers: the same steps whatever the rhythm at which we look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.time import START
from tocsin.escalation import rules
from tocsin.escalation.model import (
    OTHERS,
    Branch,
    Course,
    Hours,
    Instructions,
    Member,
    Moment,
    Paging,
    Plan,
    Script,
    Step,
)
from tocsin.escalation.model.policies import MemberType, StepType
from tocsin.escalation.rules.hours import next_wall_clock, within
from tocsin.kernel.zones import RAILS_NAMES
from tocsin.metadata.model import Metadata, Value

PRAGUE = ZoneInfo("Europe/Prague")
ON_CALL = (Member(MemberType.CURRENT_ON_CALL),)
MINUTE = timedelta(minutes=1)


def pages(wait_seconds: int = 0, *, until: str | None = None, members: tuple[Member, ...] = ON_CALL) -> Step:
    """A step that pages."""
    return Step(wait_seconds=wait_seconds, until=until, until_timezone="Prague", members=members, channels=("email",))


def branch(policy_id: int | None = None, wait_seconds: int = 0, **how: object) -> Step:
    """A step that may lead elsewhere."""
    kind = StepType.TIME_BRANCHING if "hours" in how else StepType.METADATA_BRANCHING
    return Step(type=kind, wait_seconds=wait_seconds, branch=Branch(policy_id=policy_id, **how))  # type: ignore[arg-type]


def plan(**scripts: Script) -> Plan:
    """`plan(p1=…, p2=…)`: policy 1 is the root."""
    return Plan(scripts={int(name[1:]): script for name, script in scripts.items()}, root=1)


def happens(wanted: Plan, facts: Metadata | None = None, at: datetime = START) -> list[tuple[int, int, float]]:
    """(policy, step, minutes) of everything, in order."""
    moments = rules.timeline(wanted, rules.begin(wanted, at), facts or {})
    return [(moment.policy_id, moment.index, (moment.at - at) / MINUTE) for moment in moments]


# --- Without a policy ------------------------------------------------------------------------------------------------


def test_without_a_policy_whoever_is_on_call_is_paged_and_the_team_never() -> None:
    (first,) = rules.plan_of(Paging()).scripts[0].steps
    assert [member.type for member in first.members] == ["current_on_call", "alongside"]
    assert first.channels == ("email", "push")


def test_team_wait_pages_everybody_else_later() -> None:
    wanted = rules.plan_of(Paging(team_wait=180))
    assert happens(wanted) == [(0, 0, 0), (0, 1, 3)]
    assert [member.type for member in wanted.scripts[0].steps[1].members] == [OTHERS]


def test_all_channels_off_pages_nobody_and_says_so() -> None:
    wanted = rules.plan_of(Paging(email=False, push=False, team_wait=5))
    assert [[member.type for member in step.members] for step in wanted.scripts[0].steps] == [["alongside"]]
    assert wanted.note is not None
    assert "nobody is alerted" in wanted.note


def test_a_wanted_channel_that_does_not_exist_becomes_e_mail_and_is_said() -> None:
    assert rules.usable(("call", "sms"), ["email"]) == ("email",)
    assert rules.falls_back(("call", "sms"), ["email"]) is not None
    assert rules.usable(("call", "email"), ["email"]) == ("email",)
    assert rules.falls_back(("call", "email"), ["email"]) is None
    assert rules.usable((), ["email"]) == ()


@given(wait=st.integers(-(2**70), 2**70))
def test_no_wait_however_mad_breaks_the_plan(wait: int) -> None:
    assert happens(rules.plan_of(Paging(team_wait=wait)))[-1][2] * 60 <= rules.MAX_WAIT_SECONDS


# --- Going through a policy ------------------------------------------------------------------------------------------


def test_steps_come_one_after_the_other_then_again_and_then_the_fallback() -> None:
    wanted = plan(
        p1=Script(
            steps=(pages(), pages(300)), repeat_count=1, repeat_delay_seconds=600, fallback_policy_id=2, name="Days"
        ),
        p2=Script(steps=(pages(60),)),
    )
    assert happens(wanted) == [(1, 0, 0), (1, 1, 5), (1, 0, 15), (1, 1, 20), (2, 0, 31)]


def test_rounds_by_the_clock_on_the_wall_are_repeated_though_no_step_waits_for_seconds() -> None:
    twice_a_day = Script(steps=(pages(until="09:00"), pages(until="21:00")), repeat_count=2)
    minutes = [minute for _, _, minute in happens(plan(p1=twice_a_day))]
    assert len(minutes) == 6
    assert {later - earlier for earlier, later in pairwise(minutes)} == {720.0}
    once = Script(steps=(pages(until="09:00"),), repeat_count=2)
    assert len(happens(plan(p1=once))) == 1, "all rounds would come in the same instant"


def test_a_chained_policy_runs_beside_the_one_that_called_it() -> None:
    wanted = plan(
        p1=Script(steps=(pages(members=(*ON_CALL, Member(MemberType.POLICY, 2))), pages(600))),
        p2=Script(steps=(pages(60), pages(300)), repeat_count=1, repeat_delay_seconds=300),
    )
    expected = [(1, 0, 0), (2, 0, 1), (2, 1, 6), (1, 1, 10), (2, 0, 12), (2, 1, 17)]
    assert happens(wanted) == expected


def test_circles_are_cut_and_said() -> None:
    wanted = plan(
        p1=Script(steps=(pages(60),), fallback_policy_id=2, name="One"),
        p2=Script(steps=(pages(60, members=(Member(MemberType.POLICY, 1), *ON_CALL)),), fallback_policy_id=1),
    )
    moments = list(rules.timeline(wanted, rules.begin(wanted, START), {}))
    assert [(moment.policy_id, moment.index) for moment in moments] == [(1, 0), (2, 0)]
    assert {remark.title for remark in moments[-1].remarks} == {"Policies lead in a circle"}


def test_rounds_that_take_no_time_are_one() -> None:
    wanted = plan(p1=Script(steps=(pages(), pages(until="03:00")), repeat_count=10**9))
    assert len(happens(wanted)) == 2


def test_a_plan_that_repeats_for_ever_is_cut_off() -> None:
    wanted = plan(p1=Script(steps=(pages(1),), repeat_count=10**9))
    assert len(happens(wanted)) == rules.MAX_TURNS


def test_an_empty_policy_does_nothing_or_falls_back() -> None:
    assert happens(plan(p1=Script())) == []
    assert happens(plan(p1=Script(fallback_policy_id=2), p2=Script(steps=(pages(),)))) == [(2, 0, 0)]


def test_policies_that_start_ever_more_of_one_another_are_bounded() -> None:
    everything = tuple(Member(MemberType.POLICY, id) for id in range(1, 9))
    script = Script(steps=(pages(60, members=everything),), repeat_count=5)
    wanted = Plan(scripts=dict.fromkeys(range(1, 9), script), root=1)
    course = rules.begin(wanted, START)
    for _ in range(2_000):
        turned = rules.turn(wanted, course, {})
        if turned is None:
            break
        course = turned[1]
        assert len(course.runs) <= rules.MAX_RUNS


# --- Branches --------------------------------------------------------------------------------------------------------

NIGHT = Hours("Prague", ("mon", "tue"), "22:00", "06:00")


@pytest.mark.parametrize(
    ("local", "taken"),
    [
        ("2026-03-02T21:59", False),
        ("2026-03-02T22:00", True),
        ("2026-03-03T05:59", True),
        ("2026-03-03T06:00", False),
        ("2026-03-04T05:59", True),  # the night that began on Tuesday
        ("2026-03-04T22:00", False),
        ("2026-03-02T05:00", False),  # the night that began on Sunday
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(local: str, taken: bool) -> None:
    assert within(NIGHT, datetime.fromisoformat(local).replace(tzinfo=PRAGUE)) is taken


def test_equal_ends_are_all_day_and_no_days_are_every_day() -> None:
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert within(Hours("Prague", (), "00:00", "00:00"), sunday)
    assert not within(Hours("Prague", ("sat",), "00:00", "00:00"), sunday)
    assert within(Hours("Auckland", ("mon",), "00:00", "00:00"), sunday), "there it is Monday already"


def test_a_branch_replaces_what_would_come_and_one_without_a_policy_ends_it() -> None:
    always = Hours(None, (), "00:00", "00:00")
    other = Script(steps=(pages(60),))
    there = plan(p1=Script(steps=(branch(2, hours=always), pages()), repeat_count=3), p2=other)
    assert happens(there) == [(1, 0, 0), (2, 0, 1)]
    assert happens(plan(p1=Script(steps=(branch(hours=always), pages()), fallback_policy_id=2), p2=other)) == [
        (1, 0, 0)
    ]
    gone = plan(p1=Script(steps=(branch(9, hours=always), pages())))
    assert happens(gone) == [(1, 0, 0), (1, 1, 0)], "a way that leads nowhere is not taken"


TEAM = [Value(type="Team", item_id=5, name="Payments")]


@pytest.mark.parametrize(
    ("wanted", "facts", "taken"),
    [
        (Value(value="eu"), {"Region": [Value(value="us"), Value(value="eu")]}, True),
        (Value(value="eu"), {"Region": [Value(value="us")]}, False),
        (Value(value="eu"), {}, False),
        (Value(type="Team", item_id=5), {"Region": TEAM}, True),
        (Value(type="Team", item_id=6), {"Region": TEAM}, False),
        (Value(value="Payments"), {"Region": TEAM}, True),
        (Value(type="no_value"), {}, True),
        (Value(type="no_value"), {"Region": [Value(value=" ")]}, True),
        (Value(type="no_value"), {"Region": TEAM}, False),
    ],
)
def test_a_branch_by_metadata(wanted: Value, facts: Metadata, taken: bool) -> None:
    values = (Value(value="never"), wanted)
    way = plan(p1=Script(steps=(branch(2, key="Region", values=values), pages())), p2=Script(steps=(pages(),)))
    assert happens(way, facts)[-1] == ((2, 0, 0) if taken else (1, 1, 0))


def test_a_branch_to_the_policy_that_the_incident_names() -> None:
    step = Step(
        type=StepType.METADATA_BRANCHING,
        branch=Branch(key="Tier", values=(Value(type="no_value"),), policy_metadata_key="Policy"),
    )
    way = plan(p1=Script(steps=(step, pages())), p2=Script(steps=(pages(),)))
    assert happens(way, {"Policy": [Value(type="Policy", item_id=2)]})[-1] == (2, 0, 0)
    assert happens(way, {})[-1] == (1, 1, 0), "it names none, so this one goes on"


# --- Clocks on walls -------------------------------------------------------------------------------------------------


def test_a_step_that_waits_for_the_morning() -> None:
    evening = datetime(2026, 3, 28, 20, tzinfo=PRAGUE)  # the clock is put forward that night
    wanted = plan(p1=Script(steps=(pages(), pages(until="09:00"), pages(until="09:00"), pages(60))))
    assert [minutes / 60 for *_, minutes in happens(wanted, at=evening)] == [0, 12, 12, 12 + 1 / 60]


@given(st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)), st.sampled_from(RAILS_NAMES), st.times())
def test_the_next_time_a_clock_shows_something_is_within_two_days_and_never_past(
    at: datetime, timezone: str, wall: object
) -> None:
    now = at.replace(tzinfo=UTC, microsecond=0)
    text = f"{wall:%H:%M}"
    found = next_wall_clock(now, text, timezone)
    assert now <= found <= now + timedelta(hours=49)
    assert next_wall_clock(found, text, timezone) == found


# --- Whatever the rhythm ---------------------------------------------------------------------------------------------

waits = st.one_of(st.integers(0, 5_000).map(lambda seconds: {"wait_seconds": seconds}), st.just({"until": "09:00"}))
members = st.lists(
    st.sampled_from([*ON_CALL, Member(MemberType.POLICY, 2), Member(MemberType.POLICY, 3)]), max_size=3
).map(tuple)
steps = st.one_of(
    st.builds(lambda wait, members: Step(members=members, channels=("email",), **wait), waits, members),
    st.builds(
        lambda wait, id, days: Step(
            type=StepType.TIME_BRANCHING,
            branch=Branch(hours=Hours("Prague", days, "08:00", "20:00"), policy_id=id),
            **wait,
        ),
        waits,
        st.sampled_from([None, 1, 2, 3, 9]),
        st.sampled_from([("mon",), ("mon", "tue", "wed", "thu", "fri"), ()]),
    ),
    st.builds(
        lambda wait, id: Step(
            type=StepType.METADATA_BRANCHING,
            branch=Branch(key="Tier", values=(Value(value="gold"),), policy_id=id),
            **wait,
        ),
        waits,
        st.sampled_from([None, 1, 2, 3]),
    ),
    st.builds(lambda wait: Step(type=StepType.INSTRUCTIONS, instructions=Instructions("- [ ] look"), **wait), waits),
)
scripts = st.builds(
    Script,
    steps=st.lists(steps, max_size=4).map(tuple),
    repeat_count=st.integers(0, 3),
    repeat_delay_seconds=st.sampled_from([0, 600]),
    fallback_policy_id=st.sampled_from([None, 1, 2, 3]),
)
plans = st.builds(lambda *some: Plan(scripts=dict(enumerate(some, start=1)), root=1), scripts, scripts, scripts)
all_facts: st.SearchStrategy[Metadata] = st.sampled_from([{}, {"Tier": [Value(value="gold")]}])


@pytest.mark.slow
@given(plans, all_facts, st.sampled_from([1, 7, 60, 601, 4_000, 200_000]), st.sampled_from([1, 3, 200]))
def test_whatever_the_tick_each_step_is_taken_exactly_once(
    wanted: Plan, facts: Metadata, tick_seconds: int, at_most: int
) -> None:
    everything = list(rules.timeline(wanted, rules.begin(wanted, START), facts))
    assert [moment.at for moment in everything] == sorted(moment.at for moment in everything)
    taken: list[Moment] = []
    course, now = rules.begin(wanted, START), START
    while (coming := rules.next_instant(course)) is not None:
        if coming > now:  # jump over stretches in which nothing is due, as the worker does, but on the grid of ticks
            now += timedelta(seconds=tick_seconds * -(-(coming - now) // timedelta(seconds=tick_seconds)))
        moments, course = rules.advance(wanted, course, now, facts, at_most)
        assert moments, "whenever we are woken there is something to do"
        taken += moments
    assert taken == everything


@pytest.mark.slow
@given(plans, all_facts, st.integers(0, 6))
def test_what_was_decided_stays_decided_whatever_the_incident_says_later(
    wanted: Plan, facts: Metadata, steps_before: int
) -> None:
    course = rules.begin(wanted, START)
    before = []
    for _ in range(steps_before):
        turned = rules.turn(wanted, course, {})
        if turned is None:
            break
        before.append(turned[0])
        course = turned[1]
    after = list(rules.timeline(wanted, course, facts))
    assert all(moment.at >= before[-1].at for moment in after if before)


@pytest.mark.slow
@given(plans, all_facts)
def test_a_lost_page_brings_the_next_one_forward_or_there_is_none(wanted: Plan, facts: Metadata) -> None:
    course = rules.begin(wanted, START)

    early = rules.hastened(wanted, course, START, facts)
    if early is None:
        return
    first = next(moment for moment in rules.timeline(wanted, early, facts) if moment.pages)
    assert first.at == START


def test_a_lost_page_skips_waits_branches_and_instructions_up_to_the_next_page_only() -> None:
    wanted = plan(
        p1=Script(
            steps=(
                Step(type=StepType.INSTRUCTIONS, wait_seconds=600, instructions=Instructions("look")),
                branch(None, 600, key="Tier", values=(Value(value="gold"),)),
                pages(until="09:00"),
                pages(300),
            )
        )
    )
    early = rules.hastened(wanted, rules.begin(wanted, START), START, {})
    assert early is not None
    found = [(moment.index, (moment.at - START) / MINUTE) for moment in rules.timeline(wanted, early, {})]
    assert found == [(0, 0), (1, 0), (2, 0), (3, 5)]
    assert rules.hastened(wanted, Course(), START, {}) is None


# --- Instructions ----------------------------------------------------------------------------------------------------


def test_instructions_are_filled_in_and_their_boxes_counted() -> None:
    text = "- [ ] check {server_region}\n* [x] tell {Unknown}\n1. [X] done\nno [ ] box"
    filled = rules.filled_in(text, {"server_region": [Value(value="eu"), Value(value="us")]})
    assert filled == "- [ ] check eu, us\n* [x] tell {Unknown}\n1. [X] done\nno [ ] box"
    assert rules.unfinished(filled) == (1, 3)
