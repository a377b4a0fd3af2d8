"""The wall clock of every zone, against the zones themselves; Lord Howe's half hour and Apia's missing day by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from tests.time import START
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.oncall.rules.wall import DAY, HOUR, MINUTE, wall

ZONES = sorted(available_timezones() - {"localtime"})
A_FEW = tuple(ZONES[::24])
"""Every twenty-fourth in each run, all in the whole one."""
TWO_YEARS = timedelta(days=731)


def ms(text: str) -> int:
    """An instant, or what a wall clock shows, in milliseconds."""
    instant = datetime.fromisoformat(text)
    return to_milliseconds(instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant)


def shown(instant: int) -> str:
    return from_milliseconds(instant).strftime("%Y-%m-%d %H:%M")


def agrees(name: str) -> None:
    """At every hour of two years the wall shows what the zone says, and leads back to the first and last such hour."""
    zone = ZoneInfo(name)
    begin, end = to_milliseconds(START), to_milliseconds(START + TWO_YEARS)
    clock = wall(name, begin, end)
    for instant in range(begin, end, HOUR):
        moment = from_milliseconds(instant)
        offset = moment.astimezone(zone).utcoffset()
        assert offset is not None
        local = clock.local(instant)
        assert local == instant + offset // timedelta(milliseconds=1), (name, moment)
        first, last = clock.first(local), clock.last(local)
        assert first <= instant, (name, moment)
        assert clock.local(first) == local
        assert clock.local(last - 1) < local, (name, moment)
        assert all(clock.local(later) >= local for later in (last, last + 30 * MINUTE, last + HOUR)), (name, moment)


@pytest.mark.slow
@pytest.mark.parametrize("name", A_FEW)
def test_the_transitions_of_the_coming_two_years_are_those_of_the_zone(name: str) -> None:
    agrees(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ZONES if name not in A_FEW])
def test_so_are_those_of_all_other_zones(name: str) -> None:
    agrees(name)


def test_a_time_that_is_skipped_is_the_moment_of_the_skip_and_one_shown_twice_the_first() -> None:
    berlin = wall("Europe/Berlin", ms("2026-01-01"), ms("2026-12-31"))
    skipped = ms("2026-03-29T01:00Z")
    for text in ("2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T03:00"):
        assert berlin.first(ms(text)) == berlin.last(ms(text)) == skipped
    assert berlin.first(ms("2026-03-29T03:01")) == skipped + MINUTE
    assert berlin.first(ms("2026-10-25T02:30")) == ms("2026-10-25T00:30Z")
    assert berlin.last(ms("2026-10-25T02:30")) == ms("2026-10-25T01:30Z")
    assert berlin.first(ms("2026-10-25T03:00")) == berlin.last(ms("2026-10-25T03:00")) == ms("2026-10-25T02:00Z")


def test_lord_howe_changes_by_half_an_hour() -> None:
    howe = wall("Australia/Lord_Howe", ms("2026-01-01"), ms("2026-12-31"))
    assert howe.first(ms("2026-10-04T02:15")) == ms("2026-10-03T15:30Z"), "02:00 to 02:30 is skipped"
    assert howe.first(ms("2026-10-04T02:30")) == ms("2026-10-03T15:30Z")
    assert howe.first(ms("2026-04-05T01:45")) == ms("2026-04-04T14:45Z")
    assert howe.last(ms("2026-04-05T01:45")) == ms("2026-04-04T15:15Z"), "01:30 to 02:00 comes twice"


def test_apia_had_no_thirtieth_of_december_2011() -> None:
    apia = wall("Pacific/Apia", ms("2011-12-01"), ms("2012-01-31"))
    skip = ms("2011-12-30T10:00Z")
    assert apia.first(ms("2011-12-29T09:00")) == skip - 15 * HOUR
    assert apia.first(ms("2011-12-30T09:00")) == apia.last(ms("2011-12-30T09:00")) == skip
    assert apia.first(ms("2011-12-31T09:00")) == skip + 9 * HOUR
    assert apia.local(skip) - apia.local(skip - 1) == DAY + 1


def test_outside_the_years_that_were_asked_for_the_clock_runs_on_and_an_unknown_zone_is_utc() -> None:
    berlin = wall("Europe/Berlin", ms("2026-01-01"), ms("2026-12-31"))
    assert berlin.first(ms("1999-07-01")) < berlin.first(ms("1999-07-02")) < berlin.first(ms("2199-07-02"))
    assert wall("Nowhere/At_All", 0, 0).local(ms("2026-07-01")) == ms("2026-07-01")
