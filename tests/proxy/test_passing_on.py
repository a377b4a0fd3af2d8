"""An agent works at another house through ours: what it may is done there once, the rest goes no further."""

from __future__ import annotations

import re

from tests.proxy.stage import Behind, Stage
from tests.world import World

URL = {"url": "https://shop.example.com", "pronounceable_name": "Shop"}
REPORT = {"summary": "The shop is closed", "name": "Shop", "requester_email": "pat@example.com"}


async def test_it_reads_and_acknowledges_there_and_is_refused_to_delete(stage: Stage, behind: Behind) -> None:
    await stage.hired()
    monitor = (await behind.api("POST", "/v2/monitors", URL)).json()["data"]["id"]
    incident = (await behind.api("POST", "/v3/incidents", REPORT)).json()["data"]["id"]
    assert (await stage.world.api("GET", "/v2/monitors")).json()["data"] == [], "the team's token works here"

    listed = await stage.bot("GET", "/v2/monitors?per_page=20")
    assert listed.status_code == 200
    assert [each["attributes"]["pronounceable_name"] for each in listed.json()["data"]] == ["Shop"]
    took = await stage.bot("POST", f"/v3/incidents/{incident}/acknowledge", {"acknowledged_by": "Triage-bot"})
    assert took.status_code == 200
    there = (await behind.api("GET", f"/v3/incidents/{incident}")).json()["data"]["attributes"]
    assert there["status"] == "Acknowledged"

    refused = await stage.bot("DELETE", f"/v2/monitors/{monitor}")
    assert refused.status_code == 403
    assert refused.json()["errors"] == "You may not do this: Monitors is at read, full is needed."
    assert [method for method, _, _ in behind.asked] == ["GET", "POST"]
    assert [entry[:2] for entry in await stage.log()] == [
        ("monitors.list", "forwarded"),
        ("monitors.list", "allowed"),
        ("incidents.acknowledge", "forwarded"),
        ("incidents.acknowledge", "allowed"),
        ("monitors.delete", "denied"),
    ]


async def test_only_chosen_headers_go_on_and_the_bytes_of_body_and_query_do_not_change(
    stage: Stage, behind: Behind
) -> None:
    await stage.hired(levels={"monitors": "write"})
    answered = await stage.bot("POST", "/v2/monitors", URL)
    assert answered.status_code == 201
    assert (await stage.bot("GET", "/v2/monitors?url=https%3A%2F%2Fshop.example.com&page=1")).status_code == 200
    (_, first, headers), (_, second, _) = behind.asked
    assert first == "/api/v2/monitors"
    assert second == "/api/v2/monitors?url=https%3A%2F%2Fshop.example.com&page=1"
    assert set(headers) == {
        "host", "authorization", "accept", "accept-encoding", "user-agent", "x-request-id", "content-type",
        "content-length",
    }  # fmt: skip
    assert headers["authorization"] == f"Bearer {behind.token}"
    assert headers["x-request-id"] == answered.headers["x-request-id"]
    assert b'"url":"https://shop.example.com"' in behind.bodies[0]


async def test_links_to_the_next_page_lead_back_through_the_door(stage: Stage, behind: Behind) -> None:
    await stage.hired()
    for number in range(3):
        await behind.api("POST", "/v2/monitors", {"url": f"https://{number}.example.com"})
    page = (await stage.bot("GET", "/v2/monitors?per_page=2")).json()
    assert page["pagination"]["next"] == "http://tocsin.test/api/v2/monitors?per_page=2&page=2"
    following = await stage.bot("GET", page["pagination"]["next"].partition("/api")[2])
    assert len(following.json()["data"]) == 1


async def test_a_person_approves_one_page_by_mail_and_it_is_sent_on_once(
    stage: Stage, behind: Behind, world: World
) -> None:
    await stage.hired()
    asked = await stage.bot("POST", "/v3/incidents", REPORT)
    assert asked.status_code == 202
    assert behind.asked == []
    await world.settle()
    mail = next(mail for mail in world.mailbox.mails if "wants to" in str(mail.get_body(("plain",))))
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Whom it wakes or mails there is not known here" in text
    found = re.search(r"/approve/\S+", text)
    assert found is not None
    assert (await world.browse("POST", found[0], {"answer": "approve"})).status_code == 303

    other = await stage.bot("POST", "/v3/incidents", {**REPORT, "summary": "Something else"})
    assert other.status_code == 202, "the approval is for exactly what was asked"
    assert behind.asked == []
    assert (await stage.bot("POST", "/v3/incidents", REPORT)).status_code == 201
    assert (await stage.bot("POST", "/v3/incidents", REPORT)).status_code == 202, "and good once"
    assert len(behind.asked) == 1
    assert len((await behind.api("GET", "/v3/incidents")).json()["data"]) == 1


async def test_a_rehearsal_says_what_would_be_sent_and_sends_nothing(stage: Stage, behind: Behind) -> None:
    await stage.hired(levels={"monitors": "full"}, switches={"delete": "on"})
    seen = await stage.bot("DELETE", "/v2/monitors/7?dry_run=true")
    assert seen.status_code == 200
    assert seen.json()["effects_known"] is False
    assert seen.json()["would_send"]["target"] == "/api/v2/monitors/7"
    assert behind.asked == []


async def test_what_is_about_the_gateway_is_answered_here(stage: Stage, behind: Behind) -> None:
    await stage.hired()
    assert (await stage.bot("GET", "/v2/whoami")).json()["name"] == "Triage-bot"
    wish = {"levels": {"monitors": "write"}, "reason": "Pause what is being mended", "minutes": 60}
    assert (await stage.bot("POST", "/v2/access-requests", wish)).status_code == 202
    assert behind.asked == []


async def test_what_the_other_house_refuses_is_told_as_it_said_it(stage: Stage, behind: Behind) -> None:
    await stage.hired(levels={"monitors": "write"})
    missing = await stage.bot("GET", "/v2/monitors/4711")
    assert missing.status_code == 404
    assert missing.json() == (await behind.api("GET", "/v2/monitors/4711")).json()
    assert (await stage.log())[-1] == ("monitors.get", "failed", f"{(await _name(stage))} answered 404")


async def test_an_agent_acts_in_no_other_name_and_no_other_team(stage: Stage, behind: Behind) -> None:
    await stage.hired(levels={"monitors": "write", "incidents": "write"})
    posing = await stage.bot("POST", "/v3/incidents/1/acknowledge", {"acknowledged_by": "Alice Archer"})
    assert posing.status_code == 422
    assert "in its own name" in posing.json()["errors"]["acknowledged_by"][0]
    assert (await stage.bot("POST", "/v2/monitors", {**URL, "team_name": "Other"})).status_code == 422
    assert (await stage.bot("GET", "/v2/monitors?team_name=Other")).status_code == 422
    assert (await stage.bot("GET", "/v2/monitors?%74eam_name=Other")).status_code == 422
    assert behind.asked == []


async def _name(stage: Stage) -> str:
    assert stage.world.upstreams is not None
    house = stage.world.upstreams.of("Ops")
    assert house is not None
    return house.name
