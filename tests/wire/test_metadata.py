"""Metadata on the wire, version 3 and version 2 (contract part 2, 7.1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, CHARLIES_TEAM, Clients

V2, V3 = "/api/v2/metadata", "/api/v3/metadata"
NOW = "2026-03-02T12:00:00.000Z"


@pytest.fixture(autouse=True)
async def _monitor(at: Clients) -> None:
    made = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com"})
    assert made.json()["data"]["id"] == "1"


async def put(at: Clients, key: str, values: Any, **more: Any) -> Any:
    body = {"owner_type": "Monitor", "owner_id": "1", "key": key, "values": values, **more}
    return await at.alice.post(V3, json=body)


async def texts(at: Clients, query: str = "owner_type=Monitor&owner_id=1") -> dict[str, list[str]]:
    listed = (await at.alice.get(f"{V3}?{query}")).json()["data"]
    return {each["attributes"]["key"]: [value["value"] for value in each["attributes"]["values"]] for each in listed}


async def test_an_upsert_is_201_then_200_then_204(at: Clients) -> None:
    made = await put(at, "Team", ["Shop", {"value": "Night"}])
    assert made.status_code == 201
    assert made.json() == {
        "data": {
            "id": "1",
            "type": "metadata",
            "attributes": {
                "key": "Team",
                "values": [{"type": "String", "value": "Shop"}, {"type": "String", "value": "Night"}],
                "team_name": ALICES_TEAM,
                "owner_id": "1",
                "owner_type": "Monitor",
                "created_at": NOW,
                "updated_at": NOW,
            },
        }
    }
    changed = await put(at, "Team", [{"type": "String", "value": "Infra"}])
    assert (changed.status_code, changed.json()["data"]["id"]) == (200, "1")
    assert await texts(at) == {"Team": ["Infra"]}
    gone = await put(at, "Team", None)
    assert (gone.status_code, gone.content) == (204, b"")
    assert await texts(at) == {}
    assert (await put(at, "Team", [])).status_code == 204


async def test_values_can_be_added_to_those_that_are_there(at: Clients) -> None:
    assert (await put(at, "Team", ["Shop"], mode="merge")).status_code == 201
    assert (await put(at, "Team", ["Shop", "Night"], mode="merge")).status_code == 200
    assert await texts(at) == {"Team": ["Shop", "Night"]}
    assert (await put(at, "Team", [], mode="merge")).status_code == 422


async def test_of_many_who_set_the_same_key_at_once_one_creates_it(at: Clients) -> None:
    answers = await asyncio.gather(*(put(at, "Team", [str(number)]) for number in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len((await texts(at))["Team"]) == 1
    answers = await asyncio.gather(*(put(at, "Team", [str(number)], mode="merge") for number in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted((await texts(at))["Team"], key=int) == [str(number) for number in range(12)]


async def test_an_idempotency_key_replays_the_status_too(at: Clients) -> None:
    await put(at, "Team", ["Shop"])
    body = {"owner_type": "Monitor", "owner_id": 1, "key": "Team", "values": ["Infra"]}
    for values, key, status in ((["Infra"], "a", 200), (None, "b", 204)):
        sent = {**body, "values": values}
        for _ in range(2):
            answer = await at.alice.post(V3, json=sent, headers={"idempotency-key": key})
            assert answer.status_code == status
        assert answer.headers["idempotency-replayed"] == "true"


async def test_a_person_is_known_by_address_id_or_name(at: Clients) -> None:
    for given in ({"email": "ALICE@tocsin.example"}, {"item_id": "1"}, {"item_id": 1}, {"name": "Alice"}):
        answer = await put(at, "Lead", [{"type": "User", **given}])
        assert answer.json()["data"]["attributes"]["values"] == [
            {"type": "User", "item_id": 1, "name": "Alice", "email": "alice@tocsin.example"}
        ]
    team = (await put(at, "Owner", [{"type": "Team", "name": ALICES_TEAM}])).json()["data"]["attributes"]["values"]
    assert team == [{"type": "Team", "item_id": 1, "name": ALICES_TEAM}]
    other = [{"type": "Schedule", "item_id": 12, "name": "Tier 1"}]
    refused = await put(at, "Calendar", other)
    assert refused.status_code == 422
    assert "refers to a Schedule that doesn't exist" in refused.text


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"values": [{"type": "User", "email": "charlie@tocsin.example"}]}, "values"),
        ({"values": [{"type": "Team", "name": CHARLIES_TEAM}]}, "values"),
        ({"values": [{"type": "Nonsense", "item_id": 1}]}, "values"),
        ({"values": [{"type": "User"}]}, "values"),
        ({"values": [["a"]]}, "values"),
        ({"values": "text"}, "values"),
        ({"values": ["a"] * 101}, "values"),
        ({"values": ["a" * 10_001]}, "values"),
        ({"key": " "}, "key"),
        ({"key": "k" * 256}, "key"),
        ({"owner_id": "abc"}, "owner_id"),
        ({"mode": "append"}, "mode"),
    ],
)
async def test_what_cannot_be_accepted_names_its_field(at: Clients, sent: dict[str, Any], field: str) -> None:
    body = {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "values": ["Shop"], **sent}
    answer = await at.alice.post(V3, json=body)
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == [field]
    assert await texts(at) == {}


async def test_what_is_missing_or_unknown_is_said(at: Clients) -> None:
    missing = await at.alice.post(V3, json={"owner_type": "Monitor", "owner_id": "1", "key": "Team"})
    assert (missing.status_code, missing.json()["required_attributes"]) == (422, ["values"])
    unknown = await put(at, "Team", ["Shop"], colour="red")
    assert (unknown.status_code, unknown.json()["invalid_attributes"]) == (422, ["colour"])
    kind = await put(at, "Team", ["Shop"], owner_type="Kite")
    assert kind.status_code == 422
    assert "CallRouting" in kind.json()["allowed_values"]["owner_type"]
    assert (await at.alice.get(f"{V3}?owner_type=Kite")).status_code == 422


@pytest.mark.parametrize(
    ("owner_type", "words"),
    [("Monitor", "monitor"), ("Incident", "incident"), ("CallRouting", "call_routing")],
)
async def test_an_owner_that_is_not_there_is_not_found(at: Clients, owner_type: str, words: str) -> None:
    answer = await put(at, "Team", ["Shop"], owner_type=owner_type, owner_id=77)
    assert (answer.status_code, answer.json()) == (
        404,
        {"errors": f"Resource type {words} with id = 77 was not found"},
    )


async def test_another_teams_things_are_not_there(at: Clients) -> None:
    await put(at, "Team", ["Shop"])
    body = {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "values": ["Mine"]}
    refused = await at.charlie.post(V3, json=body)
    assert refused.json() == {"errors": "Resource type monitor with id = 1 was not found"}
    assert (await at.charlie.post(V2, json={**body, "value": "Mine", "values": None})).status_code in (404, 422)
    assert (await at.charlie.get(f"{V3}?owner_type=Monitor&owner_id=1")).json()["data"] == []
    assert (await at.charlie.post("/api/v2/monitors", json={"url": "https://c.example.com"})).status_code == 201
    theirs = (await at.charlie.post(V2, json={"owner_type": "Monitor", "owner_id": 2, "key": "A", "value": "b"})).json()
    moved = await at.charlie.patch(f"{V2}/{theirs['data']['id']}", json={"owner_id": "1"})
    assert moved.status_code == 404
    assert await texts(at) == {"Team": ["Shop"]}


async def test_a_global_token_needs_no_team_and_lists_by_team(at: Clients) -> None:
    body = {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "values": ["Shop"]}
    assert (await at.everyone.post(V3, json={**body, "team_name": ALICES_TEAM})).status_code == 201
    assert (await at.everyone.post(V3, json=body)).status_code == 200
    assert len((await at.everyone.get(V3)).json()["data"]) == 1
    assert (await at.everyone.get(f"{V3}?team_name={CHARLIES_TEAM}")).json()["data"] == []


async def test_the_list_is_filtered_and_paged(at: Clients) -> None:
    await at.alice.post("/api/v2/monitors", json={"url": "https://other.example.com"})
    for number in range(3):
        await put(at, f"Key {number}", ["a"])
    await put(at, "Other", ["b"], owner_id=2)
    assert list(await texts(at)) == ["Key 0", "Key 1", "Key 2"]
    assert list(await texts(at, "")) == ["Key 0", "Key 1", "Key 2", "Other"]
    assert list(await texts(at, "owner_type=Heartbeat")) == []
    first = (await at.alice.get(f"{V3}?owner_type=Monitor&per_page=2")).json()
    assert first["pagination"]["next"] == f"{BASE}{V3}?owner_type=Monitor&per_page=2&page=2"
    assert [each["attributes"]["key"] for each in first["data"]] == ["Key 0", "Key 1"]


@pytest.mark.slow
async def test_an_owner_has_at_most_a_hundred_keys(at: Clients) -> None:
    for number in range(100):
        assert (await put(at, f"Key {number}", ["a"])).status_code == 201
    assert list((await put(at, "One more", ["a"])).json()["errors"]) == ["key"]
    assert (await put(at, "Key 5", ["b"])).status_code == 200
    assert (await put(at, "Key 6", None)).status_code == 204
    assert (await put(at, "One more", ["a"])).status_code == 201


async def test_version_2_creates_reads_changes_and_deletes_one_text(at: Clients) -> None:
    body = {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "value": "Shop"}
    made = await at.alice.post(V2, json=body)
    assert made.status_code == 201
    data = made.json()["data"]
    assert (data["type"], data["relationships"]) == ("metadata", {"owner": {"data": {"id": "1", "type": "Monitor"}}})
    assert {name: data["attributes"][name] for name in body} == body
    one = f"{V2}/{data['id']}"
    assert (await at.alice.get(one)).json()["data"] == data
    changed = await at.alice.patch(one, json={"value": "Infra", "key": "Crew"})
    assert (changed.status_code, changed.json()["data"]["attributes"]["value"]) == (200, "Infra")
    assert await texts(at) == {"Crew": ["Infra"]}
    listed = (await at.alice.get(V2)).json()
    assert [each["attributes"]["value"] for each in listed["data"]] == ["Infra"]
    assert listed["pagination"]["first"] == f"{BASE}{V2}?page=1"
    assert (await at.alice.delete(one)).status_code == 204
    gone = await at.alice.get(one)
    assert (gone.status_code, gone.json()) == (404, {"errors": "Resource type metadata with id = 1 was not found"})


async def test_version_2_replaces_renames_and_moves_without_doubles(at: Clients) -> None:
    await at.alice.post("/api/v2/monitors", json={"url": "https://other.example.com"})
    body = {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "value": "Shop"}
    for value in ("Shop", "Infra"):
        assert (await at.alice.post(V2, json={**body, "value": value})).status_code == 201
    assert await texts(at) == {"Team": ["Infra"]}
    await at.alice.post(V2, json={**body, "key": "Zone", "value": "eu"})
    taken = await at.alice.patch(f"{V2}/1", json={"key": "Zone"})
    assert (taken.status_code, taken.json()) == (422, {"errors": {"key": ["has already been taken"]}})
    moved = await at.alice.patch(f"{V2}/1", json={"owner_id": 2})
    assert (moved.status_code, moved.json()["data"]["attributes"]["owner_id"]) == (200, "2")
    assert await texts(at) == {"Zone": ["eu"]}
    assert await texts(at, "owner_type=Monitor&owner_id=2") == {"Team": ["Infra"]}
    for value in ("", None):
        assert (await at.alice.patch(f"{V2}/1", json={"value": value})).status_code == 422
    typed = await put(at, "Lead", [{"type": "User", "name": "Alice"}])
    path = f"{V2}/{typed.json()['data']['id']}"
    assert (await at.alice.get(path)).json()["data"]["attributes"]["value"] == "Alice"
    kept = await at.alice.patch(path, json={"key": "Boss"})
    assert kept.status_code == 200
    listed = (await at.alice.get(f"{V3}?owner_type=Monitor&owner_id=1")).json()["data"]
    assert listed[1]["attributes"]["values"][0]["type"] == "User"


async def test_an_incident_and_its_metadata_agree_at_every_moment(at: Clients) -> None:
    await at.alice.post("/api/v3/incidents", json={"summary": "Down", "metadata": {"Team": ["Shop"], "Zone": "eu"}})

    async def both() -> tuple[dict[str, Any], dict[str, Any]]:
        incident = (await at.alice.get("/api/v3/incidents/1")).json()["data"]["attributes"]["metadata"]
        listed = (await at.alice.get(f"{V3}?owner_type=Incident&owner_id=1")).json()["data"]
        return incident, {each["attributes"]["key"]: each["attributes"]["values"] for each in listed}

    async def found(text: str) -> list[str]:
        listed = await at.alice.get(f"/api/v3/incidents?metadata[Team][][value]={text}")
        return [each["id"] for each in listed.json()["data"]]

    incident, listed = await both()
    assert (
        incident
        == listed
        == {
            "Team": [{"type": "String", "value": "Shop"}],
            "Zone": [{"type": "String", "value": "eu"}],
        }
    )
    await put(at, "Team", ["Infra", "Night"], owner_type="Incident")
    incident, listed = await both()
    assert incident == listed
    assert (await found("Night"), await found("Shop")) == (["1"], [])
    await put(at, "Team", None, owner_type="Incident")
    incident, listed = await both()
    assert incident == listed == {"Zone": [{"type": "String", "value": "eu"}]}
    assert await found("Night") == []
    (item,) = [each["id"] for each in (await at.alice.get(f"{V2}?owner_type=Incident")).json()["data"]]
    await at.alice.patch(f"{V2}/{item}", json={"key": "Team", "value": "Shop"})
    incident, listed = await both()
    assert incident == listed == {"Team": [{"type": "String", "value": "Shop"}]}
    assert await found("Shop") == ["1"]
    await at.alice.delete("/api/v3/incidents/1")
    assert (await at.alice.get(V3)).json()["data"] == []


async def test_a_change_of_an_incidents_metadata_stands_on_its_timeline(at: Clients) -> None:
    await at.alice.post("/api/v3/incidents", json={"summary": "Down"})
    for values in (["Shop"], ["Shop"], ["Infra"], None):
        await put(at, "Team", values, owner_type="Incident")
    timeline = (await at.alice.get("/api/v3/incidents/1/timeline")).json()["data"]
    told = [
        each["attributes"]["data"] for each in timeline if "Metadata" in (each["attributes"]["data"]["title"] or "")
    ]
    assert [(each["title"], each["content"]) for each in reversed(told)] == [
        ("Metadata added", f"{ALICES_TEAM} set Team to Shop."),
        ("Metadata changed", f"{ALICES_TEAM} changed Team from Shop to Infra."),
        ("Metadata removed", f"{ALICES_TEAM} removed Team, which was Infra."),
    ]


async def test_what_a_deleted_monitor_was_known_for_is_forgotten(at: Clients) -> None:
    await put(at, "Team", ["Shop"])
    assert (await at.alice.delete("/api/v2/monitors/1")).status_code == 204
    assert (await at.alice.get(V3)).json()["data"] == []


async def test_terraform_changes_a_key_by_setting_the_new_and_deleting_the_old(at: Clients) -> None:
    """The requests of the provider's own test of `betteruptime_metadata`, and how it finds its record again."""
    first = await put(at, "test_key", [{"value": "test_value"}])
    assert (await put(at, "test_key", [{"value": "changed"}])).status_code == 200
    second = await put(at, "test_key_changed", [{"value": "test_value"}])
    body = {"owner_type": "Monitor", "owner_id": "1", "key": "test_key", "values": None}
    assert (await at.alice.post(V3, json=body)).status_code == 204
    listed = (await at.alice.get(f"{V3}?owner_id=1&owner_type=Monitor")).json()
    (record,) = listed["data"]
    assert record["id"] == second.json()["data"]["id"] != first.json()["data"]["id"]
    assert (record["attributes"]["owner_id"], listed["pagination"]["next"]) == ("1", None)
