"""Every operation's risk and callers follow from what it declares."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.rest.kites import Sky
from tests.time import FakeClock
from tocsin.agents.model import AREAS, SWITCHES, Agent, Budgets, Grant, Level, Setting
from tocsin.gateway.identity import Actor
from tocsin.gateway.rules import Answer, decide
from tocsin.registry import Catalogue
from tocsin.registry.risk import Risk, callers, risks
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations

LOOK, FLY, CUT = (
    next(operation for operation in Sky().operations if operation.name == name)
    for name in ("kites.list", "kites.create", "kites.delete")
)


def test_looking_is_reading_and_nothing_more() -> None:
    assert risks(LOOK) == (Risk.READ,)
    assert risks(replace(LOOK, people_only=True)) == (Risk.READ,)


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        (None, (Risk.WRITE,)),
        ("acknowledge", (Risk.WRITE,)),
        ("resolve", (Risk.WRITE,)),
        ("page", (Risk.WRITE, Risk.PAGES)),
        ("publish", (Risk.WRITE, Risk.PUBLIC)),
        ("notify", (Risk.WRITE, Risk.PUBLIC)),
    ],
)
def test_a_risky_act_is_a_risk_of_its_own(switch: str | None, expected: tuple[Risk, ...]) -> None:
    assert risks(replace(FLY, switch=switch)) == expected


def test_what_needs_the_full_right_or_deletes_is_destructive_once() -> None:
    for level in ("write", "full"):
        assert risks(replace(CUT, level=level, switch="delete")) == (Risk.WRITE, Risk.DESTRUCTIVE)
    assert risks(replace(CUT, level="full", switch="page")) == (Risk.WRITE, Risk.PAGES, Risk.DESTRUCTIVE)
    assert risks(replace(CUT, level="full", switch=None)) == (Risk.WRITE, Risk.DESTRUCTIVE)


def test_what_no_agent_may_ever_do_is_about_access() -> None:
    closed = replace(FLY, people_only=True)
    assert risks(closed) == (Risk.WRITE, Risk.ACCESS_CONTROL)
    assert callers(closed) == ("people", "tokens")
    assert callers(FLY) == ("people", "tokens", "agents")
    assert callers(replace(FLY, routes=())) == (), "only our own pages lead to it"


def test_the_door_lets_in_the_tokens_that_the_reference_names() -> None:
    """The reference may not promise what the door refuses."""
    token = Actor(kind="token", id=1, name="CI", team_ids=(1,))
    for operation in Catalogue(operations(load({}, {}))):
        if "tokens" in callers(operation):
            assert decide(token, operation).answer is Answer.ALLOW, operation.name


def test_the_door_lets_in_the_agents_that_the_reference_names_and_no_others() -> None:
    """With everything granted that can be: what is then refused is for people alone, and the reference says so."""
    agent = Agent(
        id=1, team_id=1, owner_id=1, name="Bot", purpose=None, budgets=Budgets(), acknowledgement_lease_seconds=None,
        drafts_only=False, suspended_at=None, suspended_by=None, created_at=FakeClock().now(),
        grants=(Grant(levels=dict.fromkeys(AREAS, Level.FULL), switches=dict.fromkeys(SWITCHES, Setting.ON)),),
    )  # fmt: skip
    actor = Actor(kind="agent", id=1, name="Bot", team_ids=(1,), agent=agent)
    for operation in Catalogue(operations(load({}, {}))):
        allowed = decide(actor, operation).answer is Answer.ALLOW
        assert allowed is ("agents" in callers(operation)), operation.name


def test_every_operation_has_a_risk_and_every_risk_is_somebody_s() -> None:
    found = {risk for operation in Catalogue(operations(load({}, {}))) for risk in risks(operation)}
    assert found == set(Risk)
