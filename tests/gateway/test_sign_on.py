"""Single sign-on against a provider that really signs: who is let in as whom, and what of it is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.gateway.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.gateway.sign_in_stage import SECURITY, Stage, is_in, token
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.gateway.signing_in import CALLBACK, Settings
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.storage import Database

pytestmark = pytest.mark.slow


@pytest.fixture
def net() -> Iterator[RealNet]:
    made = RealNet(SystemClock(), allow_private=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def provider(clock: FakeClock) -> Iterator[Provider]:
    made = Provider(clock.now)
    yield made
    made.close()


async def staged(database: Database, clock: FakeClock, net: RealNet, provider: Provider, **more: Any) -> Stage:
    settings = Settings(
        issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, name="Okta",
        **({"domains": ("example.com",)} | more),
    )  # fmt: skip
    stage = Stage(database, clock, net, settings)
    await stage.people()
    return stage


@pytest.fixture
async def stage(sqlite_database: Database, clock: FakeClock, net: RealNet, provider: Provider) -> Stage:
    return await staged(sqlite_database, clock, net, provider)


async def leave(browser: httpx.AsyncClient, there: str = "/incidents") -> str:
    answer = await browser.get(f"/sign-in/sso?{urlencode({'next': there})}")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def through(stage: Stage, provider: Provider, browser: httpx.AsyncClient | None = None) -> httpx.Response:
    """All the way."""
    browser = browser or stage.browser()
    return await browser.get(f"{CALLBACK}?{urlencode(provider.consent(await leave(browser)))}")


async def test_who_is_known_by_a_verified_address_is_let_in_and_linked(stage: Stage, provider: Provider) -> None:
    browser = stage.browser()
    assert "Sign in with Okta" in (await browser.get("/sign-in")).text
    assert is_in(await through(stage, provider, browser), "/incidents")
    assert "Alice Archer" in (await browser.get("/")).text
    asked = provider.asked[0]
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert provider.redeemed[0][1].startswith("Basic ")
    assert "client_secret" not in provider.redeemed[0][0]
    log = await stage.log()
    assert any("Alice Archer is known by single sign-on from now on" in line for line in log)
    assert any("Alice Archer signed in" in line and "by single sign-on" in line for line in log)
    provider.claims["email"] = "alice.archer@example.com"  # they changed their name there
    assert is_in(await through(stage, provider), "/incidents")


@pytest.mark.parametrize(
    "bent",
    [
        {"email_verified": False}, {"email_verified": None}, {"email_verified": "yes"}, {"email": None},
        {"email": "alice@elsewhere.example"}, {"email": "alice@example.com.evil.example"}, {"iss": "https://evil.example"},
        {"aud": "another"}, {"aud": [CLIENT_ID, "another"]}, {"azp": "another"}, {"nonce": "another"}, {"nonce": None},
        {"exp": 1}, {"exp": None}, {"iat": 4_000_000_000}, {"iat": 1}, {"sub": None}, {"sub": ""},
        {"email": "nobody@example.com"},
    ],
)  # fmt: skip
async def test_what_is_not_to_be_believed_lets_nobody_in(
    stage: Stage, provider: Provider, bent: dict[str, Any]
) -> None:
    provider.bent = bent
    answer = await through(stage, provider)
    assert answer.status_code == 422
    assert not is_in(answer, "/incidents")
    assert await stage.database.read(accounts.sessions_of, await stage.user_id()) == []


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa.generate_private_key(public_exponent=65_537, key_size=2_048)),
        ("HS256", CLIENT_SECRET * 2),
        ("none", ""),
    ],
)
async def test_a_token_that_somebody_else_signed_is_none(
    stage: Stage, provider: Provider, algorithm: str, key: Any
) -> None:
    provider.algorithm, provider.signing_key = algorithm, key or None
    if algorithm == "none":
        provider.key = None  # type: ignore[assignment]  # that is what an unsigned one is made with
    assert (await through(stage, provider)).status_code == 422


async def test_an_answer_belongs_to_the_browser_that_asked_and_to_this_provider(
    stage: Stage, provider: Provider
) -> None:
    browser, other = stage.browser(), stage.browser()
    answer = provider.consent(await leave(browser))
    assert (await other.get(f"{CALLBACK}?{urlencode(answer)}")).status_code == 422
    await leave(other)
    assert (await other.get(f"{CALLBACK}?{urlencode(answer)}")).status_code == 422
    for change in ({"iss": "https://evil.example"}, {"state": "another"}, {"code": ""}):
        assert (await browser.get(f"{CALLBACK}?{urlencode(answer | change)}")).status_code == 422
        answer = provider.consent(await leave(browser))
    without = {name: value for name, value in answer.items() if name != "iss"}
    assert (await browser.get(f"{CALLBACK}?{urlencode(without)}")).status_code == 422
    answer = provider.consent(await leave(browser))
    stage.clock.wind(timedelta(minutes=16))
    assert (await browser.get(f"{CALLBACK}?{urlencode(answer)}")).status_code == 422


async def test_an_address_that_the_provider_gave_to_somebody_else_opens_nothing(
    stage: Stage, provider: Provider
) -> None:
    assert is_in(await through(stage, provider), "/incidents")
    provider.claims["sub"] = "u-2"
    assert (await through(stage, provider)).status_code == 422


async def test_newcomers_join_where_that_is_set_and_whoever_was_removed_does_not_come_back(
    sqlite_database: Database, clock: FakeClock, net: RealNet, provider: Provider
) -> None:
    stage = await staged(sqlite_database, clock, net, provider, team="Ops", role="responder")
    provider.claims = {"sub": "n-1", "email": "nora@example.com", "email_verified": True, "name": "Nora New"}
    browser = stage.browser()
    assert is_in(await through(stage, provider, browser), "/incidents")
    places = await stage.database.read(accounts.memberships_of, await stage.user_id("nora"))
    assert [(place.role.value, place.user.name) for place in places] == [("responder", "Nora New")]
    await stage.database.write(accounts.remove, "nora@example.com", None)
    assert (await browser.get("/")).status_code == 303
    await through(stage, provider)
    assert await stage.database.read(accounts.memberships_of, await stage.user_id("nora")) == []


async def test_a_new_key_is_looked_for_once_and_kept(stage: Stage, provider: Provider) -> None:
    await through(stage, provider)
    await through(stage, provider)
    assert provider.keys_fetched == 1
    stage.clock.wind(timedelta(minutes=1))
    provider.turn_keys()
    assert is_in(await through(stage, provider), "/incidents")
    assert provider.keys_fetched == 2


async def test_nobody_is_sent_on_to_somebody_elses_page(stage: Stage, provider: Provider) -> None:
    browser = stage.browser()
    answer = provider.consent(await leave(browser, "//evil.example"))
    assert is_in(await browser.get(f"{CALLBACK}?{urlencode(answer)}"), "/")


async def test_where_it_is_the_only_way_nothing_else_lets_in(
    sqlite_database: Database, clock: FakeClock, net: RealNet, provider: Provider
) -> None:
    stage = await staged(sqlite_database, clock, net, provider, required=True)
    browser = stage.browser()
    assert 'type="password"' not in (await browser.get("/sign-in")).text
    assert not is_in(await stage.sign_in(browser))
    old = stage.browser()
    old.cookies.set(
        "tocsin_session",
        await stage.database.write(accounts.start_session, await stage.user_id(), means="password"),
    )
    assert (await old.get("/")).status_code == 303, "a session that began otherwise is none"
    assert is_in(await through(stage, provider, browser), "/incidents")
    stage.clock.wind(timedelta(minutes=16))
    page = await browser.get(f"{SECURITY}/confirm")
    refused = await browser.post(f"{SECURITY}/confirm", data={"csrf": token(page), "password": "x"})
    assert refused.status_code == 403
    answer = provider.consent((await browser.get("/sign-in/sso?again=1&next=/me/security")).headers["location"])
    assert provider.asked[-1]["prompt"] == "login"
    assert (await browser.get(f"{CALLBACK}?{urlencode(answer)}")).headers["location"] == SECURITY
    assert (await browser.get(SECURITY)).status_code == 200


async def test_a_provider_that_is_another_than_it_says_is_not_asked(stage: Stage, provider: Provider) -> None:
    for document in (
        {"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": "ftp://x/"},
    ):  # fmt: skip
        provider.document = document
        answer = await stage.browser().get("/sign-in/sso")
        assert answer.status_code == 503
        assert "Okta cannot be reached" in answer.text
