"""Proving who one is: passwords, codes, recovery codes, sessions, links; and everything that must not work."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from tests.gateway.sign_in_stage import BASE_URL, PASSWORD, SECURITY, Stage, hidden, is_in, token
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.console.signing_in import next_of
from tocsin.gateway.signing_in import Proved, Whence
from tocsin.gateway.signing_in.guessing import CODES_PER_PERSON, PER_ACCOUNT
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


async def second_step(stage: Stage) -> tuple[httpx.AsyncClient, str]:
    """A browser that has given the right password and is asked for more."""
    browser = stage.browser()
    await browser.get("/sign-in")
    page = await stage.sign_in(browser)
    assert "One more step" in page.text
    assert not page.headers.get("set-cookie", "").startswith("tocsin_session")
    return browser, hidden(page, "form")


async def test_a_wrong_password_and_a_wrong_address_are_told_in_the_same_words(stage: Stage) -> None:
    browser = stage.browser()
    pages = [await stage.sign_in(browser, "wrong"), await stage.sign_in(browser, "wrong", "nobody@example.com")]
    assert [page.status_code for page in pages] == [422, 422]
    assert pages[0].text.replace("alice@", "nobody@") == pages[1].text
    log = await stage.log()
    assert any("says to be Alice Archer tried: sign_in.begin" in line for line in log)
    assert any(line.startswith("Somebody tried: sign_in.begin") for line in log)


async def test_guessing_is_stopped_by_account_and_a_right_password_forgives(stage: Stage) -> None:
    for number in range(PER_ACCOUNT):
        assert (await stage.sign_in(stage.browser(f"192.0.2.{number}"), "wrong")).status_code == 422
    stopped = await stage.sign_in(stage.browser("192.0.2.200"))
    assert stopped.status_code == 429
    stage.clock.wind(timedelta(seconds=901))
    assert is_in(await stage.sign_in(stage.browser()))


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil", "javascript:1", "//[", "/ü", ""]
)
def test_nobody_is_sent_to_somebody_elses_page(there: str) -> None:
    assert next_of(there) == "/"
    assert next_of("/incidents?a=b") == "/incidents?a=b"


async def test_a_form_that_stood_elsewhere_signs_nobody_in(stage: Stage) -> None:
    browser = stage.browser()
    for headers in ({"origin": "https://evil.example"}, {"origin": "null", "sec-fetch-site": "cross-site"}):
        answer = await browser.post(
            "/sign-in", data={"email": "alice@example.com", "password": PASSWORD}, headers=headers
        )
        assert not is_in(answer)
    assert is_in(await stage.sign_in(browser))


async def test_a_session_that_was_planted_is_not_the_one_that_begins(stage: Stage) -> None:
    thief = stage.browser()
    await stage.sign_in(thief)
    planted = thief.cookies["tocsin_session"]
    browser = stage.browser()
    browser.cookies.set("tocsin_session", planted, domain="localhost.local", path="/")
    await stage.sign_in(browser)
    assert browser.cookies["tocsin_session"] != planted
    assert (await thief.get("/")).status_code == 303, "what was there before has ended"


async def test_cookies_are_shut_in(database: Database, clock: FakeClock) -> None:
    stage = Stage(database, clock, base_url="https://tocsin.test")
    await stage.people()
    line = next(
        each for each in (await stage.sign_in(stage.browser())).headers.get_list("set-cookie") if "session" in each
    )
    assert line.startswith("__Host-tocsin_session=")
    for flag in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
        assert flag in line
    assert "Domain" not in line


async def test_a_code_is_asked_for_and_counts_once(stage: Stage, alice: httpx.AsyncClient) -> None:
    secret, recovery = await stage.set_up_codes(alice)
    assert len(set(recovery)) == 10
    browser, form = await second_step(stage)
    used = await browser.post("/sign-in/code", data={"form": form, "code": stage.code(secret)})
    assert used.status_code == 422, "the code with which it was set up counts no more"
    stage.clock.wind(timedelta(seconds=30))
    code = stage.code(secret)
    assert is_in(await browser.post("/sign-in/code", data={"form": form, "code": f"{code[:3]} {code[3:]}"}))
    other, form = await second_step(stage)
    assert not is_in(await other.post("/sign-in/code", data={"form": form, "code": code}))
    assert any("the password was right, the second factor was not" in line for line in await stage.log())


async def test_a_recovery_code_counts_once_and_is_kept_as_no_one_can_read_it(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    _, (first, *_) = await stage.set_up_codes(alice)
    browser, form = await second_step(stage)
    assert is_in(await browser.post("/sign-in/code", data={"form": form, "code": first.upper()}))
    again, form = await second_step(stage)
    assert not is_in(await again.post("/sign-in/code", data={"form": form, "code": first}))
    assert "9 of 10 left" in (await alice.get(SECURITY)).text

    def rows(tx: Tx) -> str:
        kept = [tx.execute(text(f"SELECT * FROM {table}")).all() for table in ("recovery_codes", "authenticators")]
        return str(kept)

    found = await stage.database.read(rows)
    assert first.replace("-", "") not in found
    assert "sealed:" in found


async def test_guessing_codes_is_stopped_however_many_addresses_guess(stage: Stage, alice: httpx.AsyncClient) -> None:
    secret, _ = await stage.set_up_codes(alice)
    browser, form = await second_step(stage)
    for _ in range(CODES_PER_PERSON):
        assert (await browser.post("/sign-in/code", data={"form": form, "code": "000000"})).status_code == 422
    stage.clock.wind(timedelta(seconds=30))
    assert (await browser.post("/sign-in/code", data={"form": form, "code": stage.code(secret)})).status_code == 429


async def test_the_second_step_belongs_to_one_browser_one_password_and_ten_minutes(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    secret, _ = await stage.set_up_codes(alice)
    _, form = await second_step(stage)
    stage.clock.wind(timedelta(seconds=30))
    elsewhere = stage.browser()
    await elsewhere.get("/sign-in")
    assert not is_in(await elsewhere.post("/sign-in/code", data={"form": form, "code": stage.code(secret)}))
    mine, form = await second_step(stage)
    stage.clock.wind(timedelta(minutes=11))
    assert not is_in(await mine.post("/sign-in/code", data={"form": form, "code": stage.code(secret)}))
    mine, form = await second_step(stage)
    hash = accounts.hash_password("another password")
    await stage.database.write(accounts.set_password, await stage.user_id(), hash)
    assert not is_in(await mine.post("/sign-in/code", data={"form": form, "code": stage.code(secret)}))


async def test_a_new_password_asks_for_the_old_one_and_ends_other_sessions(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    other = stage.browser()
    await stage.sign_in(other)
    path = f"{SECURITY}/password"
    refused = await stage.deed(alice, path, current="wrong", password="a better password")
    assert refused.status_code == 422
    assert "Is not your password" in refused.text
    assert (await stage.deed(alice, path, current=PASSWORD, password="short")).status_code == 422
    assert (await other.get("/")).status_code == 200
    assert (await stage.deed(alice, path, current=PASSWORD, password="a better password")).status_code == 303
    assert (await alice.get("/")).status_code == 200
    assert (await other.get("/")).status_code == 303
    assert not is_in(await stage.sign_in(stage.browser()))
    assert is_in(await stage.sign_in(stage.browser(), "a better password"))
    assert any("Alice Archer changed the password" in line for line in await stage.log())


async def test_an_old_sign_in_is_asked_for_the_password_before_anything_changes(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    stage.clock.wind(timedelta(minutes=16))
    asked = await stage.deed(alice, f"{SECURITY}/codes")
    assert (asked.status_code, asked.headers["location"]) == (303, f"{SECURITY}/confirm")
    page = await alice.get(f"{SECURITY}/confirm")
    wrong = await alice.post(f"{SECURITY}/confirm", data={"csrf": token(page), "password": "wrong"})
    assert wrong.status_code == 422
    sent = {"csrf": token(page), "password": PASSWORD, "next": "//evil.example"}
    right = await alice.post(f"{SECURITY}/confirm", data=sent)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert (await stage.deed(alice, f"{SECURITY}/codes")).headers["location"] == f"{SECURITY}#codes"


async def test_sessions_are_listed_and_ended_and_nobody_elses(stage: Stage, alice: httpx.AsyncClient) -> None:
    other = stage.browser("198.51.100.9")
    await stage.sign_in(other)
    page = (await alice.get(SECURITY)).text
    assert "Firefox on Linux" in page
    assert "198.51.100.9" in page
    assert page.count("This one") == 1
    ids = [each.id for each in await stage.database.read(accounts.sessions_of, await stage.user_id())]
    charlie = await stage.signing_in.sessions.begin(
        Proved(user_id=await stage.user_id("charlie"), means="test"), Whence(client_address="192.0.2.1")
    )
    strange = stage.browser()
    strange.cookies.set("tocsin_session", charlie)
    assert (await stage.deed(strange, f"{SECURITY}/sessions/{ids[0]}/end")).status_code == 404
    assert (await other.get("/")).status_code == 200
    assert (await stage.deed(alice, f"{SECURITY}/sessions/{ids[0]}/end")).status_code == 303
    assert (await other.get("/")).status_code == 303
    assert any("Alice Archer ended a session" in line for line in await stage.log())


async def test_who_is_removed_from_their_last_team_is_signed_out(stage: Stage, alice: httpx.AsyncClient) -> None:
    await stage.database.write(accounts.remove, "alice@example.com", None)
    assert (await alice.get("/")).status_code == 303


async def test_no_form_of_the_page_works_without_its_token(stage: Stage, alice: httpx.AsyncClient) -> None:
    for route in stage.app.routes:
        path = getattr(route, "path", "")
        if path.startswith(SECURITY) and "POST" in (getattr(route, "methods", None) or ()):
            answer = await alice.post(path.replace("{id:int}", "1"), data={"csrf": "x.y", "password": PASSWORD})
            assert answer.status_code == 403, path


async def test_a_forgotten_password_tells_nobody_who_has_an_account(stage: Stage) -> None:
    pages = [
        await stage.browser().post("/forgotten", data={"email": email})
        for email in ("alice@example.com", "nobody@example.com", "not an address")
    ]
    assert len({page.text for page in pages}) == 1
    await stage.signing_in.links.settle()

    def mailed(tx: Tx) -> int:
        return int(tx.execute(text("SELECT count(*) FROM access_links")).scalar_one())

    assert await stage.database.read(mailed) == 1


async def test_a_link_to_a_new_password_is_good_once_for_an_hour_and_signs_nobody_in(
    stage: Stage, alice: httpx.AsyncClient
) -> None:
    user_id = await stage.user_id()
    old = await stage.database.write(accounts.make_link, user_id, accounts.NEW_PASSWORD)
    secret = await stage.database.write(accounts.make_link, user_id, accounts.NEW_PASSWORD)
    browser = stage.browser()
    assert (await browser.get(f"/forgotten/{old}")).status_code == 404, "a newer one was sent"
    assert (await browser.get(f"/set-up/{secret}")).status_code == 404, "it is for something else"
    assert (await browser.get(f"/forgotten/{secret}")).status_code == 200
    assert (await browser.post(f"/forgotten/{secret}", data={"password": "short"})).status_code == 422
    chosen = await browser.post(f"/forgotten/{secret}", data={"password": "a better password"})
    assert chosen.headers["location"] == "/sign-in?changed=1"
    assert not is_in(chosen)
    assert (await alice.get("/")).status_code == 303, "other sessions end"
    again = await browser.post(f"/forgotten/{secret}", data={"password": "an even better one"})
    assert again.status_code == 404
    assert is_in(await stage.sign_in(browser, "a better password"))
    late = await stage.database.write(accounts.make_link, user_id, accounts.NEW_PASSWORD)
    stage.clock.wind(timedelta(minutes=61))
    assert (await browser.get(f"/forgotten/{late}")).status_code == 404


async def test_the_first_person_sets_tocsin_up_and_is_in(sqlite_database: Database, clock: FakeClock) -> None:
    stage = Stage(sqlite_database, clock)

    def founded(tx: Tx) -> str:
        team = accounts.ensure_team(tx, "My team")
        user = accounts.create_user(tx, email="admin@localhost", name="Administrator", password=PASSWORD)
        accounts.join(tx, team.id, user.id, Role.ADMIN)
        return accounts.make_link(tx, user.id, accounts.SET_UP)

    path = f"/set-up/{await sqlite_database.write(founded)}"
    browser = stage.browser()
    assert (await browser.get(path)).status_code == 200
    sent = {"name": "Ada <b>L</b>", "email": "ada@example.com", "password": "x", "team_name": "Platform"}
    refused = await browser.post(path, data=sent)
    assert refused.status_code == 422
    assert "Ada &lt;b&gt;L&lt;/b&gt;" in refused.text
    assert is_in(await browser.post(path, data={**sent, "password": "a good password"}))
    home = await browser.get("/")
    assert "Platform" in home.text
    assert (await browser.post(path, data={**sent, "password": "a good password"})).status_code == 404
    assert is_in(await stage.sign_in(stage.browser(), "a good password", "ada@example.com"))


async def test_the_address_to_set_up_ends_with_the_first_sign_in(stage: Stage) -> None:
    secret = await stage.database.write(accounts.make_link, await stage.user_id(), accounts.SET_UP)
    assert is_in(await stage.sign_in(stage.browser()))
    assert (await stage.browser().get(f"/set-up/{secret}")).status_code == 404


async def test_a_program_is_let_in_by_the_second_factor_too(stage: Stage, alice: httpx.AsyncClient) -> None:
    secret, _ = await stage.set_up_codes(alice)
    halfway = await stage.signing_in.entrance.by_password("alice@example.com", PASSWORD, "b" * 32, Whence())
    assert halfway is not None
    assert not isinstance(halfway, Proved), "a password alone proves nothing any more, on whichever surface"
    stage.clock.wind(timedelta(seconds=30))
    proved = await stage.signing_in.entrance.by_code(halfway.sealed, "b" * 32, stage.code(secret), Whence())
    assert proved is not None
    assert BASE_URL.startswith("http://localhost")
