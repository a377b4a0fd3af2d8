"""Patterns that people write about answers: what is accepted is found, and what could hang us is refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.rules.patterns import MAX_PATTERN, MAX_SEARCHED, complaint_about_pattern, found


@pytest.mark.parametrize(
    ("pattern", "text", "there"),
    [
        (r'"status":\s*"(ok|fine)"', '{"status": "ok"}', True),
        (r"(?i)error", "No ERRORS", True),
        (r"^caf.$", "café", True),
        (r"^b", "a\nb", False),
        (r"(?m)^b", "a\nb", True),
        (r"(a+)+$", "a" * 50_000 + "!", False),
        (r"x", " " * MAX_SEARCHED + "x", False),
    ],
)
def test_what_is_there_is_found(pattern: str, text: str, there: bool) -> None:
    assert complaint_about_pattern(pattern) is None
    assert found(pattern, text) is there


@pytest.mark.parametrize(
    "pattern", ["(", r"(a)\1", "(?=a)", "(?<!a)b", "(?>a)", "a" * (MAX_PATTERN + 1), "((a|b)?){400}", "(a{100}){100}"]
)
def test_what_cannot_be_kept_in_time_or_read_at_all_is_refused(pattern: str) -> None:
    assert complaint_about_pattern(pattern) is not None


@pytest.mark.slow
def test_the_hardest_pattern_that_is_accepted_ends() -> None:
    text = "".join(random.Random(1).choices("ab", k=MAX_SEARCHED))
    assert complaint_about_pattern("(a|b)*a(a|b){190}c") is None
    assert found("(a|b)*a(a|b){190}c", text) is False


@pytest.mark.slow
@given(st.text(max_size=20), st.text(max_size=50))
def test_any_text_is_a_pattern_or_refused_without_an_accident(pattern: str, text: str) -> None:
    if complaint_about_pattern(pattern) is None:
        assert found(pattern, text) in (True, False)
