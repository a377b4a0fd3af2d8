"""Quiet hours go by the person's own wall clock, on nights in which it changes too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.contacts.model import QuietHours
from tocsin.contacts.rules import quiet_until

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours(time_from: str, time_to: str, days: tuple[str, ...] = WEEK, timezone: str = "Europe/Prague") -> QuietHours:
    some = datetime(2026, 1, 1, tzinfo=UTC)
    return QuietHours(
        id=1, user_id=1, timezone=timezone, days=days, time_from=time_from, time_to=time_to, created_at=some,
        updated_at=some,
    )  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("quiet", "at", "until"),
    [
        (hours("22:00", "07:00"), "2026-01-15T20:59", None),
        (hours("22:00", "07:00"), "2026-01-15T21:00", "2026-01-16T06:00"),
        (hours("22:00", "07:00"), "2026-01-16T05:59", "2026-01-16T06:00"),
        (hours("22:00", "07:00"), "2026-01-16T06:00", None),
        (hours("22:00", "07:00", ("fri",)), "2026-01-17T03:00", "2026-01-17T06:00"),  # Saturday: Friday's night
        (hours("22:00", "07:00", ("sat",)), "2026-01-17T03:00", None),
        (hours("12:00", "13:00"), "2026-07-15T10:30", "2026-07-15T11:00"),
        (hours("00:00", "00:00", ("sun",)), "2026-01-18T12:00", "2026-01-18T23:00"),
        (hours("00:00", "00:00", ("sun",)), "2026-01-18T23:00", None),
        # The clocks change in the night to 29 March and to 25 October: an hour less, an hour more.
        (hours("22:00", "07:00"), "2026-03-28T21:00", "2026-03-29T05:00"),
        (hours("22:00", "07:00"), "2026-10-24T20:00", "2026-10-25T06:00"),
        (hours("22:00", "07:00", timezone="Prague"), "2026-01-15T21:00", "2026-01-16T06:00"),
        (hours("22:00", "07:00", timezone="Nowhere/Land"), "2026-01-15T21:00", None),
    ],
)  # fmt: skip
def test_when_it_is_quiet(quiet: QuietHours, at: str, until: str | None) -> None:
    assert quiet_until([quiet], utc(at)) == (None if until is None else utc(until))


def test_of_several_the_one_that_lasts_longest_counts() -> None:
    both = [hours("22:00", "02:00"), hours("23:00", "07:00")]
    assert quiet_until(both, utc("2026-01-15T22:30")) == utc("2026-01-16T06:00")


@pytest.mark.slow
@given(st.times(), st.times(), st.integers(0, 366 * 24 * 60), st.sampled_from(["Europe/Prague", "Australia/Lord_Howe"]))
def test_quiet_hours_end_after_they_hold_and_within_a_day(begin: object, end: object, minutes: int, zone: str) -> None:
    at = utc("2026-01-01T00:00") + timedelta(minutes=minutes)
    until = quiet_until([hours(f"{begin:%H:%M}", f"{end:%H:%M}", timezone=zone)], at)
    assert until is None or timedelta(0) < until - at <= timedelta(hours=25)
    if f"{begin:%H:%M}" == f"{end:%H:%M}":
        assert until is not None
