"""Looks for a pattern in what a server answered, in a time that grows with the answer's length and nothing else.

Python's own `re` may need years for a pattern of ten letters (`(a+)+$`), and nothing can stop it meanwhile. Here a
pattern becomes a finite automaton, built while it runs: each character is looked at once (Thompson, 1968).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_NODES = 2_000
"""Of the automaton: `a{1000}` has a thousand."""
MAX_WORK = 300_000
"""Nodes visited while one text is searched: a fifth of a second, on a thread that has other checks to look after."""
MAX_STATES = 1_000
"""Remembered per pattern; beyond that all are forgotten, and built anew when they are met again."""
MAX_LETTERS = 300
"""Remembered per state: more than most alphabets; a text that has every character once finds no room."""
CACHED_PATTERNS = 512

_START, _WORD, _NEWLINE, _LAST_NEWLINE, _OTHER, _END = "start", "word", "newline", "last newline", "other", "end"
_Fits = Callable[[str], bool]


class BadPattern(ValueError):
    """A pattern that cannot be used; the text completes "must be …"."""


class TooHard(Exception):
    """The text makes the pattern branch more often than we can follow: nothing can be said about it."""


@lru_cache(maxsize=CACHED_PATTERNS)
def pattern(text: str) -> Pattern:
    """The pattern, ready to search with. Raises BadPattern."""
    return Pattern(text)


class Pattern:
    """A regular expression in Python's syntax, without look-around, back-references and possessive repetition.

    Not for two threads at once: it learns while it searches.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise BadPattern(f"a pattern of at most {MAX_PATTERN} characters")
        try:
            tree = _parser.parse(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise BadPattern(f"a regular expression ({error})") from None
        self._flags = tree.state.flags
        self._steps: list[tuple[_Fits, int] | None] = [None]
        """By node: what it takes and where it leads; None where nothing is taken. Node 0 is the goal."""
        self._free: list[list[tuple[Any, int]]] = [[]]
        """By node: where it leads without taking anything, and what must hold there (None: nothing)."""
        self._begin = self._sequence(tree, 0, self._flags)
        self._forget()

    def search(self, text: str) -> bool:
        """Whether it occurs anywhere in `text`. Raises TooHard."""
        self._work = 0
        state, last = self._first, len(text) - 1
        for position, letter in enumerate(text):
            if position == last:
                break
            following = state.next.get(letter)
            if following is None:
                following = self._follow(state, letter, _sort(letter))
                if len(state.next) < MAX_LETTERS:
                    state.next[letter] = following
            if following is _FOUND:
                return True
            state = following
        if text:
            state = self._follow(state, text[-1], _LAST_NEWLINE if text[-1] == "\n" else _sort(text[-1]))
        return state is _FOUND or 0 in self._reach(state.nodes, state.before, _END)

    # --- running ------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._first = _State(frozenset([self._begin]), _START)
        self._states = {(self._first.nodes, self._first.before): self._first}

    def _follow(self, state: _State, letter: str, sort: str) -> _State:
        if state is _FOUND:
            return _FOUND
        reached = self._reach(state.nodes, state.before, sort)
        if 0 in reached:
            return _FOUND
        taken = {self._begin}
        for node in reached:
            step = self._steps[node]
            if step is not None and step[0](letter):
                taken.add(step[1])
        key = frozenset(taken), sort
        known = self._states.get(key)
        if known is None:
            if len(self._states) >= MAX_STATES:
                self._forget()
            known = self._states[key] = _State(*key)
        return known

    def _reach(self, nodes: Iterable[int], before: str, after: str) -> set[int]:
        """All nodes that can be come to between two characters (of these sorts) without taking one."""
        reached, open = set(nodes), list(nodes)
        while open:
            for condition, node in self._free[open.pop()]:
                if node not in reached and (condition is None or _holds(condition, before, after)):
                    reached.add(node)
                    open.append(node)
        self._work += len(reached)
        if self._work > MAX_WORK:
            raise TooHard
        return reached

    # --- building, from the end to the beginning ----------------------------------------------------------------------

    def _node(self, step: tuple[_Fits, int] | None, free: list[tuple[Any, int]]) -> int:
        if len(self._steps) >= MAX_NODES:
            raise BadPattern("a smaller pattern: its repetitions multiply")
        self._steps.append(step)
        self._free.append(free)
        return len(self._steps) - 1

    def _sequence(self, tree: Any, goal: int, flags: int) -> int:
        for kind, value in reversed(list(tree)):
            goal = self._item(kind, value, goal, flags)
        return goal

    def _item(self, kind: Any, value: Any, goal: int, flags: int) -> int:
        if kind in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
            return self._node((_fits(kind, value, flags), goal), [])
        if kind is op.SUBPATTERN:
            _, added, removed, tree = value
            return self._sequence(tree, goal, (flags | added) & ~removed)
        if kind is op.BRANCH:
            return self._node(None, [(None, self._sequence(tree, goal, flags)) for tree in value[1]])
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, tree = value
            return self._repeat(least, most, tree, goal, flags)
        if kind is op.AT:
            condition = _AT_LINES.get(value, value) if flags & re.MULTILINE else value
            return self._node(None, [(condition, goal)])
        raise BadPattern("a pattern without look-around, back-references, conditions and possessive repetition")

    def _repeat(self, least: int, most: Any, tree: Any, goal: int, flags: int) -> int:
        if most is op.MAXREPEAT:
            loop = self._node(None, [(None, goal)])
            self._free[loop].append((None, self._sequence(tree, loop, flags)))
            goal = loop
        else:
            end = goal
            for _ in range(int(most) - least):
                goal = self._node(None, [(None, end), (None, self._sequence(tree, goal, flags))])
        for _ in range(least):
            goal = self._sequence(tree, goal, flags)
        return goal


class _State:
    """All places of the pattern in which the search is at once."""

    __slots__ = ("before", "next", "nodes")

    def __init__(self, nodes: frozenset[int], before: str) -> None:
        self.nodes = nodes
        self.before = before
        """The sort of the character before."""
        self.next: dict[str, _State] = {}


_FOUND = _State(frozenset(), _OTHER)
_AT_LINES = {op.AT_BEGINNING: op.AT_BEGINNING_LINE, op.AT_END: op.AT_END_LINE}


def _sort(letter: str) -> str:
    if letter == "\n":
        return _NEWLINE
    return _WORD if letter.isalnum() or letter == "_" else _OTHER


def _holds(condition: Any, before: str, after: str) -> bool:
    newlines = (_NEWLINE, _LAST_NEWLINE)
    if condition in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
        return before == _START
    if condition is op.AT_BEGINNING_LINE:
        return before == _START or before in newlines
    if condition is op.AT_END:
        return after in (_END, _LAST_NEWLINE)
    if condition is op.AT_END_STRING:
        return after == _END
    if condition is op.AT_END_LINE:
        return after == _END or after in newlines
    edge = (before == _WORD) is not (after == _WORD)
    return edge if condition is op.AT_BOUNDARY else not edge


def _fits(kind: Any, value: Any, flags: int) -> _Fits:
    """Whether a character is one of those that an item takes."""
    if kind is op.ANY:
        return (lambda letter: True) if flags & re.DOTALL else (lambda letter: letter != "\n")
    if kind is op.IN:
        source = [(item, content) for item, content in value]
    else:
        source = ([(op.NEGATE, None)] if kind is op.NOT_LITERAL else []) + [(op.LITERAL, value)]
    negated = bool(source) and source[0][0] is op.NEGATE
    tests = [_one_of(item, content) for item, content in source if item is not op.NEGATE]
    any_case = bool(flags & re.IGNORECASE)

    def fits(letter: str) -> bool:
        forms = {letter, letter.lower(), letter.upper()} if any_case else (letter,)
        return any(test(form) for test in tests for form in forms if len(form) == 1) is not negated

    return fits


def _one_of(item: Any, content: Any) -> _Fits:
    if item is op.LITERAL:
        return chr(content).__eq__
    if item is op.RANGE:
        low, high = chr(content[0]), chr(content[1])
        return lambda letter: low <= letter <= high
    sort = _CATEGORIES.get(content)
    if sort is None:
        raise BadPattern("a pattern without such classes of characters")
    return sort


_CATEGORIES: dict[Any, _Fits] = {
    op.CATEGORY_DIGIT: str.isdecimal,
    op.CATEGORY_NOT_DIGIT: lambda letter: not letter.isdecimal(),
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_NOT_SPACE: lambda letter: not letter.isspace(),
    op.CATEGORY_WORD: lambda letter: letter.isalnum() or letter == "_",
    op.CATEGORY_NOT_WORD: lambda letter: not (letter.isalnum() or letter == "_"),
}
