"""Incidents on the wire, version 3 and version 2 (contract part 2, section 1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, Clients

NOW = "2026-03-02T12:00:00.000Z"


async def report(at: Clients, **attributes: Any) -> dict[str, Any]:
    sent = {"name": "Shop", "summary": "The shop is closed", "requester_email": "alice@tocsin.example", **attributes}
    answer = await at.alice.post("/api/v3/incidents", json=sent)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_reported_incident_comes_back_whole(at: Clients) -> None:
    body = await report(at, metadata={"Team": ["Payments"]}, call=False, sms=False, email=True, push=False)
    attributes = body["data"]["attributes"]
    assert body["data"]["id"] == "1"
    assert body["data"]["type"] == "incident"
    assert not body["data"].get("relationships")
    expected = {
        "name": "Shop",
        "url": None,
        "http_method": None,
        "cause": "The shop is closed",
        "incident_group_id": None,
        "started_at": NOW,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "resolved_by": None,
        "status": "Started",
        "team_name": ALICES_TEAM,
        "response_content": None,
        "response_url": None,
        "screenshot_url": None,
        "origin_url": None,
        "escalation_policy_id": None,
        "ssl_certificate_expires_at": None,
        "domain_expires_at": None,
        "call": False,
        "sms": False,
        "email": True,
        "push": False,
        "critical_alert": False,
        "metadata": {"Team": [{"type": "String", "value": "Payments"}]},
    }
    assert {name: attributes[name] for name in expected} == expected


async def test_version_2_shows_metadata_flat(at: Clients) -> None:
    await report(at, metadata={"Team": ["Payments"]})
    assert (await at.alice.get("/api/v2/incidents/1")).json()["data"]["attributes"]["metadata"] == {"Team": "Payments"}
    listed = (await at.alice.get("/api/v2/incidents")).json()
    assert listed["data"][0]["attributes"]["metadata"] == {"Team": "Payments"}
    assert listed["pagination"]["first"] == f"{BASE}/api/v2/incidents?page=1"


async def test_a_members_address_goes_in_and_the_name_comes_out(at: Clients) -> None:
    await report(at)
    answer = await at.alice.post("/api/v3/incidents/1/acknowledge", json={"acknowledged_by": "alice@tocsin.example"})
    assert answer.status_code == 200
    attributes = answer.json()["data"]["attributes"]
    assert (attributes["status"], attributes["acknowledged_by"]) == ("Acknowledged", "Alice")
    answer = await at.alice.post("/api/v3/incidents/1/resolve", json={"resolved_by": "the night shift"})
    attributes = answer.json()["data"]["attributes"]
    assert (attributes["status"], attributes["resolved_by"], attributes["resolved_at"]) == (
        "Resolved",
        "the night shift",
        NOW,
    )


async def test_what_is_done_twice_is_409_in_the_contracts_words(at: Clients) -> None:
    await report(at)
    for verb, word in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        assert (await at.alice.post(f"/api/v3/incidents/1/{verb}")).status_code == 200
        again = await at.alice.post(f"/api/v3/incidents/1/{verb}")
        assert (again.status_code, again.json()) == (409, {"errors": f"Incident was already {word}"})


async def test_a_resolved_incident_can_be_reopened_and_an_open_one_not(at: Clients) -> None:
    await report(at)
    assert (await at.alice.post("/api/v3/incidents/1/reopen")).status_code == 409
    await at.alice.post("/api/v3/incidents/1/resolve")
    answer = await at.alice.post("/api/v3/incidents/1/reopen", json={"reopened_by": "alice@tocsin.example"})
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"]["status"] == "Started"


async def test_incidents_are_listed_the_newest_first_ten_at_a_time(at: Clients) -> None:
    for _ in range(12):
        await report(at)
    body = (await at.alice.get("/api/v3/incidents?resolved=false")).json()
    assert [each["id"] for each in body["data"]] == [str(number) for number in range(12, 2, -1)]
    assert body["pagination"]["next"] == f"{BASE}/api/v3/incidents?resolved=false&page=2"
    assert "included" not in body


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("resolved=true", ["1"]),
        ("resolved=false", ["3", "2"]),
        ("acknowledged=true&resolved=false", ["2"]),
        ("from=2026-03-02&to=2026-03-02", ["3", "2", "1"]),
        ("from=2026-03-03", []),
        ("from=2026-03-02T00:00:00Z", ["3", "2", "1"]),
        ("monitor_id=7", []),
        ("metadata[Team][][value]=Payments", ["3"]),
        ("metadata%5BTeam%5D%5B%5D%5Bvalue%5D=Payments&metadata%5BTeam%5D%5B%5D%5Bvalue%5D=Other", ["3"]),
        ("metadata[Team][][value]=Other", []),
        ("status=Started", ["3", "2", "1"]),
    ],
)
async def test_filters_narrow_the_list(at: Clients, query: str, ids: list[str]) -> None:
    await report(at)
    await report(at)
    await report(at, metadata={"Team": ["Payments"]})
    await at.alice.post("/api/v3/incidents/1/resolve")
    await at.alice.post("/api/v3/incidents/2/acknowledge")
    answer = await at.alice.get(f"/api/v3/incidents?{query}")
    assert answer.status_code == 200, answer.text
    assert [each["id"] for each in answer.json()["data"]] == ids


async def test_comments_are_written_changed_and_deleted(at: Clients) -> None:
    await report(at)
    made = await at.alice.post("/api/v2/incidents/1/comments", json={"content": "Looking at it"})
    assert made.status_code == 201
    data = made.json()["data"]
    assert data["type"] == "incident_comment"
    assert (data["attributes"]["id"], data["attributes"]["content"]) == (int(data["id"]), "Looking at it")
    assert "user_id" not in data["attributes"]
    one = f"/api/v2/incidents/1/comments/{data['id']}"
    assert (await at.alice.patch(one, json={"content": "Found it"})).json()["data"]["attributes"][
        "content"
    ] == "Found it"
    assert set((await at.alice.get("/api/v2/incidents/1/comments")).json()) == {"data"}
    assert (await at.alice.delete(one)).status_code == 204
    assert (await at.alice.get(one)).status_code == 404


async def test_the_timeline_tells_the_story_without_pages(at: Clients) -> None:
    await report(at)
    await at.alice.post("/api/v2/incidents/1/comments", json={"content": "Looking at it"})
    body = (await at.alice.get("/api/v3/incidents/1/timeline")).json()
    assert set(body) == {"data"}
    assert {each["type"] for each in body["data"]} == {"timeline_item"}
    assert all(set(each["attributes"]) == {"item_type", "at", "data"} for each in body["data"])
    comment = next(each for each in body["data"] if each["attributes"]["item_type"] == "comment")
    assert comment["attributes"]["data"]["content"]["text"] == "Looking at it"


async def test_a_deleted_incident_is_gone(at: Clients) -> None:
    await report(at)
    assert (await at.alice.delete("/api/v3/incidents/1")).status_code == 204
    gone = await at.alice.get("/api/v3/incidents/1")
    assert (gone.status_code, gone.json()) == (404, {"errors": "Resource type incident with id = 1 was not found"})


async def test_escalating_to_nobody_in_particular_is_refused(at: Clients) -> None:
    await report(at)
    missing = await at.alice.post("/api/v3/incidents/1/escalate", json={})
    assert (missing.status_code, missing.json()["required_attributes"]) == (422, ["escalation_type"])
    unknown = await at.alice.post("/api/v3/incidents/1/escalate", json={"escalation_type": "Everybody"})
    assert unknown.status_code == 422
    foreign = {"escalation_type": "User", "user_email": "charlie@tocsin.example"}
    assert (await at.alice.post("/api/v3/incidents/1/escalate", json=foreign)).status_code in (404, 422)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=PAY+slow", ["Payments"]),
        ("q=slow", ["Search", "Payments"]),
        ("q=100%25", ["Search"]),
        ("q=_", []),
        ("state=acknowledged", ["Payments"]),
        ("state=Resolved", []),
        ("cause=100%25+of+calls+are+slow", ["Search"]),
        ("critical_alert=true", ["Search"]),
        ("critical_alert=false", ["Payments"]),
        ("mine=true", ["Payments"]),
        ("mine=false", ["Search"]),
        ("mine=true&q=search", []),
    ],
)
async def test_filters_of_ours_find_by_words_state_cause_urgency_and_owner(
    at: Clients, query: str, names: list[str]
) -> None:
    await report(at, name="Payments", summary="slow since noon")
    await report(at, name="Search", summary="100% of calls are slow", critical_alert=True)
    await at.alice.post("/api/v3/incidents/1/acknowledge")
    found = (await at.alice.get(f"/api/v3/incidents?{query}")).json()
    assert [each["attributes"]["name"] for each in found["data"]] == names


async def test_a_state_that_does_not_exist_is_said_to_be_none(at: Clients) -> None:
    answer = await at.alice.get("/api/v3/incidents?state=broken")
    assert answer.status_code == 422
    assert "Validating" in answer.text
