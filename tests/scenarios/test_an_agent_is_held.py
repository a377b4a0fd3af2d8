"""What bounds an agent holds when it is pushed: its owner leaves, it loops, it asks without end, its deed fails."""

from __future__ import annotations

import re

from sqlalchemy import func, select

from tests.scenarios.test_an_agent_asks import hired, reported
from tests.world import World
from tocsin.agents.actions.approvals import MAX_A_DAY
from tocsin.gateway.audit import audit_entries


async def test_when_its_owner_leaves_the_team_it_stops_until_somebody_takes_it_over(world: World) -> None:
    agent = await hired(world, owner_email="bob@example.com", switches={"page": "ask"})
    approval = (await reported(world, "bot")).json()["approval_id"]
    assert (await world.api("POST", f"/v2/approvals/{approval}/approve")).status_code == 200
    gone = await world.api("DELETE", "/v2/team-members?email=bob@example.com")
    assert gone.status_code == 204, gone.text
    for refused in (await world.api("GET", "/v3/incidents", token="bot"), await reported(world, "bot")):
        assert refused.status_code == 403
        assert "its owner has left the team" in refused.json()["errors"]
    taken = await world.api("PATCH", f"/v2/agents/{agent}", {"owner_email": "alice@example.com"})
    assert taken.status_code == 200
    assert (await world.api("GET", "/v3/incidents", token="bot")).status_code == 200


async def test_a_loop_beyond_its_pace_does_not_fill_the_log(world: World) -> None:
    await hired(world, requests_per_minute=3)

    async def entries() -> int:
        return int(
            await world.database.read(
                lambda tx: tx.execute(
                    select(func.count()).select_from(audit_entries).where(audit_entries.c.actor_kind == "agent")
                ).scalar_one()
            )
        )

    for path, method in (("/v2/whoami", "GET"), ("/v3/incidents", "POST")):
        for _ in range(10):
            await world.api(method, path, {} if method == "POST" else None, token="bot")
    assert await entries() == 4, "three calls and the first that was one too many"


async def test_an_agent_does_not_ask_people_without_end(world: World) -> None:
    await hired(world, requests_per_minute=1_000)
    answers = []
    for number in range(MAX_A_DAY + 1):
        wish = {"levels": {"monitors": "write"}, "reason": f"Please, {number}"}
        asked = await world.api("POST", "/v2/access-requests", wish, "bot")
        answers.append(asked.status_code)
        if asked.status_code == 202:
            await world.api("POST", f"/v2/approvals/{asked.json()['data']['id']}/deny")
    assert answers == [202] * MAX_A_DAY + [429]


async def test_a_wish_that_was_refused_is_not_asked_again_at_once(world: World) -> None:
    await hired(world)
    wish = {"levels": {"monitors": "write"}, "reason": "Please"}
    approval = (await world.api("POST", "/v2/access-requests", wish, "bot")).json()["data"]["id"]
    await world.api("POST", f"/v2/approvals/{approval}/deny")
    again = await world.api("POST", "/v2/access-requests", wish, "bot")
    assert again.status_code == 409
    assert "has refused exactly this" in again.json()["errors"]


async def test_a_short_grant_begins_when_a_person_says_yes(world: World) -> None:
    await hired(world)
    wish = {"levels": {"monitors": "write"}, "reason": "Pause the shop", "minutes": 5}
    approval = (await world.api("POST", "/v2/access-requests", wish, "bot")).json()["data"]["id"]
    await world.fast_forward(minutes=30)
    assert (await world.api("POST", f"/v2/approvals/{approval}/approve")).status_code == 200
    new = {"url": "https://shop.example.com"}
    assert (await world.api("POST", "/v2/monitors", new, "bot")).status_code == 201
    await world.fast_forward(minutes=6)
    assert (await world.api("POST", "/v2/monitors", {"url": "https://b.example.com"}, "bot")).status_code == 403


async def test_what_was_approved_and_failed_need_not_be_approved_again(world: World) -> None:
    await hired(world, levels={"incidents": "read"}, switches={"page": "ask"})
    incident = (await reported(world)).json()["data"]["id"]
    await world.api("POST", f"/v3/incidents/{incident}/resolve")
    address = f"/v3/incidents/{incident}/reopen"
    approval = (await world.api("POST", address, {}, "bot")).json()["approval_id"]
    await world.api("POST", f"/v2/approvals/{approval}/approve")
    await world.api("POST", address)
    failed = await world.api("POST", address, {}, "bot")
    assert failed.status_code == 409, "somebody was faster"
    await world.api("POST", f"/v3/incidents/{incident}/resolve")
    assert (await world.api("POST", address, {}, "bot")).status_code == 200
    await world.api("POST", f"/v3/incidents/{incident}/resolve")
    assert (await world.api("POST", address, {}, "bot")).status_code == 202, "and good once"


async def test_a_draft_is_not_published_by_the_time_it_names(world: World) -> None:
    switches = {"publish": "on", "notify": "on"}
    await hired(world, levels={"status_pages": "write"}, switches=switches, drafts_only=True)
    page = {"subdomain": "acme", "timezone": "UTC", "company_name": "Acme"}
    made = (await world.api("POST", "/v2/status-pages", page)).json()["data"]["id"]
    address = f"/v2/status-pages/{made}/status-reports"
    at = (world.clock.now().replace(microsecond=0)).isoformat().replace("+00:00", "Z")
    words = {"title": "Slow answers", "message": "We look.", "published_at": at, "notify_subscribers": True}
    report = await world.api("POST", address, words, "bot")
    assert report.status_code in (201, 422), report.text
    await world.fast_forward(minutes=10)
    found = (await world.api("GET", address)).json()["data"]
    assert all(each["attributes"]["draft"] for each in found)


async def test_nothing_that_it_sends_looks_like_our_words_in_the_question(world: World) -> None:
    await hired(world)
    forged = "The shop\nWhat it would do: Wakes nobody.\u202e"
    asked = await world.api("POST", "/v3/incidents", {"summary": forged, "name": "Shop"}, "bot")
    assert asked.status_code == 202
    await world.settle()
    mail = next(mail for mail in world.mailbox.mails if "asks:" in str(mail["subject"]))
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    lines = [line for line in text.splitlines() if line.strip().startswith("What it would do")]
    assert len(lines) == 1
    assert "Alice Archer" in text
    found = re.search(r"/approve/\S+", text)
    assert found is not None
    page = (await world.browse("GET", found[0])).text
    assert "\u202e" not in text + page
