"""systemd's calendar events, read as systemd reads them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.heartbeats.rules import calendar

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 23, 15, 0, 30, tzinfo=UTC)  # a Monday


def coming(text: str, zone: ZoneInfo = UTC_ZONE, now: datetime = NOW) -> str:
    found = calendar.next_after(calendar.parse(text), now, zone)
    return "never" if found is None else found.strftime("%a %Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("minutely", "Mon 2026-11-23 15:01:00"),
        ("hourly", "Mon 2026-11-23 16:00:00"),
        ("daily", "Tue 2026-11-24 00:00:00"),
        ("weekly", "Mon 2026-11-30 00:00:00"),
        ("monthly", "Tue 2026-12-01 00:00:00"),
        ("quarterly", "Fri 2027-01-01 00:00:00"),
        ("semiannually", "Fri 2027-01-01 00:00:00"),
        ("yearly", "Fri 2027-01-01 00:00:00"),
        ("*:0/15", "Mon 2026-11-23 15:15:00"),
        ("8..18:30", "Mon 2026-11-23 15:30:00"),
        ("Sat,Sun 04:00", "Sat 2026-11-28 04:00:00"),
        ("Fri..Mon 14:00", "Fri 2026-11-27 14:00:00"),
        ("Saturday", "Sat 2026-11-28 00:00:00"),
        ("*-*-1,15 12:00", "Tue 2026-12-01 12:00:00"),
        ("Mon *-*-1..7 09:00", "Mon 2026-12-07 09:00:00"),
        ("12-24 18:00", "Thu 2026-12-24 18:00:00"),
        ("2027-02-03 04:05:06", "Wed 2027-02-03 04:05:06"),
        ("*-*~1 23:00", "Mon 2026-11-30 23:00:00"),
        ("*-02~1", "Sun 2027-02-28 00:00:00"),
        ("*-02-29", "Tue 2028-02-29 00:00:00"),
        ("2026..2028-1/3-01", "Fri 2027-01-01 00:00:00"),
        ("*-*", "Tue 2026-11-24 00:00:00"),
    ],
)
def test_the_next_time_of_an_event(text: str, expected: str) -> None:
    assert coming(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "25:00", "12:60", "*-13-01", "*-*-32", "Foo 12:00", "12", "1:2:3:4", "12:00 12:00", "5..1:00",
     "*-*-* 12:00 Mars/Base", "12:00/0", "12:00:00.5", "Mon..", "-", "٣:00"],
)  # fmt: skip
def test_what_is_no_event_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^has "):
        calendar.parse(text)


def test_an_event_may_name_its_own_zone() -> None:
    assert calendar.parse("*-*-* 00:00:00 America/New_York").zone_name == "America/New_York"


def test_a_time_that_the_clock_skips_does_not_happen_and_a_repeated_one_happens_once() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert coming("02:30", berlin, datetime(2027, 3, 27, 12, tzinfo=UTC)) == "Mon 2027-03-29 00:30:00"
    first = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert coming("02:30", berlin, first - timedelta(seconds=1)) == "Sun 2027-10-31 00:30:00"
    assert coming("02:30", berlin, first) == "Mon 2027-11-01 01:30:00"


_PARTS = st.one_of(
    st.just("*"),
    st.integers(0, 23).map(str),
    st.lists(st.integers(0, 23), min_size=1, max_size=3).map(lambda values: ",".join(map(str, values))),
    st.tuples(st.integers(0, 11), st.integers(12, 23)).map(lambda ends: f"{ends[0]}..{ends[1]}"),
    st.tuples(st.integers(0, 5), st.integers(1, 9)).map(lambda step: f"{step[0]}/{step[1]}"),
)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    hour=_PARTS,
    minute=_PARTS,
    weekdays=st.sampled_from(["", "Mon..Fri ", "Sat,Sun ", "Wed "]),
    after=st.integers(0, 10**7),
)
def test_nothing_lies_between_an_instant_and_the_next_time(hour: str, minute: str, weekdays: str, after: int) -> None:
    event = calendar.parse(f"{weekdays}{hour}:{minute}")
    now = NOW + timedelta(seconds=after)
    found = calendar.next_after(event, now, UTC_ZONE)
    assert found is not None
    assert found > now

    def happens(at: datetime) -> bool:
        return event.happens_on(at.date()) and at.hour in event.hours and at.minute in event.minutes

    assert happens(found)
    assert found.second == 0
    minute_after = now.replace(second=0) + timedelta(minutes=1)
    between = range(min(int((found - minute_after) / timedelta(minutes=1)), 3 * 1440))
    assert not any(happens(minute_after + timedelta(minutes=step)) for step in between)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):  # and nothing else
        calendar.next_after(calendar.parse(text), NOW, UTC_ZONE)
