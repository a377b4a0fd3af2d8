"""What a call changes, when silence is an outage, and what is not held against a job."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.heartbeats.model import Absence, HeartbeatStatus, Kind, Run, Settings, Standing
from tocsin.heartbeats.rules import words
from tocsin.heartbeats.rules.judging import (
    LONGEST_ALLOWANCE_MS,
    MAX_RUNS,
    Call,
    Deed,
    allowance_ms,
    look,
    next_due,
    rearmed,
    take,
)

UP, DOWN, PENDING = HeartbeatStatus.UP, HeartbeatStatus.DOWN, HeartbeatStatus.PENDING
T0 = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
HOURLY = Settings(period=3_600, grace=300)
A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def call(kind: Kind, at_ms: int = T0, run: str | None = None, code: int | None = None) -> Call:
    return Call(kind=kind, at_ms=at_ms, run_id=run, exit_code=code)


def up(at_ms: int = T0) -> Standing:
    return take(Standing(), call(Kind.SUCCESS, at_ms), HOURLY).standing


def test_the_first_beat_starts_the_clock() -> None:
    judged = take(Standing(), call(Kind.SUCCESS), HOURLY)
    assert (judged.standing.status, judged.deed) == (UP, None)
    assert judged.standing.due_ms == T0 + HOUR + 300_000
    assert judged.standing.plain


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("status", [PENDING, UP, DOWN])
def test_every_call_in_every_state(kind: Kind, status: HeartbeatStatus) -> None:
    standing = Standing(status=status, last_beat_ms=None if status is PENDING else T0 - HOUR)
    judged = take(standing, call(kind), HOURLY)
    expected = {
        Kind.SUCCESS: (UP, Deed.RECOVER if status is DOWN else None),
        Kind.FAIL: (DOWN, Deed.INSIST if status is DOWN else Deed.OPEN),
        Kind.START: (status, None),
        Kind.LOG: (status, None),
    }
    assert (judged.standing.status, judged.deed) == expected[kind]


def test_a_run_is_timed_from_its_start_to_its_end_whatever_runs_beside_it() -> None:
    one = take(Standing(), call(Kind.START, T0, A), HOURLY)
    two = take(one.standing, call(Kind.START, T0 + 1_000, B), HOURLY)
    assert (one.overlapping, two.overlapping) == (0, 1)
    ended = take(two.standing, call(Kind.SUCCESS, T0 + 5_000, A), HOURLY)
    assert (ended.duration_ms, [run.id for run in ended.standing.runs]) == (5_000, [B])
    assert not ended.standing.plain
    last = take(ended.standing, call(Kind.FAIL, T0 + 9_000, B, 2), HOURLY)
    assert (last.duration_ms, last.standing.runs, last.cause) == (8_000, (), "Failed: exit code 2")


def test_an_end_without_an_id_ends_every_run() -> None:
    started = take(take(Standing(), call(Kind.START), HOURLY).standing, call(Kind.START, T0, A), HOURLY)
    ended = take(started.standing, call(Kind.SUCCESS, T0 + 7_000), HOURLY)
    assert (ended.duration_ms, ended.standing.runs) == (7_000, ())


def test_a_run_that_takes_too_long_is_told_once() -> None:
    running = take(up(), call(Kind.START, T0 + 60_000, A), HOURLY).standing
    assert running.due_ms == T0 + 60_000 + 300_000
    late = look(running, HOURLY, T0 + 360_000)
    assert (late.deed, late.standing.status) == (Deed.OPEN, DOWN)
    assert late.cause == "Has been running for 5 min (expected to end within 5 min)"
    assert late.standing.due_ms == T0 + HOUR + 300_000  # next: its beat is missing as well
    ended = take(late.standing, call(Kind.SUCCESS, T0 + 600_000, A), HOURLY)
    assert (ended.deed, ended.duration_ms) == (Deed.RECOVER, 540_000)


def test_runs_without_end_are_bounded() -> None:
    standing = Standing()
    for number in range(MAX_RUNS + 20):
        standing = take(standing, call(Kind.START, T0 + number, f"{number}"), HOURLY).standing
    assert len(standing.runs) == MAX_RUNS
    assert standing.runs[-1].id == str(MAX_RUNS + 19)


def test_silence_is_late_after_period_and_grace_and_anew_with_every_call_missed() -> None:
    assert look(up(), HOURLY, T0 + HOUR + 299_999).deed is None
    late = look(up(), HOURLY, T0 + HOUR + 300_000)
    assert (late.deed, late.started_ms) == (Deed.OPEN, T0 + HOUR + 300_000)
    assert late.cause == "No heartbeat for 1 h 5 min (expected every 1 h)"
    again = look(late.standing, HOURLY, T0 + 2 * HOUR + 300_000)
    assert (again.deed, again.cause) == (Deed.INSIST, "No heartbeat for 2 h 5 min (expected every 1 h)")


@given(st.integers(30, 10_000_000), st.integers(0, 1_000_000), st.integers(0, 10**12))
def test_a_look_always_moves_the_deadline_into_the_future(period: int, grace: int, late_by: int) -> None:
    settings = Settings(period=period, grace=grace)
    standing = take(Standing(), call(Kind.SUCCESS), settings).standing
    assert standing.due_ms is not None
    now_ms = standing.due_ms + late_by
    judged = look(standing, settings, now_ms)
    assert judged.deed is Deed.OPEN
    assert judged.standing.due_ms is not None
    assert judged.standing.due_ms > now_ms - period * 1000  # at most one step behind: it catches up at once


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from(list(Kind)), st.sampled_from([None, A, B]), st.integers(0, HOUR)), max_size=30)
)
def test_the_look_is_never_later_than_the_deadline_and_a_plain_beat_only_moves_it_on(
    calls: list[tuple[Kind, str | None, int]],
) -> None:
    standing, now_ms = Standing(), T0
    for kind, run, after in calls:
        now_ms += after
        standing = take(standing, call(kind, now_ms, run), HOURLY).standing
        due = next_due(standing, HOURLY)
        assert standing.due_ms == (None if due is None else due.at_ms)
        if standing.plain:  # what the fast way writes: nothing but the instant
            fast = msgspec.structs.replace(standing, last_beat_ms=now_ms + 1)
            slow = take(standing, call(Kind.SUCCESS, now_ms + 1), HOURLY).standing
            assert rearmed(fast, HOURLY).due_ms == slow.due_ms
            assert fast.due_ms is not None
            assert slow.due_ms is not None
            assert fast.due_ms <= slow.due_ms


def test_a_failure_in_maintenance_is_kept_and_means_nothing() -> None:
    window = Settings(period=3_600, maintenance_from="12:00:00", maintenance_to="13:30:00")
    judged = take(up(T0 - HOUR), call(Kind.FAIL, T0 + 60_000), window)
    assert (judged.standing.status, judged.deed) == (UP, None)
    assert judged.standing.due_ms == T0 + HOUR * 3 // 2  # the deadline lies inside: looked at when it ends


def test_a_window_that_never_ends_expects_nothing() -> None:
    window = Settings(period=3_600, maintenance_from="00:00:00", maintenance_to="00:00:00")
    assert next_due(up(), window) is None


def test_our_own_absence_gives_time_to_call_again() -> None:
    away = Absence(T0 + HOUR // 2, T0 + 5 * HOUR)
    judged = look(up(), HOURLY, T0 + 5 * HOUR, [away])
    assert judged.deed is None
    assert judged.standing.due_ms == T0 + 5 * HOUR + allowance_ms(HOURLY)
    late = look(judged.standing, HOURLY, T0 + 5 * HOUR + allowance_ms(HOURLY), [away])
    assert late.deed is Deed.OPEN


def test_an_absence_excuses_nobody_who_was_not_expected_then() -> None:
    due = next_due(up(), HOURLY)
    assert due is not None
    for away in (Absence(T0, T0 + HOUR // 2), Absence(due.at_ms, due.at_ms + HOUR)):
        assert next_due(up(), HOURLY, [away]) == due


def test_a_tocsin_that_restarts_for_ever_does_not_keep_silent_for_ever() -> None:
    restarts = [Absence(T0 + HOUR + minute * 60_000, T0 + HOUR + minute * 60_000 + 30_000) for minute in range(600)]
    now_ms = restarts[-1].to_ms
    assert look(up(), HOURLY, now_ms, restarts).deed is Deed.OPEN


@pytest.mark.parametrize(("period", "allowed_ms"), [(30, 60_000), (900, 900_000), (86_400, LONGEST_ALLOWANCE_MS)])
def test_the_time_to_call_again_is_the_period_within_bounds(period: int, allowed_ms: int) -> None:
    assert allowance_ms(Settings(period=period)) == allowed_ms


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (3_600, "1 h"),
        (3_900, "1 h 5 min"),
        (3_605, "1 h"),
        (90_000, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_durations_are_said_in_their_two_largest_parts(seconds: int, said: str) -> None:
    assert words.duration(seconds) == said


def test_runs_survive_being_written_down() -> None:
    runs = (Run(A, T0), Run("", T0 + 1, told=True))
    assert msgspec.json.decode(msgspec.json.encode(runs), type=tuple[Run, ...]) == runs
