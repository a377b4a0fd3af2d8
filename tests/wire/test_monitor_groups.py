"""Monitor groups on the wire (contract part 1, section 4)."""

from __future__ import annotations

from tests.rest.clients import ALICES_TEAM, BASE, Clients

NOW = "2026-03-02T12:00:00.000Z"


async def test_a_group_comes_back_whole(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/monitor-groups", json={"name": "Production"})
    assert answer.status_code == 201
    assert answer.json() == {
        "data": {
            "id": "1",
            "type": "monitor_group",
            "attributes": {
                "name": "Production",
                "sort_index": None,
                "created_at": NOW,
                "updated_at": NOW,
                "team_name": ALICES_TEAM,
                "paused": False,
            },
        }
    }


async def test_pausing_a_group_pauses_the_monitors_that_are_in_it_now(at: Clients) -> None:
    await at.alice.post("/api/v2/monitor-groups", json={"name": "Production"})
    for number in range(2):
        sent = {"url": f"https://{number}.example.com", "monitor_group_id": "1"}
        assert (await at.alice.post("/api/v2/monitors", json=sent)).status_code == 201
    answer = await at.alice.patch("/api/v2/monitor-groups/1", json={"paused": True})
    assert (answer.status_code, answer.json()["data"]["attributes"]["paused"]) == (200, True)
    inside = (await at.alice.get("/api/v2/monitor-groups/1/monitors?per_page=1")).json()
    assert [each["attributes"]["paused"] for each in inside["data"]] == [True]
    assert inside["pagination"]["next"] == f"{BASE}/api/v2/monitor-groups/1/monitors?per_page=1&page=2"
    later = await at.alice.post("/api/v2/monitors", json={"url": "https://2.example.com", "monitor_group_id": 1})
    assert later.json()["data"]["attributes"]["paused"] is False


async def test_a_deleted_group_lets_its_monitors_go(at: Clients) -> None:
    await at.alice.post("/api/v2/monitor-groups", json={"name": "Production"})
    await at.alice.post("/api/v2/monitors", json={"url": "https://a.example.com", "monitor_group_id": 1})
    assert (await at.alice.delete("/api/v2/monitor-groups/1")).status_code == 204
    monitor = (await at.alice.get("/api/v2/monitors/1")).json()["data"]
    assert monitor["attributes"]["monitor_group_id"] is None
    gone = await at.alice.get("/api/v2/monitor-groups/1/monitors")
    assert (gone.status_code, gone.json()) == (404, {"errors": "Resource type monitor_group with id = 1 was not found"})


async def test_a_group_needs_a_name(at: Clients) -> None:
    for sent in ({}, {"name": ""}):
        answer = await at.alice.post("/api/v2/monitor-groups", json=sent)
        assert (answer.status_code, answer.json()) == (422, {"errors": {"name": ["can't be blank"]}})


async def test_a_monitor_cannot_join_another_teams_group(at: Clients) -> None:
    await at.charlie.post("/api/v2/monitor-groups", json={"name": "Charlie's"})
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://a.example.com", "monitor_group_id": 1})
    assert (answer.status_code, answer.json()) == (422, {"errors": {"resource_group": ["doesn't exist"]}})
