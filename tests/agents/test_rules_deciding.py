"""What is not granted is denied; what is granted is granted by one grant alone; and every answer says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.agents import rules
from tocsin.agents.model import AREAS, SWITCHES, About, Grant, Level, Need, Setting
from tocsin.kernel.errors import Invalid

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVERYTHING = dict.fromkeys(AREAS, Level.FULL)

grants = st.builds(
    Grant,
    id=st.integers(1, 99),
    levels=st.dictionaries(st.sampled_from(AREAS), st.sampled_from(Level)),
    switches=st.dictionaries(st.sampled_from(SWITCHES), st.sampled_from(Setting)),
)
needs = st.builds(
    Need,
    area=st.sampled_from(AREAS),
    level=st.sampled_from([Level.READ, Level.WRITE, Level.FULL]),
    acts=st.frozensets(st.sampled_from(SWITCHES), max_size=2),
)


def test_without_a_grant_everything_is_denied() -> None:
    for area in AREAS:
        decision = rules.decide([], Need(area=area, level=Level.READ), None)
        assert decision.setting is Setting.OFF
        assert decision.reason == f"{area.replace('_', ' ').capitalize()} is off, read is needed"


@given(st.lists(grants, max_size=4), needs)
def test_a_call_is_allowed_exactly_when_one_grant_gives_the_level_and_every_switch(
    given_grants: list[Grant], need: Need
) -> None:
    def by(grant: Grant, settings: set[Setting]) -> bool:
        order = list(Level)
        enough = order.index(grant.levels.get(need.area, Level.OFF)) >= order.index(need.level)
        allowed = need.area != "team" or need.level is Level.READ
        return enough and allowed and all(grant.switches.get(act, Setting.OFF) in settings for act in need.acts)

    decision = rules.decide(given_grants, need, None)
    if any(by(grant, {Setting.ON}) for grant in given_grants):
        assert decision.setting is Setting.ON
    elif any(by(grant, {Setting.ON, Setting.ASK}) for grant in given_grants):
        assert decision.setting is Setting.ASK
    else:
        assert decision.setting is Setting.OFF
    assert decision.reason


@given(st.lists(grants, max_size=3), grants, needs)
def test_one_grant_more_never_takes_anything_away(given_grants: list[Grant], more: Grant, need: Need) -> None:
    order = [Setting.OFF, Setting.ASK, Setting.ON]
    before = rules.decide(given_grants, need, None).setting
    after = rules.decide([*given_grants, more], need, None).setting
    assert order.index(after) >= order.index(before)


def test_a_level_from_one_grant_and_a_switch_from_another_do_not_add_up() -> None:
    level, switch = Grant(id=1, levels={"monitors": Level.FULL}), Grant(id=2, switches={"delete": Setting.ON})
    need = Need(area="monitors", level=Level.FULL, acts=frozenset({"delete"}))
    decision = rules.decide([level, switch], need, None)
    assert (decision.setting, decision.reason) == (Setting.OFF, "Delete is off")


def test_no_grant_lets_an_agent_change_the_team() -> None:
    everything = Grant(id=1, levels=EVERYTHING, switches=dict.fromkeys(SWITCHES, Setting.ON))
    assert rules.decide([everything], Need(area="team", level=Level.READ), None).setting is Setting.ON
    for level in (Level.WRITE, Level.FULL):
        assert rules.decide([everything], Need(area="team", level=level), None).setting is Setting.OFF
    with pytest.raises(Invalid, match="team can be at most read"):
        rules.checked_grant({"levels": {"team": "write"}}, NOW)


def test_a_narrowed_grant_is_good_for_what_it_names_alone() -> None:
    need = Need(area="monitors", level=Level.WRITE)
    grant = Grant(id=1, levels=EVERYTHING, monitor_ids=(1,), monitor_group_ids=(7,))
    inside = [About(monitor_id=1), About(monitor_id=2, monitor_group_id=7)]
    outside = [None, About(), About(monitor_id=2), About(monitor_id=2, monitor_group_id=8)]
    assert {rules.decide([grant], need, about).setting for about in inside} == {Setting.ON}
    assert {rules.decide([grant], need, about).setting for about in outside} == {Setting.OFF}
    staging = Grant(id=2, levels=EVERYTHING, metadata={"env": "staging"})
    facts = {"env": frozenset({"staging", "eu"})}
    assert rules.decide([staging], need, About(monitor_id=9, facts=facts)).setting is Setting.ON
    assert rules.decide([staging], need, About(monitor_id=9, facts={})).setting is Setting.OFF


def test_a_grant_ends_with_its_time_and_with_its_incident() -> None:
    past, future = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
    kept = [Grant(id=1), Grant(id=2, expires_at=future), Grant(id=3, incident_id=5)]
    ended = [Grant(id=4, expires_at=past), Grant(id=5, expires_at=NOW), Grant(id=6, incident_id=6)]
    assert rules.live([*kept, *ended], NOW, {5}) == tuple(kept)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"levels": {"moon": "read"}}, "levels"),
        ({"levels": {"monitors": "everything"}}, "levels"),
        ({"switches": {"delete": "yes"}}, "switches"),
        ({"switches": {"explode": "on"}}, "switches"),
        ({"monitor_ids": list(range(201))}, "monitor_ids"),
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW + timedelta(days=400)}, "expires_at"),
        ({"reason": "x" * 1_001}, "reason"),
    ],
)
def test_what_no_grant_can_be_is_refused_by_its_field(sent: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.checked_grant(sent, NOW)
    assert list(refused.value.field_errors) == [field]


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ((), None, True),
        (("192.0.2.0/24",), "192.0.2.9", True),
        (("192.0.2.0/24",), "::ffff:192.0.2.9", True),
        (("192.0.2.0/24",), "198.51.100.1", False),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("2001:db8::/32",), "192.0.2.9", False),
        (("192.0.2.0/24",), None, False),
        (("192.0.2.0/24",), "somewhere", False),
    ],
)
def test_a_token_is_good_from_its_networks_alone(networks: tuple[str, ...], address: str | None, allowed: bool) -> None:
    assert rules.address_allowed(networks, address) is allowed


def test_a_network_that_is_none_is_refused() -> None:
    assert rules.checked_networks(["192.0.2.7", "2001:db8::/32"]) == ("192.0.2.7/32", "2001:db8::/32")
    with pytest.raises(Invalid, match="allowed_addresses"):
        rules.checked_networks(["here"])
