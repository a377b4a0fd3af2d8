"""Who is on call: without a gap, without two in one layer, by the clock on the wall, and the strongest word first."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.kernel.zones import RAILS_NAMES
from tocsin.oncall.model import Layer, Restriction, Schedule, Stretch
from tocsin.oncall.rules import next_change, shifts, who
from tocsin.oncall.rules.planning import at_once

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOWE, APIA = "Australia/Lord_Howe", "Pacific/Apia"


def at(text: str, zone: str | None = None) -> datetime:
    """An instant; with a zone, the first at which its wall clock shows this."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if zone is None else instant.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def layer(*user_ids: int, start: str = "2026-01-05T00:00", **more: object) -> Layer:
    fields: dict[str, object] = {"handoff_time": "09:00", "timezone": "Europe/Berlin", "rotation_interval": "day"}
    return Layer(user_ids=user_ids, starts_at=at(start), **{**fields, **more})  # type: ignore[arg-type]


def plan(schedule: Schedule, start: str, end: str) -> list[tuple[str, tuple[int, ...]]]:
    """(beginning, people) of each shift in the window."""
    return [(shift.starts_at.strftime("%m-%d %H:%M"), shift.user_ids) for shift in shifts(schedule, at(start), at(end))]


# --- the clock on the wall --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Berlin", "America/New_York", HOWE, "Africa/Casablanca"])
@pytest.mark.parametrize("interval", ["day", "week"])
def test_a_hand_off_at_nine_stays_at_nine_when_the_clocks_change(zone: str, interval: str) -> None:
    iana = {"Berlin": "Europe/Berlin"}.get(zone, zone)
    schedule = Schedule(layers=(layer(1, 2, 3, timezone=zone, rotation_interval=interval),))
    planned = shifts(schedule, at("2026-02-01"), at("2027-12-31"))
    assert {shift.starts_at.astimezone(ZoneInfo(iana)).strftime("%H:%M") for shift in planned[1:]} == {"09:00"}
    step = {"day": 1, "week": 7}[interval]
    days = [shift.starts_at.astimezone(ZoneInfo(iana)).date() for shift in planned[1:]]
    assert {(after - before).days for before, after in itertools.pairwise(days)} == {step}


def test_half_days_stay_where_they_are_and_the_night_of_the_change_is_shorter_or_longer() -> None:
    schedule = Schedule(layers=(layer(1, 2, rotation_interval="hour", rotation_length=12),))
    assert plan(schedule, "2026-03-28T08:00", "2026-03-30T08:00") == [
        ("03-28 08:00", (1,)), ("03-28 20:00", (2,)), ("03-29 07:00", (1,)), ("03-29 19:00", (2,)),
        ("03-30 07:00", (1,)),
    ]  # fmt: skip
    assert plan(schedule, "2026-10-24T19:00", "2026-10-25T09:00") == [("10-24 19:00", (2,)), ("10-25 08:00", (1,))]


def test_of_hourly_turns_one_is_skipped_in_spring_and_one_is_double_in_autumn() -> None:
    schedule = Schedule(layers=(layer(1, 2, 3, rotation_interval="hour"),))
    spring = shifts(schedule, at("2026-03-28T23:00"), at("2026-03-29T04:00"))
    assert all(shift.ends_at - shift.starts_at == timedelta(hours=1) for shift in spring)
    assert [b.user_ids[0] - a.user_ids[0] for a, b in itertools.pairwise(spring)].count(1) < 4
    autumn = shifts(schedule, at("2026-10-24T22:00"), at("2026-10-25T03:00"))
    assert [shift.ends_at - shift.starts_at for shift in autumn].count(timedelta(hours=2)) == 1


def test_on_apias_missing_day_the_turn_that_would_begin_on_it_begins_at_the_skip() -> None:
    schedule = Schedule(layers=(layer(1, 2, 3, start="2011-12-26T00:00", timezone=APIA),))
    assert plan(schedule, "2011-12-28T19:00", "2012-01-01T00:00") == [
        ("12-28 19:00", (1,)), ("12-29 19:00", (2,)), ("12-30 10:00", (3,)), ("12-30 19:00", (1,)),
        ("12-31 19:00", (2,)),
    ]  # fmt: skip


def test_work_hours_are_longer_when_the_clock_goes_back_and_vanish_with_a_skipped_hour() -> None:
    def open_for(day: str, time_from: str, time_to: str) -> timedelta:
        hours = Restriction(days=WEEKDAYS, time_from=time_from, time_to=time_to)
        schedule = Schedule(layers=(layer(1, restrictions=(hours,)),))
        planned = shifts(schedule, at(f"{day}T00:00", "Europe/Berlin"), at(f"{day}T23:00", "Europe/Berlin"))
        return sum((each.ends_at - each.starts_at for each in planned if each.user_ids), timedelta())

    assert open_for("2026-10-24", "02:15", "02:45") == timedelta(minutes=30)
    assert open_for("2026-10-25", "02:15", "02:45") == timedelta(minutes=90), "from the first to the last"
    assert open_for("2026-03-29", "02:15", "02:45") == timedelta()
    assert open_for("2026-03-29", "01:30", "02:30") == timedelta(minutes=30)


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = Restriction(days=("fri",), time_from="22:00", time_to="06:00")
    whole = Restriction(days=("sun",), time_from="00:00", time_to="00:00")
    schedule = Schedule(layers=(layer(1, timezone="UTC", restrictions=(night, whole)),))
    assert plan(schedule, "2026-03-06T00:00", "2026-03-10T00:00") == [
        ("03-06 00:00", ()), ("03-06 22:00", (1,)), ("03-07 06:00", ()), ("03-08 00:00", (1,)), ("03-09 00:00", ()),
    ]  # fmt: skip


# --- what counts ------------------------------------------------------------------------------------------------------


def stretch(id: int, start: str, end: str, *user_ids: int) -> Stretch:
    return Stretch(id=id, starts_at=at(start), ends_at=at(end), user_ids=user_ids)


def test_overrides_win_over_events_events_over_imports_imports_over_layers_and_a_higher_layer_over_a_lower() -> None:
    schedule = Schedule(
        overrides=(stretch(1, "2026-03-02T01:00", "2026-03-02T03:00", 1),
                   stretch(2, "2026-03-02T02:00", "2026-03-02T04:00", 2)),
        events=(stretch(3, "2026-03-02T03:00", "2026-03-02T05:00", 3),
                stretch(4, "2026-03-02T04:30", "2026-03-02T06:00", 4, 3)),
        imported=(stretch(5, "2026-03-02T05:00", "2026-03-02T07:00", 5),),
        layers=(layer(6), layer(7, start="2026-03-02T08:00")),
    )  # fmt: skip
    assert plan(schedule, "2026-03-02T00:00", "2026-03-02T09:00") == [
        ("03-02 00:00", (6,)), ("03-02 01:00", (1,)), ("03-02 02:00", (2,)), ("03-02 04:00", (3,)),
        ("03-02 04:30", (3, 4)), ("03-02 05:00", (4, 3)), ("03-02 06:00", (5,)), ("03-02 07:00", (6,)),
        ("03-02 08:00", (7,)),
    ]  # fmt: skip


def test_whoever_has_left_the_team_is_never_on_call_and_others_take_their_turns() -> None:
    schedule = Schedule(
        overrides=(stretch(1, "2026-03-02T00:00", "2026-03-03T00:00", 9),),
        layers=(layer(1, 2, 3, start="2026-03-01T08:00"),),
        present=frozenset({1, 3}),
    )
    assert plan(schedule, "2026-03-01T08:00", "2026-03-05T08:00") == [
        ("03-01 08:00", (1,)), ("03-02 08:00", (3,)), ("03-04 08:00", (1,)),
    ]  # fmt: skip
    nobody = Schedule(layers=(layer(1),), present=frozenset())
    assert who(nobody, at("2026-03-02T12:00")) == ()
    assert next_change(nobody, at("2026-03-02T12:00")) is None


def test_a_layer_begins_and_ends_when_it_says_and_its_first_turn_reaches_to_the_next_hand_off() -> None:
    schedule = Schedule(layers=(layer(1, 2, start="2026-03-02T12:00", ends_at=at("2026-03-04T00:00"), timezone="UTC"),))
    assert plan(schedule, "2026-03-02T00:00", "2026-03-05T00:00") == [
        ("03-02 00:00", ()), ("03-02 12:00", (1,)), ("03-03 09:00", (2,)), ("03-04 00:00", ()),
    ]  # fmt: skip
    assert next_change(schedule, at("2026-03-02T12:00")) == at("2026-03-03T09:00")
    early = Schedule(layers=(layer(1, 2, start="2026-03-02T07:00", timezone="UTC"),))
    assert plan(early, "2026-03-02T07:00", "2026-03-03T10:00") == [("03-02 07:00", (1,)), ("03-03 09:00", (2,))]


def test_as_many_are_counted_at_once_as_there_are_and_neighbours_do_not_touch() -> None:
    neighbours = [stretch(0, f"2026-03-02T0{hour}:00", f"2026-03-02T0{hour + 1}:00", 1) for hour in range(5)]
    assert at_once(neighbours) == 1
    assert at_once([*neighbours, stretch(0, "2026-03-02T01:00", "2026-03-02T04:00", 1)]) == 2


# --- properties -------------------------------------------------------------------------------------------------------

ZONES = st.sampled_from([*sorted(available_timezones() - {"localtime"}), *RAILS_NAMES, HOWE, APIA, APIA])
INSTANTS = st.datetimes(datetime(2011, 12, 20), datetime(2027, 12, 31), timezones=st.just(UTC)).map(
    lambda instant: instant.replace(microsecond=instant.microsecond // 1000 * 1000)
)
PEOPLE = st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple)
CLOCK = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
WINDOWS = st.builds(
    Restriction,
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(tuple),
    time_from=CLOCK,
    time_to=CLOCK,
)


def layers(restricted: bool) -> st.SearchStrategy[Layer]:
    return st.builds(
        Layer,
        user_ids=PEOPLE,
        rotation_length=st.integers(1, 9),
        rotation_interval=st.sampled_from(["hour", "day", "week"]),
        handoff_time=CLOCK,
        timezone=ZONES,
        starts_at=st.just(at("2011-12-01")) | INSTANTS if restricted else st.just(at("2011-12-01")),
        restrictions=st.lists(WINDOWS, max_size=3).map(tuple) if restricted else st.just(()),
    )


@st.composite
def stretches(draw: st.DrawFn, around: datetime) -> tuple[Stretch, ...]:
    hours = st.integers(-200, 400)
    found = []
    for id in range(draw(st.integers(0, 4))):
        start = around + timedelta(hours=draw(hours))
        end = start + timedelta(hours=draw(st.integers(1, 100)))
        found.append(Stretch(id=id + 1, starts_at=start, ends_at=end, user_ids=draw(PEOPLE)))
    return tuple(found)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    around = draw(INSTANTS)
    present = draw(st.none() | st.frozensets(st.integers(1, 5)))
    schedule = Schedule(
        overrides=draw(stretches(around)),
        events=draw(stretches(around)),
        imported=draw(stretches(around)),
        layers=tuple(draw(st.lists(layers(restricted=True), max_size=3))),
        present=present,
    )
    return schedule, around


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(layers(restricted=False), INSTANTS, st.lists(st.integers(0, 20 * 24 * 60), max_size=5))
def test_at_any_instant_a_rotation_without_gaps_has_exactly_one_person(
    rotation: Layer, start: datetime, minutes: list[int]
) -> None:
    schedule = Schedule(layers=(rotation,))
    end = start + timedelta(days=20)
    planned = shifts(schedule, start, end)
    assert all(len(shift.user_ids) == 1 for shift in planned)
    assert set().union(*(shift.user_ids for shift in planned)) <= set(rotation.user_ids)
    for minute in minutes:
        assert len(who(schedule, start + timedelta(minutes=minute))) == 1


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(schedules(), st.integers(1, 40 * 24), st.lists(st.integers(0, 999), max_size=8))
def test_shifts_tile_their_window_and_whoever_is_on_call_stands_in_the_shift_of_that_instant(
    drawn: tuple[Schedule, datetime], hours: int, places: list[int]
) -> None:
    schedule, start = drawn
    end = start + timedelta(hours=hours)
    planned = shifts(schedule, start, end)
    assert planned[0].starts_at == start
    assert planned[-1].ends_at == end
    for before, after in itertools.pairwise(planned):
        assert before.ends_at == after.starts_at
        assert before.user_ids != after.user_ids, "neighbours with the same people are one shift"
    instants = [start + (end - start) // 1000 * place for place in places]
    for instant in [*instants, *(shift.starts_at for shift in planned[:5])]:
        (shift,) = [each for each in planned if each.starts_at <= instant < each.ends_at]
        assert who(schedule, instant) == shift.user_ids
        assert schedule.present is None or set(shift.user_ids) <= schedule.present
    change = next_change(schedule, start)
    assert change is None or change == planned[0].ends_at or change >= end


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(layers(restricted=True), INSTANTS, st.integers(1, 30 * 24))
def test_a_window_laid_out_in_two_parts_is_the_window_laid_out_at_once(
    rotation: Layer, start: datetime, hours: int
) -> None:
    schedule = Schedule(layers=(rotation,))
    middle, end = start + timedelta(hours=hours), start + timedelta(days=40)
    whole = shifts(schedule, start, end)
    parts = [*shifts(schedule, start, middle), *shifts(schedule, middle, end)]
    for shift in whole:
        inside = [each for each in parts if each.starts_at < shift.ends_at and each.ends_at > shift.starts_at]
        assert {each.user_ids for each in inside} == {shift.user_ids}
