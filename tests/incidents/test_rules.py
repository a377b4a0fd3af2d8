"""Every status and every act: what happens is decided, and nothing that is over comes back by accident."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.time import START
from tocsin.incidents import rules
from tocsin.incidents.model import Act, IncidentStatus

UNCONFIRMED, STARTED, ACKNOWLEDGED, RESOLVED, VALIDATING = IncidentStatus
PEOPLE = (Act.ACKNOWLEDGE, Act.TAKE_OVER, Act.RESOLVE, Act.REOPEN, Act.ESCALATE)
CHECKS = (Act.CONFIRM, Act.WITHDRAW, Act.VALIDATE, Act.FAIL_AGAIN, Act.RELAPSE, Act.RECOVER, Act.EXPIRE)


def states() -> list[tuple[IncidentStatus, bool]]:
    """Every state an incident can be in: its status, and whether somebody has taken it on."""
    return [
        (UNCONFIRMED, False),
        (STARTED, False),
        (ACKNOWLEDGED, True),
        (VALIDATING, False),
        (VALIDATING, True),
        (RESOLVED, False),
        (RESOLVED, True),
    ]


@pytest.mark.parametrize(("state", "act"), list(itertools.product(states(), Act)))
def test_every_pair_of_state_and_act_is_decided(state: tuple[IncidentStatus, bool], act: Act) -> None:
    outcome = rules.decide(*state, act)
    assert isinstance(outcome, rules.Move | rules.Refusal | rules.Ignored)
    if act in CHECKS:
        assert not isinstance(outcome, rules.Refusal), "a check that says the same thing twice makes no mistake"
    if act in PEOPLE:
        assert not isinstance(outcome, rules.Ignored), "a person is always told what became of it"
    if isinstance(outcome, rules.Move) and state[0] is RESOLVED:
        assert act is Act.REOPEN, "only a person brings back what is over"


@pytest.mark.parametrize(
    ("status", "acknowledged", "act", "becomes"),
    [
        (UNCONFIRMED, False, Act.CONFIRM, STARTED),
        (UNCONFIRMED, False, Act.WITHDRAW, RESOLVED),
        (STARTED, False, Act.ACKNOWLEDGE, ACKNOWLEDGED),
        (STARTED, False, Act.RESOLVE, RESOLVED),
        (STARTED, False, Act.VALIDATE, VALIDATING),
        (STARTED, False, Act.RECOVER, RESOLVED),
        (ACKNOWLEDGED, True, Act.VALIDATE, VALIDATING),
        (ACKNOWLEDGED, True, Act.RESOLVE, RESOLVED),
        (VALIDATING, False, Act.FAIL_AGAIN, STARTED),
        (VALIDATING, True, Act.FAIL_AGAIN, ACKNOWLEDGED),
        (STARTED, False, Act.RELAPSE, STARTED),
        (ACKNOWLEDGED, True, Act.RELAPSE, STARTED),
        (VALIDATING, True, Act.RELAPSE, STARTED),
        (VALIDATING, False, Act.ACKNOWLEDGE, VALIDATING),
        (VALIDATING, True, Act.RECOVER, RESOLVED),
        (RESOLVED, True, Act.REOPEN, STARTED),
        (ACKNOWLEDGED, True, Act.ESCALATE, ACKNOWLEDGED),
        (ACKNOWLEDGED, True, Act.TAKE_OVER, ACKNOWLEDGED),
        (VALIDATING, True, Act.TAKE_OVER, VALIDATING),
        (ACKNOWLEDGED, True, Act.EXPIRE, STARTED),
        (VALIDATING, True, Act.EXPIRE, VALIDATING),
    ],
)
def test_what_happens(status: IncidentStatus, acknowledged: bool, act: Act, becomes: IncidentStatus) -> None:
    assert rules.decide(status, acknowledged, act) == rules.Move(becomes)


@pytest.mark.parametrize(
    ("status", "acknowledged", "act", "message"),
    [
        (ACKNOWLEDGED, True, Act.ACKNOWLEDGE, "Incident was already acknowledged"),
        (VALIDATING, True, Act.ACKNOWLEDGE, "Incident was already acknowledged"),
        (RESOLVED, True, Act.ACKNOWLEDGE, "Incident was already resolved"),
        (RESOLVED, False, Act.RESOLVE, "Incident was already resolved"),
        (RESOLVED, False, Act.ESCALATE, "Incident was already resolved"),
    ],
)
def test_what_is_refused_says_so_in_the_contracts_words(
    status: IncidentStatus, acknowledged: bool, act: Act, message: str
) -> None:
    assert rules.decide(status, acknowledged, act) == rules.Refusal(message)


@given(st.lists(st.sampled_from(list(Act)), max_size=40))
def test_whatever_happens_status_and_acknowledgement_agree(acts: list[Act]) -> None:
    status, acknowledged = UNCONFIRMED, False
    for act in acts:
        outcome = rules.decide(status, acknowledged, act)
        if not isinstance(outcome, rules.Move):
            continue
        status = outcome.status
        if act in (Act.ACKNOWLEDGE, Act.TAKE_OVER):
            acknowledged = True
        if act in (Act.REOPEN, Act.RELAPSE, Act.EXPIRE):
            acknowledged = False
        if status is STARTED:
            assert not acknowledged
        if status is ACKNOWLEDGED:
            assert acknowledged


@given(st.binary(max_size=600))
def test_the_inline_body_is_short_text_or_nothing(body: bytes) -> None:
    text = rules.short_text(body)
    if text is not None:
        assert text.encode() == body
        assert len(body) < rules.MAX_RESPONSE_CONTENT_BYTES
        assert "\x00" not in text
    assert "\x00" not in rules.readable(body)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (725, "12 minutes 5 seconds"),
        (3 * 3600 + 5 * 60, "3 hours 5 minutes"),
        (2 * 86_400 + 4 * 3_600 + 59, "2 days 4 hours"),
        (-5, "less than a second"),
    ],
)
def test_durations_are_said_in_their_two_largest_parts(seconds: int, words: str) -> None:
    assert rules.say_duration(timedelta(seconds=seconds)) == words


def test_instants_are_said_in_utc_with_the_month_in_words() -> None:
    assert rules.say_instant(START) == "2 Mar 2026, 12:00:00 UTC"
