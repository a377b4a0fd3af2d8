"""Whatever somebody sends as the settings of a place is taken or refused in words, whatever kind of place it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.kernel.errors import Invalid
from tocsin.notify.actions.targets import TITLES, form, kinds, shown_settings
from tocsin.notify.channels import ntfy
from tocsin.notify.rules.targets import MAX_SETTINGS_CHARACTERS, read

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["http://[", "https://x:99999/", "https://x/y", "gotify://h/t?a", "://", "whsec_ä", "http://ﷺ.com", "[hidden]"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds())
def test_anything_is_taken_or_refused_in_words(kind: str) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(form(kind))]

    @settings(max_examples=25)
    @given(st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON)), st.sampled_from([None, "settings"]))
    def anything(sent: dict[str, Any], inside: str | None) -> None:
        try:
            values, errors = read(form(kind), {}, sent, inside)
        except Invalid:
            return
        if not errors:
            assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(values)), form(kind))
        assert not errors or inside is None or set(errors) == {inside}

    anything()


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_a_name_for_people_and_shows_only_what_it_has(kind: str) -> None:
    assert kind in TITLES
    assert shown_settings(kind) <= {field.encode_name for field in msgspec.structs.fields(form(kind))}


def test_what_is_not_sent_stays_null_gives_the_default_back_and_too_much_is_refused() -> None:
    current = {"topic": "ops", "server": "https://ntfy.example.com", "token": "tk_1"}
    assert read(ntfy.Target, current, {"token": "[hidden]"}) == (current, {})
    assert read(ntfy.Target, current, {"token": "tk_1", "server": None}) == ({"topic": "ops", "token": "tk_1"}, {})
    _, errors = read(ntfy.Target, current, {"password": "x" * MAX_SETTINGS_CHARACTERS})
    assert "settings are too long" in errors["base"][0]
    with pytest.raises(Invalid) as refused:
        read(ntfy.Target, current, {"topic": None})
    assert refused.value.detail == {"required_attributes": ["topic"]}


def test_a_credential_is_not_taken_along_to_another_server() -> None:
    current = {"topic": "ops", "server": "https://ntfy.example.com", "token": "tk_1"}
    for sent in ({}, {"token": "[hidden]"}):
        _, errors = read(ntfy.Target, current, {"server": "https://elsewhere.example.com", **sent})
        assert errors == {"token": ["must be sent again, because the server has changed"]}
    assert read(ntfy.Target, current, {"server": "https://elsewhere.example.com", "token": "tk_1"})[1] == {}
    assert read(ntfy.Target, current, {"server": "https://NTFY.example.com/sub"})[1] == {}
