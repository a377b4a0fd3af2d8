"""Private pages: nobody gets in who may not, by any address, and guessing is slow."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from tests.pages.reading import ACME, Public, token_in
from tests.pages.test_app import OUTPUTS
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import TooMany
from tocsin.pages.clients import address
from tocsin.pages.gate import GUESSES_PER_CLIENT, LINK_LIFETIME, REMEMBERED_FOR, SIGNED_IN_FOR, Guesses, cookie_value

SECRET = "correct horse battery"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


async def unlock(public: Public, browser: Any, fields: dict[str, str], **headers: str) -> Any:
    """Fill in the form of the gate and send it."""
    shown = await public.ask(f"{ACME}/incidents", client=browser)
    data = {"csrf": token_in(shown.text), **fields}
    return await public.ask(
        f"{ACME}/unlock", "POST", client=browser, data=data, headers={**SAME_ORIGIN, **headers}
    )  # fmt: skip


@pytest.mark.slow
async def test_a_password_opens_a_page_until_it_changes(public: Public) -> None:
    page = await public.open(password=SECRET, password_enabled=True)
    await public.report(page, {}, public.clock.now(), title="Nobody may know of this")
    async with public.browser() as browser:
        shown = await public.ask(f"{ACME}/incidents", client=browser)
        assert shown.status_code == 403
        assert shown.headers["cache-control"] == "private, no-store"
        assert 'type="password"' in shown.text
        wrong = await unlock(public, browser, {"password": "guess"})
        assert (wrong.status_code, "This password is not right." in wrong.text) == (403, True)
        referer = f"https://tocsin.example{ACME}/incidents?month=2026-01"
        right = await unlock(public, browser, {"password": SECRET}, referer=referer)
        assert (right.status_code, right.headers["location"]) == (303, f"{ACME}/incidents?month=2026-01")
        line = right.headers["set-cookie"]
        assert f"Path={ACME}; Max-Age={30 * 86400}; HttpOnly; SameSite=Lax; Secure" in line
        inside = await public.ask(f"{ACME}/incidents", client=browser)
        assert "Nobody may know of this" in inside.text
        assert inside.headers["cache-control"] == "private, no-store"
        assert inside.headers["x-robots-tag"] == "noindex, nofollow"
        assert (await public.ask(f"{ACME}/index.json", client=browser)).status_code == 200
        await public.change(page, password="another one")
        assert (await public.ask(ACME, client=browser)).status_code == 403


@pytest.mark.slow
async def test_all_outputs_of_a_closed_page_are_closed(public: Public) -> None:
    page = await public.open(password=SECRET, password_enabled=True, custom_css="b{}", subscribable=True)
    resource = await public.resource(page, public_name="Hidden")
    for path in [*OUTPUTS, "/logo", "/custom.css", f"/badge/{resource}.svg", "/api/v2/components.json"]:
        answer = await public.ask(ACME + path)
        assert answer.status_code == 403, path
        assert "Hidden" not in answer.text
    for path in ("", "/maintenance", "/subscribe", "/incidents/1"):
        answer = await public.ask(ACME + path)
        assert (answer.status_code, "Hidden" in answer.text) == (403, False), path
    assert (await public.ask(f"{ACME}/subscribe", "POST", data={"email": "a@example.com"})).status_code == 403
    assert public.pages.ready(ACME.encode(), [(b"host", b"tocsin.example")], []) is None, "never the short way"


@pytest.mark.slow
async def test_other_sites_read_no_private_page_with_the_browsers_of_those_inside(public: Public) -> None:
    await public.open(ip_allowlist=[public.address])
    for path in (*OUTPUTS, "/", "/robots.txt"):
        for method in ("GET", "OPTIONS"):
            answer = await public.ask(ACME + path, method, headers={"origin": "https://evil.example"})
            assert answer.status_code in (200, 204)
            assert "access-control-allow-origin" not in answer.headers, (method, path)
            assert answer.headers.get("cross-origin-resource-policy") != "cross-origin"


@pytest.mark.slow
@pytest.mark.parametrize("gate", [{"password": SECRET, "password_enabled": True}, {"ip_allowlist": ["192.0.2.0/24"]}])
async def test_crawlers_are_told_to_look_at_nothing_of_a_closed_page(public: Public, gate: dict[str, Any]) -> None:
    """A robots.txt that is refused means to them that everything may be looked at (RFC 9309, 2.3.1.3)."""
    await public.open(**gate)
    for public.address in ("198.51.100.1", "192.0.2.1"):
        answer = await public.ask(f"{ACME}/robots.txt")
        assert (answer.status_code, answer.text) == (200, "User-agent: *\nDisallow: /\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.slow
async def test_a_wrong_password_loses_neither_the_way_nor_the_language(public: Public) -> None:
    await public.open(password=SECRET, password_enabled=True)
    place = f"https://tocsin.example{ACME}"
    async with public.browser() as browser:
        first = await public.ask(f"{ACME}/incidents?month=2026-01&lang=de", client=browser)
        line = first.headers["set-cookie"]
        assert line.startswith(f"tocsin_lang=de; Path={ACME};")
        assert (first.status_code, first.headers["cache-control"]) == (403, "private, no-store")
        shown, referer = first, f"{place}/incidents?month=2026-01&lang=de"
        for _ in range(2):
            data = {"csrf": token_in(shown.text), "password": "x" * 1_001, **back_in(shown.text)}
            headers = {**SAME_ORIGIN, "referer": referer}
            shown = await public.ask(f"{ACME}/unlock", "POST", client=browser, data=data, headers=headers)
            referer = f"{place}/unlock"
            assert (shown.status_code, 'lang="de"' in shown.text) == (403, True)
            assert back_in(shown.text) == {"back": "/incidents?month=2026-01"}
        other = await public.ask(f"{ACME}/unlock?back=%2Fincidents%3Fmonth%3D2026-01&lang=fr", client=browser)
        assert 'href="?back=%2Fincidents%3Fmonth%3D2026-01&amp;lang=fr"' in shown.text
        assert other.headers["location"] == f"{ACME}/incidents?month=2026-01&lang=fr"
        data = {"csrf": token_in(shown.text), "password": SECRET, **back_in(shown.text)}
        right = await public.ask(f"{ACME}/unlock", "POST", client=browser, data=data, headers=SAME_ORIGIN)
        assert (right.status_code, right.headers["location"]) == (303, f"{ACME}/incidents?month=2026-01")


@pytest.mark.slow
async def test_nobody_is_led_away_from_the_page(public: Public) -> None:
    await public.open()
    for elsewhere in (
        "https://evil.example/", "//evil.example", "/\\evil.example", "/../other", "/unlock", "/unlock/x",
        "@evil.example",
        "/incidents/../../x", "/unsubscribe/x", "/incidents\r\nset-cookie: a=b", "/index.json", ".evil.example/",
    ):  # fmt: skip
        answer = await public.ask(f"{ACME}/unlock", params={"back": elsewhere})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ACME}/"), elsewhere
        sent = await public.ask(f"{ACME}/unlock", "POST", headers={"referer": f"https://tocsin.example{ACME}/feed.rss"})
        assert sent.headers["location"] == f"{ACME}/"


@pytest.mark.slow
async def test_a_page_that_is_closed_is_closed_for_what_was_kept_before(public: Public) -> None:
    page = await public.open()
    host = (b"host", b"tocsin.example")
    async with public.browser() as browser:
        browser.headers.clear()
        assert (await browser.get(f"https://tocsin.example{ACME}")).status_code == 200
    assert public.pages.ready(ACME.encode(), [host], []) is not None
    await public.change(page, password=SECRET, password_enabled=True)
    assert public.pages.ready(ACME.encode(), [host], []) is None
    assert (await public.ask(ACME)).status_code == 403


@pytest.mark.slow
async def test_guessing_is_slow(public: Public) -> None:
    await public.open(password=SECRET, password_enabled=True)
    async with public.browser() as browser:
        for _ in range(GUESSES_PER_CLIENT):  # longer than any password is, so that none of it is hashed
            assert (await unlock(public, browser, {"password": "x" * 1_001})).status_code == 403
        assert (await unlock(public, browser, {"password": SECRET})).status_code == 429
    public.address = "198.51.100.7"
    async with public.browser() as other:
        assert (await unlock(public, other, {"password": SECRET})).status_code == 303


@pytest.mark.slow
async def test_forms_of_other_sites_and_forged_cookies_open_nothing(public: Public) -> None:
    page = await public.open(password=SECRET, password_enabled=True)
    async with public.browser() as browser:
        for headers in (
            {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
        ):  # fmt: skip
            assert (await unlock(public, browser, {"password": SECRET}, **headers)).status_code == 403
        bare = {"csrf": "1.2", "password": SECRET}
        refused = await public.ask(f"{ACME}/unlock", "POST", client=browser, data=bare, headers=SAME_ORIGIN)
        assert refused.status_code == 403
        right = await unlock(public, browser, {"password": SECRET})
        name, _, value = right.headers["set-cookie"].partition(";")[0].partition("=")
        for forged in (value[:-1], value.replace(".", "0."), "9999999999." + value.partition(".")[2], "", "x", "٣.x"):
            browser.cookies.clear()
            given = {"cookie": f"{name}={forged}".encode()}
            assert (await public.ask(ACME, client=browser, headers=given)).status_code == 403  # type: ignore[arg-type]
        good = {"cookie": f"a=b; {name}={value}"}
        browser.cookies.clear()
        assert (await public.ask(ACME, client=browser, headers=good)).status_code == 200
        public.clock.wind(REMEMBERED_FOR + timedelta(seconds=1))
        assert (await public.ask(ACME, client=browser, headers=good)).status_code == 403
    assert name == f"tocsin_page_{page}"


@pytest.mark.slow
async def test_an_allow_list_is_asked_before_anything_else(public: Public) -> None:
    page = await public.open(ip_allowlist=["# office", "192.0.2.0/24", "2001:db8::/32"])
    assert (await public.ask(ACME)).status_code == 200
    for peer, forwarded, status in (
        ("198.51.100.1", "", 403), ("198.51.100.1", "192.0.2.1", 403), ("10.0.0.1", "192.0.2.9", 200),
        ("10.0.0.1", "192.0.2.9, 198.51.100.1", 403), ("::ffff:192.0.2.3", "", 200), ("2001:db8:7::1", "", 200),
        ("2001:db9::1", "", 403),
    ):  # fmt: skip
        public.address = peer
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        assert (await public.ask(ACME, headers=headers)).status_code == status, (peer, forwarded)
        assert (await public.ask(f"{ACME}/feed.rss", headers=headers)).status_code == status
    public.address = "198.51.100.1"
    await public.change(page, password=SECRET, password_enabled=True)
    assert "certain networks" in (await public.ask(ACME)).text
    assert (await public.ask(f"{ACME}/unlock", "POST", data={"password": SECRET})).status_code == 403


@pytest.mark.slow
async def test_members_sign_in_by_a_link_and_are_out_when_they_leave(public: Public) -> None:
    await public.open(require_sso=True)

    def people(tx: Any) -> None:
        for team, name in (("Ops", "alice"), ("Ops", "bob"), ("Other", "charlie")):
            user = accounts.create_user(tx, email=f"{name}@example.com", name=name, password=None)
            accounts.join(tx, accounts.ensure_team(tx, team).id, user.id)

    await public.database.write(people)
    async with public.browser() as browser:
        everybody = ("charlie@example.com", "nobody@example.com", "alice@example.com", "")
        answers = [await unlock(public, browser, {"email": email}) for email in everybody]
        await public.pages._unlocking.close()
        texts = {answer.text.replace(cspless(answer), "") for answer in answers}
        assert len(texts) == 1, "the same for everybody"
        assert {answer.status_code for answer in answers} == {200}
        (link,) = public.mailed
        path = link.removeprefix("https://tocsin.example")
        assert (await public.ask(path[:-1] + "x", client=browser)).status_code == 403
        entered = await public.ask(path, client=browser)
        assert (entered.status_code, entered.headers["location"]) == (303, f"{ACME}/")
        assert (await public.ask(ACME, client=browser)).status_code == 200
        public.clock.wind(LINK_LIFETIME)
        async with public.browser() as late:
            assert (await public.ask(path, client=late)).status_code == 403
        await public.database.write(lambda tx: accounts.remove(tx, "alice@example.com", None))
        public.clock.wind(seconds=31)
        assert (await public.ask(ACME, client=browser)).status_code == 403
        public.clock.wind(SIGNED_IN_FOR)
        assert (await public.ask(ACME, client=browser)).status_code == 403


def test_tries_are_counted_by_household_and_by_page_and_right_ones_are_forgiven(clock: FakeClock) -> None:
    guesses = Guesses(clock, per_client=2, per_page=4)

    def refused(site: int, client: str) -> bool:
        try:
            guesses.check(site, address(client))
        except TooMany:
            return True
        return False

    for _ in range(5):  # a whole office comes in
        guesses.count(1, address("2001:db8::1"))
        guesses.forgive(1, address("2001:db8::1"))
    assert not refused(1, "2001:db8::1")
    for client in ("2001:db8::1", "2001:db8::2"):
        guesses.count(1, address(client))
    assert refused(1, "2001:db8::3"), "one household"
    assert not refused(2, "2001:db8::3"), "another page"
    assert not refused(1, "192.0.2.1")
    for client in ("192.0.2.1", "192.0.2.2"):
        guesses.count(1, address(client))
    assert refused(1, "192.0.2.3"), "together too often"
    clock.wind(minutes=10)
    assert not refused(1, "2001:db8::1")


def back_in(text: str) -> dict[str, str]:
    """The form's field with the way back, if it has one."""
    found = re.search(r'name="back" value="([^"]+)"', text)
    return {} if found is None else {"back": unescape(found[1])}


def cspless(answer: Any) -> str:
    """The nonce of an answer, which differs each time."""
    return str(answer.headers["content-security-policy"].split("'nonce-")[1].split("'")[0])


def test_cookies_are_told_apart_by_their_whole_name() -> None:
    assert cookie_value("xtocsin_page_1=a; tocsin_page_1=b; tocsin_page_10=c", "tocsin_page_1") == "b"
    assert cookie_value("tocsin_page_10=c", "tocsin_page_1") == ""
