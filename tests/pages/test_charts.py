"""Response times are a line with a scale, and the same in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.status_pages.samples import NOW, points
from tocsin.pages.charts import chart
from tocsin.status_pages.model.views import Point


def measured(*seconds: float | None) -> list[Point]:
    return [Point(NOW + place * timedelta(minutes=15), each) for place, each in enumerate(seconds)]


def test_nothing_measured_is_no_chart() -> None:
    assert chart([]) is None
    assert chart(measured(None, None)) is None


def test_the_words_are_right() -> None:
    found = chart(measured(*[number / 100 for number in range(1, 101)]))
    assert found is not None
    assert found.fastest_seconds == 0.01
    assert found.average_seconds == pytest.approx(0.505)
    assert found.ninety_five_seconds == 0.95
    assert len(found.rows) == 25


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0.12, 0.15), (0.148, 0.2), (0.95, 1.0), (0.96, 1.5), (7.0, 8.0), (0.0001, 0.001), (29.0, 40.0)],
)
def test_the_scale_ends_at_a_round_number_above_the_highest(highest: float, top: float) -> None:
    found = chart(measured(highest, highest, highest))
    assert found is not None
    assert found.top_seconds == pytest.approx(top)


def test_a_gap_is_a_gap_in_the_line() -> None:
    found = chart(points(gap=range(20, 30)))
    assert found is not None
    assert found.line.count("M") == 2
    assert ",,,," in found.milliseconds


def test_a_lone_measurement_is_seen() -> None:
    found = chart(measured(None, 0.1, None, 0.1, None, 0.1, None))
    assert found is not None
    assert found.line == "M0.7 33h.6M2.7 33h.6M4.7 33h.6"


def test_a_lone_measurement_stays_within_the_chart() -> None:
    found = chart(measured(0.1, None, 0.1, None, 0.1))
    assert found is not None
    assert found.line == "M0 33h.6M1.7 33h.6M3.4 33h.6"
    assert found.width == 4


def test_two_measurements_are_no_line() -> None:
    assert chart(measured(None, 0.1, 0.2)) is None
