"""Heartbeats and their groups on the wire (contract part 1, sections 5 and 6)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, CHARLIES_TEAM, Clients
from tocsin.heartbeats import actions
from tocsin.heartbeats.model import Kind, Ping
from tocsin.storage import Database

NOW = "2026-03-02T12:00:00.000Z"
NO_DATE = "has a date that is not YEAR-MONTH-DAY or MONTH-DAY: 'day'"
CONTRACT = {
    "name": "Nightly backup", "period": 86400, "grace": 3600, "call": False, "sms": False, "email": True, "push": True,
    "critical_alert": False, "team_wait": None, "heartbeat_group_id": None, "team_name": ALICES_TEAM,
    "sort_index": None, "paused": False, "paused_at": None, "policy_id": None, "server_timezone": None,
    "maintenance_from": None, "maintenance_to": None, "maintenance_timezone": "UTC",
    "maintenance_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "created_at": NOW, "updated_at": NOW,
    "status": "pending",
}  # fmt: skip
OURS = {
    "schedule": None, "schedule_timezone": None, "slug": None, "success_keyword": None, "failure_keyword": None,
    "last_beat_at": None, "expected_at": None, "running_since": None,
}  # fmt: skip


async def made(at: Clients, **sent: Any) -> dict[str, Any]:
    answer = await at.alice.post("/api/v2/heartbeats", json={"name": "Nightly backup", "period": 86400, **sent})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def test_a_heartbeat_comes_back_whole_and_in_the_contracts_order(at: Clients) -> None:
    data = await made(at, grace=3600)
    url = data["attributes"].pop("url")
    assert re.fullmatch(re.escape(BASE) + "/api/v1/heartbeat/[a-z0-9]{24}", url)
    assert data == {"id": "1", "type": "heartbeat", "attributes": CONTRACT | OURS}
    assert list(data["attributes"]) == [*CONTRACT, *OURS]
    again = (await at.alice.get("/api/v2/heartbeats/1")).json()["data"]["attributes"]
    assert next(iter(again)) == "url"
    assert again == {"url": url} | CONTRACT | OURS


async def test_a_list_is_paginated_and_the_url_in_it_is_the_same(at: Clients) -> None:
    urls = [(await made(at, name=f"Job {number}"))["attributes"]["url"] for number in range(3)]
    answer = (await at.alice.get("/api/v2/heartbeats?per_page=2")).json()
    assert [each["attributes"]["url"] for each in answer["data"]] == urls[:2]
    assert answer["pagination"]["next"] == f"{BASE}/api/v2/heartbeats?per_page=2&page=2"
    empty = (await at.charlie.get("/api/v2/heartbeats")).json()
    assert (empty["data"], empty["pagination"]["next"]) == ([], None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"name": ["Can't be blank."], "period": ["can't be blank"]}),
        ({"name": " ", "period": 60}, {"name": ["Can't be blank."]}),
        ({"name": "x", "period": 29}, {"period": ["must be between 30 and 31622400"]}),
        ({"name": "x", "period": "often"}, {"period": ["must be an integer"]}),
        ({"name": "x", "period": 60, "grace": -1}, {"grace": ["must be between 0 and 31622400"]}),
        ({"name": "x", "period": 60, "heartbeat_group_id": 9}, {"resource_group": ["doesn't exist"]}),
        ({"name": "x", "schedule": "every day"}, {"schedule": [NO_DATE]}),
        ({"name": "x", "schedule": "61 * * * *"}, {"schedule": ["is not a cron expression: Bad minute"]}),
        ({"name": "x", "period": 86400, "server_timezone": "Berlin"},
         {"server_timezone": ["'Berlin' is not an IANA time zone, e.g. Europe/Berlin"]}),
        ({"name": "x", "period": 60, "maintenance_from": "25:00", "maintenance_to": "01:00"},
         {"maintenance_from": ["must be a time of day like 01:00:00"]}),
        ({"name": "x", "period": 60, "slug": "Not a slug"},
         {"slug": ["must be at most 100 of a-z, 0-9, - and _, and begin with a letter or digit"]}),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_said_by_field(at: Clients, sent: dict[str, Any], errors: dict[str, Any]) -> None:
    answer = await at.alice.post("/api/v2/heartbeats", json=sent)
    assert (answer.status_code, answer.json()) == (422, {"errors": errors})
    assert (await at.alice.get("/api/v2/heartbeats")).json()["data"] == []


async def test_an_unknown_attribute_is_refused_and_what_answers_show_is_ignored(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/heartbeats", json={"name": "x", "perod": 60})
    assert (answer.status_code, answer.json()["invalid_attributes"]) == (422, ["perod"])
    shown = (await made(at))["attributes"]
    answer = await at.alice.patch("/api/v2/heartbeats/1", json=shown)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["attributes"] == shown


@pytest.mark.usefixtures("policies")
async def test_an_update_changes_what_was_sent_and_empty_text_is_null(at: Clients) -> None:
    await made(at, policy_id=1, server_timezone="Europe/Berlin", team_wait=60)
    answer = await at.alice.patch("/api/v2/heartbeats/1", json={"policy_id": "", "server_timezone": "", "period": "60"})
    attributes = answer.json()["data"]["attributes"]
    assert (attributes["policy_id"], attributes["server_timezone"], attributes["period"]) == (None, None, 60)
    assert attributes["team_wait"] == 60
    assert (await made(at, policy_id="2"))["attributes"]["policy_id"] == "2"


async def test_short_periods_know_no_wall_clock(at: Clients) -> None:
    assert (await made(at, period=3599, server_timezone="Europe/Berlin"))["attributes"]["server_timezone"] is None
    kept = (await made(at, period=3600, server_timezone="Europe/Berlin"))["attributes"]["server_timezone"]
    assert kept == "Europe/Berlin"


async def test_a_schedule_takes_the_place_of_the_period(at: Clients) -> None:
    sent = {"name": "x", "schedule": "0 2 * * *", "schedule_timezone": "Europe/Berlin"}
    answer = await at.alice.post("/api/v2/heartbeats", json=sent)
    shown = answer.json()["data"]["attributes"]
    assert (shown["period"], shown["schedule"], shown["schedule_timezone"]) == (86400, "0 2 * * *", "Europe/Berlin")
    both = await at.alice.patch("/api/v2/heartbeats/1", json={"period": 60})
    words = "can't be set together with a schedule: send schedule null to go by the period"
    assert (both.status_code, both.json()) == (422, {"errors": {"period": [words]}})
    assert (await at.alice.patch("/api/v2/heartbeats/1", json=shown)).json()["data"]["attributes"] == shown
    back = await at.alice.patch("/api/v2/heartbeats/1", json={"schedule": None, "period": 60})
    attributes = back.json()["data"]["attributes"]
    assert (attributes["period"], attributes["schedule"], attributes["schedule_timezone"]) == (60, None, None)
    weekly = await made(at, period=None, schedule="Mon *-*-* 03:00:00")
    assert weekly["attributes"]["period"] == 7 * 86400


async def test_pausing_and_resuming(at: Clients) -> None:
    await made(at)
    paused = (await at.alice.patch("/api/v2/heartbeats/1", json={"paused": True})).json()["data"]["attributes"]
    assert (paused["paused"], paused["paused_at"], paused["status"]) == (True, NOW, "paused")
    resumed = (await at.alice.patch("/api/v2/heartbeats/1", json={"paused": False})).json()["data"]["attributes"]
    assert (resumed["paused"], resumed["paused_at"], resumed["status"]) == (False, None, "pending")


async def test_what_is_not_there_is_said_as_the_api_says_it(at: Clients) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/availability"), ("GET", "/pings")):
        answer = await at.alice.request(method, f"/api/v2/heartbeats/999{path}", json={})
        assert answer.status_code == 404
        assert answer.json() == {"errors": "Resource type heartbeat with id = 999 was not found"}
    answer = await at.alice.get("/api/v2/heartbeat-groups/123456")
    assert answer.json() == {"errors": "Resource type heartbeat_group with id = 123456 was not found"}


async def test_deleting_answers_204_and_forgets_the_pings(at: Clients, database: Database) -> None:
    await made(at)
    assert await database.write(actions.record, [Ping(heartbeat_id=1, body=b"done")], BASE) == [True]
    answer = await at.alice.delete("/api/v2/heartbeats/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await database.write(actions.record, [Ping(heartbeat_id=1)], BASE) == [False]


async def test_availability_under_both_of_its_names(at: Clients) -> None:
    await made(at)
    for name in ("availability", "sla"):
        answer = await at.alice.get(f"/api/v2/heartbeats/1/{name}?from=2026-03-01&to=2026-03-02")
        assert answer.json() == {
            "data": {
                "id": "1",
                "type": "heartbeat_availability",
                "attributes": {
                    "availability": 100.0, "total_downtime": 0, "number_of_incidents": 0, "longest_incident": 0,
                    "average_incident": 0,
                },
            }
        }  # fmt: skip
    wrong = await at.alice.get("/api/v2/heartbeats/1/availability?from=2027-01-01")
    assert wrong.status_code == 400
    assert wrong.json()["errors"].startswith("The data range is invalid.")


async def test_pings_are_listed_newest_first_with_what_was_said(at: Clients, database: Database) -> None:
    await made(at)
    said = Ping(heartbeat_id=1, kind=Kind.FAIL, exit_code=3, method="POST", remote_ip="192.0.2.7", user_agent="curl",
                body="voll: 100 % ü".encode() + b"\xff")  # fmt: skip
    await database.write(actions.record, [Ping(heartbeat_id=1), said], BASE)
    first, second = (await at.alice.get("/api/v2/heartbeats/1/pings")).json()["data"]
    assert first == {
        "id": "2",
        "type": "heartbeat_ping",
        "attributes": {
            "at": NOW, "kind": "fail", "exit_code": 3, "run_id": None, "duration": None, "overlapping": 0,
            "method": "POST", "remote_ip": "192.0.2.7", "user_agent": "curl", "body_size": 15,
            "body": "voll: 100 % ü\ufffd",
        },
    }  # fmt: skip
    assert (second["attributes"]["kind"], second["attributes"]["body"]) == ("success", None)
    page = (await at.alice.get("/api/v2/heartbeats/1/pings?per_page=1&page=2")).json()
    assert ([each["id"] for each in page["data"]], page["pagination"]["next"]) == (["1"], None)


async def test_an_incident_names_its_heartbeat(at: Clients, database: Database) -> None:
    await made(at)
    await database.write(actions.record, [Ping(heartbeat_id=1, kind=Kind.FAIL)], BASE)
    answer = (await at.alice.get("/api/v3/incidents/1")).json()
    assert answer["data"]["relationships"]["heartbeat"] == {"data": {"id": "1", "type": "heartbeat"}}
    assert answer["data"]["attributes"]["cause"] == "Reported failure"
    (included,) = answer["included"]
    assert (included["type"], included["attributes"]["status"]) == ("heartbeat", "down")
    token = included["attributes"]["url"].rpartition("/")[2]
    assert token not in str(answer["data"])  # who may see incidents may not ping


async def test_a_group_comes_back_whole_and_pauses_what_is_in_it(at: Clients) -> None:
    group = await at.alice.post("/api/v2/heartbeat-groups", json={"name": "Backups"})
    assert group.status_code == 201
    assert group.json()["data"] == {
        "id": "1",
        "type": "heartbeat_group",
        "attributes": {
            "name": "Backups", "sort_index": None, "created_at": NOW, "updated_at": NOW, "team_name": ALICES_TEAM,
            "paused": False,
        },
    }  # fmt: skip
    await made(at, heartbeat_group_id="1")
    await made(at)
    answer = await at.alice.patch("/api/v2/heartbeat-groups/1", json={"paused": True, "period": 60})
    assert (answer.status_code, answer.json()["data"]["attributes"]["paused"]) == (200, True)
    listed = (await at.alice.get("/api/v2/heartbeat-groups/1/heartbeats")).json()
    assert [(each["id"], each["attributes"]["status"]) for each in listed["data"]] == [("1", "paused")]
    assert (await at.alice.get("/api/v2/heartbeats/2")).json()["data"]["attributes"]["paused"] is False
    assert (await at.alice.delete("/api/v2/heartbeat-groups/1")).status_code == 204
    assert (await at.alice.get("/api/v2/heartbeats/1")).json()["data"]["attributes"]["heartbeat_group_id"] is None


async def test_a_heartbeat_cannot_join_another_teams_group_nor_take_a_slug_twice(at: Clients) -> None:
    await at.charlie.post("/api/v2/heartbeat-groups", json={"name": "Charlie's"})
    sent = {"name": "x", "period": 60, "heartbeat_group_id": 1}
    answer = await at.alice.post("/api/v2/heartbeats", json=sent)
    assert (answer.status_code, answer.json()) == (422, {"errors": {"resource_group": ["doesn't exist"]}})
    await made(at, slug="backup")
    twice = await at.alice.post("/api/v2/heartbeats", json={"name": "x", "period": 60, "slug": "backup"})
    assert (twice.status_code, twice.json()) == (422, {"errors": {"slug": ["has already been taken"]}})
    other = await at.charlie.post("/api/v2/heartbeats", json={"name": "x", "period": 60, "slug": "backup"})
    assert other.status_code == 201


async def test_the_ping_key_belongs_to_a_team_and_can_be_changed(at: Clients) -> None:
    key = (await at.alice.get("/api/v2/heartbeat-ping-key")).json()["data"]["attributes"]["key"]
    other = (await at.charlie.get("/api/v2/heartbeat-ping-key")).json()["data"]["attributes"]
    assert (other["team_name"], other["key"] == key) == (CHARLIES_TEAM, False)
    changed = await at.alice.post("/api/v2/heartbeat-ping-key", json={})
    assert changed.status_code == 201
    assert changed.json()["data"]["attributes"]["key"] != key
    assert (await at.everyone.get("/api/v2/heartbeat-ping-key")).status_code == 422
    query = f"?team_name={ALICES_TEAM}"
    chosen = (await at.everyone.get(f"/api/v2/heartbeat-ping-key{query}")).json()["data"]["attributes"]
    assert chosen == changed.json()["data"]["attributes"]


async def test_a_global_token_names_the_team(at: Clients) -> None:
    sent = {"name": "x", "period": 60}
    assert (await at.everyone.post("/api/v2/heartbeats", json=sent)).status_code == 422
    answer = await at.everyone.post("/api/v2/heartbeats", json={**sent, "team_name": CHARLIES_TEAM})
    assert answer.json()["data"]["attributes"]["team_name"] == CHARLIES_TEAM
    assert (await at.everyone.get(f"/api/v2/heartbeats?team_name={ALICES_TEAM}")).json()["data"] == []


async def test_a_list_is_searched_narrowed_and_sorted(at: Clients) -> None:
    group = (await at.alice.post("/api/v2/heartbeat-groups", json={"name": "Nightly"})).json()["data"]["id"]
    await made(at, name="Backup of München", heartbeat_group_id=int(group))
    await made(at, name="Import 100%", slug="orders")
    await made(at, name="archive", paused=True)

    async def names(query: str) -> list[str]:
        answer = await at.alice.get(f"/api/v2/heartbeats?{query}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["pagination"]["last"]
        return [each["attributes"]["name"] for each in answer.json()["data"]]

    assert await names("q=MÜNCHEN+backup") in (["Backup of München"], [])  # SQLite knows no capital umlauts
    assert await names("q=backup+of") == ["Backup of München"]
    assert await names("q=ORDERS") == ["Import 100%"]
    assert await names("q=0%25") == ["Import 100%"]
    assert await names("q=_") == []
    assert await names("status=paused") == ["archive"]
    assert await names("status=pending&sort=-name") == ["Import 100%", "Backup of München"]
    assert await names(f"heartbeat_group_id={group}") == ["Backup of München"]
    assert await names("heartbeat_group_id=0&sort=name") == ["archive", "Import 100%"]
    assert await names("sort=status") == ["Backup of München", "Import 100%", "archive"]
    assert await names("sort=-created_at&per_page=1&page=4") == []
    assert (await at.alice.get("/api/v2/heartbeats?sort=age")).status_code == 422
    counts = (await at.alice.get("/api/v2/heartbeat-counts")).json()
    assert counts == {"up": 0, "down": 0, "pending": 2, "paused": 1}
    assert (await at.charlie.get("/api/v2/heartbeat-counts")).json()["pending"] == 0


async def test_days_say_how_a_job_fared(at: Clients, database: Database) -> None:
    id = (await made(at))["id"]
    ping = Ping(heartbeat_id=int(id), kind=Kind.FAIL)
    await database.write(lambda tx: actions.record(tx, [ping], BASE))
    answer = await at.alice.get(f"/api/v2/heartbeats/{id}/days?days=2&timezone=Europe/Berlin")
    days = answer.json()["data"]
    assert [(day["id"], day["type"]) for day in days] == [
        ("2026-03-01", "heartbeat_day"), ("2026-03-02", "heartbeat_day"),
    ]  # fmt: skip
    assert days[0]["attributes"]["status"] == "not_monitored"
    for query, wrong in (("days=0", "days"), ("timezone=Mars", "timezone")):
        refused = await at.alice.get(f"/api/v2/heartbeats/{id}/days?{query}")
        assert refused.status_code == 422
        assert wrong in refused.text
