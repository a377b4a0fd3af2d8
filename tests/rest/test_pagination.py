"""Walking through lists (contract part 1, 2.4)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.rest.pagination import links, origin

ADDRESS = "https://tocsin.example/api/v2/monitors"


def test_an_empty_list_has_a_first_and_a_last_page() -> None:
    assert links(ADDRESS, b"", page=1, per_page=50, total=0) == {
        "first": f"{ADDRESS}?page=1",
        "last": f"{ADDRESS}?page=1",
        "prev": None,
        "next": None,
    }


def test_a_page_in_the_middle_has_neighbours_and_keeps_every_parameter() -> None:
    query = (
        b"url=https%3A%2F%2Fa.example%2F%3Fx%3D1&page=2&per_page=20"
        b"&metadata%5BA%5D%5B%5D%5Bvalue%5D=v&metadata[A][][value]=w"
    )
    kept = (
        "url=https%3A%2F%2Fa.example%2F%3Fx%3D1&per_page=20"
        "&metadata%5BA%5D%5B%5D%5Bvalue%5D=v&metadata%5BA%5D%5B%5D%5Bvalue%5D=w"
    )
    assert links(ADDRESS, query, page=2, per_page=20, total=41) == {
        "first": f"{ADDRESS}?{kept}&page=1",
        "last": f"{ADDRESS}?{kept}&page=3",
        "prev": f"{ADDRESS}?{kept}&page=1",
        "next": f"{ADDRESS}?{kept}&page=3",
    }


def test_the_query_of_betterstack_go_is_tolerated() -> None:
    found = links(ADDRESS, b"&per_page=0", page=1, per_page=50, total=60)
    assert found["next"] == f"{ADDRESS}?page=2"


def test_a_page_far_past_the_end_leads_back_to_the_last() -> None:
    found = links(ADDRESS, b"page=1000", page=1000, per_page=50, total=60)
    assert found["next"] is None
    assert found["prev"] == f"{ADDRESS}?page=2"


@pytest.mark.slow
@given(st.integers(0, 2000), st.integers(1, 250))
def test_following_next_visits_every_page_once_and_then_ends(total: int, per_page: int) -> None:
    page, seen = 1, []
    while True:
        seen.append(page)
        found = links(ADDRESS, f"per_page={per_page}&page={page}".encode(), page=page, per_page=per_page, total=total)
        if found["next"] is None:
            break
        page = int(parse_qs(urlsplit(found["next"]).query)["page"][0])
    assert seen == list(range(1, max(1, -(-total // per_page)) + 1))
    assert parse_qs(urlsplit(found["last"] or "").query)["page"] == [str(seen[-1])]


@pytest.mark.parametrize(
    ("base_url", "host", "expected"),
    [
        ("https://status.example.com/", b"10.0.0.1:8080", "https://status.example.com"),
        (None, b"10.0.0.1:8080", "http://10.0.0.1:8080"),
        (None, b"[::1]:8080", "http://[::1]:8080"),
        (None, b"evil.example/@x", "http://127.0.0.1:8080"),
        (None, None, "http://127.0.0.1:8080"),
    ],
)
def test_addresses_begin_with_the_public_base_url_or_else_the_host_that_was_asked_for(
    base_url: str | None, host: bytes | None, expected: str
) -> None:
    assert origin(base_url, "http", host, ("127.0.0.1", 8080)) == expected
