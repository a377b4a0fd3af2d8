"""Flapping is damped by rule: the end of an outage is believed later, its beginning never."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import MonitorStatus, Standing, Verdict
from tocsin.monitors.rules.flapping import (
    CALM_MS,
    OUTAGES,
    RECOVERY_SECONDS,
    WINDOW_MS,
    flapping,
    note_outage,
    recovery_seconds,
)
from tocsin.monitors.rules.judging import Deed, Facts, Patience, judge
from tocsin.monitors.rules.patience import look_again_ms

T0 = 1_700_000_000_000
MINUTE = 60_000


def after(*minutes: float) -> Standing:
    """The standing of a monitor with outages at these minutes."""
    standing = Standing()
    for minute in minutes:
        standing = note_outage(standing, T0 + round(minute * MINUTE))
    return standing


def test_the_fourth_outage_within_an_hour_makes_a_monitor_flap() -> None:
    assert not flapping(after(0, 10, 20), T0 + 20 * MINUTE)
    assert flapping(after(0, 10, 20, 30), T0 + 30 * MINUTE)
    assert not flapping(after(0, 25, 50, 75), T0 + 75 * MINUTE)


def test_it_flaps_until_an_hour_has_passed_without_an_outage() -> None:
    standing = after(0, 10, 20, 30)
    assert flapping(standing, T0 + 30 * MINUTE + CALM_MS - 1)
    assert not flapping(standing, T0 + 30 * MINUTE + CALM_MS)
    again = note_outage(standing, T0 + 80 * MINUTE)
    assert flapping(again, T0 + 139 * MINUTE), "an outage within the hour starts the hour anew"
    calm = note_outage(standing, T0 + 91 * MINUTE)
    assert not flapping(calm, T0 + 91 * MINUTE), "after an hour of calm one outage is one outage"


def test_while_it_flaps_recovery_takes_a_quarter_of_an_hour_or_longer_if_set_so() -> None:
    standing, now = after(0, 10, 20, 30), T0 + 31 * MINUTE
    assert recovery_seconds(standing, 0, now) == RECOVERY_SECONDS
    assert recovery_seconds(standing, 180, now) == RECOVERY_SECONDS
    assert recovery_seconds(standing, 3_600, now) == 3_600
    assert recovery_seconds(after(0), 180, now) == 180
    mending = msgspec.structs.replace(
        standing, status=MonitorStatus.VALIDATING, recovering_since_ms=now, observed_ms=now, incident_id=1
    )
    assert look_again_ms(mending, 0, 180) == now + RECOVERY_SECONDS * 1000


@pytest.mark.slow
@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_what_is_remembered_is_bounded_and_in_order(instants: list[int]) -> None:
    standing = Standing()
    for instant in instants:
        standing = note_outage(standing, T0 + instant)
        assert len(standing.outages) <= OUTAGES
        assert list(standing.outages) == sorted(standing.outages)


steps = st.lists(st.tuples(st.integers(1, 900), st.booleans()), max_size=60)


@pytest.mark.slow
@given(steps, st.sampled_from([0, 30, 120]), st.sampled_from([0, 60, 180]))
def test_a_new_outage_pages_as_soon_as_it_would_without_any_damping(
    checks: list[tuple[int, bool]], confirmation: int, recovery: int
) -> None:
    standing, at = Standing(), T0
    for wait, good in checks:
        at += wait * 1000
        facts = Facts(Verdict.UP if good else Verdict.DOWN, at, at + 50)
        plain = msgspec.structs.replace(standing, outages=(), flapping_since_ms=None)
        undamped = judge(plain, facts, Patience(confirmation, recovery), incident_open=True).deed
        patience = Patience(confirmation, recovery_seconds(standing, recovery, facts.started_ms))
        judgement = judge(standing, facts, patience, incident_open=standing.incident_id is not None)
        if not good:
            assert judgement.deed is undamped
        elif judgement.deed is not undamped:
            assert (undamped, flapping(standing, at)) == (Deed.RECOVER, True)
        standing = judgement.standing
        if judgement.deed in (Deed.OPEN, Deed.SUSPECT):
            standing = msgspec.structs.replace(standing, incident_id=1)


@given(st.lists(st.integers(1, WINDOW_MS // OUTAGES // 1000), min_size=OUTAGES, max_size=OUTAGES))
def test_however_four_outages_lie_within_an_hour_they_are_flapping(seconds: list[int]) -> None:
    standing, at = Standing(), T0
    for wait in seconds:
        at += wait * 1000
        standing = note_outage(standing, at)
    assert flapping(standing, at)
