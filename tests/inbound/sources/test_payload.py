"""What is sent is read with care: cleaned, bounded, and never a reason to fall over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.inbound.sources.samples import STORIES, Story, request
from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable, own_answer, sources
from tocsin.inbound.sources.payload import (
    MAX_CAUSE_CHARACTERS,
    MAX_ENDED,
    MAX_FACT_CHARACTERS,
    MAX_FACT_NAME_CHARACTERS,
    MAX_FACTS,
    MAX_ID_CHARACTERS,
    MAX_STARTED,
    MAX_TITLE_CHARACTERS,
    Fields,
    clean,
    counted,
    facts,
    identity,
    kept,
    parse_object,
    tidy,
    web_link,
)

texts = st.text(max_size=40) | st.sampled_from(
    ["\x00", "\ud800", "firing", "resolved", "https://x.example", "a" * 9_000]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, item in inner for place in paths_of(item, (*path, name)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """`value` with something else at one place; `...` takes the place away."""
    if not path:
        return by
    name, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if not rest and by is ...:
        del copy[name]
    else:
        copy[name] = replaced(copy[name], tuple(rest), by)
    return copy


def fits(alert: Alert) -> None:
    """What our databases and pages can hold."""
    told = [
        alert.title,
        alert.cause,
        alert.alert_id or "",
        alert.severity or "",
        alert.url or "",
        alert.group_key or "",
    ]
    for text in (*told, *alert.facts, *alert.facts.values()):
        text.encode()
        assert "\x00" not in text
    assert 0 < len(alert.title) <= MAX_TITLE_CHARACTERS
    assert "\n" not in alert.title
    assert 0 < len(alert.cause) <= MAX_CAUSE_CHARACTERS + 100
    assert len(alert.alert_id or "") <= MAX_ID_CHARACTERS
    assert len(alert.facts) <= MAX_FACTS + 1
    assert all(len(name) <= MAX_FACT_NAME_CHARACTERS for name in alert.facts)
    assert all(0 < len(text) <= MAX_FACT_CHARACTERS for text in alert.facts.values())
    assert alert.url is None or alert.url.lower().startswith(("http://", "https://"))


def survives(story: Story, received: Received) -> None:
    """Either it is read and fits, or it is refused in words."""
    source = sources()[story.kind]
    words = "Expected "
    try:
        alerts = source.read(received, story.settings)
    except Unreadable as refusal:
        words = refusal.words
    else:
        for alert in alerts:
            fits(alert)
        own_answer(source, received, alerts)
    words.encode()
    assert words.startswith("Expected ")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=st.sampled_from(STORIES), data=st.data())
def test_whatever_stands_at_one_place_of_a_message(story: Story, data: st.DataObject) -> None:
    body = json.loads(story.started.body)
    path = data.draw(st.sampled_from(paths_of(body)))
    by = data.draw(values | st.just(...)) if path else data.draw(values)
    survives(story, msgspec.structs.replace(story.started, body=json.dumps(replaced(body, path, by)).encode()))


@settings(max_examples=150, deadline=None)
@given(story=st.sampled_from(STORIES), body=st.binary(max_size=200))
def test_whatever_bytes_are_sent(story: Story, body: bytes) -> None:
    survives(story, msgspec.structs.replace(story.started, body=body))


@settings(max_examples=100, deadline=None)
@given(
    story=st.sampled_from(STORIES), path=texts, header=texts, method=st.sampled_from(["POST", "PUT", "DELETE", "GET"])
)
def test_whatever_path_header_and_method_are_used(story: Story, path: str, header: str, method: str) -> None:
    headers = (("sentry-hook-resource", header),)
    survives(story, msgspec.structs.replace(story.started, path=path, headers=headers, method=method))


@pytest.mark.parametrize("number", ["1" * 5_000, "-" + "9" * 5_000, "1e400", "1e-400"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.kind}-{story.name}")
def test_numbers_beyond_measure(story: Story, number: str) -> None:
    body = json.loads(story.started.body)
    for path in paths_of(body)[1:]:
        text = json.dumps(replaced(body, path, "NUMBER")).replace('"NUMBER"', number)
        survives(story, msgspec.structs.replace(story.started, body=text.encode()))


@given(texts, texts)
def test_an_id_is_bounded_and_still_tells_two_troubles_apart(one: str, other: str) -> None:
    first, second = identity(one), identity(other)
    assert (first == second) == (one == other)
    assert first is None or 0 < len(first) <= MAX_ID_CHARACTERS


def test_a_long_id_keeps_its_beginning_for_people_and_its_digest_for_us() -> None:
    one, other = identity("x" * 500), identity("x" * 501)
    assert one is not None
    assert one.startswith("xxx")
    assert len(one) == MAX_ID_CHARACTERS
    assert one != other


def ids(told: Sequence[tuple[Action, str | None]]) -> list[str | None]:
    return [told[index][1] for index in kept(told)]


def test_of_too_many_alerts_some_are_kept() -> None:
    told: list[tuple[Action, str | None]] = [("resolved", f"r{number}") for number in range(10)]
    told += [("started", f"s{number}") for number in range(MAX_STARTED + 7)]
    assert [told[index][0] for index in kept(told)] == ["started"] * MAX_STARTED + ["resolved"] * 10


def test_the_alerts_that_were_read_when_they_began_are_read_when_they_end() -> None:
    begun: list[tuple[Action, str | None]] = [("started", f"{number}") for number in range(MAX_STARTED * 3)]
    ended: list[tuple[Action, str | None]] = [("resolved", f"{number}") for number in reversed(range(MAX_ENDED * 3))]
    assert ids(begun) == ids(ended)


def test_as_many_alerts_as_are_read_keep_their_order() -> None:
    assert kept([("resolved", "2"), ("started", None), ("started", "1")]) == [0, 1, 2]


def test_what_is_left_out_is_counted_on_the_first() -> None:
    opened = Alert(action="started", alert_id="1", title="t", cause="It broke", facts={"host": "db1"})
    first, second = counted([opened, opened], 7)
    assert first.cause == "It broke (and 7 more alerts in the same message, not listed)"
    assert first.facts == {"host": "db1", "more_alerts": "7"}
    assert second == opened
    assert counted([opened], 0) == [opened]
    assert counted([], 7) == []


def test_texts_lose_what_cannot_be_stored_and_are_cut_with_a_mark() -> None:
    assert clean("  a\x00b\ud800c\r\n", 10) == "abc"
    assert clean("one\ntwo\tthree", 100) == "one\ntwo\tthree"
    assert clean("x" * 100, 10) == "x" * 9 + "…"
    assert clean("\x00" * 1_000 + "x", 10) == "", "what is not there cannot be shown"


def test_facts_leave_out_what_is_blank_and_keep_the_first_of_a_name() -> None:
    found = tidy({"a": "1", "b": " ", "": "x", "c": None}, {"a": "2", "d": "4"})
    assert found == {"a": "1", "d": "4"}
    assert len(tidy({str(number): "x" for number in range(500)})) == MAX_FACTS


def test_an_incident_says_how_it_was_when_it_began() -> None:
    assert facts("started", {"load": "9.5"}) == {"load": "9.5"}
    assert facts("resolved", {"load": "0.1"}) == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.org/a?b=c#d", True),
        ("HTTP://example.org", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://example.org/a b", False),
        ("https://example.org/" + "a" * 5_000, False),
        ("", False),
    ],
)
def test_only_links_to_pages_are_links(given: str, kept: bool) -> None:
    assert web_link(given) == (given if kept else None)


def test_a_path_is_a_name_first() -> None:
    fields = Fields({"rule.id": "flat", "rule": {"id": "nested", "name": 7}})
    assert fields.text("rule.id") == "flat"
    assert fields.text("rule.name") == "7"
    assert fields.text("rule.name.more", "missing") == ""
    assert fields.listed("rule") == ""


def test_words_of_refusal_do_not_repeat_what_was_sent_at_length() -> None:
    with pytest.raises(Unreadable) as refused:
        parse_object('{"a": ' + "x" * 10_000, "something")
    assert len(refused.value.words) < 400


def test_the_settings_of_a_source_need_not_be_given() -> None:
    story = STORIES[0]
    assert sources()[story.kind].read(request(json.loads(story.started.body)), SourceSettings())
