"""Subscribers of a status page on the wire (contract part 2, 5.6)."""

from __future__ import annotations

from typing import Any

from tests.rest.clients import Clients
from tocsin.status_pages.rules import subscribing as rules


async def page(at: Clients) -> str:
    """The address of the subscribers of a page that Alice has just made."""
    made = await at.alice.post(
        "/api/v2/status-pages", json={"subdomain": "acme", "timezone": "UTC", "company_name": "Acme"}
    )
    return f"/api/v2/status-pages/{made.json()['data']['id']}/subscribers"


async def added(at: Clients, path: str, email: str, **more: Any) -> dict[str, Any]:
    answer = await at.alice.post(path, json={"email": email, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def test_whoever_is_added_is_confirmed_already(at: Clients) -> None:
    path = await page(at)
    data = await added(at, path, "Ann@Customer.example")
    now = data["attributes"]["created_at"]
    assert data == {
        "id": "1",
        "type": "status_page_subscriber",
        "attributes": {
            "status_page_id": 1, "email": "ann@customer.example", "status_page_resource_ids": [], "kind": "email",
            "address": None, "confirmed_at": now, "created_at": now, "updated_at": now,
        },
    }  # fmt: skip
    assert (await at.alice.get(f"{path}/1")).json()["data"] == data


async def test_a_duplicate_is_refused_and_whoever_was_removed_can_be_added_again(at: Clients) -> None:
    path = await page(at)
    await added(at, path, "ann@customer.example")
    again = await at.alice.post(path, json={"email": "ANN@customer.example"})
    assert (again.status_code, again.json()) == (422, {"errors": {"email": ["has already been taken"]}})
    assert (await at.alice.delete(f"{path}/1")).status_code == 204
    assert (await at.alice.get(f"{path}/1")).status_code == 404
    assert (await at.alice.get(path)).json()["data"] == []
    await added(at, path, "ann@customer.example")


async def test_of_which_resources_they_hear(at: Clients) -> None:
    path = await page(at)
    resource = await at.alice.post(
        path.replace("subscribers", "resources"),
        json={"resource_type": "ManuallyTrackedItem", "public_name": "Website"},
    )
    id = int(resource.json()["data"]["id"])
    data = await added(at, path, "ann@customer.example", status_page_resource_ids=[id, str(id)])
    assert data["attributes"]["status_page_resource_ids"] == [id]
    wrong = await at.alice.post(path, json={"email": "bob@customer.example", "status_page_resource_ids": [id + 1]})
    assert wrong.json() == {"errors": {"status_page_resource_ids": [f"has no resource {id + 1} on this page"]}}


async def test_what_cannot_be_is_named(at: Clients) -> None:
    path = await page(at)
    wrong = await at.alice.post(path, json={"email": "nobody"})
    assert (wrong.status_code, wrong.json()) == (422, {"errors": {"email": ["is not a valid email address"]}})
    missing = await at.alice.post(path, json={})
    assert missing.json()["required_attributes"] == ["email"]
    assert (await at.alice.get(f"{path}?kind=pigeon")).status_code == 422
    assert (await at.alice.get(f"{path}/7")).json()["errors"] == (
        "Resource type status_page_subscriber with id = 7 was not found"
    )


async def test_they_are_listed_a_page_at_a_time_and_by_their_kind(at: Clients) -> None:
    path = await page(at)
    for number in range(3):
        await added(at, path, f"p{number}@customer.example")
    first = (await at.alice.get(f"{path}?per_page=2&kind=all")).json()
    assert [each["id"] for each in first["data"]] == ["1", "2"]
    following = first["pagination"]["next"]
    assert "kind=all" in following
    assert [each["id"] for each in (await at.alice.get(following)).json()["data"]] == ["3"]
    assert (await at.alice.get(f"{path}?kind=webhook")).json()["data"] == []


async def test_a_page_is_full_at_some_point(at: Clients, monkeypatch: Any) -> None:
    monkeypatch.setattr(rules, "MAX_SUBSCRIBERS_PER_PAGE", 1)
    path = await page(at)
    await added(at, path, "ann@customer.example")
    full = await at.alice.post(path, json={"email": "bob@customer.example"})
    assert full.json() == {"errors": {"base": ["A page has at most 1 subscribers"]}}


async def test_they_are_found_by_a_part_of_their_address_and_by_whether_they_confirmed(at: Clients) -> None:
    path = await page(at)
    for email in ("ann@customer.example", "joanna@customer.example", "50%_off@customer.example"):
        await added(at, path, email)

    async def found(query: str) -> list[str]:
        answer = await at.alice.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        return [each["attributes"]["email"].partition("@")[0] for each in answer.json()["data"]]

    assert await found("search=ANN") == ["ann", "joanna"]
    assert await found("search=%25_") == ["50%_off"]
    assert await found("search=_") == ["50%_off"], "a sign of the database's own is a sign like any other"
    assert await found("search=ann&confirmed=true&kind=all") == ["ann", "joanna"]
    assert await found("confirmed=false") == []
    assert (await at.alice.get(f"{path}?confirmed=perhaps")).status_code == 422


async def test_all_of_them_are_a_table(at: Clients) -> None:
    path = await page(at)
    await added(at, path, "ann@customer.example")
    await added(at, path, "=1+1@customer.example")
    answer = await at.alice.get(f"{path}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = [line.split(",") for line in answer.text.splitlines()]
    assert lines[0] == ["id", "kind", "email", "language", "resources", "confirmed_at", "created_at"]
    assert lines[1][:5] == ["1", "email", "ann@customer.example", "en", ""]
    assert lines[2][2] == "'=1+1@customer.example", "a table computes nothing of it"
    assert (await at.charlie.get(f"{path}.csv")).status_code == 404
