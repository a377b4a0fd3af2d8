"""Patterns find what Python's own find, and never take longer than the text is long."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tocsin.monitors.rules.patterns import MAX_PATTERN, BadPattern, Pattern, TooHard

pieces = st.sampled_from([
    "a", "b", ".", "[ab]", "[^a]", r"\w", r"\s", r"\d", "^", "$", r"\b", r"\B", r"\A", r"\Z", r"\n", "(?:a|b)", "(a)",
    "a{2,3}", "(?:ab)*", "(?i:A)", "(?s:.)", "(?m:^)", "(?m:$)", "|", "(?P<name>ba)",
])  # fmt: skip
repeats = st.sampled_from(["", "", "", "*", "+", "?", "{1,2}", "*?", "+?"])
patterns = st.lists(st.tuples(pieces, repeats).map("".join), min_size=1, max_size=5).map("".join)


@given(patterns, st.text(alphabet="ab \nA1_é", min_size=1, max_size=12))
def test_it_finds_what_pythons_own_finds(written: str, text: str) -> None:
    try:
        expected = re.search(written, text) is not None
        ours = Pattern(written)
    except (re.error, BadPattern):
        assume(False)
        return
    assert ours.search(text) is expected
    assert ours.search(text) is expected, "and again, from what it remembers"


@pytest.mark.parametrize("text", ["", "\n", "x"])
@pytest.mark.parametrize("written", ["^$", "$", "x?", r"\Z", "^x$"])
def test_the_ends_of_short_texts_are_where_python_has_them(written: str, text: str) -> None:
    assert Pattern(written).search(text) is (re.search(written, text) is not None)


@pytest.mark.parametrize("written", ["(a+)+$", "(a|a)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_patterns_that_would_take_python_years_are_answered(written: str) -> None:
    try:
        assert Pattern(written).search("a" * 100_000 + "!") is False
    except TooHard:
        pass  # an answer too, and in bounded time


def test_what_branches_without_end_is_given_up() -> None:
    letters = random.Random(1)
    with pytest.raises(TooHard):
        Pattern("(a|b)*a(a|b){200}c").search("".join(letters.choice("ab") for _ in range(100_000)))


@pytest.mark.parametrize(
    "written",
    ["(", r"(a)\1", "(?=a)", "(?<!a)b", "a++", "(?>a)", "a" * (MAX_PATTERN + 1), "(a{100}){100}", "*"],
)
def test_what_cannot_be_kept_in_time_or_read_at_all_is_refused(written: str) -> None:
    with pytest.raises(BadPattern):
        Pattern(written)


def test_a_text_with_every_character_once_is_not_remembered_whole() -> None:
    ours = Pattern("needle")
    assert not ours.search("".join(map(chr, range(0x4E00, 0x9FFF))))
    assert all(len(state.next) <= 300 for state in ours._states.values())
