"""Team, audit log, trash and one's own page in the console: drawn, done as the person, refused to whoever may not."""

from __future__ import annotations

import re

import pytest

from tests.console.hostile import EVIL, harmless
from tests.world import Visitor, World

pytestmark = pytest.mark.slow
ROOMS = ("/team", "/team/tokens", "/audit", "/trash", "/me")


async def _everything(world: World) -> Visitor:
    """Alice, with something in each of these rooms that wants to be more than words."""
    alice = await world.sign_in("alice")
    monitor = await world.monitor("shop", name=EVIL)
    await world.api("DELETE", f"/v2/monitors/{monitor}")
    assert (await alice.post("/team/invitations", email="dora@example.com", role="member")).status_code == 303
    assert (
        await alice.post("/me/contact-methods", kind="email", address="alice.home@example.com", label=EVIL[:50])
    ).status_code == 303
    assert (await alice.post("/me/rules", use_push="true", use_email="true", after_email="5")).status_code == 303
    made = await alice.post("/me/quiet-hours", timezone="UTC", time_from="22:00", time_to="07:00", days=["mon", "tue"])
    assert made.status_code == 303
    assert (await alice.post("/me/feeds")).status_code == 303
    assert (await alice.post("/team/tokens", name=EVIL)).status_code == 200
    return alice


@pytest.mark.parametrize("room", ROOMS)
async def test_each_room_is_drawn_empty_and_full_and_shows_words_as_words(world: World, room: str) -> None:
    alice = await world.sign_in("alice")
    assert (await alice.get(room)).status_code == 200
    await _everything(world)
    page = await alice.get(room)
    assert page.status_code == 200
    harmless(page.text)
    assert (await world.browse("GET", room)).status_code == 303


async def test_an_invitation_is_sent_sent_again_and_withdrawn(world: World) -> None:
    alice = await world.sign_in("alice")
    await alice.post("/team/invitations", email="dora@example.com", role="responder")
    await alice.post("/team/invitations", email="dora@example.com", role="responder")
    assert len(world.mail_to("dora@example.com")) == 2
    page = await alice.get("/team")
    assert "dora@example.com" in page.text
    assert "Withdraw" in page.text
    wrong = await alice.post("/team/invitations", email="no address", role="responder")
    assert wrong.status_code == 422
    assert 'value="no address"' in wrong.text
    assert "not a valid email" in wrong.text
    await alice.post("/team/remove", email="dora@example.com")
    assert "dora@example.com" not in (await alice.get("/team")).text
    assert any(line.startswith("Alice Archer removed somebody from a team") for line in await world.audit_log())


async def test_a_role_is_changed_by_who_may_and_by_nobody_else(world: World) -> None:
    alice, bob, charlie = [await world.sign_in(name) for name in ("alice", "bob", "charlie")]
    found = (await world.api("GET", "/v2/team-members")).json()["data"]
    ids = {each["attributes"]["email"].partition("@")[0]: each["id"] for each in found}
    lead = {each["attributes"]["role"]: each["id"] for each in (await world.api("GET", "/v2/roles")).json()["data"]}
    page = await bob.get("/team")
    assert "Remove" not in page.text
    assert "Invite somebody" not in page.text
    for path, fields in (
        (f"/team/{ids['bob']}/role", {"role_id": lead["admin"]}),
        ("/team/remove", {"email": "alice@example.com"}),
        ("/team/invitations", {"email": "eve@example.com"}),
    ):
        refused = await bob.post(path, **fields)
        assert refused.status_code == 403
        assert "needs the role Team lead" in refused.text
    foreign = await charlie.post(f"/team/{ids['bob']}/role", role_id=lead["admin"])
    assert foreign.status_code == 404
    last = await alice.post(f"/team/{ids['alice']}/role", role_id=lead["member"])
    assert last.status_code == 422
    assert "last admin" in last.text
    assert (await alice.post(f"/team/{ids['bob']}/role", role_id=lead["team_lead"])).status_code == 303
    assert "Invite somebody" in (await bob.get("/team")).text


async def test_the_audit_log_is_found_by_words_and_taken_away(world: World) -> None:
    alice = await _everything(world)
    page = await alice.get("/audit?actor=Alice&operation=quiet_hours.create")
    assert "Alice Archer created quiet hours" in page.text
    assert "invited" not in page.text
    assert "Nothing found" in (await alice.get("/audit?q=never+said")).text
    assert (await alice.get("/audit?from=yesterday-ish")).status_code == 422
    csv = await alice.get("/audit/export.csv?actor=Alice")
    assert csv.headers["content-type"].startswith("text/csv")
    lines = await alice.get("/audit/export.ndjson")
    assert lines.status_code == 200
    charlie = await world.sign_in("charlie")
    assert "Alice Archer" not in (await charlie.get("/audit")).text


async def test_what_was_deleted_is_had_back_or_gone_for_good(world: World) -> None:
    alice, bob, charlie = [await world.sign_in(name) for name in ("alice", "bob", "charlie")]
    for host in ("shop", "blog"):
        await world.api("DELETE", f"/v2/monitors/{await world.monitor(host, name=host)}")
    page = await alice.get("/trash")
    ids = re.findall(r"/trash/(\d+)/restore", page.text)
    assert len(ids) == 2
    assert "Delete for good" not in (await bob.get("/trash")).text
    assert (await bob.post(f"/trash/{ids[0]}/delete")).status_code == 403
    for deed in ("restore", "delete"):
        assert (await charlie.post(f"/trash/{ids[0]}/{deed}")).status_code == 404
    assert (await bob.post(f"/trash/{ids[0]}/restore")).status_code == 303
    assert (await alice.post(f"/trash/{ids[1]}/delete")).status_code == 303
    assert len((await world.api("GET", "/v2/monitors")).json()["data"]) == 1
    assert f"/trash/{ids[1]}/" not in (await alice.get("/trash")).text


async def test_a_way_to_be_reached_is_added_proved_and_removed_by_a_plain_member_too(world: World) -> None:
    bob = await world.sign_in("bob")
    made = await bob.post("/me/contact-methods", kind="email", address="bob.home@example.com", label="Home")
    assert made.status_code == 303
    id = re.findall(r"/me/contact-methods/(\d+)/verify", (await bob.get("/me")).text)[0]
    code = re.findall(r"\b\d{6}\b", world.mail_to("bob.home@example.com")[0].text)[0]
    wrong = await bob.post(f"/me/contact-methods/{id}/verify", code="000000" if code != "000000" else "111111")
    assert wrong.status_code == 422
    assert (await bob.post(f"/me/contact-methods/{id}/verify", code=code)).status_code == 303
    assert f"/me/contact-methods/{id}/verify" not in (await bob.get("/me")).text
    alice = await world.sign_in("alice")
    assert (await alice.post(f"/me/contact-methods/{id}/delete")).status_code == 404, "it is not hers"
    assert (await bob.post(f"/me/contact-methods/{id}/delete")).status_code == 303
    assert "bob.home@example.com" not in (await bob.get("/me")).text
    refused = await bob.post("/me/contact-methods", kind="phone", address="nobody")
    assert refused.status_code == 422
    assert 'value="nobody"' in refused.text


async def test_rules_quiet_hours_feeds_and_the_theme_are_ones_own(world: World) -> None:
    alice = await _everything(world)
    page = await alice.get("/me")
    assert "email after 5 min" in page.text
    assert "22:00 – 07:00" in page.text
    assert ".ics" in page.text
    bob = await world.sign_in("bob")
    feed = re.findall(r"/me/feeds/(\d+)/delete", page.text)[0]
    assert (await bob.post(f"/me/feeds/{feed}/delete")).status_code == 404
    for path in re.findall(r'action="(/me/(?:rules|quiet-hours|feeds)/\d+/delete)"', page.text):
        assert (await alice.post(path)).status_code == 303
    assert "/delete" not in re.sub(r"/me/contact-methods/\d+/delete", "", (await alice.get("/me")).text)
    assert (
        await alice.post("/me/quiet-hours", timezone="Nowhere", time_from="22:00", time_to="07:00")
    ).status_code == 422
    dark = await alice.post("/me/theme", theme="dark")
    assert "tocsin_theme=dark" in dark.headers["set-cookie"]
    assert "tocsin_theme" not in (await alice.post("/me/theme", theme="<b>")).headers.get("set-cookie", "")


async def test_an_api_token_is_shown_once_works_and_is_revoked(world: World) -> None:
    alice, bob, charlie = [await world.sign_in(name) for name in ("alice", "bob", "charlie")]
    made = await alice.post("/team/tokens", name="Deployments")
    secret = re.findall(r"tocsin_[A-Za-z0-9_-]{20,}", made.text)[0]
    again = await alice.get("/team/tokens")
    assert secret not in again.text
    assert "Deployments" in again.text
    assert "by Alice Archer" in again.text
    assert "Everything" not in again.text, "global tokens are the command line's"
    world.tokens["made"] = secret
    assert (await world.api("GET", "/v2/monitors", token="made")).status_code == 200
    assert secret not in "".join(await world.audit_log())
    assert (await bob.post("/team/tokens", name="Mine")).status_code == 403
    assert "Make a token" not in (await bob.get("/team/tokens")).text
    id = re.findall(r"/team/tokens/(\d+)/revoke", again.text)[0]
    assert (await bob.post(f"/team/tokens/{id}/revoke")).status_code == 403
    assert (await charlie.post(f"/team/tokens/{id}/revoke")).status_code == 404
    assert (await alice.post(f"/team/tokens/{id}/revoke")).status_code == 303
    assert (await world.api("GET", "/v2/monitors", token="made")).status_code == 401
    assert (await alice.post(f"/team/tokens/{id}/revoke")).status_code == 404
    assert (await alice.post("/team/tokens", name="")).status_code == 422


async def test_none_of_these_forms_works_from_elsewhere(world: World) -> None:
    alice = await world.sign_in("alice")
    for path in (
        "/team/invitations", "/team/remove", "/team/1/role", "/team/tokens",
        "/team/tokens/1/revoke", "/trash/1/restore", "/trash/1/delete", "/me/theme",
        "/me/push", "/me/contact-methods", "/me/contact-methods/1/code", "/me/contact-methods/1/verify",
        "/me/contact-methods/1/delete", "/me/rules", "/me/rules/1/delete", "/me/quiet-hours",
        "/me/quiet-hours/1/delete", "/me/feeds", "/me/feeds/1/delete",
    ):  # fmt: skip
        assert (await alice.post(path, csrf="x.y")).status_code == 403, path


async def test_the_console_can_be_put_on_a_home_screen(world: World) -> None:
    alice = await world.sign_in("alice")
    assert '<link rel="manifest" href="/assets/push.webmanifest">' in (await alice.get("/")).text
    manifest = (await alice.get("/assets/push.webmanifest")).json()
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/", "/", "standalone")
    for icon in manifest["icons"]:
        assert (await alice.get(icon["src"])).status_code == 200
    worker = await alice.get("/push.js")
    assert worker.headers["content-type"].startswith("text/javascript")
