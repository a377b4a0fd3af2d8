"""Availability counts only the time in which somebody watched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import Availability
from tocsin.monitors.rules.availability import availability, merged, total, without
from tocsin.monitors.rules.figures import hour_figures

DAY = (0, 86_400_000)


def test_ten_minutes_in_a_day() -> None:
    assert availability(DAY, [(3_600_000, 4_200_000)], []) == Availability(99.3056, 600, 1, 600, 600)


def test_an_outage_that_goes_on_lasts_until_the_end_of_the_period() -> None:
    assert availability(DAY, [(86_400_000 - 60_000, None)], []).total_downtime == 60


def test_only_the_part_inside_the_period_counts() -> None:
    found = availability((1_000_000, 2_000_000), [(0, 1_500_000), (5_000_000, None)], [])
    assert (found.availability, found.number_of_incidents) == (50.0, 1)


def test_time_in_which_nobody_watched_is_left_out_of_both_sides() -> None:
    found = availability((0, 1000_000), [(100_000, 300_000)], [(200_000, 600_000), (500_000, 700_000)])
    assert (found.total_downtime, found.availability) == (100, 80.0)


def test_nobody_watching_at_all_is_no_outage() -> None:
    assert availability(DAY, [(0, None)], [DAY]) == Availability(100.0, 0, 0, 0, 0)


def test_overlapping_outages_count_the_time_once_and_each_incident() -> None:
    found = availability((0, 1000_000), [(0, 200_000), (100_000, 300_000)], [])
    assert (found.total_downtime, found.number_of_incidents, found.longest_incident) == (300, 2, 200)


intervals = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda p: (min(p), max(p))), max_size=8)


@pytest.mark.slow
@given(intervals, intervals)
def test_cutting_holes_agrees_with_counting_moments(
    pieces: list[tuple[int, int]], holes: list[tuple[int, int]]
) -> None:
    moments = {moment for start, end in pieces for moment in range(start, end)}
    moments -= {moment for start, end in holes for moment in range(start, end)}
    assert total(without(merged(pieces), merged(holes))) == len(moments)


@pytest.mark.slow
@given(intervals, intervals)
def test_availability_is_a_percentage(outages: list[tuple[int, int]], gaps: list[tuple[int, int]]) -> None:
    found = availability((0, 1000), outages, gaps)
    assert 0 <= found.availability <= 100


def test_an_hour_in_four_numbers() -> None:
    figures = hour_figures(0, [float(number) for number in range(1, 101)])
    assert (figures.count, figures.average, figures.p95, figures.maximum) == (100, 50.5, 95.0, 100.0)
