"""What else must hold of an answer: a header, a value in its JSON, a word in its body, the time it took.

Everything here ends in bounded time, whatever is asked of whatever was answered: patterns are matched in linear time
(`rules/patterns.py`), and JMESPath is taken without the parts that can multiply what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from tocsin.monitors.model import Assertion
from tocsin.monitors.rules import patterns

MAX_ASSERTIONS = 20
"""Per monitor."""
MAX_TARGET = 1_000
"""Characters of a target or a property."""
MAX_SHOWN = 100
"""Characters of what was found, in a cause."""
SOURCES = ("status_code", "header", "json", "body", "response_time")
SEVERITIES = ("down", "degraded")

_NUMBERS = ("equals", "not_equals", "less_than", "greater_than")
_TEXTS = ("equals", "not_equals", "contains", "not_contains", "matches", "not_matches")
_THERE = ("exists", "not_exists")
COMPARISONS: dict[str, tuple[str, ...]] = {
    "status_code": _NUMBERS,
    "header": (*_TEXTS, "less_than", "greater_than", *_THERE),
    "json": (*_TEXTS, "less_than", "greater_than", *_THERE),
    "body": ("contains", "not_contains", "matches", "not_matches"),
    "response_time": ("less_than", "greater_than"),
}
"""Which comparisons make sense for which source."""
_MULTIPLYING = frozenset({"multi_select_list", "multi_select_dict", "flatten"})
"""JMESPath's ways to make more than was given: chained, eighty of them outgrow any memory."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an assertion looks at."""

    status_code: int
    headers: Sequence[tuple[str, str]]
    text: str
    """The body; what is not text in the declared character set shows as replacement characters."""
    body: bytes
    truncated: bool
    """Whether the body was longer than what we have of it."""
    response_time_ms: float


def read_assertion(sent: Mapping[str, Any]) -> Assertion:
    """An assertion as it is kept: numbers and booleans become texts, words lose their capitals."""
    target = sent.get("target")
    return Assertion(
        source=str(sent.get("source") or "").strip().lower(),
        property=None if sent.get("property") in (None, "") else str(sent["property"]).strip(),
        comparison=str(sent.get("comparison") or "").strip().lower(),
        target=None if target is None else _text(target),
        severity=str(sent.get("severity") or "down").strip().lower(),
    )


def assertions_complaint(assertions: Sequence[Assertion]) -> str | None:
    """What is wrong with a monitor's assertions, with the place of the first that is; None if nothing is."""
    if len(assertions) > MAX_ASSERTIONS:
        return f"must be at most {MAX_ASSERTIONS}"
    for place, assertion in enumerate(assertions, 1):
        complaint = _complaint(assertion)
        if complaint is not None:
            return f"number {place} {complaint}"
    return None


def verdict(assertions: Sequence[Assertion], answer: Answer) -> tuple[str | None, str | None]:
    """(why it is down, why it is degraded): the first of each that does not hold, or None."""
    reasons: dict[str, str] = {}
    document = _Document(answer)
    for assertion in assertions:
        if assertion.severity not in reasons:
            failing = failure(assertion, answer, document)
            if failing is not None:
                reasons[assertion.severity] = failing
    return reasons.get("down"), reasons.get("degraded")


def failure(assertion: Assertion, answer: Answer, document: _Document | None = None) -> str | None:
    """Why the assertion does not hold, in words; None when it does."""
    try:
        found = _found(assertion, answer, document or _Document(answer))
    except ValueError as error:
        return str(error)
    name = assertion.source.replace("_", " ") + (f" {_printable(assertion.property)}" if assertion.property else "")
    if assertion.comparison in _THERE:
        if (found is not None) is (assertion.comparison == "exists"):
            return None
        return f"{name} is missing" if found is None else f"{name} is there: {_shown(found)}"
    if found is None:
        holds = assertion.comparison in ("not_equals", "not_contains", "not_matches")
        return None if holds else f"{name} is missing"
    if _holds(assertion, found):
        return None
    wanted = f"{assertion.comparison.replace('_', ' ')} {_shown(assertion.target or '')}"
    if assertion.source == "body":
        return f"{name} does not hold: {wanted}"
    return f"{name} is {_shown(found)}, expected: {wanted}"


class _Document:
    """The answer's JSON, read once however many assertions ask."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._read: Any = None
        self._done = False

    def value(self) -> Any:
        """Raises ValueError with a sentence."""
        if not self._done:
            if self._answer.truncated:
                raise ValueError("The JSON is longer than what is read of an answer (2 MiB)")
            try:
                self._read = msgspec.json.decode(self._answer.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise ValueError("The answer is not JSON") from None
            self._done = True
        return self._read


def _found(assertion: Assertion, answer: Answer, document: _Document) -> Any:
    """What the assertion looks at; None when it is not there. Raises ValueError with a sentence."""
    if assertion.source == "status_code":
        return answer.status_code
    if assertion.source == "response_time":
        return answer.response_time_ms
    if assertion.source == "body":
        return answer.text
    if assertion.source == "header":
        name = (assertion.property or "").lower()
        values = [value for header, value in answer.headers if header.lower() == name]
        return ", ".join(values) if values else None
    value = document.value()
    try:
        return _expression(assertion.property or "@").search(value)
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError):
        return None  # e.g. the length of a number: what is asked for is not there


def _holds(assertion: Assertion, found: Any) -> bool:
    comparison, target = assertion.comparison, assertion.target or ""
    if comparison in ("less_than", "greater_than"):
        number, bound = _number(found), _number(target)
        if number is None or bound is None:
            return False
        return number < bound if comparison == "less_than" else number > bound
    negated = comparison.startswith("not_")
    return _alike(comparison.removeprefix("not_"), found, target) is not negated


def _alike(comparison: str, found: Any, target: str) -> bool:
    if comparison == "equals":
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return _number(target) == found
        return _text(found) == target
    if comparison == "contains" and isinstance(found, list):
        return any(_alike("equals", item, target) for item in found)
    if comparison == "contains" and isinstance(found, dict):
        return target in found
    text = _text(found)
    return target in text if comparison == "contains" else patterns.found(target, text)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == number else None  # not a number is no number


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return msgspec.json.encode(value).decode()
    except (RecursionError, OverflowError):
        return ""


def _shown(value: Any) -> str:
    text = f"{value:.0f} ms" if isinstance(value, float) and value >= 1 and not value.is_integer() else _text(value)
    text = _printable(text[: MAX_SHOWN + 1])
    return f"'{text[:MAX_SHOWN]}…'" if len(text) > MAX_SHOWN else f"'{text}'"


def _printable(text: str) -> str:
    """On one line, and fit for any database: neither takes everything that a server, or a client of ours, may send."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


# --- what may be set --------------------------------------------------------------------------------------------------


def _complaint(assertion: Assertion) -> str | None:
    source, comparison, target = assertion.source, assertion.comparison, assertion.target
    if source not in SOURCES:
        return f"has no such source. Valid values are: {', '.join(SOURCES)}"
    if comparison not in COMPARISONS[source]:
        return f"has no such comparison for {source}. Valid values are: {', '.join(COMPARISONS[source])}"
    if assertion.severity not in SEVERITIES:
        return f"has no such severity. Valid values are: {', '.join(SEVERITIES)}"
    if source in ("header", "json"):
        if not assertion.property:
            return f"needs a property: {'the header' if source == 'header' else 'a JMESPath expression'}"
        if len(assertion.property) > MAX_TARGET:
            return f"has a property of more than {MAX_TARGET} characters"
    elif assertion.property:
        return f"must have no property: {source} has none"
    if source == "json" and _bad_expression(assertion.property or ""):
        return f"has a property that is {_bad_expression(assertion.property or '')}"
    return _target_complaint(comparison, target, numeric=source in ("status_code", "response_time"))


def _target_complaint(comparison: str, target: str | None, *, numeric: bool) -> str | None:
    if comparison in _THERE:
        return None
    if target is None or (target == "" and comparison not in ("equals", "not_equals")):
        return "needs a target"
    if len(target) > MAX_TARGET:
        return f"has a target of more than {MAX_TARGET} characters"
    if (numeric or comparison in ("less_than", "greater_than")) and _number(target) is None:
        return "needs a number as its target"
    if comparison in ("matches", "not_matches"):
        complaint = patterns.complaint_about_pattern(target)
        return None if complaint is None else f"has a target that {complaint}"
    return None


def _bad_expression(text: str) -> str | None:
    try:
        parsed = _expression(text)
    except (JMESPathError, RecursionError, ValueError):
        return "not a JMESPath expression, e.g. checks[0].status"
    if _any_node(parsed.parsed, lambda node: node.get("type") in _MULTIPLYING):
        return "a JMESPath expression that builds lists or objects; ask for one value"
    return None


def _any_node(tree: Any, test: Callable[[dict[str, Any]], bool]) -> bool:
    open = [tree]
    while open:
        node = open.pop()
        if isinstance(node, dict):
            if test(node):
                return True
            open.extend(node.get("children", ()))
    return False


@lru_cache(maxsize=2_048)
def _expression(text: str) -> Any:
    return jmespath.compile(text)
