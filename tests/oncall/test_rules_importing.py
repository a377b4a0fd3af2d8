"""Calendars from elsewhere: what their events mean, and what is refused before it takes for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.oncall.rules.importing import Person, Unreadable, read

PEOPLE = (
    Person(1, "alice@example.com", "Alice Archer"),
    Person(2, "bob@example.com", "Bob Builder"),
    Person(3, "bob2@example.com", "Bob Baker"),
)
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = timedelta(days=30)


def calendar(*events: str, head: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\nUID:{number}\n{event}\nEND:VEVENT\n" for number, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def understood(*events: str, head: str = "", timezone: str = "UTC") -> list[tuple[str, str, tuple[int, ...]]]:
    """(beginning, end, people) of what is read."""
    found = read(calendar(*events, head=head), PEOPLE, START, START + DAYS, timezone)
    form = "%m-%d %H:%M"
    return [(each.starts_at.strftime(form), each.ends_at.strftime(form), each.user_ids) for each in found.stretches]


WHEN = "DTSTART:20260302T090000Z\nDTEND:20260302T170000Z\n"


@pytest.mark.parametrize(
    ("event", "people"),
    [
        ("SUMMARY:Bob Builder\nATTENDEE:mailto:Alice@example.com", (1,)),
        ("ATTENDEE:mailto:bob@example.com\nATTENDEE:mailto:alice@example.com", (2, 1)),
        ("SUMMARY:alice@example.com\nATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.com", (1,)),
        ("SUMMARY:Primary (bob@example.com)", (2,)),
        ("SUMMARY:On Call - ALICE ARCHER - Tier 1", (1,)),
        ("SUMMARY:Bob Baker and Alice Archer", (3, 1)),
        ("SUMMARY:alice", (1,)),
        ("SUMMARY:bob", ()),
        ("SUMMARY:Malice Archery", ()),
        ("SUMMARY:Team lunch\nATTENDEE:mailto:stranger@example.com", ()),
        ("SUMMARY:Alice Archer\nSTATUS:CANCELLED", ()),
    ],
)
def test_an_event_is_whoever_attends_it_or_whose_address_or_name_stands_in_its_title(
    event: str, people: tuple[int, ...]
) -> None:
    assert understood(WHEN + event) == ([("03-02 09:00", "03-02 17:00", people)] if people else [])


def test_days_and_times_without_a_zone_are_those_of_the_calendar_or_else_of_the_import() -> None:
    whole_day = "SUMMARY:alice\nDTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260303"
    floating = "SUMMARY:alice\nDTSTART:20260305T090000\nDTEND:20260305T100000"
    prague = [("03-01 23:00", "03-02 23:00", (1,)), ("03-05 08:00", "03-05 09:00", (1,))]
    assert understood(whole_day, floating, timezone="Prague") == prague
    assert understood(whole_day, floating, head="X-WR-TIMEZONE:Europe/Prague\n") == prague
    assert understood(whole_day) == [("03-02 00:00", "03-03 00:00", (1,))]


def test_what_repeats_does_so_by_its_own_clock_with_its_exceptions() -> None:
    event = (
        "SUMMARY:alice\nDTSTART;TZID=Europe/Berlin:20260327T090000\nDTEND;TZID=Europe/Berlin:20260327T170000\n"
        "RRULE:FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:20260328T090000"
    )
    assert understood(event)[:2] == [("03-27 08:00", "03-27 16:00", (1,)), ("03-29 07:00", "03-29 15:00", (1,))]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;COUNT=100000000",
        "FREQ=HOURLY;BYMINUTE=0,10,20,30,40,50;BYSECOND=0,30",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60))),
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYYEARDAY=300;COUNT=1",
    ],
)
def test_what_would_take_for_ever_to_lay_out_is_left_out_and_the_rest_is_read(rule: str) -> None:
    events = calendar(f"{WHEN}SUMMARY:alice\nRRULE:{rule}", f"{WHEN}SUMMARY:Bob Builder\nRRULE:FREQ=WEEKLY;BYDAY=MO")
    found = read(events, PEOPLE, START, START + DAYS, "UTC")
    assert found.left_out == ("alice",)
    assert [each.user_ids for each in found.stretches] == [(2,)] * 5


@pytest.mark.parametrize(
    "text",
    [b"", b"<html>Sign in</html>", b"\xff\xfe\x00", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"BEGIN:VCALENDAR\r\n" * 50],
)
def test_what_is_no_calendar_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read(text, PEOPLE, START, START + DAYS, "UTC")


def test_titles_that_name_nobody_are_told_a_few_of_them() -> None:
    events = [f"{WHEN}SUMMARY:Party {number % 9}" for number in range(30)]
    found = read(calendar(*events), PEOPLE, START, START + DAYS, "UTC")
    assert found.stretches == ()
    assert found.strange == ("Party 0", "Party 1", "Party 2", "Party 3", "Party 4")


@pytest.mark.parametrize("endless", ["a" * 300_000, "a@" * 150_000, "a\r\n " * 100_000])
def test_a_title_without_end_holds_nobody_up_and_whoever_stands_at_its_beginning_is_found(endless: str) -> None:
    event = f"SUMMARY:Alice Archer {endless}"
    assert understood(WHEN + event.replace("\r\n", "\n")) == [("03-02 09:00", "03-02 17:00", (1,))]
