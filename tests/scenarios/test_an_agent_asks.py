"""An agent reads incidents and acknowledges, is refused in plain words, and asks a person before it pages anybody."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.world import World


async def hired(world: World, **more: Any) -> str:
    """An agent of Ops that reads incidents, may acknowledge and must ask to page; returns its token."""
    body = {
        "name": "Triage-bot",
        "owner_email": "alice@example.com",
        "levels": {"incidents": "read", "monitors": "read"},
        "switches": {"acknowledge": "on", "page": "ask"},
        **more,
    }
    made = await world.api("POST", "/v2/agents", body)
    assert made.status_code == 201, made.text
    token = await world.api("POST", f"/v2/agents/{made.json()['data']['id']}/tokens", {})
    assert token.status_code == 201, token.text
    world.tokens["bot"] = token.json()["token"]
    return str(made.json()["data"]["id"])


async def reported(world: World, token: str = "ops") -> httpx.Response:
    return await world.api("POST", "/v3/incidents", {"summary": "The shop is closed", "name": "Shop"}, token)


async def test_it_does_what_it_may_and_is_refused_the_rest_in_plain_words(world: World) -> None:
    await hired(world)
    incident = (await reported(world)).json()["data"]["id"]
    assert (await world.api("GET", "/v3/incidents", token="bot")).status_code == 200
    took = await world.api("POST", f"/v3/incidents/{incident}/acknowledge", {"acknowledged_by": "Bob"}, "bot")
    assert took.status_code == 200
    assert took.json()["data"]["attributes"]["acknowledged_by"] == "Triage-bot (an agent)", "in no other name"

    refused = await world.api("DELETE", f"/v3/incidents/{incident}", token="bot")
    assert refused.status_code == 403
    assert refused.json()["errors"] == "You may not do this: Incidents is at read, full is needed."
    refused = await world.api("POST", f"/v3/incidents/{incident}/resolve", token="bot")
    assert refused.json()["errors"] == "You may not do this: Resolve is off."
    refused = await world.api("GET", "/v2/agents", token="bot")
    assert refused.json()["errors"] == (
        "You may not do this: agents.list is for people alone: no agent can be granted it."
    )


async def test_a_person_approves_one_page_by_the_link_in_the_mail(world: World) -> None:
    await hired(world)
    asked = await reported(world, "bot")
    assert asked.status_code == 202
    assert asked.headers["location"] == f"/api/v2/approvals/{asked.json()['approval_id']}"
    assert (await reported(world, "bot")).json()["approval_id"] == asked.json()["approval_id"], "asked once"
    assert (await world.api("GET", "/v3/incidents")).json()["data"] == []

    await world.settle()
    mails = [mail for mail in world.mailbox.mails if "wants to" in str(mail.get_body(("plain",)))]
    assert [mail["to"] for mail in mails] == ["Alice Archer <alice@example.com>"]
    found = re.search(r"/approve/\S+", mails[0].get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert found is not None
    shown = await world.browse("GET", found[0])
    assert "Triage-bot wants to report an incident by hand and page the team" in shown.text
    assert "The shop is closed" in shown.text
    assert (await world.browse("POST", found[0], {"answer": "approve"})).status_code == 303
    assert "Approved" in (await world.browse("GET", found[0])).text

    other = await world.api("POST", "/v3/incidents", {"summary": "Something else", "name": "Shop"}, "bot")
    assert other.status_code == 202, "the approval is for exactly what was asked"
    assert (await reported(world, "bot")).status_code == 201
    assert (await reported(world, "bot")).status_code == 202, "and good once"


async def test_what_a_person_has_refused_is_not_asked_again_at_once(world: World) -> None:
    await hired(world)
    approval = (await reported(world, "bot")).json()["approval_id"]
    assert (await world.api("POST", f"/v2/approvals/{approval}/deny")).status_code == 200
    refused = await reported(world, "bot")
    assert refused.status_code == 403
    assert "has refused exactly this a short while ago" in refused.json()["errors"]
    assert (await world.api("POST", f"/v2/approvals/{approval}/approve")).status_code == 409


async def test_an_approval_that_nobody_gave_is_over_after_an_hour_and_an_approved_one_after_a_quarter(
    world: World,
) -> None:
    await hired(world)
    first = (await reported(world, "bot")).json()["approval_id"]
    await world.fast_forward(minutes=61)
    assert (await world.api("POST", f"/v2/approvals/{first}/approve")).status_code == 409
    second = (await reported(world, "bot")).json()["approval_id"]
    assert second != first
    assert (await world.api("POST", f"/v2/approvals/{second}/approve")).status_code == 200
    await world.fast_forward(minutes=16)
    assert (await reported(world, "bot")).status_code == 202


async def test_no_agent_answers_a_question_and_no_other_agent_uses_the_answer(world: World) -> None:
    await hired(world)
    approval = (await reported(world, "bot")).json()["approval_id"]
    refused = await world.api("POST", f"/v2/approvals/{approval}/approve", token="bot")
    assert refused.status_code == 403
    bot = world.tokens["bot"]
    await hired(world, name="Other-bot")
    assert (await world.api("GET", f"/v2/approvals/{approval}", token="bot")).status_code == 404
    await world.api("POST", f"/v2/approvals/{approval}/approve")
    assert (await reported(world, "bot")).status_code == 202, "it was given to the other one"
    world.tokens["bot"] = bot
    assert (await reported(world, "bot")).status_code == 201


async def test_access_is_asked_for_with_a_reason_and_ends_by_itself(world: World) -> None:
    agent = await hired(world)
    wish = {"levels": {"monitors": "write"}, "reason": "Pause what is being mended", "minutes": 60}
    asked = await world.api("POST", "/v2/access-requests", wish, "bot")
    assert asked.status_code == 202, asked.text
    new = {"url": "https://shop.example.com"}
    assert (await world.api("POST", "/v2/monitors", new, "bot")).status_code == 403
    await world.api("POST", f"/v2/approvals/{asked.json()['data']['id']}/approve")
    assert (await world.api("POST", "/v2/monitors", new, "bot")).status_code == 201
    grants = (await world.api("GET", f"/v2/agents/{agent}/grants")).json()["data"]
    assert [grant["attributes"]["base"] for grant in grants] == [True, False]
    await world.fast_forward(minutes=61)
    refused = await world.api("POST", "/v2/monitors", {"url": "https://b.example.com"}, "bot")
    assert refused.json()["errors"] == "You may not do this: Monitors is at read, write is needed."


async def test_a_grant_that_is_tied_to_an_incident_ends_with_it(world: World) -> None:
    agent = await hired(world)
    incident = (await reported(world)).json()["data"]["id"]
    more = {"levels": {"incidents": "write"}, "switches": {"resolve": "on"}, "incident_id": int(incident)}
    assert (await world.api("POST", f"/v2/agents/{agent}/grants", more)).status_code == 201
    note = {"content": "Looking"}
    assert (await world.api("POST", f"/v2/incidents/{incident}/comments", note, "bot")).status_code == 201
    assert (await world.api("POST", f"/v3/incidents/{incident}/resolve", token="bot")).status_code == 200
    assert (await world.api("POST", f"/v2/incidents/{incident}/comments", note, "bot")).status_code == 403


async def test_a_suspended_agent_does_nothing_at_all(world: World) -> None:
    agent = await hired(world)
    assert (await world.api("POST", "/v2/agents/suspend", {})).json() == {"suspended": 1}
    refused = await world.api("GET", "/v3/incidents", token="bot")
    assert refused.status_code == 403
    assert refused.json()["errors"] == "You may not do this: Triage-bot is suspended, by CI."
    assert (await world.api("POST", f"/v2/agents/{agent}/resume")).status_code == 200
    assert (await world.api("GET", "/v3/incidents", token="bot")).status_code == 200


async def test_a_token_ends_at_once_and_is_good_from_its_networks_only(world: World) -> None:
    agent = await hired(world)
    bound = await world.api("POST", f"/v2/agents/{agent}/tokens", {"allowed_addresses": ["192.0.2.0/24"]})
    world.tokens["bound"] = bound.json()["token"]
    assert (await world.api("GET", "/v2/whoami", token="bound")).status_code == 401
    assert (await world.api("GET", "/v2/whoami", token="bot")).json()["owner"] == "Alice Archer"
    tokens = (await world.api("GET", f"/v2/agents/{agent}/tokens")).json()["data"]
    await world.api("DELETE", f"/v2/agents/{agent}/tokens/{tokens[0]['id']}")
    assert (await world.api("GET", "/v2/whoami", token="bot")).status_code == 401


async def test_who_calls_too_often_is_told_when_to_come_back(world: World) -> None:
    await hired(world, requests_per_minute=3)
    answers = [await world.api("GET", "/v2/whoami", token="bot") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60


async def test_a_person_reads_whom_it_would_wake_before_they_say_yes(world: World) -> None:
    await hired(world)
    asked = await reported(world, "bot")
    assert asked.json()["preview"]["pages"] == 2
    approval = (await world.api("GET", f"/v2/approvals/{asked.json()['approval_id']}")).json()["data"]["attributes"]
    assert "Alice Archer by e-mail" in approval["preview"]["words"]
    await world.settle()
    question = next(mail for mail in world.mailbox.mails if "wants to" in str(mail.get_body(("plain",))))
    assert "Bob Builder by e-mail" in question.get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_nobody_is_asked_about_what_cannot_be_done_anyway(world: World) -> None:
    await hired(world)
    wrong = await world.api("POST", "/v3/incidents", {"summary": "Shop", "colour": "red"}, "bot")
    assert wrong.status_code == 422
    assert (await world.api("GET", "/v2/approvals")).json()["data"] == []


async def test_over_its_budget_of_pages_a_person_is_asked(world: World) -> None:
    await hired(world, switches={"page": "on"}, pages_per_hour=4)
    left = [(await world.api("GET", "/v2/whoami", token="bot")).json()["budgets_left"]["page"]]
    for _ in range(2):
        assert (await reported(world, "bot")).status_code == 201
        left.append((await world.api("GET", "/v2/whoami", token="bot")).json()["budgets_left"]["page"])
    assert left == [4, 2, 0], "Alice and Bob are paged each time"
    asked = await reported(world, "bot")
    assert asked.status_code == 202
    assert "it would take 2 of its 4 pages an hour, of which 0 are left" in asked.json()["message"]
    assert len((await world.api("GET", "/v3/incidents")).json()["data"]) == 2
    await world.api("POST", f"/v2/approvals/{asked.json()['approval_id']}/approve")
    assert (await reported(world, "bot")).status_code == 201
    await world.fast_forward(minutes=61)
    assert (await reported(world, "bot")).status_code == 201, "an hour later it may again"


async def test_what_it_writes_for_the_public_waits_for_a_person(world: World) -> None:
    switches = {"publish": "on", "notify": "on"}
    await hired(world, levels={"status_pages": "write"}, switches=switches, drafts_only=True)
    page = {"subdomain": "acme", "timezone": "Prague", "company_name": "Acme"}
    made = (await world.api("POST", "/v2/status-pages", page)).json()["data"]["id"]
    address = f"/v2/status-pages/{made}/status-reports"
    words = {"title": "Slow answers", "message": "We look.", "draft": False}
    report = await world.api("POST", address, words, "bot")
    assert report.status_code == 201, report.text
    assert report.json()["data"]["attributes"]["draft"] is True
    refused = await world.api("PATCH", f"{address}/{report.json()['data']['id']}", {"draft": False}, "bot")
    assert refused.json()["errors"] == "You may not do this: Triage-bot writes drafts only: a person publishes them."


async def test_who_repeats_what_was_approved_and_done_is_told_the_first_answer_again(world: World) -> None:
    await hired(world)
    approval = (await reported(world, "bot")).json()["approval_id"]
    await world.api("POST", f"/v2/approvals/{approval}/approve")
    headers = {"Idempotency-Key": "one"}
    body = {"summary": "The shop is closed", "name": "Shop"}
    first, again = [await world.api("POST", "/v3/incidents", body, "bot", headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


async def test_an_incident_brings_along_only_what_the_agent_may_read_itself(world: World) -> None:
    await hired(world, levels={"incidents": "read"})
    found = await world.outage("shop")
    mine = (await world.api("GET", f"/v3/incidents/{found}")).json()
    theirs = (await world.api("GET", f"/v3/incidents/{found}", token="bot")).json()
    assert [each["type"] for each in mine["included"]] == ["monitor"]
    assert theirs.get("included", []) == []


async def test_a_no_to_a_request_for_access_holds_for_a_while(world: World) -> None:
    await hired(world)
    wish = {"levels": {"monitors": "write"}, "reason": "Pause what is being mended"}
    asked = (await world.api("POST", "/v2/access-requests", wish, "bot")).json()["data"]
    assert asked["attributes"]["sentence"] == "be granted write on monitors for 120 minutes"
    await world.api("POST", f"/v2/approvals/{asked['id']}/deny")
    assert (await world.api("POST", "/v2/access-requests", wish, "bot")).status_code == 409
    await world.fast_forward(minutes=61)
    assert (await world.api("POST", "/v2/access-requests", wish, "bot")).status_code == 202


async def test_an_outage_that_an_agent_brings_back_counts_against_its_budget(world: World) -> None:
    await hired(world, levels={"incidents": "full"}, switches={"delete": "on", "page": "on"})
    incident = (await reported(world)).json()["data"]["id"]
    gone = await world.api("DELETE", f"/v3/incidents/{incident}", token="bot")
    assert gone.status_code == 204
    assert (await world.api("GET", "/v2/whoami", token="bot")).json()["budgets_left"]["page"] == 10
    back = await world.api("POST", f"/v2/trash/{gone.headers['x-undo-id']}/restore", {}, "bot")
    assert back.status_code == 200, back.text
    assert (await world.api("GET", "/v2/whoami", token="bot")).json()["budgets_left"]["page"] == 8


async def test_a_yes_to_waking_one_person_is_no_yes_to_waking_another(world: World) -> None:
    await world.on_call("alice")
    await hired(world)
    first = (await reported(world, "bot")).json()
    assert first["preview"]["wakes"] == ["Alice Archer by e-mail"]
    await world.api("POST", f"/v2/approvals/{first['approval_id']}/approve")
    await world.on_call("bob")
    again = await reported(world, "bot")
    assert again.status_code == 202, "Bob was not asked about"
    second = again.json()
    assert second["approval_id"] != first["approval_id"]
    assert second["preview"]["wakes"] == ["Bob Builder by e-mail"]
    asked = (await world.api("GET", f"/v2/approvals/{second['approval_id']}")).json()["data"]["attributes"]
    assert asked["why"].endswith("CI approved it, but since then it would page Bob Builder by e-mail")
    old = (await world.api("GET", f"/v2/approvals/{first['approval_id']}")).json()["data"]["attributes"]
    assert old["status"] == "expired"
    await world.api("POST", f"/v2/approvals/{second['approval_id']}/approve")
    assert (await reported(world, "bot")).status_code == 201


async def test_whoever_approves_may_see_every_argument_to_its_end(world: World) -> None:
    await hired(world)
    long = "The shop is closed. " * 300
    asked = await world.api("POST", "/v3/incidents", {"summary": long, "name": "Shop"}, "bot")
    shown = (await world.api("GET", f"/v2/approvals/{asked.json()['approval_id']}")).json()["data"]["attributes"]
    assert shown["arguments"]["summary"] == long
    assert shown["agent_name"] == "Triage-bot"


async def test_questions_are_listed_by_how_they_stand(world: World) -> None:
    await hired(world)
    asked = (await reported(world, "bot")).json()["approval_id"]

    async def listed(status: str) -> list[str]:
        return [each["id"] for each in (await world.api("GET", f"/v2/approvals?status={status}")).json()["data"]]

    assert (await listed("pending"), await listed("closed")) == ([asked], [])
    await world.api("POST", f"/v2/approvals/{asked}/deny")
    assert (await listed("pending"), await listed("closed"), await listed("denied")) == ([], [asked], [asked])
    assert (await world.api("GET", "/v2/approvals?status=open")).status_code == 422


async def test_what_an_agent_may_do_is_explained_before_it_tries(world: World) -> None:
    agent = await hired(world)
    path = f"/v2/agents/{agent}/abilities"

    async def said(operation: str) -> tuple[str, str]:
        (found,) = (await world.api("GET", f"{path}?operation={operation}")).json()["items"]
        return found["answer"], found["reason"]

    assert await said("acknowledge_incident") == ("allow", "has Acknowledge")
    assert await said("incidents.create") == ("ask", "Paging people must be approved by a person")
    assert await said("incidents.resolve") == ("deny", "Resolve is off")
    allowed = (await world.api("GET", f"{path}?answer=allow")).json()
    asks = (await world.api("GET", f"{path}?answer=ask")).json()
    assert allowed["tools"] == len(allowed["items"]) + len(asks["items"])
    assert {each["answer"] for each in allowed["items"]} == {"allow"}
    await world.api("POST", f"/v2/agents/{agent}/suspend")
    assert (await said("incidents.list"))[1] == "Triage-bot is suspended, by CI"
    assert (await world.api("GET", path, token="bot")).status_code == 403
    assert (await world.api("GET", f"{path}?answer=maybe")).status_code == 422


async def test_all_agents_are_stopped_and_go_on_together(world: World) -> None:
    first = await hired(world)
    second = await hired(world, name="Other-bot")
    await world.api("POST", f"/v2/agents/{first}/suspend")
    assert (await world.api("POST", "/v2/agents/suspend", {})).json() == {"suspended": 1}
    shown = (await world.api("GET", f"/v2/agents/{second}")).json()["data"]["attributes"]
    assert shown["suspended_by"] == "CI"
    assert (await world.api("POST", "/v2/agents/resume", {}, "charlie")).json() == {"resumed": 0}
    assert (await world.api("POST", "/v2/agents/resume", {})).json() == {"resumed": 2}
    assert (await world.api("GET", "/v3/incidents", token="bot")).status_code == 200


async def test_an_agent_is_shown_with_how_it_stands(world: World) -> None:
    agent = await hired(world)
    await reported(world, "bot")
    (shown,) = [each["attributes"] for each in (await world.api("GET", "/v2/agents")).json()["data"]]
    assert (shown["owner_name"], shown["owner_left"], shown["tokens"], shown["waiting"]) == (
        "Alice Archer", False, 1, 1,
    )  # fmt: skip
    assert shown["budgets_left"] == {"page": 10, "night_call": 2, "subscriber_mail": 1000}
    approval = (await world.api("GET", "/v2/approvals")).json()["data"][0]["id"]
    await world.api("POST", f"/v2/approvals/{approval}/approve")
    assert (await reported(world, "bot")).status_code == 201
    shown = (await world.api("GET", f"/v2/agents/{agent}")).json()["data"]["attributes"]
    assert (shown["waiting"], shown["budgets_left"]["page"]) == (0, 8)


async def test_nobody_approves_by_a_link_what_their_own_role_does_not_allow(world: World) -> None:
    await hired(world, owner_email="bob@example.com", levels={"policies": "write"}, switches={})
    wish = {"levels": {"policies": "full"}, "reason": "Tidy up", "minutes": 60}
    asked = (await world.api("POST", "/v2/access-requests", wish, "bot")).json()["data"]["id"]
    await world.settle()
    links = {}
    for mail in world.mailbox.mails:
        found = re.search(r"/approve/\S+", mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        assert found is not None
        links[str(mail["to"]).partition(" ")[0]] = found[0]
    answer = await world.browse("POST", links["Bob"], {"answer": "approve"})
    assert "you may not do this yourself" in (await world.browse("GET", answer.headers["location"])).text
    state = (await world.api("GET", f"/v2/approvals/{asked}")).json()["data"]["attributes"]["status"]
    assert state == "pending", "a responder owns the agent, and gives it no more than they have"
    assert any("approvals.approve" in line and "needs the role Team lead" in line for line in await world.audit_log())
    await world.browse("POST", links["Alice"], {"answer": "approve"})
    state = (await world.api("GET", f"/v2/approvals/{asked}")).json()["data"]["attributes"]["status"]
    assert state == "used"
