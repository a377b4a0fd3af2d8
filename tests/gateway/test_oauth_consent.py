"""A program asks, a person signs in and says how far: what is refused, to whom it is said, and what is on record."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import timedelta
from typing import Any

import pytest

from tests.gateway.oauth_stage import BASE_URL, CALLBACK, CHALLENGE, ELSEWHERE, OFF, Stage, fields, returned, sealed
from tests.net import FakeNet
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.agents.model import Agent, Level, Setting
from tocsin.gateway.counting import Turnstile
from tocsin.gateway.oauth.authority import FORM_LASTS
from tocsin.gateway.signing_in.guessing import PER_ACCOUNT as ATTEMPTS_PER_ACCOUNT
from tocsin.kernel.errors import TooMany
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, Tx

pytestmark = pytest.mark.slow

HASH_SECONDS = 0.015
"""Of a processor, at least: what filling 64 MiB takes on the fastest of machines."""


@pytest.fixture
async def stage(database: Database, clock: FakeClock, vault: Vault) -> Stage:
    made = Stage(database, clock, vault, FakeNet())
    await made.people()
    return made


async def the_agents(stage: Stage) -> list[Agent]:
    return (await stage.database.read(lambda tx: agents.list_agents(tx, None, page=1, per_page=50)))[0]


async def test_what_a_person_consents_to_is_an_agent_of_theirs(stage: Stage) -> None:
    client = await stage.register()
    page = await stage.sign_in(await stage.ask(client))
    assert "Claude" in page.text
    assert "127.0.0.1:3000" in page.text
    answer = returned(await stage.choose(page, level_incidents="write", switch_acknowledge="on", level_monitors="off"))
    assert answer["state"] == "s t/a+te"
    assert answer["iss"] == BASE_URL
    (agent,) = await the_agents(stage)
    owner = await stage.database.read(accounts.user_by_email, "alice@example.com")
    assert owner is not None
    assert (agent.name, agent.owner_id) == ("Claude of Alice", owner.id)
    (grant,) = agent.grants
    assert grant.levels["incidents"] is Level.WRITE
    assert "monitors" not in grant.levels
    assert (grant.switches["acknowledge"], grant.switches["page"]) == (Setting.ON, Setting.ASK)
    assert "delete" not in grant.switches
    assert any("Alice Archer let a program in (agent 1)" in line and "Ops" in line for line in await stage.log())


async def test_looking_gives_nothing_away_and_changes_nothing(stage: Stage) -> None:
    page = await stage.ask(await stage.register())
    assert page.status_code == 200
    assert "Ops" not in page.text
    assert await the_agents(stage) == []


async def test_the_pages_are_shut_in(stage: Stage) -> None:
    first = await stage.ask(await stage.register())
    second = await stage.sign_in(first)
    for page in (first, second):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "<script>" not in page.text
    assert "form-action 'self';" in first.headers["content-security-policy"]
    assert "form-action 'self' http:;" in second.headers["content-security-policy"]
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_behind_https_the_cookie_cannot_be_planted_by_a_neighbour(
    database: Database, clock: FakeClock, vault: Vault
) -> None:
    stage = Stage(database, clock, vault, FakeNet(), "https://tocsin.test")
    stage.browser = stage.client(base_url="https://tocsin.test")
    client = await stage.register()
    page = await stage.ask(client, resource="https://tocsin.test/mcp")
    assert page.headers["set-cookie"].startswith("__Host-tocsin_oauth=")
    assert "Secure" in page.headers["set-cookie"]


async def test_no_is_an_answer_too(stage: Stage) -> None:
    page = await stage.sign_in(await stage.ask(await stage.register()))
    answer = returned(await stage.choose(page, answer="no"))
    assert (answer["error"], answer["iss"], answer["state"]) == ("access_denied", BASE_URL, "s t/a+te")
    assert "code" not in answer
    assert await the_agents(stage) == []
    assert any("said no to Claude" in line for line in await stage.log())


async def test_letting_in_nothing_at_all_is_asked_about(stage: Stage) -> None:
    page = await stage.sign_in(await stage.ask(await stage.register()))
    off = dict.fromkeys([name for name in fields(page) if name.startswith("level_")], "off")
    again = await stage.choose(page, **off)
    assert again.status_code == 422
    assert "Choose at least one area" in again.text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": OFF}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": OFF}, "invalid_request"),
        ({"code_challenge_method": OFF}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"resource": "https://mcp.evil.example/mcp"}, "invalid_target"),
        ({"resource": f"{BASE_URL}/mcp/other"}, "invalid_target"),
        ({"resource": [f"{BASE_URL}/mcp", "https://evil.example/"]}, "invalid_target"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": ["read", "write"]}, "invalid_request"),
        ({"code_challenge": [CHALLENGE, CHALLENGE]}, "invalid_request"),
    ],
)
async def test_what_is_not_in_order_goes_back_to_the_program(stage: Stage, change: dict[str, Any], error: str) -> None:
    answer = returned(await stage.ask(await stage.register(), **change))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "s t/a+te", BASE_URL)
    assert "code" not in answer


async def test_a_state_that_came_twice_is_not_given_back(stage: Stage) -> None:
    answer = returned(await stage.ask(await stage.register(), state=["a", "b"]))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": OFF},
        {"client_id": "nobody"},
        {"client_id": ["a", "b"]},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": f"{CALLBACK}/../evil"},
        {"redirect_uri": f"{CALLBACK}?next=https://evil.example"},
        {"redirect_uri": f"{CALLBACK}#"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example"},
        {"redirect_uri": "http://127.0.0.1:3000@evil.example/callback"},
        {"redirect_uri": [CALLBACK, "https://evil.example/callback"]},
    ],
)
async def test_to_an_address_that_was_not_named_before_nobody_is_ever_sent(
    stage: Stage, change: dict[str, Any]
) -> None:
    page = await stage.ask(await stage.register(), **change)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "evil" not in page.text
    assert "form" not in re.sub(r"form-action", "", page.text)


async def test_an_error_carries_nobody_off_to_a_stranger_without_a_click(stage: Stage) -> None:
    client = await stage.register(redirect_uris=[ELSEWHERE])
    page = await stage.ask(client, scope="nonsense")
    assert page.status_code == 400
    assert f'href="{ELSEWHERE}?error=invalid_scope' in page.text
    await stage.let_in(client)
    assert returned(await stage.ask(client, scope="nonsense"))["error"] == "invalid_scope"


async def test_a_program_may_leave_out_its_only_address(stage: Stage) -> None:
    client = await stage.register()
    code = await stage.let_in(client, redirect_uri=OFF)
    assert (await stage.exchange(client, code)).json()["error"] == "invalid_grant"
    assert (await stage.exchange(client, code, redirect_uri=OFF)).status_code == 200
    both = await stage.register(redirect_uris=[CALLBACK, ELSEWHERE])
    assert (await stage.ask(both, redirect_uri=OFF)).status_code == 400


async def test_any_port_of_this_computer_will_do(stage: Stage) -> None:
    client = await stage.register(redirect_uris=["http://127.0.0.1/callback"])
    page = await stage.sign_in(await stage.ask(client, redirect_uri="http://127.0.0.1:51004/callback"))
    answer = await stage.choose(page)
    assert answer.headers["location"].startswith("http://127.0.0.1:51004/callback?code=")


async def test_a_wrong_password_says_no_more_than_that(stage: Stage) -> None:
    client = await stage.register()
    for email in ("alice@example.com", "nobody@example.com"):
        page = await stage.sign_in(await stage.ask(client), email, "wrong")
        assert page.status_code == 422
        assert "The e-mail address or the password is wrong" in page.text
        assert "Ops" not in page.text
    assert any("Somebody who says to be Alice Archer" in line for line in await stage.log())


async def test_guessing_at_an_account_is_slowed_down(stage: Stage, clock: FakeClock) -> None:
    client = await stage.register()
    page = await stage.ask(client)
    for _ in range(ATTEMPTS_PER_ACCOUNT):
        assert (await stage.sign_in(page, password="wrong")).status_code == 422
    held = await stage.sign_in(page)
    assert held.status_code == 429
    assert int(held.headers["retry-after"]) > 0
    assert (await stage.sign_in(page, "bob@example.com")).status_code == 200
    clock.wind(timedelta(minutes=15))
    assert (await stage.sign_in(await stage.ask(client))).status_code == 200


def test_every_network_address_has_its_own_count_and_all_of_them_one_together(clock: FakeClock) -> None:
    turnstile = Turnstile(clock, window_seconds=900, each=2, in_all=5)
    for _ in range(2):
        turnstile.admit_from("192.0.2.7")
    with pytest.raises(TooMany) as held:
        turnstile.admit_from("192.0.2.7")
    assert 0 < held.value.retry_after_seconds <= 900
    turnstile.admit_from("2001:db8::1")
    turnstile.admit_from("2001:db8::2")
    with pytest.raises(TooMany):
        turnstile.admit_from("2001:db8::3")  # the same /64: the same customer
    turnstile.admit_from("198.51.100.1")
    with pytest.raises(TooMany):
        turnstile.admit_from("203.0.113.1")
    clock.wind(timedelta(minutes=15))
    turnstile.admit_from("192.0.2.7")


def test_one_customer_with_many_ipv6_networks_does_not_use_up_what_all_may(clock: FakeClock) -> None:
    turnstile = Turnstile(clock, window_seconds=900, each=2, in_all=100)
    admitted = 0
    for number in range(50):  # each of another /64, all of one /48
        with contextlib.suppress(TooMany):
            turnstile.admit_from(f"2001:db8:1:{number:x}::1")
            admitted += 1
    assert admitted == 10
    turnstile.admit_from("2001:db8:2::1")


@pytest.mark.parametrize("password", ["wrong", "x" * 1_001])
@pytest.mark.parametrize("email", ["alice@example.com", "charlie@example.com", "nobody@example.com"])
async def test_the_time_does_not_tell_who_has_an_account(stage: Stage, email: str, password: str) -> None:
    """Alice has a password, Charlie has none, nobody is called Nobody: a hash is made for each, and takes its time."""
    page = await stage.ask(await stage.register())
    assert (await stage.sign_in(page, email, "warm up")).status_code == 422
    began = time.process_time()
    assert (await stage.sign_in(page, email, password)).status_code == 422
    assert time.process_time() - began > HASH_SECONDS


async def test_a_form_is_good_in_the_browser_that_was_given_it_and_not_for_long(stage: Stage, clock: FakeClock) -> None:
    client = await stage.register()
    page = await stage.sign_in(await stage.ask(client))
    mine, stage.browser = stage.browser, stage.client()
    assert (await stage.choose(page)).status_code == 400, "no cookie"
    await stage.ask(client)
    assert (await stage.choose(page)).status_code == 400, "another browser's cookie"
    stage.browser = mine
    assert (await stage.choose(page, form=sealed(page)[:-4] + "AAA=")).status_code == 400
    clock.wind(FORM_LASTS + timedelta(seconds=1))
    assert (await stage.choose(page)).status_code == 400
    assert await the_agents(stage) == []


async def test_the_first_form_is_no_second_one(stage: Stage) -> None:
    page = await stage.ask(await stage.register())
    skipped = await stage.choose(page, team="1", level_incidents="full")
    assert skipped.status_code == 400
    assert await the_agents(stage) == []


async def test_nobody_lets_a_program_into_a_team_that_is_not_theirs(stage: Stage) -> None:
    page = await stage.sign_in(await stage.ask(await stage.register()))
    other = await stage.database.read(accounts.team_by_name, "Other")
    assert other is not None
    assert (await stage.choose(page, team=str(other.id))).status_code == 400
    assert (await stage.choose(page, team="x")).status_code == 422
    assert await the_agents(stage) == []


async def test_whoever_is_in_two_teams_chooses_one(stage: Stage) -> None:
    def join(tx: Tx) -> int:
        team, user = accounts.team_by_name(tx, "Other"), accounts.user_by_email(tx, "alice@example.com")
        assert team
        assert user
        accounts.join(tx, team.id, user.id)
        return team.id

    other = await stage.database.write(join)
    page = await stage.sign_in(await stage.ask(await stage.register()))
    assert "In which team?" in page.text
    returned(await stage.choose(page, team=str(other)))
    (agent,) = await the_agents(stage)
    assert agent.team_id == other


async def test_nobody_can_give_what_no_agent_may_have(stage: Stage) -> None:
    page = await stage.sign_in(await stage.ask(await stage.register()))
    returned(await stage.choose(page, level_team="full", level_telemetry="full", level_incidents="root"))
    (agent,) = await the_agents(stage)
    levels = agent.grants[0].levels
    assert levels.get("team") is Level.READ
    assert not {"telemetry", "incidents"} & set(levels)


async def test_the_same_program_is_the_same_agent_as_it_is_now_agreed(stage: Stage) -> None:
    client = await stage.register()
    await stage.let_in(client, {"level_incidents": "write"})
    await stage.let_in(client, {"level_incidents": "read"})
    (agent,) = await the_agents(stage)
    assert agent.grants[0].levels["incidents"] is Level.READ
    await stage.let_in(await stage.register())
    assert [agent.name for agent in await the_agents(stage)] == ["Claude of Alice", "Claude of Alice 2"]


async def test_consent_is_no_way_around_a_suspension(stage: Stage) -> None:
    client = await stage.register()
    await stage.let_in(client, {"level_incidents": "read"})
    (agent,) = await the_agents(stage)
    await stage.database.write(lambda tx: agents.suspend(tx, agent.id, None, by="Bob"))
    page = await stage.choose(await stage.sign_in(await stage.ask(client)), level_incidents="full")
    assert page.status_code == 400
    assert "suspended" in page.text
    (agent,) = await the_agents(stage)
    assert agent.grants[0].levels["incidents"] is Level.READ


async def test_what_a_program_says_of_itself_is_text_and_no_page(stage: Stage) -> None:
    client = await stage.register(client_name='<b onload="x">Claude</b>')
    page = await stage.ask(client)
    assert "<b onload" not in page.text
    assert "&lt;b onload" in page.text
