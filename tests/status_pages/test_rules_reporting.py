"""What an update does to its report, what a report says of a resource and when, and the words of automatic ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.time import START
from tocsin.incidents.model import Spell
from tocsin.kernel.clock import to_milliseconds
from tocsin.status_pages.model import Affected, Report, ReportType, State, Update
from tocsin.status_pages.rules import automatic
from tocsin.status_pages.rules.automatic import Trouble
from tocsin.status_pages.rules.reporting import (
    all_resolved,
    corrected,
    end_after,
    said_of,
    shown,
    standing,
    state_of,
    visible,
)
from tocsin.status_pages.rules.standing import Said

ALL = {1, 2, 3}
"""The resources of the page."""
START_MS = to_milliseconds(START)
MINUTE = 60_000


def says(**states: str) -> tuple[Affected, ...]:
    """`says(r1="downtime")`."""
    return tuple(Affected(status_page_resource_id=name[1:], status=status) for name, status in states.items())


def update(minute: float = 0, affected: tuple[Affected, ...] = (), id: int = 0, **more: Any) -> Update:
    at = START + timedelta(minutes=minute)
    values = {"applied_at": at, "draft": False, "notify_subscribers": False, "message": "x", "created_at": at, **more}
    return Update(
        id=id or int(minute) + 1, status_page_id=1, team_id=1, status_report_id=1, published_at=at,
        affected_resources=affected, **values,
    )  # fmt: skip


def report(*updates: Update, **more: Any) -> Report:
    values: dict[str, Any] = {
        "title": "x", "report_type": ReportType.MANUAL, "starts_at": START, "ends_at": None, "draft": False,
        "affected_resources": standing(updates), **more,
    }  # fmt: skip
    return Report(
        id=1, status_page_id=1, team_id=1, created_at=START, updated_at=START, updates=tuple(updates), **values
    )


def test_a_report_says_what_its_updates_said_from_their_time_on() -> None:
    found = said_of(
        report(
            update(5, says(r1="downtime", r2="degraded")),  # it had begun five minutes before it was told
            update(10, says(r1="degraded")),
            update(20, says(r1="degraded", r3="downtime")),
            update(30, says(r1="resolved")),
            update(40, says(r1="downtime")),
        )
    )
    assert sorted(found, key=lambda each: (each.resource_id, each.from_ms)) == [
        Said(1, START_MS, START_MS + 10 * MINUTE, State.DOWNTIME, True),
        Said(1, START_MS + 10 * MINUTE, START_MS + 30 * MINUTE, State.DEGRADED, True),
        Said(1, START_MS + 40 * MINUTE, None, State.DOWNTIME, True),
        Said(2, START_MS, None, State.DEGRADED, True),
        Said(3, START_MS + 20 * MINUTE, None, State.DOWNTIME, True),
    ]


def test_a_report_says_nothing_after_its_end_and_nothing_that_is_not_public() -> None:
    ended = report(
        update(0, says(r1="downtime")),
        update(5, says(r2="downtime"), draft=True),
        update(6, says(r3="downtime"), applied_at=None),
        update(20, says(r1="resolved")),
        ends_at=START + timedelta(minutes=10),
    )
    assert said_of(ended) == [Said(1, START_MS, START_MS + 10 * MINUTE, State.DOWNTIME, True)]
    assert visible(ended)
    assert not visible(report(update(0), draft=True))
    assert not visible(report(update(0, draft=True), update(1, applied_at=None)))


def test_maintenance_lasts_from_its_beginning_to_its_end_whenever_it_was_told() -> None:
    plan = report(
        update(-60, says(r1="maintenance")), update(15, says(r2="maintenance")),
        report_type=ReportType.MAINTENANCE, ends_at=START + timedelta(minutes=30),
    )  # fmt: skip
    whole = (START_MS, START_MS + 30 * MINUTE, State.MAINTENANCE, True)
    assert said_of(plan) == [Said(1, *whole), Said(2, *whole)]


def test_what_an_automatic_report_says_is_not_said_by_a_person() -> None:
    (found,) = said_of(report(update(0, says(r1="downtime")), report_type=ReportType.AUTOMATIC))
    assert not found.by_hand


@pytest.mark.parametrize(
    ("kind", "ends", "affected", "expected"),
    [
        (ReportType.MANUAL, None, says(r1="degraded", r2="downtime"), State.DOWNTIME),
        (ReportType.MANUAL, None, says(r1="degraded", r2="resolved"), State.DEGRADED),
        (ReportType.MANUAL, None, says(r1="resolved"), State.OPERATIONAL),
        (ReportType.MANUAL, None, (), State.OPERATIONAL),
        (ReportType.MANUAL, 0, says(r1="downtime"), State.OPERATIONAL),
        (ReportType.MANUAL, 1, says(r1="downtime"), State.DOWNTIME),
        (ReportType.AUTOMATIC, None, says(r1="downtime"), State.DOWNTIME),
        (ReportType.MAINTENANCE, 1, says(r1="maintenance"), State.MAINTENANCE),
        (ReportType.MAINTENANCE, 1, (), State.MAINTENANCE),
        (ReportType.MAINTENANCE, 0, says(r1="maintenance"), State.OPERATIONAL),
    ],
)
def test_how_a_report_stands(kind: ReportType, ends: float | None, affected: Any, expected: State) -> None:
    ends_at = None if ends is None else START + timedelta(minutes=ends)
    assert state_of(report(update(0, affected), report_type=kind, ends_at=ends_at), START) is expected


statuses = st.sampled_from(["resolved", "degraded", "downtime"])
affecteds = st.dictionaries(st.sampled_from("123"), statuses, max_size=3).map(
    lambda said: tuple(Affected(status_page_resource_id=id, status=status) for id, status in said.items())
)
histories = st.lists(
    st.tuples(st.integers(-30, 30), affecteds, st.sampled_from([None, START]), st.booleans()), min_size=1, max_size=5
).map(
    lambda rows: [
        update(minute, affected, id=number + 1, applied_at=applied, draft=draft)
        for number, (minute, affected, applied, draft) in enumerate(rows)
    ]
)


@given(histories, affecteds)
def test_after_a_correction_a_report_says_just_what_was_wanted(updates: list[Update], wanted: Any) -> None:
    new = corrected(updates, wanted)
    after = [
        Update(**{name: getattr(each, name) for name in Update.__struct_fields__ if name != "affected_resources"},
               affected_resources=new.get(each.id, each.affected_resources))
        for each in updates
    ]  # fmt: skip
    assert sorted(standing(after), key=lambda each: each.status_page_resource_id) == sorted(
        wanted, key=lambda each: each.status_page_resource_id
    )
    assert corrected(after, wanted) == {}, "once is enough"


@given(histories, histories)
def test_a_report_is_over_exactly_when_all_is_well_unless_a_person_has_ended_it(
    before: list[Update], after: list[Update]
) -> None:  # fmt: skip
    public = [each for each in after if shown(each)]
    ends_at = end_after(report(*before), after, ALL)
    if public:
        assert (ends_at is not None) is all_resolved(standing(public), ALL)
    else:
        assert ends_at is None
    by_hand = START + timedelta(minutes=3)
    kept = end_after(report(*before, ends_at=by_hand), after, ALL)
    was_well = all_resolved(standing([each for each in before if shown(each)]), ALL)
    if not public or (not was_well and not all_resolved(standing(public), ALL)):
        assert kept == by_hand
    assert kept is None or kept <= by_hand
    plan = report(*before, report_type=ReportType.MAINTENANCE, ends_at=by_hand)
    assert end_after(plan, after, ALL) == by_hand


# --- Automatic reports -----------------------------------------------------------------------------------------------


def trouble(id: int, minute: float, group_id: int | None = None, **marks: State) -> Trouble:
    spell = Spell(id, "monitor", id, int(START_MS + minute * MINUTE), None, None, group_id)
    return Trouble(spell, {int(name[1:]): state for name, state in marks.items()})


def test_what_began_in_the_same_minute_or_has_one_cause_is_one_report() -> None:
    found = [trouble(1, 0), trouble(2, 0.9), trouble(3, 1.8), trouble(4, 5), trouble(5, 9, 7), trouble(6, 20, 7)]
    assert [[each.spell.id for each in group] for group in automatic.grouped(found)] == [[1, 2, 3], [4], [5, 6]]


def test_of_several_outages_the_worst_is_said_of_each_resource() -> None:
    found = [trouble(1, 0, r1=State.DEGRADED, r2=State.DEGRADED), trouble(2, 0, r1=State.DOWNTIME)]
    assert automatic.affected(found) == says(r1="downtime", r2="degraded")


OVER = Spell(1, "monitor", 1, 0, 9, None, None)
LASTS = Spell(1, "monitor", 1, 0, None, None, None)
REOPENED = Spell(1, "monitor", 1, 0, None, 20, None)


@pytest.mark.parametrize(
    ("said", "spell", "ended_ms", "expected"),
    [
        ("downtime", LASTS, None, ()),
        ("downtime", OVER, None, says(r1="resolved")),
        ("downtime", None, None, says(r1="resolved")),
        ("degraded", LASTS, None, ()),
        ("resolved", LASTS, None, ()),
        ("resolved", LASTS, 10, ()),
        ("resolved", REOPENED, 10, says(r1="downtime")),
        ("resolved", REOPENED, 30, ()),
        ("resolved", OVER, 10, ()),
    ],
    ids=str,
)
def test_what_an_automatic_report_adds(said: str, spell: Spell | None, ended_ms: int | None, expected: Any) -> None:
    spells = {} if spell is None else {1: spell}
    assert automatic.news(says(r1=said), {1: [1]}, {1: {1: State.DOWNTIME}}, spells, ended_ms) == expected


def test_a_resource_with_two_outages_is_well_when_both_are_over() -> None:
    still = Spell(2, "monitor", 1, 0, None, None, None)
    marked = {2: {1: State.DOWNTIME}}
    assert automatic.news(says(r1="downtime"), {1: [1, 2]}, marked, {1: OVER, 2: still}, None) == ()
    assert automatic.news(says(r1="downtime"), {1: [1]}, {}, {1: OVER}, None) == says(r1="resolved")


@pytest.mark.parametrize(
    ("names", "down", "expected"),
    [
        (["Shop"], True, "Shop is down"),
        (["Shop", "Phone"], False, "Shop and Phone are degraded"),
        (["A", "B", "C"], True, "A, B and C are down"),
        (["A", "B", "C", "D"], True, "A, B, C and D are down"),
        (["A", "B", "C", "D", "E"], True, "A, B, C and 2 others are down"),
        (["x" * 255] * 4, True, ", ".join(["x" * 49 + "…"] * 3) + " and " + "x" * 49 + "… are down"),
    ],
)
def test_titles_are_short(names: list[str], down: bool, expected: str) -> None:
    assert automatic.title(names, down) == expected
    assert len(expected) <= 250


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Shop", "Shop"),
        ("*API* [v2]", r"\*API\* \[v2\]"),
        ("# 1", r"\# 1"),
        ("1. Shop", r"1\. Shop"),
        ("<b>", r"\<b\>"),
    ],
)
def test_names_are_shown_to_the_letter(name: str, expected: str) -> None:
    assert automatic.joined_words([name], True) == f"{expected} is down as well."
    assert automatic.well_words([name], timedelta(minutes=3)) == f"{expected} is working again. It took 3 minutes."


def test_a_report_waits_for_the_minute_and_for_the_length_that_the_page_demands() -> None:
    spell = Spell(1, "monitor", 1, START_MS, None, None, None, START_MS + 2 * MINUTE)
    assert automatic.due_ms(spell, 0) == START_MS + 3 * MINUTE
    assert automatic.due_ms(spell, 10 * MINUTE) == START_MS + 10 * MINUTE
    assert datetime.fromtimestamp(automatic.due_ms(spell, 0) / 1000, UTC) == START + timedelta(minutes=3)
