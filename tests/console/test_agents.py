"""People make agents by a table, answer what they ask, and read what they did; nobody else can."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.scenarios.test_an_agent_asks import hired, reported
from tests.world import World
from tocsin.gateway.audit.sealing import Sealing

EVIL = '"><script>alert(1)</script>'
PAGES = ("", "/connect", "/tools", "/log", "/settings")


def chosen(page: str) -> set[str]:
    """Which radio buttons of a page are pressed, e.g. `level_monitors=read`."""
    found = re.findall(r'<input type="radio" name="(\w+)" value="(\w+)" checked', page)
    return {f"{name}={value}" for name, value in found if value != "off"}


@pytest.mark.slow
async def test_an_agent_is_made_by_the_table_and_changed_after_a_look_at_the_difference(world: World) -> None:
    alice = await world.sign_in("alice")
    assert "No agents yet" in (await alice.get("/agents")).text
    filled = await alice.post("/agents/new", name="Bot", owner_email="bob@example.com", fill="triage")
    assert {"level_incidents=write", "switch_acknowledge=on"} <= chosen(filled.text)
    assert 'value="Bot"' in filled.text
    assert (await world.api("GET", "/v2/agents")).json()["data"] == [], "nothing was saved yet"

    wrong = await alice.post("/agents/new", name="", level_incidents="read")
    assert (wrong.status_code, chosen(wrong.text)) == (422, {"level_incidents=read"})
    made = await alice.post(
        "/agents/new", name="Bot", owner_email="bob@example.com", level_incidents="read", switch_page="ask"
    )
    assert made.status_code == 303
    (agent,) = (await world.api("GET", "/v2/agents")).json()["data"]
    assert agent["attributes"]["owner_name"] == "Bob Builder"

    page = f"/agents/{agent['id']}"
    assert chosen((await alice.get(page)).text) == {"level_incidents=read", "switch_page=ask"}
    sent = {"level_incidents": "write", "level_monitors": "read", "switch_page": "off"}
    review = await alice.post(f"{page}/table", **sent)
    for sentence in ("Incidents: read → change", "Monitors: none → read", "Alert people: ask first → never"):
        assert sentence in review.text
    assert chosen((await alice.get(page)).text) == {"level_incidents=read", "switch_page=ask"}, "only looked at"
    assert (await alice.post(f"{page}/table", sure="yes", **sent)).status_code == 303
    assert chosen((await alice.get(page)).text) == {"level_incidents=write", "level_monitors=read"}
    assert (await world.audit_log())[-1].startswith("Alice Archer changed an agent")


@pytest.mark.slow
async def test_every_deed_of_an_agents_pages_is_done_as_the_person(world: World) -> None:
    alice = await world.sign_in("alice")
    agent = await hired(world)
    page = f"/agents/{agent}"
    monitor = await world.monitor("shop")
    grant = {"level_monitors": "write", "monitor_ids": str(monitor), "reason": "To mend it", "metadata": "env=prod"}
    assert (await alice.post(f"{page}/grants", **grant)).status_code == 303
    shown = await alice.get(page)
    assert f"shop.example.com ({monitor})" in shown.text
    assert "env=prod" in shown.text
    wrong = await alice.post(f"{page}/grants", level_monitors="read", monitor_ids="shop")
    assert wrong.status_code == 422
    (extra,) = [
        each for each in (await world.api("GET", f"/v2/agents/{agent}/grants")).json()["data"]
        if not each["attributes"]["base"]
    ]  # fmt: skip
    assert (await alice.post(f"{page}/grants/{extra['id']}/remove")).status_code == 303

    token = await alice.post(f"{page}/tokens", name="Laptop", allowed_addresses="192.0.2.0/24")
    secret = re.search(r"agt_\w+", token.text)
    assert secret is not None
    assert token.text.count(secret[0]) > 3, "shown, and put into what there is to copy"
    assert "http://tocsin.test/mcp" in token.text
    after = await alice.get(f"{page}/connect")
    assert secret[0] not in after.text
    assert "192.0.2.0/24" in after.text
    number = max(int(each) for each in re.findall(r"/tokens/(\d+)/revoke", after.text))
    assert (await alice.post(f"{page}/tokens/{number}/revoke")).status_code == 303
    assert "client_secret" in (await alice.post(f"{page}/clients", name="Night watch")).text

    saved = await alice.post(
        f"{page}/settings", name="Other-bot", purpose="Looks", owner_email="bob@example.com", pages_per_hour="3",
        night_calls_per_day="", subscriber_mails_per_day="0", requests_per_minute="60",
        acknowledgement_lease_seconds="900", drafts_only="true",
    )  # fmt: skip
    assert saved.status_code == 303
    told = (await world.api("GET", f"/v2/agents/{agent}")).json()["data"]["attributes"]
    assert (told["name"], told["owner_name"], told["pages_per_hour"]) == ("Other-bot", "Bob Builder", 3)
    assert (told["night_calls_per_day"], told["drafts_only"]) == (None, True)

    await alice.post(f"{page}/suspend")
    assert "Suspended" in (await alice.get(page)).text
    await alice.post(f"{page}/resume")
    await alice.post("/agents/suspend")
    assert (await world.api("GET", "/v3/incidents", token="bot")).status_code == 403
    await alice.post("/agents/resume")
    assert (await world.api("GET", "/v3/incidents", token="bot")).status_code == 200
    await alice.post(f"{page}/delete")
    assert (await alice.get(page)).status_code == 404
    deeds = [line for line in await world.audit_log() if line.startswith("Alice Archer")]
    for deed in (
        "granted an agent something", "took back what an agent was granted", "made a token for an agent",
        "revoked a token of an agent", "changed an agent", "suspended an agent", "resumed an agent",
        "suspended all agents", "resumed all agents", "removed an agent",
    ):  # fmt: skip
        assert any(deed in line for line in deeds), deed


@pytest.mark.slow
async def test_a_question_shows_what_it_would_do_and_is_answered(world: World) -> None:
    alice = await world.sign_in("alice")
    await hired(world, levels={"incidents": "full", "monitors": "full"}, switches={"page": "ask", "delete": "ask"})
    monitor = await world.monitor("shop")
    long = "The shop is closed. " * 60
    assert "Nothing waits" in (await alice.get("/approvals")).text
    await world.api("POST", "/v3/incidents", {"summary": long, "name": "Shop"}, "bot")
    await world.api("DELETE", f"/v2/monitors/{monitor}", token="bot")
    page = (await alice.get("/approvals")).text
    assert "Pages Alice Archer by e-mail" in page
    assert long.strip() in page, "all of it, folded"
    assert f"shop.example.com ({monitor})" in page
    assert page.count("Approve: exactly this, once") == 2
    assert re.search(r'class="count">2<', page), "the badge"
    assert re.search(r'class="count">2<', (await alice.get("/")).text)

    first, second = re.findall(r"/approvals/(\d+)/approve", page)
    assert (await alice.post(f"/approvals/{first}/approve")).status_code == 303
    assert (await world.api("DELETE", f"/v2/monitors/{monitor}", token="bot")).status_code == 204
    await alice.post(f"/approvals/{second}/deny")
    late = await alice.post(f"/approvals/{second}/approve")
    assert "already" in late.headers["set-cookie"], "the next page says that somebody was quicker"
    page = (await alice.get("/approvals")).text
    assert "Nothing waits" in page
    assert "Approved, done" in page
    assert "Refused" in page
    assert 'class="count"' not in page


@pytest.mark.slow
async def test_an_asked_for_grant_is_granted_and_not_called_a_call(world: World) -> None:
    alice = await world.sign_in("alice")
    agent = await hired(world)
    monitor = await world.monitor("shop")
    wish = {"levels": {"monitors": "write"}, "monitor_ids": [monitor], "reason": "Pause it", "minutes": 60}
    asked = await world.api("POST", "/v2/access-requests", wish, "bot")
    page = (await alice.get("/approvals")).text
    assert "Grant it" in page
    assert "exactly this" not in page
    assert f"shop.example.com ({monitor})" in page
    await world.settle()
    mail = next(mail for mail in world.mails() if "/approve/" in mail.text)
    linked = await world.browse("GET", re.search(r"/approve/\S+", mail.text)[0])  # type: ignore[index]
    assert "Grant it" in linked.text
    assert "exactly this" not in linked.text
    await alice.post(f"/approvals/{asked.json()['data']['id']}/approve")
    assert "Changes monitors" in (await alice.get(f"/agents/{agent}")).text


@pytest.mark.slow
async def test_the_live_log_tells_what_happened_and_whether_the_chain_is_whole(world: World) -> None:
    alice = await world.sign_in("alice")
    agent = await hired(world)
    await reported(world, "bot")
    await world.api("POST", "/v3/incidents/77/resolve", token="bot")
    await Sealing(world.database, world.clock).run_once()
    for path in ("/agents/log", f"/agents/{agent}/log"):
        page = (await alice.get(path)).text
        assert "Triage-bot (agent of Alice Archer) tried to" in page
        assert "denied, Resolve is off" in page
        assert "Chain unbroken" in page
        assert "CI" not in page, "what others did stands in the audit log"
    only = (await alice.get("/agents/log?outcome=asked")).text
    assert "Resolve is off" not in only
    assert "must be approved" in only

    def forge(tx: Any) -> None:
        tx.connection.exec_driver_sql("update audit_entries set sentence = 'Nothing happened' where position = 1")

    await world.database.write(forge)
    assert "Chain broken" in (await alice.get("/agents/log")).text


@pytest.mark.slow
async def test_whose_owner_has_left_says_so(world: World) -> None:
    alice = await world.sign_in("alice")
    agent = await hired(world, owner_email="bob@example.com")
    await world.api("DELETE", "/v2/team-members?email=bob@example.com")
    page = (await alice.get(f"/agents/{agent}")).text
    assert "Owner has left" in page
    assert "somebody takes it over" in page
    await alice.post(f"/agents/{agent}/settings", name="Triage-bot", owner_email="alice@example.com")
    assert "Owner has left" not in (await alice.get(f"/agents/{agent}")).text


@pytest.mark.slow
async def test_another_teams_agents_do_not_exist(world: World) -> None:
    charlie = await world.sign_in("charlie")
    agent = await hired(world)
    asked = await reported(world, "bot")
    for end in PAGES:
        assert (await charlie.get(f"/agents/{agent}{end}")).status_code == 404, end
    for deed in ("suspend", "resume", "delete", "table", "tokens", "clients", "grants", "settings"):
        answer = await charlie.post(f"/agents/{agent}/{deed}", name="X", level_monitors="read")
        assert answer.status_code == 404, deed
    assert (await charlie.post(f"/approvals/{asked.json()['approval_id']}/approve")).status_code == 404
    assert "Triage-bot" not in (await charlie.get("/agents")).text
    assert "Triage-bot" not in (await charlie.get("/agents/log")).text
    assert "Triage-bot" not in (await charlie.get("/approvals")).text


@pytest.mark.slow
async def test_no_form_works_without_its_csrf(world: World) -> None:
    alice = await world.sign_in("alice")
    agent = await hired(world)
    asked = await reported(world, "bot")
    deeds = ("suspend", "resume", "delete", "table", "tokens", "clients", "grants", "settings", "tokens/1/revoke")
    for path in (
        "/agents/new", "/agents/suspend", "/agents/resume", f"/approvals/{asked.json()['approval_id']}/approve",
        f"/approvals/{asked.json()['approval_id']}/deny", *(f"/agents/{agent}/{deed}" for deed in deeds),
    ):  # fmt: skip
        assert (await alice.post(path, csrf="0.0", name="X")).status_code == 403, path
    assert (await world.api("GET", f"/v2/agents/{agent}")).json()["data"]["attributes"]["suspended_at"] is None


@pytest.mark.slow
async def test_hostile_text_is_shown_and_not_run(world: World) -> None:
    alice = await world.sign_in("alice")
    monitor = await world.monitor("shop", name=EVIL)
    agent = await hired(world, name=EVIL, purpose=EVIL)
    await alice.post(f"/agents/{agent}/tokens", name=EVIL)
    await alice.post(f"/agents/{agent}/clients", name=EVIL)
    more = {"levels": {"monitors": "write"}, "monitor_ids": [monitor], "metadata": {"a": EVIL}, "reason": EVIL}
    await world.api("POST", f"/v2/agents/{agent}/grants", more)
    await world.api("POST", "/v3/incidents", {"summary": EVIL, "name": EVIL}, "bot")
    await world.api("POST", "/v2/access-requests", {"levels": {"monitors": "write"}, "reason": EVIL}, "bot")
    for path in ("/agents", "/approvals", "/agents/log", "/", *(f"/agents/{agent}{end}" for end in PAGES)):
        page = (await alice.get(path)).text
        assert "<script>alert" not in page, path
    for path in ("/agents", "/approvals", "/agents/log", f"/agents/{agent}", f"/agents/{agent}/connect"):
        assert "&lt;script&gt;alert(1)" in (await alice.get(path)).text, path
