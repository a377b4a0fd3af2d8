"""The first page: what is open and who has it, who is on call, and what a new team should do."""

from __future__ import annotations

import re

import pytest

from tests.console.hostile import EVIL, harmless
from tests.world import World


@pytest.mark.slow
async def test_home_says_what_is_open_who_has_it_and_who_is_on_call(world: World) -> None:
    alice = await world.sign_in("alice")
    page = (await alice.get("/")).text
    assert "Nothing is watched yet" in page
    assert "Nothing is broken" not in page
    assert re.search(r'Alice Archer has no verified phone number\. <a href="/me">', page)
    assert re.search(r'Bob Builder has no verified phone number\. <a href="/team">', page)
    assert "Add a monitor" in page
    assert "Nobody: the whole team is paged" in page
    await world.on_call("bob")
    incident = await world.outage("shop", name=EVIL)
    await alice.post(f"/incidents/{incident}/acknowledge")
    page = (await alice.get("/")).text
    assert f'href="/incidents/{incident}"' in page
    assert "Alice Archer" in page
    assert "Bob Builder" in page
    assert "Add a monitor" not in page
    harmless(page)
    await alice.post(f"/incidents/{incident}/resolve")
    page = (await alice.get("/")).text
    assert "resolved by Alice Archer" in page
    assert "Nothing is broken" in page


@pytest.mark.slow
async def test_charlie_sees_nothing_of_it(world: World) -> None:
    await world.outage("shop", name="Secret shop")
    page = (await (await world.sign_in("charlie")).get("/")).text
    assert "Secret shop" not in page
    assert "Alice Archer" not in page


@pytest.mark.slow
async def test_what_still_stands_on_a_status_page_is_not_forgotten(world: World) -> None:
    page_of = {"company_name": "Acme", "subdomain": "acme", "timezone": "Prague"}
    made = await world.api("POST", "/v2/status-pages", page_of)
    here = f"/v2/status-pages/{made.json()['data']['id']}"
    report = await world.api("POST", f"{here}/status-reports", {"title": EVIL, "message": "We look into it."})
    draft = await world.api("POST", f"{here}/status-reports", {"title": "Not yet", "message": "Soon.", "draft": True})
    assert (report.status_code, draft.status_code) == (201, 201)
    alice = await world.sign_in("alice")
    page = (await alice.get("/")).text
    assert "until you say that it is over" in page
    assert f'href="/status-pages/1/reports/{report.json()["data"]["id"]}"' in page
    assert "Not yet" not in page
    harmless(page)
    over = {"ends_at": world.clock.now().isoformat()}
    ended = await world.api("PATCH", f"{here}/status-reports/{report.json()['data']['id']}", over)
    assert ended.status_code == 200, ended.text
    assert "until you say that it is over" not in (await alice.get("/")).text
