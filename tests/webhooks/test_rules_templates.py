"""Templates: every variable in its place, and JSON that stays JSON whatever a stranger's server has said."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.webhooks.rules import templates
from tocsin.webhooks.rules.templates import VARIABLES, complaint, render, render_header

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
hostile = st.one_of(
    texts,
    st.sampled_from(
        ['"', "\\", '\\"', '","x":"', "\n", "\u2028", "\x00", "$NAME", "$METADATA.Team", "${jndi}", "\\u0022"]
    ),
)
names = st.sampled_from(["NAME", "CAUSE", "INCIDENT_ID", "METADATA_ARRAY", "RESOLVED_BY", "STARTED_AT_ISO8601"])
values = st.dictionaries(
    names,
    st.one_of(hostile, st.integers(-(2**53), 2**53), st.booleans(), st.lists(hostile, max_size=3), st.none()),
)
metadata = st.dictionaries(st.one_of(st.sampled_from(["Team", "Response code", 'a"b', "T", "Team x"]), texts), hostile)
placeholders = st.one_of(
    names.map(lambda name: f"${name}"),
    st.sampled_from([f"${name}" for name in VARIABLES]),
    st.sampled_from(["$METADATA.Team", "$METADATA.Response code", "$UNKNOWN", "$", "$$NAME", "$NAME_", "\\$NAME"]),
)
strings = st.lists(st.one_of(placeholders, hostile), max_size=4).map("".join)


class Bare:
    """A placeholder that stands where a value does."""

    def __init__(self, name: str) -> None:
        self.name = name


bare = st.one_of(names, st.sampled_from([*VARIABLES, "METADATA.Team"])).map(Bare)
documents = st.recursive(
    st.one_of(strings, bare, st.integers(-9, 9), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(strings, inner, max_size=4)),
    max_leaves=12,
)


def written(document: Any) -> str:
    """The template's text: JSON, but for the bare placeholders in it."""
    if isinstance(document, Bare):
        return f"${document.name}"
    if isinstance(document, list):
        return "[" + ", ".join(map(written, document)) + "]"
    if isinstance(document, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(value)}" for key, value in document.items()) + "}"
    return json.dumps(document)


@pytest.mark.slow
@settings(max_examples=100)
@given(documents, values, metadata)
def test_valid_json_stays_valid_json_whatever_the_values_are(
    document: Any, values: dict[str, Any], metadata: dict[str, str]
) -> None:
    text = render(written(document), values, metadata, "")
    compare(document, json.loads(text, object_pairs_hook=Pairs))


class Pairs(list[tuple[str, Any]]):
    """An object as read: two keys may have become the same."""


def compare(document: Any, filled: Any) -> None:
    """The bones are the same: no value may add a key or an element, or end the string that it stands in."""
    if isinstance(document, Bare):
        return
    if isinstance(document, list):
        assert type(filled) is list
        assert len(filled) == len(document)
        for before, after in zip(document, filled, strict=True):
            compare(before, after)
    elif isinstance(document, dict):
        assert type(filled) is Pairs
        assert len(filled) == len(document)
        for before, (_, after) in zip(document.values(), filled, strict=True):
            compare(before, after)
    else:
        assert type(filled) is type(document)
        assert isinstance(document, str) or filled == document


@given(hostile)
def test_within_a_string_a_variable_reads_as_its_value(value: str) -> None:
    assert json.loads(render('{"a": "<$NAME>"}', {"NAME": value}, {}, "")) == {"a": f"<{value}>"}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ('{"id": $INCIDENT_ID}', {"id": 25}),
        ('{"id": "$INCIDENT_ID"}', {"id": "25"}),
        ('{"to": $EMAILS_JSON_ARRAY}', {"to": ["a@x"]}),
        ('{"to": "$EMAILS_JSON_ARRAY"}', {"to": '["a@x"]'}),
        ('{"first": $DEFAULT_ON_CALL_CALENDAR}', {"first": True}),
        ('{"name": $NAME}', {"name": 'Sh"op'}),
        ('{"name": "$NAME"}', {"name": 'Sh"op'}),
        ('{"by": "$RESOLVED_BY"}', {"by": "$RESOLVED_BY"}),
        ('{"by": $RESOLVED_BY}', {"by": None}),
        ('{"at": "$STARTED_AT / $STARTED_AT_ISO8601"}', {"at": "2026-01-02 15:04:05 UTC / 2026-01-02T15:04:05.000Z"}),
        ('{"team": "$METADATA.Team!"}', {"team": "Payments!"}),
        ('{"code": "$METADATA.Response code"}', {"code": "503"}),
        ('{"team": $METADATA.Team}', {"team": "Payments"}),
        ('{"team": "$METADATA.Teams"}', {"team": "$METADATA.Teams"}),
        ('{"none": $METADATA.Missing}', {"none": None}),
        ('{"x": "$NAMELESS $Name $NOPE"}', {"x": "$NAMELESS $Name $NOPE"}),
        ('{"x": "\\\\$NAME"}', {"x": '\\Sh"op'}),
        ('{"$NAME": 1}', {'Sh"op': 1}),
    ],
)
def test_examples(template: str, filled: dict[str, Any]) -> None:
    values = {
        "INCIDENT_ID": 25, "NAME": 'Sh"op', "EMAILS_JSON_ARRAY": ["a@x"], "DEFAULT_ON_CALL_CALENDAR": True,
        "RESOLVED_BY": None, "STARTED_AT": "2026-01-02 15:04:05 UTC", "STARTED_AT_ISO8601": "2026-01-02T15:04:05.000Z",
    }  # fmt: skip
    metadata = {"Team": "Payments", "Response code": "503"}
    assert json.loads(render(template, values, metadata, "")) == filled


def test_other_kinds_of_text_are_escaped_in_their_own_way() -> None:
    values = {"NAME": 'a&b "c"'}
    assert render("name=$NAME&x=1", values, {}, "application/x-www-form-urlencoded") == "name=a%26b+%22c%22&x=1"
    assert render("<n>$NAME</n>", values, {}, "application/xml") == "<n>a&amp;b &quot;c&quot;</n>"
    assert render("Down: $NAME", values, {}, "text/plain") == 'Down: a&b "c"'


@pytest.mark.slow
@given(values, metadata)
def test_a_header_is_one_line_of_ascii(values: dict[str, Any], metadata: dict[str, str]) -> None:
    line = render_header("$NAME $CAUSE $METADATA.Team $METADATA_ARRAY", values, metadata)
    assert line.isascii()
    assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in line)


@pytest.mark.parametrize("template", ["{", "{'a': 1}", '{"a": $UNKNOWN}', '{"a": 1$INCIDENT_ID}', "plain text"])
def test_a_template_that_could_not_become_json_is_refused_with_the_way_out(template: str) -> None:
    found = complaint(template, "")
    assert found is not None
    assert "Content-Type" in found


@pytest.mark.parametrize("template", ['{"a": $NAME, "b": [$METADATA_ARRAY]}', "[]", '"$NAME"', "$NAME"])
def test_what_can_become_json_is_accepted(template: str) -> None:
    assert complaint(template, "application/json; charset=utf-8") is None


def test_any_text_is_accepted_when_it_says_that_it_is_no_json() -> None:
    assert complaint("Down: $NAME", "text/plain") is None


def test_a_template_that_multiplies_a_long_text_is_stopped() -> None:
    with pytest.raises(templates.TooLong):
        render('"' + "$NAME" * 1_000 + '"', {"NAME": "x" * 10_000}, {}, "")


def test_deep_nesting_is_a_complaint_and_no_crash() -> None:
    assert complaint("[" * 100_000, "") is not None


@pytest.mark.slow
@given(st.dictionaries(texts, texts, max_size=5))
def test_facts_are_found_under_any_key(facts: dict[str, str]) -> None:
    for key, value in facts.items():
        if not key.strip():
            continue
        filled = render(msgspec.json.encode([f"$METADATA.{key}"]).decode(), {}, {key: value}, "")
        assert json.loads(filled) == [value]
