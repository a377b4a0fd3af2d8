"""What clients really send is understood; what nobody can have meant is refused, field by field."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.errors import Invalid
from tocsin.registry import Operation, PageSize, Resource, Route
from tocsin.registry.input import Arguments, read

UNSET = msgspec.UNSET


class Header(msgspec.Struct):
    name: str


class Wanted(msgspec.Struct):
    url: str
    frequency: int | msgspec.UnsetType = UNSET
    team_wait: int | msgspec.UnsetType | None = UNSET
    note: str | msgspec.UnsetType | None = UNSET
    paused: bool | msgspec.UnsetType = UNSET
    codes: list[int] | msgspec.UnsetType = UNSET
    headers: list[Header] | msgspec.UnsetType | None = UNSET
    layout: Literal["wide", "narrow"] | msgspec.UnsetType = UNSET


class Shown(msgspec.Struct):
    url: str
    status: str


class Listed(msgspec.Struct):
    url: str | None = None
    page: int = 1
    per_page: int = 50


THING = Resource(type="thing", attributes=Shown, render=lambda record: record)


def operation(input: type[msgspec.Struct], route: Route, answer: Any = "one") -> Operation:
    return Operation(
        name="things.x", routes=(route,), area="things", level="write", input=input, handler=lambda *a: None,
        doc="Do.", deed="did", resource=THING, answer=answer, page_size=PageSize(50, 250),
    )  # fmt: skip


def wanted(body: dict[str, Any]) -> Wanted:
    route = Route("POST", "/things")
    found = read(operation(Wanted, route), route, Arguments(body=body))
    assert isinstance(found, Wanted)
    return found


def listed(**query: str) -> Listed:
    route = Route("GET", "/things")
    arguments = Arguments(query={name: [value] for name, value in query.items()})
    found = read(operation(Listed, route, "list"), route, arguments)
    assert isinstance(found, Listed)
    return found


def complaint(body: dict[str, Any]) -> Invalid:
    with pytest.raises(Invalid) as error:
        wanted(body)
    return error.value


def test_what_is_not_sent_is_unset() -> None:
    assert wanted({"url": "u"}).note is UNSET


def test_numbers_and_booleans_may_come_as_strings() -> None:
    found = wanted({"url": "u", "frequency": "30", "paused": "true", "codes": ["200", 204]})
    assert (found.frequency, found.paused, found.codes) == (30, True, [200, 204])


def test_the_empty_string_is_null_where_null_is_allowed() -> None:
    found = wanted({"url": "u", "team_wait": "", "note": "", "headers": None})
    assert (found.team_wait, found.note, found.headers) == (None, None, None)


def test_null_where_it_is_not_allowed_is_refused() -> None:
    assert complaint({"url": None}).field_errors == {"url": ["can't be blank"]}


def test_unknown_attributes_are_named() -> None:
    error = complaint({"url": "u", "urll": 1, "id": 3})
    assert error.message == "Sorry, you misspelled some attributes"
    assert error.detail == {"invalid_attributes": ["urll", "id"]}


def test_attributes_that_only_answers_carry_are_ignored() -> None:
    assert wanted({"url": "u", "status": "up"}).url == "u"


def test_missing_attributes_are_named() -> None:
    assert complaint({}).detail == {"required_attributes": ["url"]}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("frequency", "soon", "must be an integer"),
        ("frequency", 1.5, "must be an integer"),
        ("frequency", True, "must be an integer"),
        ("frequency", 2**80, "is too large"),
        ("url", 5, "must be a string"),
        ("url", ["u"], "must be a string"),
        ("url", "a\x00b", "must not contain null characters"),
        ("paused", "perhaps", "must be true or false"),
        ("codes", "200", "must be a list of integers"),
        ("codes", ["x"], "must be a list of integers (at [0])"),
        ("headers", [{"name": 1}], "must be a list of objects (at [0].name)"),
        ("layout", "round", "must be one of: wide, narrow"),
    ],
)
def test_a_wrong_type_names_the_field_and_what_it_must_be(field: str, value: Any, words: str) -> None:
    assert complaint({"url": "u", field: value}).field_errors == {field: [words]}


def test_all_wrong_fields_are_named_at_once() -> None:
    assert set(complaint({"url": 5, "frequency": "x"}).field_errors) == {"url", "frequency"}


def test_per_page_is_clamped_and_zero_is_the_default() -> None:
    assert listed(per_page="0").per_page == 50
    assert listed(per_page="-3").per_page == 50
    assert listed(per_page="9999").per_page == 250
    assert listed(page="0").page == 1
    assert listed(page="9" * 15).page == 1_000_000_000


def test_empty_and_unknown_query_parameters_are_ignored() -> None:
    assert listed(url="", colour="red") == Listed()


def test_a_query_number_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid) as error:
        listed(page="first")
    assert error.value.field_errors == {"page": ["must be an integer"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from([*Wanted.__struct_fields__, "status", "other"]), JSON))
def test_whatever_is_sent_is_read_or_refused_in_words(body: dict[str, Any]) -> None:
    try:
        wanted(body)
    except Invalid as error:
        assert error.message  # noqa: PT017 - either answer is right
