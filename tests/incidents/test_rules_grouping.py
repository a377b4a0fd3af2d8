"""Whose page may stand in for whose: decided for every two ways of paging there are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.escalation.model import OTHERS, Paging
from tocsin.escalation.model.policies import MemberType
from tocsin.escalation.rules import begin, plan_of, timeline
from tocsin.incidents.model import Kind
from tocsin.incidents.rules import covers, family

WHO = {MemberType.CURRENT_ON_CALL: ["Alice"], OTHERS: ["Bob"]}
pagings = st.builds(
    Paging,
    call=st.booleans(),
    sms=st.booleans(),
    email=st.booleans(),
    push=st.booleans(),
    critical_alert=st.booleans(),
    team_wait=st.none() | st.integers(0, 600),
    policy_id=st.none() | st.integers(1, 2),
)


def first_pages(paging: Paging) -> dict[tuple[str, str], float]:
    """When each person is first paged by each channel, in seconds, if nobody answers and Alice is on call."""
    if paging.policy_id is not None:  # whatever it says, it says the same to all
        return {(f"policy {paging.policy_id}", ""): 0.0}
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    plan = plan_of(paging)
    found: dict[tuple[str, str], float] = {}
    for moment in timeline(plan, begin(plan, noon), {}):
        for name in [name for member in moment.step.members for name in WHO.get(member.type, ())]:
            for channel in moment.step.channels:
                found.setdefault((name, channel), (moment.at - noon).total_seconds())
    return found


@given(pagings, pagings)
def test_who_is_covered_would_have_been_paged_no_sooner_and_by_no_other_channel(cause: Paging, child: Paging) -> None:
    if covers(cause, child):
        sooner = first_pages(cause)
        for page, seconds in first_pages(child).items():
            assert page in sooner
            assert sooner[page] <= seconds


@given(pagings)
def test_everybody_covers_their_like(paging: Paging) -> None:
    assert covers(paging, paging)


@pytest.mark.slow
@given(pagings, pagings, pagings)
def test_what_covers_a_cover_covers_it_all(first: Paging, second: Paging, third: Paging) -> None:
    if covers(first, second) and covers(second, third):
        assert covers(first, third)


@given(pagings, pagings)
def test_nothing_quiet_hides_what_is_critical(cause: Paging, child: Paging) -> None:
    if child.critical_alert and not cause.critical_alert:
        assert not covers(cause, child)


def test_outages_and_alerts_make_one_storm_and_reports_none() -> None:
    assert family(Kind.CHECK) == family(Kind.ALERT) is not None
    assert family(Kind.SSL_EXPIRATION) not in (family(Kind.CHECK), family(Kind.DOMAIN_EXPIRATION))
    assert family(Kind.MANUAL) is None
