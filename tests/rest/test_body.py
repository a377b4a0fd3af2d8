"""What clients send, and what no client should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.errors import Invalid
from tocsin.rest.body import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_QUERY_PARAMETERS,
    Gone,
    Malformed,
    parse_body,
    parse_query,
    read_body,
)


def arriving(*messages: dict[str, Any]) -> Callable[[], Awaitable[dict[str, Any]]]:
    queue = list(messages)

    async def receive() -> dict[str, Any]:
        return queue.pop(0)

    return receive


def chunk(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_pieces_is_put_together() -> None:
    assert await read_body(arriving(chunk(b'{"a"', True), chunk(b":1}")), None) == b'{"a":1}'


async def test_a_body_that_declares_too_much_is_refused_unread() -> None:
    with pytest.raises(Malformed) as caught:
        await read_body(arriving(), str(MAX_BODY_BYTES + 1).encode())
    assert caught.value.status == 413


async def test_a_body_without_length_is_counted_as_it_comes() -> None:
    pieces = [chunk(b"x" * 65536, True) for _ in range(17)]
    with pytest.raises(Malformed) as caught:
        await read_body(arriving(*pieces), None)
    assert caught.value.status == 413


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert len(await read_body(arriving(chunk(b"x" * MAX_BODY_BYTES)), None)) == MAX_BODY_BYTES


async def test_a_client_that_hangs_up_is_not_answered() -> None:
    with pytest.raises(Gone):
        await read_body(arriving(chunk(b"{", True), {"type": "http.disconnect"}), None)


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"{}", b"\xef\xbb\xbf{}"])
def test_nothing_means_no_attributes(body: bytes) -> None:
    assert parse_body(body) == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b'{"a":NaN}', "not valid JSON"),
        (b'{"a":1e999}', "not valid JSON"),
        (b'{"a":"\\ud800"}', "not valid JSON"),
        (b"url=https%3A%2F%2Fexample.com", "not valid JSON"),
        (b'{"a":"\xff"}', "not valid UTF-8"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"[" * 200_000, "levels deep"),
        (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "levels deep"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(body: bytes, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_body(body)
    assert caught.value.status == 400
    assert words in caught.value.message
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    ("body", "field_errors"),
    [
        (b'{"url":"a\\u0000b"}', {"url": ["must not contain null characters"]}),
        (b'{"tags":[{"x":["\\u0000"]}]}', {"tags": ["must not contain null characters"]}),
        (b'{"port":9223372036854775808}', {"port": ["is out of range"]}),
        (
            b'{"environment_variables":{"a\\u0000":"b"}}',
            {"environment_variables": ["must not contain null characters"]},
        ),
    ],
)
def test_what_no_column_can_hold_is_an_error_of_its_field(body: bytes, field_errors: dict[str, list[str]]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_body(body)
    assert caught.value.field_errors == field_errors


def test_the_last_of_a_doubled_key_counts() -> None:
    assert parse_body(b'{"a":1,"a":2}') == {"a": 2}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_sane_object_comes_back_as_it_was_sent(value: dict[str, Any]) -> None:
    text = msgspec.json.encode(value)
    if b"\\u0000" in text:
        with pytest.raises(Invalid):
            parse_body(text)
    else:
        assert parse_body(text) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_either_an_object_or_a_clear_error(body: bytes) -> None:
    try:
        found: object = parse_body(body)
    except Invalid as error:
        found = error.message
    assert isinstance(found, dict) or (isinstance(found, str) and len(found) > 5)


def test_nested_query_parameters_keep_their_names_and_every_value() -> None:
    query = b"metadata%5BTeam%5D%5B%5D%5Bvalue%5D=a&metadata[Team][][value]=b+c&page="
    assert parse_query(query) == {"metadata[Team][][value]": ["a", "b c"], "page": [""]}


def test_a_query_that_begins_with_an_ampersand_is_read() -> None:
    assert parse_query(b"&per_page=0") == {"per_page": ["0"]}


def test_broken_utf_8_in_a_query_is_replaced() -> None:
    assert parse_query(b"url=%ff") == {"url": ["\ufffd"]}
    assert parse_query(b"url=%00") == {"url": ["\ufffd"]}


def test_a_flood_of_parameters_is_refused() -> None:
    with pytest.raises(Malformed):
        parse_query(b"&".join(b"a=1" for _ in range(MAX_QUERY_PARAMETERS + 1)))
