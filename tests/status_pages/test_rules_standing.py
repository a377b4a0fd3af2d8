"""How a resource stands: every source of truth against every other, and the arithmetic held against an instant."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incidents.model import Spell
from tocsin.kernel.availability import Course
from tocsin.metadata.model import Metadata, Value
from tocsin.metadata.rules import lookup_term, says, terms
from tocsin.status_pages.model import MarkFor, Resource, ResourceType, Rule, State, Widget
from tocsin.status_pages.rules.standing import CLEAR, Layers, Said, aggregate, layers, matches, state, worst

PERIOD = (1_000, 2_000)
NOW = (1_999, 2_000)
RESOURCE = 5


def resource(**attributes: Any) -> Resource:
    return Resource(
        id=RESOURCE,
        status_page_id=1,
        team_id=1,
        status_page_section_id=1,
        resource_type=ResourceType.MONITOR,
        resource_id=7,
        public_name="Shop",
        explanation=None,
        widget_type=Widget.HISTORY,
        position=0,
        **attributes,
    )


def course(id: int = 7, **attributes: Any) -> Course:
    return Course(owner_type="monitor", id=id, team_id=1, since_ms=attributes.pop("since_ms", 0), **attributes)


def spell(id: int = 1, from_ms: int = 1_500, to_ms: int | None = None) -> Spell:
    return Spell(id, "monitor", 7, from_ms, to_ms, None, None)


def says_(what: State, by_hand: bool = True, from_ms: int = 1_500, to_ms: int | None = None) -> Said:
    return Said(RESOURCE, from_ms, to_ms, what, by_hand)


def now(
    *courses: Course, spells: list[Spell] | None = None, said: list[Said] | None = None, facts: Any = None,
    least_ms: int = 0, **marks: Any,
) -> State:  # fmt: skip
    outages = {("monitor", 7): spells or []}
    return state(layers(resource(**marks), courses, outages, facts or {}, said or [], PERIOD, least_ms), NOW)


LASTING = ((1_500, 2_000),)
UP, DOWN, WORSE, SHUT, OFF = course(), "down", "degraded", "maintenance", "off"
CHECKS: dict[str, dict[str, Any]] = {
    "up": {"courses": [course()]},
    "down": {"courses": [course()], "spells": [spell()]},
    "degraded": {"courses": [course(degraded=LASTING)]},
    "down and degraded": {"courses": [course(degraded=LASTING)], "spells": [spell()]},
    "window": {"courses": [course(maintenance=LASTING)]},
    "window, down": {"courses": [course(maintenance=LASTING)], "spells": [spell()]},
    "paused": {"courses": [course(paused=LASTING)]},
    "paused in its window": {"courses": [course(paused=LASTING, maintenance=LASTING)]},
    "gone": {"courses": []},
}
WORDS: dict[str, list[Said]] = {
    "nothing": [],
    "downtime": [says_(State.DOWNTIME)],
    "degraded": [says_(State.DEGRADED)],
    "maintenance": [says_(State.MAINTENANCE)],
    "automatic": [says_(State.DOWNTIME, by_hand=False)],
    "maintenance, downtime": [says_(State.MAINTENANCE), says_(State.DOWNTIME)],
    "maintenance, automatic": [says_(State.MAINTENANCE), says_(State.DOWNTIME, by_hand=False)],
}
D, G, M, U, N = State.DOWNTIME, State.DEGRADED, State.MAINTENANCE, State.OPERATIONAL, State.NOT_MONITORED
TABLE: dict[str, tuple[State, ...]] = {
    # what checks find    said: nothing, downtime, degraded, maintenance, automatic, m + downtime, m + automatic
    "up": (U, D, G, M, D, D, M),
    "down": (D, D, D, M, D, D, M),
    "degraded": (G, D, G, M, D, D, M),
    "down and degraded": (D, D, D, M, D, D, M),
    "window": (M, D, G, M, D, D, M),
    "window, down": (M, D, G, M, D, D, M),
    "paused": (N, D, G, M, D, D, M),
    "paused in its window": (N, D, G, M, D, D, M),
    "gone": (N, D, G, M, D, D, M),
}


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("checks", CHECKS)
def test_every_finding_with_everything_said(checks: str, words: str) -> None:
    facts = dict(CHECKS[checks])
    found = now(*facts.pop("courses"), said=WORDS[words], **facts)
    assert found is TABLE[checks][list(WORDS).index(words)]


def test_what_is_over_or_yet_to_come_says_nothing_now() -> None:
    assert now(UP, spells=[spell(to_ms=1_900)]) is U
    assert now(UP, said=[says_(D, to_ms=1_900)]) is U
    assert now(UP, said=[says_(D, from_ms=2_000)]) is U
    assert now(course(paused=((1_100, 1_200),))) is U


def test_a_report_about_another_resource_says_nothing_of_this_one() -> None:
    assert now(UP, said=[Said(RESOURCE + 1, 1_500, None, D, True)]) is U


def test_a_group_is_as_bad_as_its_worst_member_and_not_monitored_only_when_all_are_paused() -> None:
    paused, shut, worse = course(8, paused=LASTING), course(9, maintenance=LASTING), course(10, degraded=LASTING)
    assert now(paused) is N
    assert now(paused, course(11)) is U
    assert now(paused, shut) is M
    assert now(paused, shut, worse) is G
    assert now(paused, shut, worse, UP, spells=[spell()]) is D
    assert now(paused, course(12, since_ms=5_000)) is N, "what did not exist yet was not watched"


def test_one_members_window_does_not_hide_the_outage_of_another() -> None:
    assert now(course(9, maintenance=LASTING), UP, spells=[spell()]) is D


RULE = Rule(key="Team", values=(Value(value="Payments"), Value(value="Shop")))
MATCHING, ANY, NONE = MarkFor.INCIDENT_MATCHING_METADATA, MarkFor.ANY_INCIDENT, MarkFor.NO_INCIDENT
SHOP: Metadata = {"Team": [Value(value="Shop")]}


@pytest.mark.parametrize(
    ("down", "degraded", "facts", "expected"),
    [
        (ANY, NONE, {}, D),
        (NONE, NONE, SHOP, U),
        (NONE, ANY, {}, G),
        (ANY, ANY, {}, D),
        (MATCHING, NONE, SHOP, D),
        (MATCHING, NONE, {}, U),
        (MATCHING, ANY, {}, G),
        (NONE, MATCHING, SHOP, G),
        (NONE, MATCHING, {"Team": [Value(value="shop")]}, U),
        (NONE, MATCHING, {"Crew": [Value(value="Shop")]}, U),
    ],
)
def test_which_incidents_mark_a_resource(down: MarkFor, degraded: MarkFor, facts: Metadata, expected: State) -> None:
    marks = {
        "mark_as_down_for": down,
        "mark_as_degraded_for": degraded,
        "mark_as_down_metadata_rule": RULE,
        "mark_as_degraded_metadata_rule": RULE,
    }
    assert now(UP, spells=[spell()], facts={1: facts}, **marks) is expected


def test_a_rule_without_values_asks_only_for_the_key() -> None:
    assert matches(Rule(key="Team", values=()), SHOP)
    assert not matches(Rule(key="Crew", values=()), SHOP)


values = st.builds(
    Value,
    type=st.sampled_from(["String", "User"]),
    value=st.sampled_from([None, "a", "A"]),
    item_id=st.sampled_from([None, 1, 2]),
    name=st.sampled_from([None, "a"]),
    email=st.sampled_from([None, "x@y", "X@y"]),
)


@given(values, values)
def test_a_rule_matches_what_the_filter_of_incidents_finds(value: Value, wanted: Value) -> None:
    named = wanted.value or wanted.item_id or wanted.name or wanted.email
    found = lookup_term("Incident", "k", wanted) in terms("Incident", "k", [value])
    assert not named or says(value, wanted) is found


def test_short_incidents_are_not_shown_while_they_are_young_nor_when_they_were_short() -> None:
    assert now(UP, spells=[spell(from_ms=1_500)], least_ms=500) is D
    assert now(UP, spells=[spell(from_ms=1_501)], least_ms=500) is U
    found = layers(resource(), [UP], {("monitor", 7): [spell(from_ms=1_100, to_ms=1_200)]}, {}, [], PERIOD, 101)
    assert found.down == []
    long = Spell(1, "monitor", 7, 0, 1_200, None, None)
    assert layers(resource(), [UP], {("monitor", 7): [long]}, {}, [], PERIOD, 1_200).down == [(1_000, 1_200)]


def test_a_stretch_that_nobody_saw_is_no_downtime() -> None:
    found = layers(resource(), [course(blind=((1_600, 1_700),))], {("monitor", 7): [spell()]}, {}, [], PERIOD)
    assert found == Layers([(1_500, 1_600), (1_700, 2_000)], [], [], [(1_600, 1_700)])


def test_who_reports_of_a_time_before_anybody_watched_knows_how_it_stood_from_then_on() -> None:
    """A page that moves here with its old reports is not 1 % available because nothing else is known of it."""
    old = Said(RESOURCE, 1_200, 1_210, D, True)
    found = layers(resource(), [course(since_ms=1_900)], {}, {}, [old], PERIOD)
    assert found == Layers([(1_200, 1_210)], [], [], [(1_000, 1_200)])
    automatic = Said(RESOURCE, 1_200, 1_210, D, False)
    found = layers(resource(), [course(since_ms=1_900)], {}, {}, [automatic], PERIOD)
    assert found.off == [(1_000, 1_200), (1_210, 1_900)]


def test_the_worst_counts_and_a_page_does_not_care_for_what_nobody_watches() -> None:
    assert [worst(some) for some in ([U, N], [U, M], [M, G, U], [G, D], [N], [])] == [U, M, G, D, N, N]
    assert [aggregate(some) for some in ([N, N], [], [N, M], [U, D])] == [U, U, M, D]


stretches = st.lists(
    st.tuples(st.integers(900, 2_100), st.integers(0, 400)).map(lambda pair: (pair[0], sum(pair))), max_size=3
).map(tuple)
courses_ = st.lists(
    st.builds(
        Course, owner_type=st.just("monitor"), id=st.sampled_from([7, 8]), team_id=st.just(1),
        since_ms=st.integers(0, 1_300), paused=stretches, maintenance=stretches, degraded=stretches, blind=stretches,
    ),
    max_size=2, unique_by=lambda each: each.id,
)  # fmt: skip
spells_ = st.lists(
    st.builds(
        Spell, st.integers(1, 9), st.just("monitor"), st.sampled_from([7, 8]), st.integers(900, 2_000),
        st.one_of(st.none(), st.integers(900, 2_100)), st.none(), st.none(),
    ),
    max_size=3,
)  # fmt: skip
said_ = st.lists(
    st.builds(
        Said, st.sampled_from([RESOURCE, 6]), st.integers(900, 2_000), st.one_of(st.none(), st.integers(900, 2_100)),
        st.sampled_from([D, G, M]), st.booleans(),
    ),
    max_size=3,
).map(lambda some: [each for each in some if each.by_hand or each.state is not M])  # fmt: skip


def _in(at: int, stretches: Any) -> bool:
    return any(start <= at < (2_000 if end is None else end) for start, end in stretches)


def _by_the_instant(courses: list[Course], spells: list[Spell], said: list[Said], at: int) -> State:
    """The same rules, written down for one instant."""
    words = {
        (each.state, each.by_hand)
        for each in said
        if each.resource_id == RESOURCE and _in(at, [(each.from_ms, each.to_ms)])
    }
    shut = (M, True) in words
    found = {what for what, by_hand in words if by_hand or not shut}
    for course in courses:
        if at < course.since_ms or _in(at, course.paused) or _in(at, course.blind):
            found.add(N)
        elif _in(at, course.maintenance):
            found.add(M)
        else:
            found.add(U)
            mine = [(each.from_ms, each.to_ms) for each in spells if each.owner_id == course.id]
            if not shut and _in(at, mine):
                found.add(D)
            if not shut and _in(at, course.degraded):
                found.add(G)
    spoken_of = [each.from_ms for each in said if each.resource_id == RESOURCE and each.by_hand]
    if found == {N} and spoken_of and min(spoken_of) <= at < min(course.since_ms for course in courses):
        return U
    return worst(found)


@given(courses_, spells_, said_, st.integers(1_000, 1_999))
def test_the_stretches_say_of_every_instant_what_the_rules_say_of_it(
    courses: list[Course], spells: list[Spell], said: list[Said], at: int
) -> None:
    outages: dict[tuple[str, int], list[Spell]] = {}
    for each in spells:
        outages.setdefault(("monitor", each.owner_id), []).append(each)
    found = layers(resource(), courses, outages, {}, said, PERIOD)
    assert state(found, (at, at + 1)) is _by_the_instant(courses, spells, said, at)
    parts = sorted([*found.down, *found.degraded, *found.maintenance, *found.off])
    assert all(one[1] <= other[0] for one, other in pairwise(parts)), "no instant counts twice"


def test_where_nothing_happened_nothing_is_computed() -> None:
    assert layers(resource(), [UP, course(8)], {}, {}, [], PERIOD) is CLEAR
