"""Decides which records of the catalog speak about something, and what they add to what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tocsin.metadata.model import Attribute, Excerpt, MatchMode, Metadata, Record, Value
from tocsin.metadata.rules.values import MAX_KEYS, MAX_VALUES, characters

MAX_PASSES = 4
"""How often what was added may lead to more (a host to its service, that to its team, that to its lead)."""

MAX_TAKEN_OVER_CHARACTERS = 100_000
"""Of what an incident takes over from its owner, and again of what the catalog adds: whoever is paged reads a page, and
a storm of incidents must not fill the disk with copies of one text."""


def inherited(facts: Metadata) -> Metadata:
    """What an incident takes over from its owner: its keys in order, as far as there is room."""
    taken: Metadata = {}
    room = MAX_TAKEN_OVER_CHARACTERS
    for key, values in facts.items():
        room -= characters(values)
        if room < 0:
            break
        taken[key] = values
    return taken


def enriched(facts: Metadata, look_up: Callable[[Metadata], Iterable[Excerpt]]) -> Metadata:
    """`enrich` again and again, each time with the records that `look_up` finds for what is new.

    That is enough: a record that did not match before, and does now, matches by something that is new.
    """
    news = given = facts
    for _ in range(MAX_PASSES):
        room = MAX_TAKEN_OVER_CHARACTERS - sum(characters(facts[key]) for key in facts if key not in given)
        known = enrich(facts, look_up(news), room)
        news = {key: values for key, values in known.items() if key not in facts}
        if not news:
            break
        facts = known
    return facts


def enrich(facts: Metadata, excerpts: Iterable[Excerpt], room: int = MAX_TAKEN_OVER_CHARACTERS) -> Metadata:
    """The facts, and under keys that they do not have what the matching records say (contract part 2, 7.2).

    What is there is never changed. Several records add their values to one another's. `room`: for so many characters.
    """
    added: Metadata = {}
    for excerpt in excerpts:
        names = {attribute.id: attribute.name for attribute in excerpt.attributes if not attribute.primary}
        for record in excerpt.records:
            if matches(facts, excerpt.relation.match_mode, excerpt.attributes, record):
                room = _add(added, facts, names, record, room)
    free = max(0, MAX_KEYS - len(facts))
    return facts | dict(list(added.items())[:free])


def matches(facts: Metadata, mode: MatchMode, attributes: Sequence[Attribute], record: Record) -> bool:
    """Whether a record speaks about what has these facts. One that has no primary value at all speaks about nothing."""
    said = {entry.attribute_id: _spoken(entry.values) for entry in record.entries}
    verdicts = [
        any(same(fact, value) for fact in facts.get(attribute.name, ()) for value in said[attribute.id])
        for attribute in attributes
        if attribute.primary and said.get(attribute.id)
    ]
    return bool(verdicts) and (all(verdicts) if mode is MatchMode.ALL else any(verdicts))


def same(one: Value, other: Value) -> bool:
    """Whether two values mean the same: equal texts, or references to the same thing by the surest of their names."""
    if one.type != other.type:
        return False
    if one.value is not None or other.value is not None:
        return one.value == other.value
    if one.item_id is not None and other.item_id is not None:
        return one.item_id == other.item_id
    if one.email is not None and other.email is not None:
        return one.email.lower() == other.email.lower()
    return one.name is not None and one.name == other.name


def _add(added: Metadata, facts: Metadata, names: dict[int, str], record: Record, room: int) -> int:
    """Add what a record says as far as there is room; returns how much is left."""
    for entry in record.entries:
        name = names.get(entry.attribute_id)
        if name is None or name in facts:
            continue
        for value in _spoken(entry.values):
            values = added.get(name, [])
            size = characters([value])
            if size <= room and len(values) < MAX_VALUES and not any(same(value, known) for known in values):
                added[name] = [*values, value]
                room -= size
    return room


def _spoken(values: Iterable[Value]) -> list[Value]:
    return [value for value in values if value.value != ""]
