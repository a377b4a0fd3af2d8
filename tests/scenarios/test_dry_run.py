"""What a dry run says comes true: the same people are woken, the same subscribers mailed, the same systems called."""

from __future__ import annotations

from typing import Any

import httpx

from tests.scenarios.test_subscribers import StatusPage
from tests.world import World

ALICE, BOB = "alice@example.com", "bob@example.com"


async def rehearse(world: World, path: str, body: Any, method: str = "POST") -> dict[str, Any]:
    answer = await world.api(method, f"{path}{'&' if '?' in path else '?'}dry_run=true", body)
    assert answer.status_code == 200, answer.text
    await world.settle()
    assert world.new_mails() == [], "a rehearsal wakes nobody"
    found: dict[str, Any] = answer.json()
    return found


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def test_whom_a_dry_run_names_is_paged_when_it_is_done(world: World) -> None:
    await world.on_call("alice")
    quiet = {"timezone": "Europe/Prague", "time_from": "12:00", "time_to": "14:00"}
    await world.api("POST", f"/v2/users/{ALICE}/quiet-hours", quiet)  # it is 12:00 UTC, 13:00 in Prague
    hook = {"url": "https://hooks.example.com/in", "trigger_type": "incident_change", "name": "Ledger"}
    await world.api("POST", "/v2/outgoing-webhooks", hook)
    body = {"summary": "The shop is closed", "team_wait": 300, "critical_alert": True, "email": True}

    seen = await rehearse(world, "/v3/incidents", body)
    assert [(who["recipient"], who["channel"]) for who in seen["wakes_now"]] == [("Alice Archer", "email")]
    (alice,) = seen["wakes_now"]
    assert (alice["timezone"], alice["local_time"]) == ("Europe/Prague", "2026-03-02T13:00:00+01:00")
    assert alice["night"] is True, "their own quiet hours are night as well"
    assert [who["recipient"] for who in seen["wakes_next"]] == ["Bob Builder"]
    assert [call["name"] for call in seen["webhooks"]] == ["Ledger"]
    assert "incident.started" in [change["event"] for change in seen["changes"]]
    assert seen["pages"] == 1
    assert seen["summary"][0] == "Wakes Alice Archer by e-mail now, at 13:00 where they are."
    assert seen["would"]["status"] == 201
    assert seen["would"]["body"]["data"]["attributes"]["cause"] == "The shop is closed"

    done(await world.api("POST", "/v3/incidents", body))
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["alice"]
    await world.fast_forward(minutes=6)
    assert [to for to, _ in world.new_mails()] == ["bob"]
    assert len(world.net.site("hooks.example.com").requests) == 1


async def test_acknowledging_is_shown_to_take_back_what_was_still_to_come(world: World) -> None:
    await world.on_call("alice")
    incident = done(await world.api("POST", "/v3/incidents", {"summary": "Closed", "team_wait": 300, "email": True}))
    await world.settle()
    world.new_mails()
    escalated = await rehearse(
        world, f"/v3/incidents/{incident['id']}/escalate", {"escalation_type": "User", "user_email": BOB}
    )
    assert [who["recipient"] for who in escalated["wakes_now"]] == ["Bob Builder"]
    seen = await rehearse(world, f"/v3/incidents/{incident['id']}/acknowledge", {})
    assert seen["wakes_now"] == seen["wakes_next"] == []
    assert seen["would"]["body"]["data"]["attributes"]["status"] == "Acknowledged"
    assert (await world.incident(int(incident["id"])))["status"] == "Started"


async def test_how_many_subscribers_would_be_mailed_is_how_many_are(world: World) -> None:
    page = await StatusPage(world).publish()
    for name in ("ann", "ben", "cleo"):
        body = {"email": f"{name}@customer.example"}
        answer = await world.api("POST", f"/v2/status-pages/{page.id}/subscribers", body)
        assert answer.status_code == 201, answer.text
    await world.settle()
    report = await page.report("Slow", "We are looking into it.")
    await world.settle()
    world.new_mails()
    updates = f"/v2/status-pages/{page.id}/status-reports/{report}/status-updates"
    update = {"message": "We have found it.", "affected_resources": [], "notify_subscribers": True}
    seen = await rehearse(world, updates, update)
    assert [(mailing["page"], mailing["mails"]) for mailing in seen["mails_subscribers"]] == [("Acme", 3)]
    assert seen["subscriber_mails"] == 3
    assert seen["summary"] == ["Mails 3 subscribers of the status page Acme."]
    done(await world.api("POST", updates, update))
    await world.settle()
    assert sorted(to for to, _ in world.new_mails()) == ["ann", "ben", "cleo"]
    quiet = await rehearse(world, updates, {**update, "notify_subscribers": False})
    assert quiet["mails_subscribers"] == []
    assert quiet["summary"] == ["Wakes nobody, mails nobody, posts nowhere."]
