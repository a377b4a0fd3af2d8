"""What stands between a stranger, or whoever sits down at somebody's browser, and what is not theirs."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from tests.gateway.sign_in_stage import PASSWORD, SECURITY, Stage, is_in
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.gateway.live import MAX_OF_ONE, Live
from tocsin.storage import Database, Tx

pytestmark = pytest.mark.slow


@pytest.fixture
async def stage(sqlite_database: Database, clock: FakeClock) -> Stage:
    made = Stage(sqlite_database, clock)
    await made.people()
    return made


@pytest.fixture
async def alice(stage: Stage) -> httpx.AsyncClient:
    browser = stage.browser()
    assert is_in(await stage.sign_in(browser))
    return browser


async def test_a_second_factor_that_waits_is_shown_to_nobody_who_only_sits_down(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    await stage.deed(alice, f"{SECURITY}/codes")
    assert "otpauth://" in (await alice.get(SECURITY)).text
    stage.clock.wind(timedelta(minutes=16))
    page = (await alice.get(SECURITY)).text
    assert "otpauth://" not in page
    assert 'class="qr"' not in page


async def test_the_name_of_a_passkey_is_changed_by_its_owner_alone_and_on_record(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    def keep(tx: Tx) -> list[int]:
        made = []
        for name in ("alice", "bob"):
            user = accounts.user_by_email(tx, f"{name}@example.com")
            assert user is not None
            kept = accounts.add_passkey(
                tx, user.id, credential_id=name, public_key="k", sign_count=0, transports=[], name="Old"
            )
            made.append(kept.id)
        return made

    mine, bobs = await stage.database.write(keep)
    assert (await stage.deed(alice, f"{SECURITY}/passkeys/{mine}/name", name="Blue key")).status_code == 303
    assert (await stage.deed(alice, f"{SECURITY}/passkeys/{bobs}/name", name="Blue key")).status_code == 404
    assert sum("gave a passkey another name" in line for line in await stage.log()) == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "http://[", "null"])
async def test_a_form_from_elsewhere_signs_nobody_in(stage: Stage, origin: str) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    sent = await stage.browser().post(
        "/sign-in", data={"email": "alice@example.com", "password": PASSWORD}, headers=headers
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in")
    assert "set-cookie" not in sent.headers


async def test_cookies_are_sent_by_https_alone_although_a_proxy_speaks_it(
    sqlite_database: Database, clock: FakeClock
) -> None:
    stage = Stage(sqlite_database, clock, base_url="https://tocsin.example.com")
    await stage.people()
    alice = stage.browser()
    assert "__Host-tocsin_session=" in (await stage.sign_in(alice)).headers["set-cookie"]
    plain = httpx.AsyncClient(
        transport=httpx.ASGITransport(stage.app), base_url="http://127.0.0.1:8080",
        headers={"Cookie": "; ".join(f"{name}={value}" for name, value in alice.cookies.items())},
    )  # fmt: skip
    form = (await alice.get(SECURITY)).text.partition('name="csrf" value="')[2].partition('"')[0]
    for path, fields in (("/me/theme", {"theme": "dark"}), ("/sign-out", {})):
        answer = await plain.post(path, data={"csrf": form, **fields})
        given = answer.headers.get_list("set-cookie")
        assert given, path
        assert all("Secure" in each and "HttpOnly" in each for each in given), path


async def test_one_person_does_not_take_everybodys_places_to_hear_of_changes(sqlite_database: Database) -> None:
    live = Live(sqlite_database)
    open_pages = [live.listening(1, 7) for _ in range(MAX_OF_ONE)]
    for page in open_pages:
        assert not live.full(7)
        page.__enter__()
    assert live.full(7)
    assert not live.full(8)
    for page in open_pages:
        page.__exit__(None, None, None)
    assert not live.full(7)
