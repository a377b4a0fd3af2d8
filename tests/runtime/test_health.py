"""When Tocsin says of itself that it is not well."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.runtime.health import (
    MAX_FAILURES_IN_A_ROW,
    MAX_LAG_SECONDS,
    MAX_PROBE_LAG_SECONDS,
    STALLED_QUIETLY_SECONDS,
    STALLED_SECONDS,
    ProbeFacts,
    WorkerFacts,
    judge,
    tried_out,
)

WELL: dict[str, Any] = {
    "name": "deliveries",
    "alive": True,
    "idle_seconds": 1.0,
    "running_seconds": None,
    "lag_seconds": 0.0,
}
PROBE = ProbeFacts(alive=True, lag_seconds=0.0)


def test_everything_that_moves_is_ready() -> None:
    report = judge([WorkerFacts(**WELL)], PROBE, 0.01)
    assert report.ready
    assert [name for name, finding in report.checks.items() if finding.why] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"alive": False}, "ended"),
        ({"idle_seconds": STALLED_SECONDS + 1}, "not finished a look"),
        ({"running_seconds": STALLED_SECONDS + 1, "idle_seconds": 0.0}, "present look has taken"),
        ({"lag_seconds": MAX_LAG_SECONDS["deliveries"] + 1}, "late"),
        ({"failures_in_a_row": MAX_FAILURES_IN_A_ROW, "last_error": "no such table"}, "no such table"),
    ],
)
def test_a_worker_that_has_stopped_moving_makes_it_not_ready_and_says_why(change: dict[str, Any], says: str) -> None:
    report = judge([WorkerFacts(**{**WELL, **change})], PROBE, 0.01)
    assert not report.ready
    assert says in report.checks["worker:deliveries"].why


def test_a_worker_in_the_middle_of_a_look_is_not_idle() -> None:
    facts = WorkerFacts(**{**WELL, "idle_seconds": STALLED_SECONDS + 5, "running_seconds": 2.0})
    assert judge([facts], PROBE, 0.01).ready


def test_one_failure_is_a_hiccup() -> None:
    assert judge([WorkerFacts(**{**WELL, "failures_in_a_row": 1})], PROBE, 0.01).ready


@pytest.mark.parametrize(
    "probe", [ProbeFacts(alive=False, lag_seconds=0.0), ProbeFacts(alive=True, lag_seconds=MAX_PROBE_LAG_SECONDS + 1)]
)
def test_checks_that_have_stopped_moving_make_it_not_ready(probe: ProbeFacts) -> None:
    report = judge([WorkerFacts(**WELL)], probe, 0.01)
    assert not report.ready
    assert report.checks["probe"].why


def test_a_database_that_does_not_answer_makes_it_not_ready() -> None:
    report = judge([WorkerFacts(**WELL)], PROBE, None)
    assert not report.ready
    assert not report.checks["database"].ok


def test_tidying_may_be_late_but_not_dead() -> None:
    late = WorkerFacts(**{**WELL, "name": "packer", "lag_seconds": 10_000.0, "idle_seconds": STALLED_SECONDS + 1})
    assert judge([late], PROBE, 0.01).ready
    dead = WorkerFacts(**{**WELL, "name": "packer", "alive": False})
    assert not judge([dead], PROBE, 0.01).ready


@pytest.mark.parametrize(
    "change", [{"failures_in_a_row": MAX_FAILURES_IN_A_ROW}, {"running_seconds": STALLED_QUIETLY_SECONDS + 1}]
)
def test_domain_names_that_cannot_be_looked_up_are_shown_and_the_pager_stays_ready(change: dict[str, Any]) -> None:
    report = judge([WorkerFacts(**{**WELL, "name": "domains", **change})], PROBE, 0.01)
    assert report.ready
    assert report.checks["worker:domains"].why


def test_one_way_that_fails_its_test_is_shown_and_all_of_them_make_it_not_ready() -> None:
    some, broken = tried_out([("email", True, "taken"), ("sms", False, "refused"), ("call", None, "")])
    assert (some.ok, some.why, broken) == (False, "sms: refused", False)
    assert judge([WorkerFacts(**WELL)], PROBE, 0.01, shown={"self_test": some}).ready
    every, broken = tried_out([("email", False, "refused")])
    assert broken
    report = judge([WorkerFacts(**WELL)], PROBE, 0.01, needed={"self_test": every})
    assert (report.ready, report.checks["self_test"].why) == (False, "email: refused")
