"""Turns come in the order in which they are due, whatever the order in which they were made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.rules.schedule import SLOT_SECONDS, Schedule

instants = st.one_of(st.floats(0, 3, allow_nan=False), st.integers(0, 96).map(lambda slot: slot * SLOT_SECONDS))


def due(schedule: Schedule[str], now: float) -> list[tuple[float, int, str]]:
    found = []
    while (turn := schedule.take(now)) is not None:
        found.append(turn)
    return found


@pytest.mark.slow
@given(st.lists(st.tuples(st.booleans(), instants), max_size=60))
def test_what_is_due_comes_whole_and_in_order(steps: list[tuple[bool, float]]) -> None:
    schedule: Schedule[str] = Schedule()
    waiting: list[tuple[float, int, str]] = []
    now = 0.0
    for number, (look, instant) in enumerate(steps):
        if look:
            now = max(now, instant)
            expected = sorted(turn for turn in waiting if turn[0] <= now)
            assert due(schedule, now) == expected
            waiting = [turn for turn in waiting if turn[0] > now]
        else:
            waiting.append((instant, number, "monitor"))
            schedule.put(waiting[-1])
        assert schedule.next_due == min((turn[0] for turn in waiting), default=float("inf"))


def test_what_should_have_come_long_ago_is_next() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.put((100.0, 1, "soon"))
    assert due(schedule, 100.0) == [(100.0, 1, "soon")]
    schedule.put((100.01, 2, "in the same slot"))
    schedule.put((3.0, 3, "forgotten"))
    assert [who for _, _, who in due(schedule, 101.0)] == ["forgotten", "in the same slot"]


def test_nothing_is_due_where_nothing_waits() -> None:
    schedule: Schedule[str] = Schedule()
    assert schedule.take(1e9) is None
    assert schedule.next_due == float("inf")
