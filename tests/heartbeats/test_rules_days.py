"""How a job fared day by day: each day says the worst of it, and only counts what was watched."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tocsin.heartbeats.model import Day
from tocsin.heartbeats.rules import days as rules
from tocsin.kernel.availability import Course

HOUR = 3_600_000
DAY = 24 * HOUR
TODAY = date(2026, 3, 4)
EDGES = rules.edges(TODAY, 3, ZoneInfo("UTC"))
START = EDGES[0][1]
NOON = EDGES[2][1] + 12 * HOUR


def looked_at(course: Course, *outages: tuple[int, int | None]) -> list[Day]:
    return rules.days(EDGES, course, outages, NOON)


def course(since_ms: int = 0, **more: tuple[tuple[int, int], ...]) -> Course:
    return Course(owner_type="heartbeat", id=1, team_id=1, since_ms=since_ms, **more)


def test_days_are_the_oldest_first_and_the_last_one_is_today() -> None:
    found = looked_at(course())
    assert [day.date for day in found] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert {(day.status, day.availability) for day in found} == {("operational", 100.0)}


def test_an_outage_counts_on_each_day_that_it_touches_and_lasts_until_now() -> None:
    first, second, third = looked_at(course(), (START + 23 * HOUR, None))
    assert [day.status for day in (first, second, third)] == ["downtime"] * 3
    assert [day.downtime for day in (first, second, third)] == [3_600, 86_400, 43_200]
    assert [day.incidents for day in (first, second, third)] == [1, 1, 1]
    assert second.availability == 0.0


def test_what_nobody_watched_is_neither_up_nor_down() -> None:
    first, second, _ = looked_at(
        course(START + DAY, paused=((START + DAY, START + DAY + 6 * HOUR),)), (START, START + DAY + 12 * HOUR)
    )
    assert (first.status, first.availability, first.incidents) == ("not_monitored", None, 0)
    assert (second.status, second.downtime) == ("downtime", 6 * 3_600)


def test_an_outage_in_maintenance_is_none() -> None:
    window = (START + HOUR, START + 3 * HOUR)
    first, *_ = looked_at(course(maintenance=(window,)), window)
    assert (first.status, first.downtime, first.maintenance, first.availability) == ("maintenance", 0, 7_200, 100.0)


def test_a_day_in_spring_has_23_hours() -> None:
    edges = rules.edges(date(2026, 3, 29), 1, ZoneInfo("Europe/Berlin"))
    assert edges[1][1] - edges[0][1] == 23 * HOUR


@given(st.lists(st.tuples(st.integers(-DAY, 4 * DAY), st.integers(1, 2 * DAY)), max_size=6))
def test_no_day_is_down_for_longer_than_it_was(spells: list[tuple[int, int]]) -> None:
    outages = [(START + begin, START + begin + length) for begin, length in spells]
    for day, length in zip(looked_at(course(), *outages), (DAY, DAY, 12 * HOUR), strict=True):
        assert 0 <= day.downtime <= length // 1000
        assert day.availability is not None
        assert 0 <= day.availability <= 100
