"""Where a section or a resource has its place, and what may be said of a resource (contract part 2, 5.3 and 5.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.metadata.model import Metadata
from tocsin.status_pages.model import MarkFor, ResourceType, Rule, Widget

MAX_NAME = 255
MAX_EXPLANATION = 2_000
MAX_POSITION = 1_000_000
MAX_RULE_VALUES = 50

Errors = dict[str, list[str]]

_ONLY_FOR = {
    Widget.RESPONSE_TIMES: (ResourceType.MONITOR, ResourceType.LOGS_CHART),
    Widget.CHART_ONLY: (ResourceType.LOGS_CHART,),
}
"""Widgets that only some types have (contract part 2, 5.4)."""


def check_words(given: Mapping[str, Any]) -> None:
    """Raise Invalid, naming what is allowed, for a word that the API does not know."""
    wrong = {
        name: [each.value for each in kind]
        for name, kind in _WORDS.items()
        if given.get(name) and not _knows(kind, given[name])
    }
    if wrong:
        raise Invalid.values(wrong)


_WORDS: Mapping[str, type[StrEnum]] = {
    "resource_type": ResourceType,
    "widget_type": Widget,
    "mark_as_down_for": MarkFor,
    "mark_as_degraded_for": MarkFor,
}


def _knows(kind: type[StrEnum], word: str) -> bool:
    return word in {each.value for each in kind}


def end(taken: Sequence[int]) -> int:
    """The place behind the last one."""
    return max(taken, default=-1) + 1


def pushed(taken: Mapping[int, int], position: int) -> dict[int, int]:
    """Who must move so that `position` is free, as new positions by id; `taken`: the present ones by id.

    Only those in the way move, each by one: a gap further down takes up the push.
    """
    moved: dict[int, int] = {}
    wanted = position
    for id, at in sorted(taken.items(), key=lambda each: (each[1], each[0])):
        if at < wanted:
            continue
        if at > wanted:
            break
        moved[id] = at + 1
        wanted = at + 1
    return moved


def checked_position(value: Any, errors: Errors) -> int | None:
    """The position that was asked for; None = the end."""
    if value is None:
        return None
    if not 0 <= value <= MAX_POSITION:
        errors["position"] = [f"must be between 0 and {MAX_POSITION}"]
    return int(value)


def checked_text(given: Mapping[str, Any], name: str, current: str | None, errors: Errors, most: int) -> str | None:
    """A text after `given`; the empty one is none."""
    text = str(given.get(name, current) or "").strip()
    if len(text) > most:
        errors[name] = [f"is too long (maximum is {most} characters)"]
    return text or None


def widget_of(given: Mapping[str, Any], current: Widget | None, about: ResourceType, errors: Errors) -> Widget:
    """What is shown beside a resource: `widget_type` counts before the older `history` (contract part 2, 5.4)."""
    if given.get("widget_type"):
        widget = Widget(given["widget_type"])
        if about not in _ONLY_FOR.get(widget, (about,)):
            names = ", ".join(kind.value for kind in _ONLY_FOR[widget])
            errors["widget_type"] = [f"{widget.value} is only for: {names}"]
        return widget
    if given.get("history") is not None:
        return Widget.HISTORY if given["history"] else Widget.PLAIN
    if current is None or about not in _ONLY_FOR.get(current, (about,)):  # it has become about something else
        return Widget.HISTORY
    return current


def mark_of(
    given: Mapping[str, Any], word: str, mark: MarkFor, rule: Rule | None, errors: Errors
) -> tuple[MarkFor, Rule | None]:
    """`mark_as_WORD_for` and its rule after `given`: a rule is there exactly when metadata decide."""
    for_name, rule_name = f"mark_as_{word}_for", f"mark_as_{word}_metadata_rule"
    if given.get(for_name):
        mark = MarkFor(given[for_name])
    if rule_name in given:
        rule = given[rule_name]
    if mark is not MarkFor.INCIDENT_MATCHING_METADATA:
        if given.get(rule_name) is not None:
            errors[rule_name] = [f"is only for {for_name} {MarkFor.INCIDENT_MATCHING_METADATA.value}"]
        return mark, None
    if rule is None:
        errors[rule_name] = [f"can't be blank when {for_name} is {MarkFor.INCIDENT_MATCHING_METADATA.value}"]
    return mark, rule


def rule_of(key: str | None, facts: Metadata, errors: Errors, field: str) -> Rule | None:
    """The rule that was sent, its values read by the room of facts as {key: values}."""
    values = tuple(facts.get(key or "", ()))
    if not key or not values or len(values) > MAX_RULE_VALUES:
        errors[field] = [f"needs a key and 1 to {MAX_RULE_VALUES} values"]
        return None
    return Rule(key=key, values=values)


def subject_needed(kind: ResourceType) -> bool:
    """Whether a resource of this type is about something that has an id."""
    return kind is not ResourceType.MANUALLY_TRACKED_ITEM


def stored_rule(rule: Rule | None) -> dict[str, Any] | None:
    """A rule in the form in which it is kept and shown."""
    if rule is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(rule)
    return found
