"""Facts are understood in every form in which callers write them, and what nobody can have meant is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.errors import Invalid
from tocsin.metadata import rules
from tocsin.metadata.model import Value


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("a", [Value(value="a")]),
        (["a", "b"], [Value(value="a"), Value(value="b")]),
        ({"value": "a"}, [Value(value="a")]),
        ([{"type": "String", "value": 7}], [Value(value="7")]),
        ([True, 1.5], [Value(value="true"), Value(value="1.5")]),
        ([{"type": "User", "item_id": "17"}], [Value(type="User", item_id=17)]),
        ([{"type": "User", "item_id": "", "email": "a@x.example"}], [Value(type="User", email="a@x.example")]),
        ([{"type": "Policy", "name": "Night"}], [Value(type="Policy", name="Night")]),
        (None, []),
        ([], []),
        ("", []),
        ([None, ""], []),
    ],
)
def test_facts_are_read_in_every_form(written: Any, values: list[Value]) -> None:
    assert rules.parsed({"Key": written}) == {"Key": values}


@pytest.mark.parametrize(
    "written",
    [
        [{"type": "Nonsense", "item_id": 1}],
        [{"type": "User"}],
        [{"type": "User", "item_id": "x"}],
        [{"type": "User", "item_id": 0}],
        [{"type": "User", "item_id": 2**63}],
        [{"type": "User", "email": "a@x.example", "value": "a"}],
        [{"type": "Policy", "email": "a@x.example"}],
        [{"type": "String", "value": "a", "item_id": 1}],
        [{"type": "String"}],
        [{"colour": "red"}],
        [["a"]],
        ["a" * (rules.MAX_VALUE_CHARACTERS + 1)],
        ["a"] * (rules.MAX_VALUES + 1),
        [2**70],
        ["nu\x00ll"],
    ],
)
def test_what_cannot_be_meant_is_refused_under_the_attribute_that_carried_it(written: Any) -> None:
    with pytest.raises(Invalid) as refused:
        rules.parsed_values("Key", written, "values")
    assert list(refused.value.field_errors) == ["values"]


@pytest.mark.parametrize("key", ["", "  ", "k" * (rules.MAX_KEY_CHARACTERS + 1), "nu\x00ll"])
def test_a_key_must_be_readable(key: str) -> None:
    with pytest.raises(Invalid):
        rules.checked_key(key)
    with pytest.raises(Invalid):
        rules.parsed({key: "a"})


def test_there_are_at_most_a_hundred_keys() -> None:
    with pytest.raises(Invalid):
        rules.parsed({str(number): "a" for number in range(rules.MAX_KEYS + 1)})


def test_only_the_catalog_keeps_blanks() -> None:
    assert rules.parsed_values("Key", [{"type": "String"}, ""], "values", blanks=True) == [Value(value="")] * 2


@pytest.mark.parametrize(
    ("kind", "owner_type"),
    [
        ("monitor", "Monitor"),
        ("heartbeat", "Heartbeat"),
        ("incoming_webhook", "IncomingWebhook"),
        ("email_integration", "EmailIntegration"),
        ("prometheus_integration", "WebhookIntegration"),
        ("aws_cloudwatch_integration", "WebhookIntegration"),
        ("call_routing", "CallRouting"),
        ("something", None),
        (None, None),
    ],
)
def test_an_incidents_owner_has_a_name_on_the_wire(kind: str | None, owner_type: str | None) -> None:
    assert rules.owner_type_of(kind) == owner_type


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
values = st.one_of(
    st.builds(lambda text: Value(value=text), texts),
    st.builds(lambda id, name: Value(type="Policy", item_id=id, name=name), st.integers(1, 50), st.none() | texts),
)


@pytest.mark.slow
@given(texts, st.lists(values, max_size=5))
def test_every_value_is_found_by_each_way_of_naming_it(key: str, several: list[Value]) -> None:
    numbers = rules.terms("Incident", key, several)
    assert rules.key_term("Incident", key) in numbers
    for value in several:
        assert rules.lookup_term("Incident", key, value) in numbers
        if value.item_id is not None:
            assert rules.lookup_term("Incident", key, Value(type=value.type, item_id=value.item_id)) in numbers


@given(texts, values, values)
def test_two_values_share_a_number_only_when_one_is_named_as_the_other_is(key: str, one: Value, other: Value) -> None:
    found = rules.lookup_term("Incident", key, one) in rules.terms("Incident", key, [other])
    agree = one.type == other.type and all(
        getattr(one, part) in (None, getattr(other, part)) for part in ("value", "item_id", "name", "email")
    )
    assert found is agree
    assert rules.lookup_term("Monitor", key, one) not in rules.terms("Incident", key, [one])


@pytest.mark.slow
@given(st.lists(values, max_size=5))
def test_what_is_shown_is_read_back_the_same(several: list[Value]) -> None:
    assert rules.parsed_values("Key", [rules.typed(value) for value in several], "values") == several
