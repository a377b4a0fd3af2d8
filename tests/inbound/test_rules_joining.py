"""Where an alert belongs, what makes two of them one, and that no sender's text outgrows what we keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.inbound.model import Alert
from tocsin.inbound.rules import joining, keeping
from tocsin.inbound.rules.joining import Candidate, Place, bounded, joinable, key_of, milestone, place

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CANDIDATES = st.none() | st.builds(
    Candidate, st.just(7), st.timedeltas(timedelta(0), timedelta(hours=3)).map(lambda ago: NOW - ago), st.booleans()
)
TEXTS = st.text(st.characters(), max_size=300)
ALERTS = st.builds(
    Alert,
    action=st.just("started"),
    alert_id=st.none() | TEXTS,
    title=TEXTS,
    cause=TEXTS,
    severity=st.none() | TEXTS,
    url=st.none() | TEXTS,
    facts=st.dictionaries(TEXTS, TEXTS, max_size=5),
    group_key=st.none() | TEXTS,
)


@pytest.mark.slow
@given(st.integers(0, 30), CANDIDATES, CANDIDATES)
def test_an_alert_is_silent_only_in_an_incident_that_is_open_and_young(
    ungrouped: int, group: Candidate | None, storm: Candidate | None
) -> None:
    where = place(ungrouped, group, storm, NOW)
    joined = {Place.GROUP: group, Place.STORM: storm}.get(where)
    if where in (Place.GROUP, Place.STORM):
        assert joined is not None
        assert joined.open
        assert NOW - joined.began_at < joining.JOIN_WITHIN
    if where is Place.OWN:
        assert ungrouped < joining.STORM_AFTER
    if where in (Place.STORM, Place.STORM_OPENER):
        assert ungrouped >= joining.STORM_AFTER
        assert not joinable(group, NOW)


@pytest.mark.slow
@given(ALERTS)
def test_whatever_is_sent_fits_and_both_databases_can_hold_it(alert: Alert) -> None:
    kept = bounded(alert)
    assert kept.title.strip()
    assert kept.cause.strip()
    assert len(kept.title) <= joining.MAX_TITLE_CHARACTERS
    texts = [
        kept.title,
        kept.cause,
        kept.alert_id or "",
        kept.group_key or "",
        key_of(kept),
        *kept.facts,
        *kept.facts.values(),
    ]
    for text in texts:
        assert "\x00" not in text
        text.encode()
    assert len(key_of(kept)) <= joining.MAX_KEY_CHARACTERS
    assert bounded(kept) == kept


@pytest.mark.slow
@given(ALERTS, ALERTS)
def test_two_alerts_are_one_when_their_ids_are_or_else_what_they_say(one: Alert, other: Alert) -> None:
    one, other = bounded(one), bounded(other)
    if one.alert_id is not None or other.alert_id is not None:
        assert (key_of(one) == key_of(other)) is (one.alert_id == other.alert_id)
    else:
        assert (key_of(one) == key_of(other)) is ((one.title, one.cause) == (other.title, other.cause))


def test_long_ids_that_differ_at_their_end_are_two() -> None:
    one, other = (bounded(Alert(action="started", alert_id="x" * 500 + end, title="t", cause="c")) for end in "ab")
    assert key_of(one) != key_of(other)


@given(st.integers(1, 20_000), st.integers(0, 5_000))
def test_a_story_tells_of_growth_a_few_times_alone(before: int, more: int) -> None:
    told = [step for step in (2, 10, 100, 1_000, 10_000) if before < step <= before + more]
    assert milestone(before, before + more) is bool(told)


@given(st.binary(max_size=300), st.text("abc", min_size=4, max_size=8))
def test_our_own_token_is_in_no_kept_body(body: bytes, token: str) -> None:
    kept, truncated = keeping.kept_body(body + token.encode() + body, token)
    assert token.encode() not in kept
    assert not truncated


def test_secrets_are_known_by_their_names() -> None:
    hidden = (
        "Authorization",
        "X-Api-Key",
        "api_key",
        "Cookie",
        "X-Hub-Signature-256",
        "access_token",
        "password",
        "key",
    )
    shown = ("Content-Type", "X-Monkey", "keyboard", "User-Agent", "X-Request-Id")
    kept = keeping.without_secrets(tuple((name, "v") for name in (*hidden, *shown)), "")
    assert [name for name, value in kept if value == "[hidden]"] == list(hidden)
