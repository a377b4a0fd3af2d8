"""When a message is tried again, and when its endpoint is left alone."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.time import START
from tocsin.kernel.clock import retry_after_seconds
from tocsin.kernel.signatures import signature
from tocsin.webhooks.model import Outcome, State, Verdict
from tocsin.webhooks.rules import delivering
from tocsin.webhooks.rules.delivering import Act, Standing, endpoint_after, settled, verdict, wait_seconds

FINISHED = (State.DELIVERED, State.GIVEN_UP)
outcomes = st.builds(
    Outcome,
    verdict=st.sampled_from(Verdict),
    detail=st.just("because"),
    after_seconds=st.none() | st.floats(0, 1e9),
)


def test_every_state_and_act_is_decided() -> None:
    assert set(delivering.TABLE) == set(product(State, Act))


@given(st.sampled_from(State), st.integers(1, 200), st.integers(1, 200), st.integers(0, 100_000), outcomes)
def test_an_outcome_leaves_a_message_either_due_later_within_its_day_or_finished(
    state: State, attempt: int, attempts: int, age: int, outcome: Outcome
) -> None:
    planned_at = START - timedelta(seconds=age)
    change = settled(
        state, delivery_id=7, attempt=attempt, attempts=attempts, planned_at=planned_at, outcome=outcome, now=START
    )
    if change is None:
        assert state in FINISHED or attempt != attempts or state is not State.SENDING
        return
    assert (change.due_at is None) == (change.state in FINISHED)
    if change.due_at is not None:
        assert START < change.due_at <= planned_at + delivering.LIFETIME
    if outcome.verdict is Verdict.ACCEPTED:
        assert change.state is State.DELIVERED
    if outcome.verdict is Verdict.UNAVAILABLE:
        assert not change.refused, "an endpoint that is away refuses nothing"


def test_a_late_acceptance_counts_even_after_giving_up() -> None:
    outcome = Outcome(verdict=Verdict.ACCEPTED)
    change = settled(
        State.GIVEN_UP, delivery_id=1, attempt=1, attempts=3, planned_at=START, outcome=outcome, now=START
    )  # fmt: skip
    assert change is not None
    assert change.state is State.DELIVERED


@given(st.integers(1, 10**9), st.integers(1, 1000))
def test_waits_grow_to_ten_minutes_and_are_the_same_for_the_same_attempt(delivery_id: int, attempt: int) -> None:
    wait = wait_seconds(delivery_id, attempt)
    full = min(5 * 2 ** min(attempt - 1, 16), 600)
    assert 0.75 * full <= wait <= full
    assert wait == wait_seconds(delivery_id, attempt)


@pytest.mark.slow
@given(st.lists(outcomes, max_size=40))
def test_an_endpoint_is_held_only_while_it_fails_and_never_for_longer_than_an_hour(story: list[Outcome]) -> None:
    standing = Standing(failures=0, held_until=None)
    for outcome in story:
        before, standing = standing, endpoint_after(1, standing, outcome, START)
        if standing.held_until is not None:
            assert START <= standing.held_until <= START + timedelta(hours=1)
        if outcome.verdict is Verdict.ACCEPTED:
            assert standing == Standing(failures=0, held_until=None)
        if outcome.verdict is Verdict.OURS:
            assert standing.failures == before.failures
        if outcome.verdict is Verdict.REFUSED and standing.failures < 3:
            assert standing.held_until is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Verdict.ACCEPTED), (204, Verdict.ACCEPTED), (299, Verdict.ACCEPTED), (301, Verdict.REFUSED),
        (400, Verdict.REFUSED), (404, Verdict.REFUSED), (408, Verdict.UNAVAILABLE), (410, Verdict.GONE),
        (429, Verdict.UNAVAILABLE), (500, Verdict.REFUSED), (502, Verdict.UNAVAILABLE), (503, Verdict.UNAVAILABLE),
        (504, Verdict.UNAVAILABLE), (199, Verdict.REFUSED),
    ],
)  # fmt: skip
def test_what_a_status_means(status: int, expected: Verdict) -> None:
    assert verdict(status) is expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0), (" 0 ", 0.0), ("99999999999999999999", 999999999.0), ("soon", None), ("", None), ("-5", None),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60.0), ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0), ("Mon, 99 Foo", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, START) == seconds


def test_the_signature_covers_id_time_and_body() -> None:
    key = bytes(range(24))
    signed = signature(key, "msg_1_2", 1_700_000_000, b'{"a":1}')
    assert signed.startswith("v1,")
    assert signed != signature(key, "msg_1_2", 1_700_000_001, b'{"a":1}')
    assert signed != signature(key, "msg_1_3", 1_700_000_000, b'{"a":1}')
    assert signed != signature(key, "msg_1_2", 1_700_000_000, b'{"a":2}')
