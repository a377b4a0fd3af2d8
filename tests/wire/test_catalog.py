"""The catalog on the wire (contract part 2, 7.2), and what it does to incidents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, Clients

RELATIONS = "/api/v2/catalog/relations"
NAMES = ("Service", "Team", "Lead")


@pytest.fixture
async def services(at: Clients) -> str:
    """A relation by whose Service its records are recognised; its address."""
    made = await at.alice.post(RELATIONS, json={"name": "Services"})
    assert made.status_code == 201
    address = f"{RELATIONS}/{made.json()['data']['id']}"
    for name in NAMES:
        sent = {"name": name, "primary": name == "Service"}
        assert (await at.alice.post(f"{address}/attributes", json=sent)).status_code == 201
    return address


def entry(id: object, *values: dict[str, Any] | str) -> dict[str, Any]:
    typed = [{"type": "String", "value": value} if isinstance(value, str) else value for value in values]
    return {"attribute": {"id": id}, "values": typed}


async def add(at: Clients, address: str, *entries: dict[str, Any]) -> Any:
    return await at.alice.post(f"{address}/records", json={"attributes": list(entries)})


def said(answer: Any) -> dict[str, list[Any]]:
    """The values by attribute of a record in an answer."""
    record = answer.json()["data"]["attributes"]["attributes"]
    return {
        each["attribute"]["name"]: [value.get("value", value.get("item_id")) for value in each["values"]]
        for each in record
    }


async def opened(at: Clients, **metadata: Any) -> dict[str, Any]:
    """The metadata of an incident that opens with this."""
    made = await at.alice.post("/api/v3/incidents", json={"summary": "Down", "metadata": metadata})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()["data"]["attributes"]["metadata"]
    return found


async def test_a_relation_lives(at: Clients) -> None:
    made = await at.alice.post(RELATIONS, json={"name": "Services"})
    assert made.status_code == 201
    assert made.json() == {
        "data": {
            "id": "1",
            "type": "catalog_relation",
            "attributes": {"name": "Services", "description": None, "match_mode": "any"},
        }
    }
    one = f"{RELATIONS}/1"
    changed = await at.alice.patch(one, json={"description": "Who runs what", "match_mode": "all"})
    attributes = {"name": "Services", "description": "Who runs what", "match_mode": "all"}
    assert (changed.status_code, changed.json()["data"]["attributes"]) == (200, attributes)
    assert (await at.alice.get(one)).json()["data"]["attributes"] == attributes
    assert (await at.alice.patch(one, json={"description": ""})).json()["data"]["attributes"]["description"] is None
    listed = (await at.alice.get(RELATIONS)).json()
    assert [each["id"] for each in listed["data"]] == ["1"]
    assert listed["pagination"]["first"] == f"{BASE}{RELATIONS}?page=1"
    assert (await at.alice.delete(one)).status_code == 204
    gone = await at.alice.get(one)
    assert (gone.status_code, gone.json()) == (
        404,
        {"errors": "Resource type catalog_relation with id = 1 was not found"},
    )


async def test_attributes_keep_their_places_without_gaps(at: Clients, services: str) -> None:
    async def places() -> list[tuple[str, bool, int]]:
        listed = (await at.alice.get(f"{services}/attributes")).json()["data"]
        return [
            (each["attributes"]["name"], each["attributes"]["primary"], each["attributes"]["position"])
            for each in listed
        ]

    assert await places() == [("Service", True, 0), ("Team", False, 1), ("Lead", False, 2)]
    assert (await at.alice.delete(f"{services}/attributes/2")).status_code == 204
    assert await places() == [("Service", True, 0), ("Lead", False, 1)]
    moved = await at.alice.patch(f"{services}/attributes/3", json={"name": "Boss", "primary": True, "position": 0})
    assert moved.json()["data"]["attributes"] == {"name": "Boss", "primary": True, "position": 1}
    made = await at.alice.post(f"{services}/attributes", json={"name": "Runbook"})
    assert made.json()["data"]["attributes"] == {"name": "Runbook", "primary": False, "position": 2}
    taken = await at.alice.post(f"{services}/attributes", json={"name": "Boss"})
    assert (taken.status_code, taken.json()) == (422, {"errors": {"name": ["has already been taken"]}})
    assert (await at.alice.patch(f"{services}/attributes/3", json={"name": "Boss"})).status_code == 200


async def test_a_record_names_its_attributes_by_id_or_name_and_is_answered_with_both(
    at: Clients, services: str
) -> None:
    sent = [
        {"attribute": {"name": "Team"}, "values": [{"type": "Team", "name": ALICES_TEAM}]},
        {"attribute": {"id": 1, "name": ""}, "values": [{"type": "String", "value": "api"}]},
        {"attribute": {"id": "3"}, "values": [{"type": "User", "email": "alice@tocsin.example"}]},
    ]
    made = await add(at, services, *sent)
    assert made.status_code == 201, made.text
    assert made.json()["data"] == {
        "id": "1",
        "type": "catalog_record",
        "attributes": {
            "attributes": [
                {
                    "attribute": {"id": "2", "name": "Team"},
                    "values": [{"type": "Team", "item_id": 1, "name": ALICES_TEAM}],
                },
                {"attribute": {"id": "1", "name": "Service"}, "values": [{"type": "String", "value": "api"}]},
                {
                    "attribute": {"id": "3", "name": "Lead"},
                    "values": [{"type": "User", "item_id": 1, "name": "Alice", "email": "alice@tocsin.example"}],
                },
            ]
        },
    }
    assert (await at.alice.get(f"{services}/records/1")).json() == made.json()
    assert (await at.alice.get(f"{services}/records")).json()["data"] == [made.json()["data"]]


async def test_the_same_attribute_sent_again_is_put_together(at: Clients, services: str) -> None:
    """Terraform sends an entry for each value."""
    made = await add(at, services, entry("1", "api"), entry("1", "web"), entry("2", "Shop"))
    assert said(made) == {"Service": ["api", "web"], "Team": ["Shop"]}
    changed = await at.alice.patch(f"{services}/records/1", json={"attributes": [entry("1", "db"), entry("1", "api")]})
    assert (changed.status_code, said(changed)) == (200, {"Service": ["db", "api"]})
    untouched = await at.alice.patch(f"{services}/records/1", json={})
    assert said(untouched) == {"Service": ["db", "api"]}
    assert (await at.alice.delete(f"{services}/records/1")).status_code == 204
    assert (await at.alice.get(f"{services}/records/1")).status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        "Service",
        [{"attribute": {"id": "99"}, "values": []}],
        [{"attribute": {"name": "Colour"}, "values": []}],
        [{"attribute": {}, "values": []}],
        [{"attribute": "Service", "values": []}],
        [{"values": []}],
        [{"attribute": {"id": "1"}, "values": [{"type": "User", "email": "charlie@tocsin.example"}]}],
        [{"attribute": {"id": "1"}, "values": [{"type": "User"}]}],
        [{"attribute": {"id": "1"}, "values": ["a"] * 60}, {"attribute": {"id": "1"}, "values": ["a"] * 60}],
    ],
)
async def test_a_record_that_cannot_be_meant_is_refused(at: Clients, services: str, sent: Any) -> None:
    answer = await at.alice.post(f"{services}/records", json={"attributes": sent})
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == ["attributes"]
    assert (await at.alice.get(f"{services}/records")).json()["data"] == []


async def test_many_records_come_at_once_or_not_at_all(at: Clients, services: str) -> None:
    batch = f"{services}/records/batch"
    made = await at.alice.post(batch, json=[{"attributes": [entry(1, name)]} for name in ("api", "web")])
    assert (made.status_code, made.content) == (201, b"")
    wrong = [{"attributes": [entry(1, "db")]}, {"attributes": [entry(99, "x")]}]
    refused = await at.alice.post(batch, json=wrong)
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["1.attributes"])
    assert (await at.alice.put(batch, json=wrong)).status_code == 422
    listed = (await at.alice.get(f"{services}/records")).json()["data"]
    assert [each["id"] for each in listed] == ["1", "2"]
    replaced = await at.alice.put(batch, json=[{"attributes": [entry(1, "db")]}])
    assert (replaced.status_code, replaced.content) == (201, b"")
    (left,) = (await at.alice.get(f"{services}/records")).json()["data"]
    assert left["attributes"]["attributes"][0]["values"] == [{"type": "String", "value": "db"}]
    assert (await at.alice.post(batch, json={"attributes": []})).status_code == 400
    assert (await at.alice.post(batch, json=["a"])).status_code == 422
    too_many = await at.alice.post(batch, json=[{"attributes": []}] * 1_001)
    assert (too_many.status_code, list(too_many.json()["errors"])) == (422, ["base"])
    assert "Service" in await opened(at, Service="api")
    assert "Team" not in await opened(at, Service="api")


async def test_what_is_said_under_a_deleted_attribute_is_gone(at: Clients, services: str) -> None:
    await add(at, services, entry(1, "api"), entry(2, "Shop"))
    await at.alice.delete(f"{services}/attributes/2")
    await at.alice.post(f"{services}/attributes", json={"name": "Team"})
    assert said(await at.alice.get(f"{services}/records/1")) == {"Service": ["api"]}
    assert list(await opened(at, Service="api")) == ["Service"]


async def test_records_of_another_relation_are_not_here(at: Clients, services: str) -> None:
    await add(at, services, entry(1, "api"))
    await at.alice.post(RELATIONS, json={"name": "Other"})
    assert (await at.alice.get(f"{RELATIONS}/2/records/1")).status_code == 404
    assert (await at.alice.get(f"{RELATIONS}/2/attributes/1")).status_code == 404
    assert (await at.charlie.get(f"{services}/records")).status_code == 404
    assert (await at.charlie.put(f"{services}/records/batch", json=[])).status_code == 404


async def test_an_incident_opens_with_what_its_services_record_says(at: Clients, services: str) -> None:
    await add(at, services, entry(1, "api", "web"), entry(2, "Shop"), entry(3, {"type": "User", "item_id": 1}))
    found = await opened(at, Service=["web"])
    assert found == {
        "Service": [{"type": "String", "value": "web"}],
        "Team": [{"type": "String", "value": "Shop"}],
        "Lead": [{"type": "User", "item_id": 1, "name": "Alice", "email": "alice@tocsin.example"}],
    }
    kept = await opened(at, Service=["web"], Team=["Night shift"])
    assert kept["Team"] == [{"type": "String", "value": "Night shift"}]
    assert list(await opened(at, Service=["mail"])) == ["Service"]
    listed = await at.alice.get("/api/v3/incidents?metadata[Lead][][type]=User&metadata[Lead][][name]=Alice")
    assert [each["id"] for each in listed.json()["data"]] == ["2", "1"]


async def test_match_mode_all_wants_every_primary_value(at: Clients, services: str) -> None:
    await at.alice.post(f"{services}/attributes", json={"name": "Region", "primary": True})
    await add(at, services, entry(1, "api"), entry(4, "eu"), entry(2, "Shop"))
    await add(at, services, entry(1, "db"), {"attribute": {"id": 4}, "values": [{"type": "String"}]}, entry(2, "Infra"))
    assert "Team" in await opened(at, Service="api")
    await at.alice.patch(services, json={"match_mode": "all"})
    assert "Team" not in await opened(at, Service="api")
    assert "Team" in await opened(at, Service="api", Region="eu")
    assert "Team" in await opened(at, Service="db", Region="anywhere")


async def test_terraforms_second_plan_is_empty(at: Clients, services: str) -> None:
    """The provider flattens a record into a list of values and compares it with its configuration in order."""
    configured = [
        {"attribute_id": "2", "type": "String", "value": "Shop"},
        {"attribute_id": "1", "type": "String", "value": "api"},
        {"attribute_id": "1", "type": "String", "value": "web"},
        {"attribute_id": "3", "type": "User", "email": "alice@tocsin.example"},
    ]
    sent = [
        {
            "attribute": {"id": int(each["attribute_id"]), "name": ""},
            "values": [{name: each[name] for name in ("type", "value", "email") if name in each}],
        }
        for each in configured
    ]
    await add(at, services, *sent)
    record = (await at.alice.get(f"{services}/records/1")).json()["data"]["attributes"]["attributes"]
    flattened = [{"attribute_id": each["attribute"]["id"], **value} for each in record for value in each["values"]]
    assert [
        {name: found[name] for name in wanted} for wanted, found in zip(configured, flattened, strict=True)
    ] == configured
