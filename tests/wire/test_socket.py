"""What only a real connection shows: bodies without a length, HEAD, connections kept alive."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from tests.rest.clients import ALICES_TEAM, Clients
from tocsin.rest.body import MAX_BODY_BYTES


def _headers(at: Clients) -> dict[str, str]:
    return {"authorization": f"Bearer {at.tokens[ALICES_TEAM]}"}


def _endless() -> Iterator[bytes]:
    for _ in range(2 * MAX_BODY_BYTES // 65536):
        yield b"x" * 65536


def test_a_chunked_body_without_end_is_cut_off_and_the_next_request_works(at: Clients, address: str) -> None:
    with httpx.Client(base_url=address, headers=_headers(at)) as client:
        answer = client.post("/api/v2/monitors", content=_endless())
        assert (answer.status_code, answer.json()) == (
            413,
            {"errors": "The request body is larger than 1048576 bytes."},
        )
        assert client.get("/api/v2/monitors").status_code == 200


def test_head_and_204_send_no_body_and_keep_the_connection(at: Clients, address: str) -> None:
    with httpx.Client(base_url=address, headers=_headers(at), limits=httpx.Limits(max_connections=1)) as client:
        assert client.post("/api/v2/monitors", json={"url": "https://a.example.com"}).status_code == 201
        head = client.head("/api/v2/monitors/1")
        assert int(head.headers["content-length"]) == len(client.get("/api/v2/monitors/1").content)
        gone = client.delete("/api/v2/monitors/1")
        assert (gone.status_code, gone.content, "content-type" in gone.headers) == (204, b"", False)
        assert client.get("/api/v2/monitors").json()["data"] == []


def test_links_lead_back_to_where_the_client_came_in_unless_the_base_url_says_otherwise(
    at: Clients, address: str
) -> None:
    answer = httpx.get(f"{address}/api/v2/monitors", headers=_headers(at))
    assert answer.json()["pagination"]["first"] == "https://tocsin.example/api/v2/monitors?page=1"
