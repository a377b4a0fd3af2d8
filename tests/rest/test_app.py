"""The API's manners, tried on kites: statuses, bodies and headers to the byte (contract part 1, section 2)."""

from __future__ import annotations

import httpx
import pytest

from tests.rest.clients import BASE, Clients, clients
from tests.rest.kites import Sky
from tocsin.rest.body import MAX_BODY_BYTES
from tocsin.storage import Database

UNAUTHENTICATED = {
    "errors": "Invalid Team API token. How to find your Team API token: "
    "https://betterstack.com/docs/uptime/api/getting-started-with-uptime-api/#get-an-uptime-api-token"
}


@pytest.fixture
async def at(sqlite_database: Database) -> Clients:
    return await clients(sqlite_database, Sky().operations, base_url=BASE + "/")


async def kites(client: httpx.AsyncClient, count: int) -> None:
    for number in range(count):
        assert (await client.post("/api/v2/kites", json={"name": f"Kite {number + 1}"})).status_code == 201


async def test_a_created_resource_comes_back_whole(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/kites", json={"name": "Red", "tail": "", "length": "12"})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json() == {
        "data": {
            "id": "1",
            "type": "kite",
            "attributes": {
                "name": "Red",
                "tail": None,
                "length": 12,
                "created_at": "2026-03-02T12:00:00.000Z",
                "team_name": "Team 1",
            },
            "relationships": {"string": {"data": None}},
        },
        "included": [],
    }


async def test_a_deleted_resource_answers_204_without_body_or_type(at: Clients) -> None:
    await kites(at.alice, 1)
    answer = await at.alice.delete("/api/v2/kites/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert (await at.alice.get("/api/v2/kites/1")).json() == {"errors": "Resource type kite with id = 1 was not found"}


async def test_a_single_resource_carries_what_belongs_to_it_and_a_list_does_not(at: Clients) -> None:
    await kites(at.alice, 2)
    assert [each["id"] for each in (await at.alice.get("/api/v2/kites/1")).json()["included"]] == ["2"]
    assert set((await at.alice.get("/api/v2/kites")).json()) == {"data", "pagination"}


async def test_an_empty_list_has_a_first_and_a_last_page(at: Clients) -> None:
    first = f"{BASE}/api/v2/kites?page=1"
    assert (await at.alice.get("/api/v2/kites/")).json() == {
        "data": [],
        "pagination": {"first": first, "last": first, "prev": None, "next": None},
    }


async def test_following_next_collects_everything_and_keeps_the_filters(at: Clients) -> None:
    await kites(at.alice, 8)
    address: str | None = "/api/v2/kites?name=&per_page=3"
    seen: list[str] = []
    while address:
        body = (await at.alice.get(address)).json()
        seen += [each["id"] for each in body["data"]]
        address = body["pagination"]["next"]
        assert address is None or address.startswith(f"{BASE}/api/v2/kites?name=&per_page=3&page=")
    assert seen == [str(number) for number in range(1, 9)]


async def test_a_page_size_beyond_the_maximum_is_clamped_and_zero_is_the_default(at: Clients) -> None:
    await kites(at.alice, 6)
    assert len((await at.alice.get("/api/v2/kites?per_page=1000")).json()["data"]) == 4
    assert len((await at.alice.get("/api/v2/kites?&per_page=0")).json()["data"]) == 3


@pytest.mark.parametrize("page", ["1000000000", "9" * 18])
async def test_a_huge_page_number_is_an_empty_page(at: Clients, page: str) -> None:
    await kites(at.alice, 1)
    answer = await at.alice.get(f"/api/v2/kites?page={page}")
    assert (answer.status_code, answer.json()["data"], answer.json()["pagination"]["next"]) == (200, [], None)


async def test_an_unpaginated_list_has_no_pagination_and_a_flat_answer_no_data(at: Clients) -> None:
    assert (await at.everyone.get("/api/v2/all-kites")).json() == {"data": []}
    assert (await at.alice.get("/api/v2/wind")).json() == {"metres_per_second": 4.5}


# --- Who, and where -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"])
async def test_an_unknown_address_is_404_even_for_nobody(at: Clients, method: str) -> None:
    answer = await at.nobody.request(method, "/api/v2/nope?x=1")
    assert answer.status_code == 404
    assert answer.json() == {
        "errors": f"Endpoint {method} /api/v2/nope does not exist.",
        "see_docs": "https://betterstack.com/docs/uptime/api/getting-started-with-uptime-api/",
    }


async def test_a_known_address_with_another_method_is_404_too(at: Clients) -> None:
    answer = await at.alice.put("/api/v2/kites")
    assert (answer.status_code, answer.json()["errors"]) == (404, "Endpoint PUT /api/v2/kites does not exist.")


async def test_nobody_and_strangers_are_told_the_same(at: Clients) -> None:
    basic = {"authorization": "Basic YTpi"}
    for answer in (
        await at.nobody.get("/api/v2/kites"),
        await at.stranger.get("/api/v2/kites"),
        await at.nobody.get("/api/v2/kites/not-a-number"),
        await at.nobody.get("/api/v2/kites", headers=basic),
        await at.nobody.post("/api/v2/kites", content=b"{"),
        await at.nobody.post("/api/v2/kites", content=b"x" * (MAX_BODY_BYTES + 1)),
        await at.stranger.delete("/api/v2/kites/1"),
    ):
        assert (answer.status_code, answer.json()) == (401, UNAUTHENTICATED)


async def test_another_teams_kite_does_not_exist(at: Clients) -> None:
    await kites(at.alice, 1)
    expected = {"errors": "Resource type kite with id = 1 was not found"}
    for method in ("GET", "PATCH", "DELETE"):
        answer = await at.charlie.request(method, "/api/v2/kites/1")
        assert (answer.status_code, answer.json()) == (404, expected)
    assert (await at.charlie.get("/api/v2/kites")).json()["data"] == []
    assert (await at.alice.get("/api/v2/kites/1")).status_code == 200


async def test_a_global_token_names_the_team_of_what_it_creates(at: Clients) -> None:
    missing = await at.everyone.post("/api/v2/kites", json={"name": "Red"})
    assert (missing.status_code, missing.json()["required_attributes"]) == (422, ["team_name"])
    created = await at.everyone.post("/api/v2/kites", json={"name": "Red", "team_name": "Charlie's team"})
    assert created.status_code == 201
    assert len((await at.charlie.get("/api/v2/kites")).json()["data"]) == 1
    filtered = await at.everyone.get("/api/v2/kites", params={"team_name": "Alice's team"})
    assert filtered.json()["data"] == []


@pytest.mark.parametrize("id", ["abc", "-1", "1.0", "9" * 30, "%F0%9F%AA%81", "1;drop"])
async def test_an_id_that_is_no_number_is_simply_not_found(at: Clients, id: str) -> None:
    answer = await at.alice.get(f"/api/v2/kites/{id}")
    assert answer.status_code == 404
    assert answer.json()["errors"].startswith("Resource type kite with id = ")


async def test_a_null_character_in_the_address_leads_nowhere(at: Clients) -> None:
    assert (await at.alice.delete("/api/v2/kites/%00")).json()["errors"].startswith("Endpoint DELETE ")


# --- What is wrong with it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"{", 400, {"errors": "The request body is not valid JSON: Input data was truncated."}),
        (b"[]", 400, {"errors": "The request body must be a JSON object of attributes."}),
        (b'{"name":"\xff"}', 400, {"errors": "The request body is not valid UTF-8."}),
        (b"x" * (MAX_BODY_BYTES + 1), 413, {"errors": "The request body is larger than 1048576 bytes."}),
        (
            b"",
            422,
            {"errors": "Sorry, you are missing some required attributes", "required_attributes": ["name"]},
        ),
        (b'{"name":""}', 422, {"errors": {"name": ["can't be blank"]}}),
        (b'{"name":"a","length":"ten"}', 422, {"errors": {"length": ["must be an integer"]}}),
        (
            b'{"name":"a","steps":[],"external_id":1}',
            422,
            {"errors": "Sorry, you misspelled some attributes", "invalid_attributes": ["steps", "external_id"]},
        ),
    ],
)
async def test_each_wrong_body_is_told_what_is_wrong(
    at: Clients, body: bytes, status: int, expected: dict[str, object]
) -> None:
    answer = await at.alice.post("/api/v2/kites", content=body)
    assert (answer.status_code, answer.json()) == (status, expected)
    assert (await at.alice.get("/api/v2/kites")).json()["data"] == []


async def test_attributes_that_only_answers_carry_are_ignored_when_sent_back(at: Clients) -> None:
    sent = {"name": "Red", "created_at": "2020-01-01T00:00:00.000Z"}
    assert (await at.alice.post("/api/v2/kites", json=sent)).status_code == 201


@pytest.mark.parametrize(
    ("id", "status", "expected"),
    [
        (1, 409, {"errors": "Kite was already launched"}),
        (2, 403, {"errors": "This token may not launch kites."}),
        (3, 429, {"errors": "Too many launches. Please try again later."}),
        (4, 503, {"errors": "The sky is locked. Nothing was written; try again."}),
        (
            5,
            422,
            {
                "errors": "Sorry, these attributes have unsupported values",
                "allowed_values": {"wind": ["north", "south"]},
            },
        ),
    ],
)
async def test_each_kind_of_error_has_its_status(
    at: Clients, id: int, status: int, expected: dict[str, object]
) -> None:
    answer = await at.alice.post(f"/api/v2/kites/{id}/launch")
    assert (answer.status_code, answer.json()) == (status, expected)
    assert answer.headers.get("retry-after") == {429: "7", 503: "10"}.get(status)


@pytest.mark.slow
async def test_our_own_mistake_says_sorry_and_keeps_its_secrets(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/kites/6/launch", headers={"x-request-id": "call-7"})
    assert answer.status_code == 500
    assert answer.json()["errors"].startswith("Something went wrong on our side.")
    assert "call-7" in answer.text
    assert "secret" not in answer.text


# --- Headers --------------------------------------------------------------------------------------------------------


async def test_every_answer_has_a_request_id_and_a_sane_one_is_kept(at: Clients) -> None:
    fresh = [(await at.nobody.get(path)).headers["x-request-id"] for path in ("/api/v2/kites", "/nope", "/api")]
    assert len(set(fresh)) == 3
    kept = await at.alice.get("/api/v2/kites", headers={"x-request-id": "b7c1-41"})
    assert kept.headers["x-request-id"] == "b7c1-41"
    for insane in ("a b", "x" * 200, 'a"b', ""):
        answer = await at.alice.get("/api/v2/kites", headers={"x-request-id": insane})
        assert answer.headers["x-request-id"] != insane


@pytest.mark.parametrize("accept", ["application/vnd.api+json", "text/plain", "nonsense"])
async def test_whatever_is_accepted_json_is_given(at: Clients, accept: str) -> None:
    answer = await at.alice.get("/api/v2/kites", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")


async def test_the_content_type_of_a_request_is_not_asked(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/kites", content=b'{"name":"Red"}', headers={"content-type": "text/plain"})
    assert answer.status_code == 201


async def test_head_answers_as_get_does_without_the_body(at: Clients) -> None:
    head, get = await at.alice.head("/api/v2/kites"), await at.alice.get("/api/v2/kites")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_write_repeated_under_its_key_is_done_once_and_answered_alike(at: Clients) -> None:
    key = {"idempotency-key": "order-1"}
    first = await at.alice.post("/api/v2/kites", json={"name": "Red"}, headers=key)
    again = await at.alice.post("/api/v2/kites", json={"name": "Red"}, headers=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len((await at.alice.get("/api/v2/kites")).json()["data"]) == 1


async def test_no_other_site_may_call_from_a_browser(at: Clients) -> None:
    answer = await at.alice.get("/api/v2/kites", headers={"origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_without_a_base_url_links_lead_to_the_host_that_was_asked(sqlite_database: Database) -> None:
    at = await clients(sqlite_database, Sky().operations)
    body = (await at.alice.get("http://10.0.0.7:8080/api/v2/kites")).json()
    assert body["pagination"]["first"] == "http://10.0.0.7:8080/api/v2/kites?page=1"
