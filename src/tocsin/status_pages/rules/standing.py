"""Decides how a resource stands: what checks found, what people reported, and what is under maintenance, in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tocsin.incidents.model import Spell
from tocsin.kernel.availability import Course, Interval, clipped, merged, without
from tocsin.metadata.model import Metadata
from tocsin.metadata.rules import says
from tocsin.status_pages.model import MarkFor, Resource, Rule, State

SEVERITY = (State.DOWNTIME, State.DEGRADED, State.MAINTENANCE, State.OPERATIONAL, State.NOT_MONITORED)
"""The worst first. Of several things the worst counts; what nobody watches says nothing about the others."""


class Said(msgspec.Struct, frozen=True):
    """What a report says of one resource for a time. Milliseconds since 1970 UTC."""

    resource_id: int
    from_ms: int
    to_ms: int | None
    """None: it says so still."""
    state: State
    """Downtime, degraded or maintenance."""
    by_hand: bool
    """Whether a person says so; else it is an automatic report."""


class Layers(msgspec.Struct, frozen=True):
    """How a resource stood through a period: disjoint stretches in order; in the rest of it all was well."""

    down: list[Interval]
    degraded: list[Interval]
    maintenance: list[Interval]
    off: list[Interval]
    """Nobody watched: it was paused, did not exist yet, or we ourselves were away."""


CLEAR = Layers([], [], [], [])
"""All was well all the time."""


def worst(states: Iterable[State]) -> State:
    """The worst of several; of none: not monitored."""
    return min(states, key=SEVERITY.index, default=State.NOT_MONITORED)


def aggregate(states: Iterable[State]) -> State:
    """How a page stands whose resources stand so: what is not monitored does not count, and nothing is all well."""
    found = worst(states)
    return State.OPERATIONAL if found is State.NOT_MONITORED else found


def layers(
    resource: Resource,
    courses: Sequence[Course],
    outages: Mapping[tuple[str, int], Sequence[Spell]],
    facts: Mapping[int, Metadata],
    said: Sequence[Said],
    period: Interval,
    min_length_ms: int = 0,
) -> Layers:
    """How a resource stood from `period[0]` to `period[1]` (ms; when that is now, now and a millisecond).

    `courses`: what it is about (a group's members); none = nobody watches it. `outages` by owner, `facts` by incident.
    What people report counts besides what checks find, the worse wins. Announced maintenance hides what checks find,
    and a window hides what they find of the very thing that is in its window, but neither hides what a person says.
    Who reports of a time before anybody watched here knows how it stood from then on: else an hour of downtime that was
    brought along with a move would be nearly all that is known of it.
    """
    words = _words(said, resource.id, period)
    found = _found(resource, courses, outages, facts, period, min_length_ms)
    if words is None and found is CLEAR:
        return CLEAR
    by_hand, automatic, announced = words or (CLEAR, CLEAR, [])
    down = merged([*by_hand.down, *without([*automatic.down, *found.down], announced)])
    worse = merged([*by_hand.degraded, *without([*automatic.degraded, *found.degraded], announced)])
    degraded = without(worse, down)
    busy = merged([*down, *degraded])
    maintenance = without(merged([*announced, *found.maintenance]), busy)
    told = _known_by_word(said, resource.id, courses)
    return Layers(down, degraded, maintenance, without(found.off, merged([*busy, *maintenance, *told])))


def state(layers: Layers, stretch: Interval) -> State:
    """How it stood in a stretch of the period, at the worst; not monitored when nobody watched at all."""
    if layers is CLEAR:
        return State.OPERATIONAL
    for name, intervals in (
        (State.DOWNTIME, layers.down),
        (State.DEGRADED, layers.degraded),
        (State.MAINTENANCE, layers.maintenance),
    ):
        if clipped(intervals, stretch):
            return name
    return State.NOT_MONITORED if not without([stretch], layers.off) else State.OPERATIONAL


def marks(resource: Resource, facts: Metadata) -> State:
    """What an outage with these facts makes of a resource."""
    if _marked(resource.mark_as_down_for, resource.mark_as_down_metadata_rule, facts):
        return State.DOWNTIME
    if _marked(resource.mark_as_degraded_for, resource.mark_as_degraded_metadata_rule, facts):
        return State.DEGRADED
    return State.OPERATIONAL


def matches(rule: Rule, facts: Metadata) -> bool:
    """Whether an incident's metadata has, under the rule's key, any of its values (without values: anything)."""
    known = facts.get(rule.key, [])
    if not rule.values:
        return bool(known)
    return any(says(value, wanted) for value in known for wanted in rule.values)


def asks_for_facts(resource: Resource) -> bool:
    """Whether the metadata of incidents matters to it."""
    return MarkFor.INCIDENT_MATCHING_METADATA in (resource.mark_as_down_for, resource.mark_as_degraded_for)


def long_enough(spell: Spell, now_ms: int, min_length_ms: int) -> bool:
    """Whether an outage is shown: it has lasted as long as the page demands."""
    return (now_ms if spell.to_ms is None else spell.to_ms) - spell.from_ms >= min_length_ms


def _marked(mark: MarkFor, rule: Rule | None, facts: Metadata) -> bool:
    if mark is MarkFor.INCIDENT_MATCHING_METADATA:
        return rule is not None and matches(rule, facts)
    return mark is MarkFor.ANY_INCIDENT


def _words(said: Sequence[Said], resource_id: int, period: Interval) -> tuple[Layers, Layers, list[Interval]] | None:
    """What people say of a resource, what automatic reports say, and its announced maintenance; None = nothing."""
    mine = [each for each in said if each.resource_id == resource_id]
    if not mine:
        return None

    def stretches(state: State, by_hand: bool) -> list[Interval]:
        those = [each for each in mine if each.state is state and each.by_hand is by_hand]
        return clipped([(each.from_ms, period[1] if each.to_ms is None else each.to_ms) for each in those], period)

    by_hand, automatic = (
        Layers(stretches(State.DOWNTIME, hand), stretches(State.DEGRADED, hand), [], []) for hand in (True, False)
    )
    return by_hand, automatic, merged(stretches(State.MAINTENANCE, True))


def _known_by_word(said: Sequence[Said], resource_id: int, courses: Sequence[Course]) -> list[Interval]:
    """From the first time of which a person speaks until somebody watches; nothing when that was watched already."""
    first = min((each.from_ms for each in said if each.resource_id == resource_id and each.by_hand), default=None)
    watched = min((course.since_ms for course in courses), default=None)
    return [] if first is None or watched is None or watched <= first else [(first, watched)]


def _found(
    resource: Resource,
    courses: Sequence[Course],
    outages: Mapping[tuple[str, int], Sequence[Spell]],
    facts: Mapping[int, Metadata],
    period: Interval,
    min_length_ms: int,
) -> Layers:
    """What is known without any report. The stretches of down and degraded may overlap, and need not be in order."""
    down: list[Interval] = []
    degraded: list[Interval] = []
    maintenance: list[Interval] = []
    seen: list[Interval] = []
    eventful = False
    for course in courses:
        spells = outages.get((course.owner_type, course.id), ())
        if _uneventful(course, period) and not spells:
            seen.append(period)
            continue
        eventful = True
        idle = merged(clipped([*course.paused, *course.blind, (period[0], course.since_ms)], period))
        window = without(merged(clipped(course.maintenance, period)), idle)
        hidden = merged([*idle, *window])
        own_down, own_degraded = _outages(resource, spells, facts, period[1], min_length_ms)
        down += without(clipped(own_down, period), hidden)
        degraded += without(clipped([*own_degraded, *course.degraded], period), hidden)
        maintenance += window
        seen += without([period], idle)
    if courses and not eventful:
        return CLEAR
    return Layers(down, degraded, maintenance, without([period], merged(seen)))


def _uneventful(course: Course, period: Interval) -> bool:
    told = course.paused or course.maintenance or course.degraded or course.blind
    return not told and course.since_ms <= period[0]


def _outages(
    resource: Resource, spells: Sequence[Spell], facts: Mapping[int, Metadata], now_ms: int, min_length_ms: int
) -> tuple[list[Interval], list[Interval]]:
    """(down, degraded) as these outages make it."""
    down: list[Interval] = []
    degraded: list[Interval] = []
    by_rule = asks_for_facts(resource)
    mark = marks(resource, {})
    for spell in spells:
        if not long_enough(spell, now_ms, min_length_ms):
            continue
        if by_rule:
            mark = marks(resource, facts.get(spell.id, {}))
        stretch = (spell.from_ms, now_ms if spell.to_ms is None else spell.to_ms)
        if mark is State.DOWNTIME:
            down.append(stretch)
        elif mark is State.DEGRADED:
            degraded.append(stretch)
    return down, degraded
