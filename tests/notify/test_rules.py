"""How a message moves from queued to sent, for every state, answer and attempt there can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.notify import rules
from tocsin.notify.model import Answer, DeliveryEvent, GiveUp, Retry, Sent, State
from tocsin.notify.rules import Act

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ids = st.integers(1, 10**9)
attempts = st.integers(1, 10_000)
answers: st.SearchStrategy[Answer] = st.one_of(
    st.builds(Sent, st.just("accepted by mail.example: 250 Ok")),
    st.builds(GiveUp, st.just("550 no such user")),
    st.builds(Retry, st.just("451 later"), st.none() | st.floats(0, 10**6)),
)


def settled(
    state: State, answer: Answer, *, attempts: int = 1, attempt: int = 1, age: timedelta = timedelta(0)
) -> rules.Change | None:
    return rules.settled(
        state, attempts, delivery_id=7, attempt=attempt, kind="page", planned_at=NOON - age, answer=answer, now=NOON
    )


def test_every_state_and_act_is_decided() -> None:
    assert set(rules.TABLE) == set(product(State, Act))


@pytest.mark.parametrize("state", State)
def test_what_a_server_accepted_is_sent_whatever_we_believed(state: State) -> None:
    change = settled(state, Sent("accepted"), attempts=3, attempt=1)
    if state in (State.SENT, State.DELIVERED, State.SEEN, State.ACKNOWLEDGED, State.UNDELIVERED):
        assert change is None, "that, or more, is known already"
    else:
        assert change == rules.Change(State.SENT, None, "accepted")


@pytest.mark.parametrize("state", [State.SENT, State.CANCELLED, State.GIVEN_UP])
@pytest.mark.parametrize("answer", [Retry("later"), GiveUp("never")])
def test_a_failure_never_revives_what_is_finished(state: State, answer: Answer) -> None:
    assert settled(state, answer) is None


@pytest.mark.parametrize("answer", [Retry("later"), GiveUp("never")])
def test_a_late_failure_of_an_older_attempt_is_ignored(answer: Answer) -> None:
    assert settled(State.SENDING, answer, attempts=2, attempt=1) is None


@given(st.sampled_from(State), answers, attempts, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_only_what_is_failed_is_due_again_and_always_in_the_future(
    state: State, answer: Answer, attempt: int, age: timedelta
) -> None:
    change = settled(state, answer, attempts=attempt, attempt=attempt, age=age)
    if change is None:
        return
    assert (change.due_at is not None) == (change.state is State.FAILED)
    if change.due_at is not None:
        assert NOON <= change.due_at <= NOON + timedelta(seconds=rules.LONGEST_ASKED_WAIT_SECONDS)


@given(ids, attempts)
def test_a_wait_is_never_longer_than_the_longest_nor_shorter_than_the_jitter_allows(id: int, attempt: int) -> None:
    wait = rules.wait_seconds(id, attempt)
    assert rules.FIRST_WAIT_SECONDS * (1 - rules.JITTER) <= wait <= rules.LONGEST_WAIT_SECONDS
    assert wait == rules.wait_seconds(id, attempt)


@given(ids, st.integers(1, 5))
def test_waits_grow_until_they_are_capped(id: int, attempt: int) -> None:
    assert rules.wait_seconds(id, attempt) < rules.wait_seconds(id, attempt + 1)


@given(ids, st.floats(-10, 10**9))
def test_a_server_may_ask_for_patience_but_not_for_more_than_an_hour(id: int, asked: float) -> None:
    assert 0 <= rules.wait_seconds(id, 1, asked) <= rules.LONGEST_ASKED_WAIT_SECONDS


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({rules.wait_seconds(id, 6) for id in range(200)}) > 190


@given(ids)
def test_news_is_tried_for_six_hours_and_no_longer(id: int) -> None:
    now, attempt, state = NOON, 0, State.SENDING
    while state is State.SENDING:
        attempt += 1
        assert attempt < 1_000, "it must end"
        change = rules.settled(
            state, attempt, delivery_id=id, attempt=attempt, kind="resolved", planned_at=NOON, answer=Retry("down"),
            now=now,
        )  # fmt: skip
        assert change is not None
        if change.due_at is None:
            assert change.state is State.GIVEN_UP
            assert change.detail == "not delivered within 6 hours; the last reason: down"
            break
        now = change.due_at
    assert rules.NOTICE_LIFETIME - timedelta(seconds=rules.LONGEST_WAIT_SECONDS) <= now - NOON <= rules.NOTICE_LIFETIME


@given(ids, attempts, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_page_never_expires_by_age(id: int, attempt: int, age: timedelta) -> None:
    change = rules.settled(
        State.SENDING, attempt, delivery_id=id, attempt=attempt, kind="page", planned_at=NOON - age,
        answer=Retry("down"), now=NOON,
    )  # fmt: skip
    assert change is not None
    assert change.state is State.FAILED
    assert change.due_at is not None


def test_a_lease_outlasts_every_attempt() -> None:
    assert rules.SEND_LIMIT_SECONDS < rules.LEASE_SECONDS


@pytest.mark.parametrize(
    ("state", "detail", "words"),
    [
        ("queued", "", "E-mail to Ann (ann@x.org) queued"),
        ("sending", "", "E-mail to Ann (ann@x.org) being sent, attempt 2"),
        ("sent", "accepted by mail.x.org: 250 2.0.0 Ok",
         "E-mail to Ann (ann@x.org) accepted by mail.x.org: 250 2.0.0 Ok"),
        ("failed", "mail.x.org:25 refused the connection",
         "E-mail to Ann (ann@x.org) failed: mail.x.org:25 refused the connection"),
        ("given_up", "550 no such user", "E-mail to Ann (ann@x.org) given up: 550 no such user"),
        ("cancelled", "acknowledged by Bob", "E-mail to Ann (ann@x.org) cancelled: acknowledged by Bob"),
    ],
)  # fmt: skip
def test_the_timeline_reads_like_english(state: str, detail: str, words: str) -> None:
    event = DeliveryEvent(
        at=NOON, delivery_id=1, user_id=1, recipient="Ann", address="ann@x.org", channel="email", kind="page",
        state=state, attempt=2, detail=detail,
    )  # fmt: skip
    assert rules.sentence(event) == words


def test_news_is_named_in_the_timeline() -> None:
    event = DeliveryEvent(
        at=NOON, delivery_id=1, user_id=1, recipient="", address="ann@x.org", channel="email", kind="resolved",
        state="queued", attempt=0, detail="",
    )  # fmt: skip
    assert rules.sentence(event) == "“Resolved” e-mail to ann@x.org queued"
