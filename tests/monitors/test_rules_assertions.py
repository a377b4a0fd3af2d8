"""What is asserted of an answer: each source, each comparison, and all that cannot be asserted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import Assertion
from tocsin.monitors.rules.assertions import (
    COMPARISONS,
    MAX_ASSERTIONS,
    SOURCES,
    Answer,
    assertions_complaint,
    failure,
    read_assertion,
    verdict,
)

BODY = b"""{"status": "ok", "ratio": 0.5, "count": 12, "ready": true, "nothing": null, "tags": ["a", "b"],
           "checks": [{"name": "db", "status": "up"}, {"name": "queue", "status": "down"}]}"""


def answer(body: bytes = BODY, **values: Any) -> Answer:
    given: dict[str, Any] = {
        "status_code": 200,
        "headers": [("Content-Type", "application/json"), ("X-Age", "30"), ("Set-Cookie", "a"), ("set-cookie", "b")],
        "text": body.decode("utf-8", "replace"),
        "body": body,
        "truncated": False,
        "response_time_ms": 850.0,
    }
    return Answer(**given | values)


def one(source: str, comparison: str, target: Any = None, property: str | None = None) -> Assertion:
    found = read_assertion({"source": source, "comparison": comparison, "target": target, "property": property})
    assert assertions_complaint([found]) is None
    return found


@pytest.mark.parametrize(
    ("source", "property", "comparison", "target", "failing"),
    [
        ("status_code", None, "equals", 200, None),
        ("status_code", None, "less_than", "300", None),
        ("status_code", None, "equals", 201, "status code is '200', expected: equals '201'"),
        ("response_time", None, "less_than", 1000, None),
        ("response_time", None, "less_than", 500, "response time is '850', expected: less than '500'"),
        ("header", "content-type", "contains", "json", None),
        ("header", "X-Age", "less_than", 60, None),
        ("header", "set-cookie", "equals", "a, b", None),
        ("header", "X-Nope", "exists", None, "header X-Nope is missing"),
        ("header", "X-Nope", "not_exists", None, None),
        ("header", "X-Age", "not_exists", None, "header X-Age is there: '30'"),
        ("header", "X-Nope", "equals", "x", "header X-Nope is missing"),
        ("header", "X-Nope", "not_equals", "x", None),
        ("json", "status", "equals", "ok", None),
        ("json", "ratio", "greater_than", 0.4, None),
        ("json", "count", "equals", 12, None),
        ("json", "count", "equals", "12.0", None),
        ("json", "ready", "equals", True, None),
        ("json", "nothing", "exists", None, "json nothing is missing"),
        ("json", "tags", "contains", "b", None),
        ("json", "@", "contains", "status", None),
        ("json", "checks[?name=='db'].status | [0]", "equals", "up", None),
        ("json", "length(checks)", "equals", 2, None),
        ("json", "length(count)", "equals", 2, "json length(count) is missing"),
        ("json", "checks[1].status", "equals", "up", "json checks[1].status is 'down', expected: equals 'up'"),
        ("json", "checks[*].name", "equals", '["db","queue"]', None),
        ("body", None, "contains", '"ok"', None),
        ("body", None, "matches", r'"status":\s*"(ok|fine)"', None),
        ("body", None, "not_matches", "error", None),
        ("body", None, "contains", "error", "body does not hold: contains 'error'"),
    ],
)  # fmt: skip
def test_each_source_is_compared_as_one_expects(
    source: str, property: str | None, comparison: str, target: Any, failing: str | None
) -> None:
    assert failure(one(source, comparison, target, property), answer()) == failing


@pytest.mark.parametrize(
    ("body", "truncated", "words"),
    [(b"<html>", False, "The answer is not JSON"), (b"[" * 5000, False, "The answer is not JSON"),
     (BODY, True, "The JSON is longer than what is read of an answer (2 MiB)")],
)  # fmt: skip
def test_an_answer_that_is_no_json_is_said_to_be_none(body: bytes, truncated: bool, words: str) -> None:
    assert failure(one("json", "equals", "ok", "status"), answer(body, truncated=truncated)) == words


def test_the_first_that_fails_of_each_severity_is_told() -> None:
    slow = read_assertion({"source": "response_time", "comparison": "less_than", "target": 500, "severity": "degraded"})
    wrong = one("json", "equals", "up", "status")
    assert verdict([slow], answer()) == (None, "response time is '850', expected: less than '500'")
    assert verdict([slow, wrong], answer())[0] == "json status is 'ok', expected: equals 'up'"
    assert verdict([one("json", "equals", "ok", "status")], answer()) == (None, None)


def test_what_is_found_is_shown_short_and_on_one_line() -> None:
    words = failure(one("header", "equals", "x", "X-Long"), answer(headers=[("X-Long", "y\x1b" * 500)]))
    assert words is not None
    assert len(words) < 200
    assert words.isprintable()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"source": "smell", "comparison": "equals"}, "number 1 has no such source."),
        ({"source": "body", "comparison": "equals", "target": "x"}, "number 1 has no such comparison for body."),
        ({"source": "json", "comparison": "exists"}, "number 1 needs a property: a JMESPath expression"),
        ({"source": "header", "comparison": "exists"}, "number 1 needs a property: the header"),
        (
            {"source": "body", "comparison": "contains", "target": "x", "property": "y"},
            "number 1 must have no property",
        ),
        ({"source": "body", "comparison": "contains"}, "number 1 needs a target"),
        ({"source": "status_code", "comparison": "equals", "target": "ok"}, "number 1 needs a number as its target"),
        ({"source": "response_time", "comparison": "less_than", "target": "NaN"}, "number 1 needs a number"),
        ({"source": "body", "comparison": "matches", "target": "("}, "number 1 has a target that is not a reg"),
        ({"source": "json", "property": "a..b", "comparison": "exists"}, "number 1 has a property that is not"),
        ({"source": "json", "property": "[@,@]|[@,@]", "comparison": "exists"}, "number 1 has a property that is a JM"),
        ({"source": "json", "property": "a[].b[]", "comparison": "exists"}, "number 1 has a property that is a JM"),
        ({"source": "json", "property": "(" * 900, "comparison": "exists"}, "number 1 has a property that is not"),
        ({"source": "body", "comparison": "contains", "target": "x", "severity": "awful"}, "number 1 has no such sev"),
    ],
)
def test_what_cannot_be_asserted_is_refused_with_its_place(sent: dict[str, Any], words: str) -> None:
    complaint = assertions_complaint([read_assertion(sent)])
    assert complaint is not None
    assert complaint.startswith(words)


def test_a_cause_holds_nothing_that_a_database_refuses() -> None:
    odd = read_assertion({"source": "header", "property": "X\x00A", "comparison": "exists"})
    assert failure(odd, answer()) == "header X A is missing"


def test_there_may_be_many_but_not_any_number() -> None:
    assert assertions_complaint([one("body", "contains", "x")] * MAX_ASSERTIONS) is None
    assert assertions_complaint([one("body", "contains", "x")] * (MAX_ASSERTIONS + 1)) is not None


texts = st.text(max_size=30)


@pytest.mark.slow
@given(
    st.builds(
        Assertion,
        source=st.sampled_from(SOURCES),
        comparison=st.sampled_from(sorted({word for words in COMPARISONS.values() for word in words})),
        property=st.none() | texts | st.sampled_from(["a", "a[0].b", "length(@)", "keys(@)", "sort(@)", "max(@)"]),
        target=st.none() | texts | st.sampled_from(["1", "(a+)+$", "[", ".*"]),
        severity=st.sampled_from(["down", "degraded"]),
    ),
    st.binary(max_size=60) | st.just(BODY) | st.just(b'[1,"x",null,{"a":[{"b":1e999}]}]'),
)
def test_whatever_is_accepted_is_judged_without_an_accident(assertion: Assertion, body: bytes) -> None:
    if assertions_complaint([assertion]) is None:
        words = failure(assertion, answer(body))
        assert words is None or words.isprintable()
