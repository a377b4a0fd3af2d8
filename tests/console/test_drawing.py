"""Bars and charts as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import msgspec
import pytest

from tocsin.console.drawing import Series, bars, chart, evenly, round_up


@pytest.mark.parametrize(
    ("value", "edge"),
    [(0, 1), (0.3, 0.3), (0.31, 0.4), (1, 1), (7, 8), (61, 80), (262, 300), (1000, 1000), (1001, 2000)],
)
def test_the_upper_edge_is_the_round_number_above(value: float, edge: float) -> None:
    assert round_up(value) == pytest.approx(edge)


def test_bars_say_what_each_day_was_like() -> None:
    days = [{"date": "2026-11-01", "status": "operational", "downtime": 0},
            {"date": "2026-11-02", "status": "downtime", "downtime": 90}]  # fmt: skip
    drawn = bars(days)
    assert [bar.look for bar in drawn.items] == ["good", "bad"]
    assert drawn.words == "Down on 1 of 2 days, 1 minute 30 seconds in all"
    assert msgspec.json.decode(drawn.points)[1] == "2026-11-02: down for 1 minute 30 seconds"


def test_a_line_breaks_where_nothing_is_known() -> None:
    drawn = chart([Series(name="eu", values=[10, 20, None, 40, None])], [0, 1, 2, 3, 4], label="Time")
    ElementTree.fromstring(str(drawn.svg))
    (path,) = re.findall(r'class="line s1" d="([^"]+)"', str(drawn.svg))
    assert path == "M0 75L1 50M2.8 0h.4", "a single point is a dash"
    assert (drawn.top, drawn.middle) == ("40 ms", "20 ms")


def test_layers_stand_on_one_another() -> None:
    layers = [Series(name="DNS", values=[10.0, None, 10.0]), Series(name="TLS", values=[30.0, None, None])]
    drawn = chart(layers, [0, 1, 2], label="Time", stacked=True)
    areas = re.findall(r'class="area a(\d)" d="([^"]+)"', str(drawn.svg))
    assert areas[0] == ("1", "M-0.2 100V75h.4V100Z")
    assert ("2", "M-0.2 75V0h.4V75Z") in areas
    assert drawn.legend == ((1, "DNS"), (2, "TLS"))


def test_instants_under_a_chart_are_spread_evenly() -> None:
    assert evenly(list(range(101)), 5) == [0, 25, 50, 75, 100]
    assert evenly([], 5) == []
