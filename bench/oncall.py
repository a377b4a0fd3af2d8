"""How long it takes to know who is on call: at an instant, and for every instant of a year.

python bench/oncall.py

CPU time of one thread, the median of several rounds. The reference, measured in the same call, turns the local times of
as many hand-offs into instants with the standard library alone, and decides nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.oncall import rules
from tocsin.oncall.model import Layer, Restriction, Schedule, Stretch

ROUNDS = 15
START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")


def ten_layers() -> tuple[Layer, ...]:
    """A company that follows the sun: turns of weeks, days and eight hours in five zones, all but one restricted."""
    hours = Restriction(days=WORKDAYS, time_from="08:00", time_to="18:00")
    night = Restriction(days=("fri", "sat"), time_from="22:00", time_to="06:00")
    return tuple(
        Layer(
            id=number,
            position=number,
            user_ids=(1, 2, 3, 4, 5),
            rotation_interval=("week", "day", "hour")[number % 3],  # type: ignore[arg-type]
            rotation_length=(1, 1, 8)[number % 3],
            timezone=ZONES[number % len(ZONES)],
            starts_at=START - timedelta(days=400),
            restrictions=((hours,), (night,), (hours, night))[number % 3] if number > 1 else (),
        )
        for number in range(1, 11)
    )


def overrides(count: int) -> tuple[Stretch, ...]:
    """So many stretches of a day that somebody took over, spread over the year."""
    step = YEAR / count
    return tuple(
        Stretch(id=n, starts_at=START + n * step, ends_at=START + n * step + timedelta(hours=20), user_ids=(6,))
        for n in range(count)
    )


def reference(hand_offs: int) -> None:
    """The least that anybody must do: as many local times as there are shifts, each as an instant."""
    zone = ZoneInfo("Europe/Berlin")
    local = datetime(2026, 1, 1, 9, tzinfo=zone)
    for number in range(hand_offs):
        (local + timedelta(hours=number % 8760)).astimezone(UTC)


def measured(work: Callable[[], object]) -> float:
    """Milliseconds of CPU, the median of the rounds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    layers = ten_layers()
    plain = Schedule(layers=layers)
    busy = Schedule(layers=layers, overrides=overrides(300))
    hourly = Schedule(layers=(Layer(user_ids=(1, 2, 3), rotation_interval="hour", starts_at=START),))
    cold_begun = time.process_time()
    shifts = len(rules.shifts(plain, START, START + YEAR))
    cold = (time.process_time() - cold_begun) * 1000
    rows = [
        ("a year, 10 layers, the first time", shifts, cold),
        ("a year, 10 layers", shifts, measured(lambda: rules.shifts(plain, START, START + YEAR))),
        (
            "a year, 10 layers, 300 overrides",
            len(rules.shifts(busy, START, START + YEAR)),
            measured(lambda: rules.shifts(busy, START, START + YEAR)),
        ),
        (
            "a year, one layer, a turn each hour",
            len(rules.shifts(hourly, START, START + YEAR)),
            measured(lambda: rules.shifts(hourly, START, START + YEAR)),
        ),
        ("who is on call now, 10 layers", 1, measured(lambda: rules.who(plain, START + YEAR / 2))),
        ("the next change, 10 layers", 1, measured(lambda: rules.next_change(plain, START + YEAR / 2))),
    ]
    bare = measured(lambda: reference(shifts))
    print(f"{'':40}{'shifts':>8}{'ms CPU':>10}{'ratio':>8}")
    for name, number, milliseconds in rows:
        print(f"{name:40}{number:>8}{milliseconds:>10.2f}{milliseconds / bare:>8.1f}")
    print(f"{'reference: local times to instants':40}{shifts:>8}{bare:>10.2f}{1:>8.1f}")
    print("\nwanted: a year of a 10-layer schedule within 50 ms")


if __name__ == "__main__":
    main()
