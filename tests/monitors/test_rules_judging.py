"""When a failure is an outage and when an outage is over: every case decided, and what always holds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import MonitorStatus, Standing, Verdict
from tocsin.monitors.rules.judging import (
    FUTURE_MS,
    Deed,
    Facts,
    Judgement,
    Patience,
    forget_future,
    judge,
    stop_watching,
)

PENDING, UP, DOWN, VALIDATING = (
    MonitorStatus.PENDING, MonitorStatus.UP, MonitorStatus.DOWN, MonitorStatus.VALIDATING,
)  # fmt: skip
T0 = 1_700_000_000_000
AT_ONCE = Patience(0, 0)
PATIENT = Patience(60, 60)

FINE = Standing(status=UP, observed_ms=T0)
NEW = Standing()
SUSPECTED = Standing(status=UP, observed_ms=T0, failing_since_ms=T0, incident_id=7)
NEW_SUSPECTED = Standing(status=PENDING, observed_ms=T0, failing_since_ms=T0, incident_id=7)
BROKEN = Standing(status=DOWN, observed_ms=T0, incident_id=7)
MENDING = Standing(status=VALIDATING, observed_ms=T0, recovering_since_ms=T0, incident_id=7)


def after(seconds: float, verdict: Verdict) -> Facts:
    start = T0 + round(seconds * 1000)
    return Facts(verdict, start, start + 100)


@pytest.mark.parametrize(
    ("standing", "verdict", "seconds", "patience", "status", "deed"),
    [
        (NEW, Verdict.UP, 30, PATIENT, UP, None),
        (NEW, Verdict.DOWN, 30, AT_ONCE, DOWN, Deed.OPEN),
        (NEW, Verdict.DOWN, 30, PATIENT, PENDING, Deed.SUSPECT),
        (NEW_SUSPECTED, Verdict.UP, 30, PATIENT, UP, Deed.WITHDRAW),
        (NEW_SUSPECTED, Verdict.DOWN, 30, PATIENT, PENDING, None),
        (NEW_SUSPECTED, Verdict.DOWN, 60, PATIENT, DOWN, Deed.CONFIRM),
        (FINE, Verdict.UP, 30, PATIENT, UP, None),
        (FINE, Verdict.DOWN, 30, AT_ONCE, DOWN, Deed.OPEN),
        (FINE, Verdict.DOWN, 30, PATIENT, UP, Deed.SUSPECT),
        (SUSPECTED, Verdict.UP, 30, PATIENT, UP, Deed.WITHDRAW),
        (SUSPECTED, Verdict.DOWN, 59, PATIENT, UP, None),
        (SUSPECTED, Verdict.DOWN, 60, PATIENT, DOWN, Deed.CONFIRM),
        (SUSPECTED, Verdict.DOWN, 30, AT_ONCE, DOWN, Deed.CONFIRM),
        (BROKEN, Verdict.DOWN, 30, PATIENT, DOWN, None),
        (BROKEN, Verdict.UP, 30, AT_ONCE, UP, Deed.RECOVER),
        (BROKEN, Verdict.UP, 30, PATIENT, VALIDATING, Deed.VALIDATE),
        (MENDING, Verdict.UP, 59, PATIENT, VALIDATING, None),
        (MENDING, Verdict.UP, 60, PATIENT, UP, Deed.RECOVER),
        (MENDING, Verdict.DOWN, 30, PATIENT, DOWN, Deed.FAIL_AGAIN),
        *[(standing, Verdict.UNKNOWN, 90, PATIENT, standing.status, None)
          for standing in (NEW, NEW_SUSPECTED, FINE, SUSPECTED, BROKEN, MENDING)],
    ],
)  # fmt: skip
def test_every_pair_of_standing_and_verdict_is_decided(
    standing: Standing, verdict: Verdict, seconds: float, patience: Patience, status: MonitorStatus, deed: Deed | None
) -> None:
    judgement = judge(standing, after(seconds, verdict), patience, incident_open=True)
    assert (judgement.standing.status, judgement.deed) == (status, deed)


def test_a_failure_after_somebody_resolved_the_incident_opens_a_new_one() -> None:
    judgement = judge(BROKEN, after(30, Verdict.DOWN), AT_ONCE, incident_open=False)
    assert judgement.deed is Deed.OPEN


def test_a_success_after_somebody_resolved_the_incident_is_simply_up() -> None:
    judgement = judge(BROKEN, after(30, Verdict.UP), PATIENT, incident_open=False)
    assert judgement == Judgement(Standing(status=UP, observed_ms=T0 + 30_000))


def test_maintenance_withdraws_a_suspicion_and_leaves_an_outage_alone() -> None:
    assert stop_watching(SUSPECTED, incident_open=True).deed is Deed.WITHDRAW
    assert stop_watching(BROKEN, incident_open=True) == Judgement(BROKEN)


class History:
    """A run of checks through the rule, with the incidents that follow."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.standing = Standing()
        self.deeds: list[tuple[int, Deed]] = []
        self.incidents = 0

    def check(self, facts: Facts) -> Deed | None:
        judgement = judge(self.standing, facts, self.patience, incident_open=self.standing.incident_id is not None)
        self.standing = judgement.standing
        if judgement.deed in (Deed.OPEN, Deed.SUSPECT):
            self.incidents += 1
            self.standing = msgspec.structs.replace(self.standing, incident_id=self.incidents)
        if judgement.deed is not None:
            self.deeds.append((facts.ended_ms, judgement.deed))
        return judgement.deed


steps = st.lists(st.tuples(st.integers(1, 200), st.sampled_from(list(Verdict))), max_size=40)
patience = st.builds(Patience, st.sampled_from([0, 30, 120]), st.sampled_from([0, 60, 180]))


def run(checks: list[tuple[int, Verdict]], patience: Patience) -> tuple[History, list[Facts]]:
    history, facts, at = History(patience), [], T0
    for wait, verdict in checks:
        at += wait * 1000
        facts.append(Facts(verdict, at, at + 100))
        history.check(facts[-1])
    return history, facts


@pytest.mark.slow
@given(steps, patience)
def test_somebody_is_paged_exactly_when_it_failed_for_the_whole_confirmation_period(
    checks: list[tuple[int, Verdict]], patience: Patience
) -> None:
    history = History(patience)
    failing_since: int | None = None
    down = False
    at = T0
    for wait, verdict in checks:
        at += wait * 1000
        deed = history.check(Facts(verdict, at, at + 100))
        if verdict is Verdict.UNKNOWN:
            assert deed is None
            continue
        if not down:
            if verdict is Verdict.UP:
                failing_since = None
            elif failing_since is None:
                failing_since = at
            long_enough = failing_since is not None and (
                patience.confirmation_period == 0
                or (at > failing_since and at + 100 - failing_since >= patience.confirmation_period * 1000)
            )
            assert (deed in (Deed.OPEN, Deed.CONFIRM)) is (verdict is Verdict.DOWN and long_enough)
            down = deed in (Deed.OPEN, Deed.CONFIRM)
        elif deed is Deed.RECOVER:
            down, failing_since = False, None
        assert (history.standing.status in (DOWN, VALIDATING)) is down


@pytest.mark.slow
@given(steps, patience)
def test_an_outage_ends_only_after_an_unbroken_good_run_of_the_recovery_period(
    checks: list[tuple[int, Verdict]], patience: Patience
) -> None:
    history, facts = run(checks, patience)
    for ended_ms, deed in history.deeds:
        if deed is not Deed.RECOVER:
            continue
        known = [f for f in facts if f.verdict is not Verdict.UNKNOWN and f.ended_ms <= ended_ms]
        good = []
        while known and known[-1].verdict is Verdict.UP:
            good.append(known.pop())
        assert good[0].ended_ms - good[-1].started_ms >= patience.recovery_period * 1000


@pytest.mark.slow
@given(steps, patience)
def test_replayed_and_late_observations_change_nothing(checks: list[tuple[int, Verdict]], patience: Patience) -> None:
    history, facts = run(checks, patience)
    before, deeds = history.standing, list(history.deeds)
    for old in facts:
        if old.verdict is Verdict.UNKNOWN or old.started_ms <= before.observed_ms:
            history.check(old)
    assert history.standing == before
    assert history.deeds == deeds


@pytest.mark.slow
@given(steps, patience)
def test_each_incident_is_opened_once_and_closed_before_the_next(
    checks: list[tuple[int, Verdict]], patience: Patience
) -> None:
    history, _ = run(checks, patience)
    is_open = False
    for _, deed in history.deeds:
        if deed in (Deed.OPEN, Deed.SUSPECT):
            assert not is_open
            is_open = True
        else:
            assert is_open
        if deed in (Deed.WITHDRAW, Deed.RECOVER):
            is_open = False
    assert is_open is (history.standing.incident_id is not None)


@pytest.mark.parametrize("standing", [FINE, SUSPECTED, BROKEN, MENDING])
@pytest.mark.parametrize("verdict", [Verdict.UP, Verdict.DOWN])
def test_a_clock_that_was_set_back_by_an_hour_blinds_nobody(standing: Standing, verdict: Verdict) -> None:
    for seconds in (-3600, -3600 + 61):
        facts = after(seconds, verdict)
        standing = forget_future(standing, facts.ended_ms)
        standing = judge(standing, facts, PATIENT, incident_open=True).standing
        assert standing.observed_ms == facts.started_ms
    assert standing.status is (UP if verdict is Verdict.UP else DOWN)


@given(st.integers(-FUTURE_MS, 10**9))
def test_clocks_that_differ_a_little_are_no_reason_to_forget(later_ms: int) -> None:
    assert forget_future(SUSPECTED, T0 + later_ms) == SUSPECTED
