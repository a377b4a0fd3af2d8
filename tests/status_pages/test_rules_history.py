"""Days, half hours and availability, with the days that are shorter or longer than others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.availability import merged, total
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.status_pages.model import DayStatus, State
from tocsin.status_pages.rules.history import SLOTS, calendar, first_quarter_ms, history, intraday
from tocsin.status_pages.rules.standing import CLEAR, Layers

HOUR = 3_600_000
NONE = Layers([], [], [], [])


def ms(*parts: int) -> int:
    return to_milliseconds(datetime(*parts, tzinfo=UTC))  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Prague", date(2026, 3, 29), 23),
        ("Europe/Prague", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # its midnight does not exist
        ("America/Sao_Paulo", date(2018, 2, 17), 25),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # the same
        ("Africa/Cairo", date(2026, 10, 29), 25),
        ("America/Havana", date(2026, 11, 1), 25),  # its midnight comes twice
        ("Pacific/Apia", date(2011, 12, 30), 0),  # the whole day does not exist
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_the_clock_on_the_wall_says(zone: str, day: date, hours: float) -> None:
    found = calendar(day + timedelta(days=2), 7, ZoneInfo(zone))
    labels = [each.day for each in found.well]
    place = labels.index(day.isoformat())
    assert len(labels) == 7
    assert found.edges[place + 1] - found.edges[place] == hours * HOUR
    assert list(found.edges) == sorted(found.edges)


def test_downtime_falls_on_the_days_of_the_pages_own_calendar() -> None:
    where = ZoneInfo("Africa/Cairo")  # 24 April 2026 begins at 01:00, which is 22:00 UTC
    days = calendar(date(2026, 4, 25), 7, where)
    layers = Layers([(ms(2026, 4, 23, 21), ms(2026, 4, 23, 23))], [], [], [])
    found, availability = history(layers, days, days.edges[-1])
    assert [(each.day, each.downtime_duration) for each in found if each.downtime_duration] == [
        ("2026-04-23", 3_600),
        ("2026-04-24", 3_600),
    ]
    assert availability == round(1 - 2 / (7 * 24 - 1), 6)


def test_the_worst_of_a_day_is_its_status_and_each_share_is_told() -> None:
    days = calendar(date(2026, 3, 2), 7, ZoneInfo("UTC"))
    day = days.edges[-2]
    layers = Layers(
        [(day, day + 1_500)], [(day + 2_000, day + 5_000)], [(day + HOUR, day + 2 * HOUR)],
        [(days.edges[0], days.edges[2])],
    )  # fmt: skip
    found, availability = history(layers, days, days.edges[-1])
    assert found[-1] == DayStatus(
        day="2026-03-02", status=State.DOWNTIME, downtime_duration=1, degraded_duration=3, maintenance_duration=3_600
    )
    assert [each.status for each in found[:3]] == [State.NOT_MONITORED] * 2 + [State.OPERATIONAL]
    assert availability == round(1 - 1_500 / (5 * 24 * HOUR - HOUR), 6)


def test_a_day_that_was_watched_for_a_while_is_not_called_unwatched() -> None:
    days = calendar(date(2026, 3, 2), 7, ZoneInfo("UTC"))
    until = days.edges[-2] + 10 * HOUR
    whole, _ = history(Layers([], [], [], [(days.edges[-2], until)]), days, until)
    part, _ = history(Layers([], [], [], [(days.edges[-2], until - 1)]), days, until)
    assert (whole[-1].status, part[-1].status) == (State.NOT_MONITORED, State.OPERATIONAL)


def test_when_nothing_was_watched_nothing_was_amiss() -> None:
    days = calendar(date(2026, 3, 2), 7, ZoneInfo("UTC"))
    found, availability = history(Layers([], [], [], [(days.edges[0], days.edges[-1])]), days, days.edges[-1])
    assert availability == 1.0
    assert {each.status for each in found} == {State.NOT_MONITORED}
    assert history(CLEAR, days, days.edges[-1]) == (days.well, 1.0)


stretches = st.lists(
    st.tuples(st.integers(0, 9 * 24 * HOUR), st.integers(0, 40 * HOUR)).map(lambda pair: (pair[0], sum(pair))),
    max_size=4,
)


@given(stretches, st.sampled_from(["Australia/Lord_Howe", "Africa/Cairo", "Europe/Prague"]))
def test_the_days_together_are_the_whole(found: list[tuple[int, int]], zone: str) -> None:
    days = calendar(date(2026, 4, 28), 30, ZoneInfo(zone))
    down = merged([(days.edges[5] + start, days.edges[5] + end) for start, end in found if start < end])
    told, _ = history(Layers(down, [], [], []), days, days.edges[-1])
    assert abs(sum(each.downtime_duration for each in told) - total(down) / 1000) <= len(told)
    touched = [each for each, well in zip(told, days.well, strict=True) if each != well]
    assert all(each.status is State.DOWNTIME for each in touched)
    assert bool(touched) is bool(down)


def test_half_hours_end_with_the_one_that_has_begun() -> None:
    now = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
    end = to_milliseconds(now) + 1
    slots = intraday(Layers([(ms(2026, 3, 2, 11, 59), end)], [], [], [(0, ms(2026, 3, 1, 13))]), now)
    assert len(slots) == SLOTS
    assert slots[-1].at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert slots[0].at == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert [slot.status for slot in slots[-3:]] == [State.OPERATIONAL, State.DOWNTIME, State.DOWNTIME]
    assert [slot.status for slot in slots[:2]] == [State.NOT_MONITORED, State.OPERATIONAL]


def test_a_chart_ends_with_the_quarter_that_has_begun() -> None:
    first = from_milliseconds(first_quarter_ms(datetime(2026, 3, 2, 12, 14, 59, tzinfo=UTC)))
    assert first == datetime(2026, 3, 1, 12, 15, tzinfo=UTC)
