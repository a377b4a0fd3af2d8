"""Groups of incidents on the wire: ours, beyond the contract, and in nobody's way."""

from __future__ import annotations

from typing import Any

from tests.rest.clients import Clients


async def report(at: Clients, name: str) -> str:
    answer = await at.alice.post("/api/v3/incidents", json={"name": name, "summary": "broken"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def merge(at: Clients, cause: str, *children: str) -> Any:
    return await at.alice.post(f"/api/v3/incidents/{cause}/merge", json={"incident_ids": [int(id) for id in children]})


async def test_merged_incidents_share_a_group_and_name_their_cause(at: Clients) -> None:
    router, shop, docs = [await report(at, name) for name in ("Router", "Shop", "Docs")]
    answer = await merge(at, router, shop, docs)
    assert answer.status_code == 200, answer.text
    group = answer.json()["data"]["attributes"]["incident_group_id"]
    assert isinstance(group, int)
    shown = (await at.alice.get(f"/api/v3/incidents/{shop}")).json()["data"]
    assert shown["attributes"]["incident_group_id"] == group
    assert shown["relationships"] == {"cause": {"data": {"id": router, "type": "incident"}}}
    children = (await at.alice.get(f"/api/v3/incidents/{router}/children")).json()
    assert [child["id"] for child in children["data"]] == [docs, shop]
    assert children["pagination"]["next"] is None
    assert (await at.alice.get(f"/api/v3/incidents/{shop}/children")).json()["data"] == []


async def test_an_incident_without_a_group_looks_as_the_contract_says(at: Clients) -> None:
    shown = (await at.alice.get(f"/api/v3/incidents/{await report(at, 'Router')}")).json()["data"]
    assert shown["attributes"]["incident_group_id"] is None
    assert not shown["relationships"]


async def test_what_cannot_be_merged_is_said(at: Clients) -> None:
    router, shop = await report(at, "Router"), await report(at, "Shop")
    assert (await merge(at, router, router)).status_code == 422
    assert (await merge(at, router)).status_code == 422
    assert (await merge(at, router, "999")).status_code == 404
    assert (await merge(at, router, shop)).status_code == 200
    again = await merge(at, shop, router)
    assert (again.status_code, again.json()["errors"]) == (
        409,
        f"Incident {shop} belongs to incident {router} itself, merge into that one",
    )
    await at.alice.post(f"/api/v3/incidents/{router}/resolve")
    assert (await merge(at, router, shop)).status_code == 409


async def test_another_teams_incident_does_not_exist(at: Clients) -> None:
    router = await report(at, "Router")
    theirs = await at.charlie.post("/api/v3/incidents", json={"name": "Theirs", "summary": "x"})
    answer = await merge(at, router, theirs.json()["data"]["id"])
    assert answer.status_code == 404
    both = await at.everyone.post(
        f"/api/v3/incidents/{router}/merge", json={"incident_ids": [int(theirs.json()["data"]["id"])]}
    )
    assert both.status_code == 422
