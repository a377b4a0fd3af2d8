"""Measurements on the shelf: what goes in comes out, in little room."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import HourFigures, Observation, Sample, Verdict
from tocsin.monitors.store import samples as shelf
from tocsin.storage import Database, Tx

HOUR = 1_700_000_000_000 // shelf.HOUR_MS * shelf.HOUR_MS
times = st.integers(0, 900_000_000).map(lambda us: us / 1e6)
phases = st.none() | times


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, shelf.HOUR_MS - 1), times, phases, phases, phases, phases), max_size=50))
def test_an_hour_comes_out_as_it_went_in(rows: list[tuple[int, float, None, None, None, None]]) -> None:
    found = [Sample(3, "eu", HOUR + after, *durations) for after, *durations in sorted(rows, key=lambda row: row[0])]
    packed = shelf.Packed(3, HOUR, "eu", 1, shelf.pack_hour(HOUR, found))
    assert shelf.unpack_hour(packed) == found


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(1, 2**40), st.integers(0, 5000), times, phases), max_size=30))
def test_a_batch_comes_out_as_it_went_in(rows: list[tuple[int, int, float, float | None]]) -> None:
    seen = [
        Observation(monitor_id=id, revision=1, region="eu", started_ms=HOUR + after, ended_ms=HOUR, verdict=Verdict.UP,
                    response_time=time, connection_time=phase)
        for id, after, time, phase in rows
    ]  # fmt: skip
    unpacked = list(shelf.unpack_batch(HOUR, "eu", shelf.pack_batch(HOUR, seen)))
    assert unpacked == [Sample(id, "eu", HOUR + after, time, None, phase) for id, after, time, phase in rows]


def test_hours_of_a_day_may_come_in_any_order_and_twice(database: Database) -> None:
    order = [5, 0, 23, 11, 5, 1]

    def fill(tx: Tx) -> None:
        for hour in order:
            shelf.add_figures(tx, 1, "eu", HourFigures(day + hour * shelf.HOUR_MS, hour + 1, hour / 8, 0.25, 0.5))

    day = HOUR // shelf.DAY_MS * shelf.DAY_MS
    database.submit_write(fill).result(10)
    found = database.submit_read(shelf.figures_of, 1, day, day + shelf.DAY_MS).result(10)
    assert found == [
        ("eu", HourFigures(day + hour * shelf.HOUR_MS, hour + 1, hour / 8, 0.25, 0.5)) for hour in sorted(set(order))
    ]


def test_a_day_of_checks_every_thirty_seconds_stays_under_sixty_kilobytes() -> None:
    chance = random.Random(7)
    found = [
        Sample(1, "eu", HOUR + beat * 30_000, chance.gauss(0.2, 0.02), chance.expovariate(2000),
               chance.gauss(0.03, 0.002), chance.gauss(0.04, 0.003), chance.gauss(0.12, 0.02))
        for beat in range(120)
    ]  # fmt: skip
    assert 24 * len(shelf.pack_hour(HOUR, found)) < 60_000
