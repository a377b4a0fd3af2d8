"""Puts together how resources stand: what is known of their subjects, which outages, and what reports say of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, timedelta

import msgspec

from tocsin.heartbeats import actions as heartbeats
from tocsin.inbound import actions as inbound
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Spell
from tocsin.kernel.availability import Course, Interval
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.zones import zone
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata, OwnerType
from tocsin.monitors import actions as monitors
from tocsin.status_pages.model import Resource, ResourceType, State, StatusPage
from tocsin.status_pages.rules import history, reporting, standing
from tocsin.status_pages.rules.history import Calendar
from tocsin.status_pages.rules.standing import Layers, Said
from tocsin.status_pages.store import contents, reports
from tocsin.storage import Tx

MAX_REPORTS = 2_000
"""Reports that count in one look, the newest of all its pages."""
_NOW = timedelta(milliseconds=1)
_INTEGRATIONS = (ResourceType.WEBHOOK_INTEGRATION, ResourceType.EMAIL_INTEGRATION, ResourceType.INCOMING_WEBHOOK)


class Known(msgspec.Struct, frozen=True):
    """What is known about the resources of some pages through a period."""

    period: Interval
    courses: dict[int, tuple[Course, ...]]
    """By resource: what it is about; nothing = nobody watches it."""
    outages: dict[tuple[str, int], list[Spell]]
    facts: Mapping[int, Metadata]
    said: dict[int, list[Said]]
    """By page."""


def states_of(tx: Tx, several: Iterable[StatusPage]) -> dict[int, State]:
    """How each of these pages stands now, in the same handful of queries however many there are."""
    by_id = {page.id: page for page in several}
    all = contents.resources_of(tx, list(by_id)) if by_id else []
    found: dict[int, list[State]] = {id: [] for id in by_id}
    known = gather(tx, list(by_id.values()), all, instant(tx))
    for resource in all:
        page = by_id[resource.status_page_id]
        found[page.id].append(standing.state(layers_of(known, page, resource), known.period))
    return {id: standing.aggregate(states) for id, states in found.items()}


def with_standing(tx: Tx, page: StatusPage, resources: Sequence[Resource]) -> list[Resource]:
    """The resources of a page with their status, their history and their availability over the days that it shows."""
    days = days_of(tx, page)
    known = gather(tx, [page], resources, (days.edges[0], to_milliseconds(tx.now + _NOW)))
    return [stood(known, page, resource, days)[0] for resource in resources]


def stood(known: Known, page: StatusPage, resource: Resource, days: Calendar) -> tuple[Resource, Layers]:
    """A resource with how it stands and stood, and the layers from which that follows."""
    layers = layers_of(known, page, resource)
    until = known.period[1]
    past, availability = history.history(layers, days, until)
    now = standing.state(layers, (until - 1, until))
    return msgspec.structs.replace(resource, status=now, availability=availability, status_history=past), layers


def days_of(tx: Tx, page: StatusPage) -> Calendar:
    """The days that a page shows, by the clock of its zone."""
    where = zone(page.settings.timezone) or zone("UTC")
    assert where is not None
    return history.calendar(tx.now.astimezone(where).date(), page.settings.history, where)


def instant(tx: Tx) -> Interval:
    """Now, as the shortest of periods."""
    now_ms = to_milliseconds(tx.now)
    return now_ms, now_ms + 1


def layers_of(known: Known, page: StatusPage, resource: Resource) -> Layers:
    """How a resource stood through the period."""
    return standing.layers(
        resource,
        known.courses[resource.id],
        known.outages,
        known.facts,
        known.said[page.id],
        known.period,
        (page.settings.min_incident_length or 0) * 1000,
    )


def gather(tx: Tx, several: Sequence[StatusPage], resources: Sequence[Resource], period: Interval) -> Known:
    """Everything that counts for these resources of these pages in a period, in a bounded number of queries."""
    courses = _courses(tx, several, resources, period)
    owners: dict[str, set[int]] = {}
    for course in {id(each): each for some in courses.values() for each in some}.values():
        if course.id:
            owners.setdefault(course.owner_type, set()).add(course.id)
    outages: dict[tuple[str, int], list[Spell]] = {}
    for spell in incidents.spells(tx, owners, *period):
        outages.setdefault((spell.owner_type, spell.owner_id), []).append(spell)
    return Known(period, courses, outages, _facts(tx, resources, courses, outages), _said(tx, several, period))


def _said(tx: Tx, several: Sequence[StatusPage], period: Interval) -> dict[int, list[Said]]:
    found: dict[int, list[Said]] = {page.id: [] for page in several}
    if found:
        told = reports.public(
            tx,
            list(found),
            ended_after=from_milliseconds(period[0]),
            started_before=tx.now,
            limit=MAX_REPORTS,
            whole=False,
        )
        for report in told:
            found[report.status_page_id] += reporting.said_of(report)
    return found


def _facts(
    tx: Tx,
    resources: Sequence[Resource],
    courses: Mapping[int, Sequence[Course]],
    outages: Mapping[tuple[str, int], Sequence[Spell]],
) -> dict[int, Metadata]:
    """The metadata of the incidents on which a rule has to decide, and of no others."""
    ids = {
        spell.id
        for resource in resources
        if standing.asks_for_facts(resource)
        for course in courses[resource.id]
        for spell in outages.get((course.owner_type, course.id), ())
    }
    return metadata.of(tx, OwnerType.INCIDENT, sorted(ids)) if ids else {}


def _courses(
    tx: Tx, several: Sequence[StatusPage], resources: Sequence[Resource], period: Interval
) -> dict[int, tuple[Course, ...]]:
    """What each resource is about; what belongs to another team is as good as gone."""
    wanted: dict[ResourceType, set[int]] = {kind: set() for kind in ResourceType}
    for resource in resources:
        if resource.resource_id is not None:
            wanted[resource.resource_type].add(resource.resource_id)
    subjects = _subjects(tx, wanted, period)
    made = {page.id: to_milliseconds(page.created_at.astimezone(UTC)) for page in several}
    found: dict[int, tuple[Course, ...]] = {}
    for resource in resources:
        if resource.resource_type is ResourceType.MANUALLY_TRACKED_ITEM:
            since = made[resource.status_page_id]
            found[resource.id] = (Course(owner_type="", id=0, team_id=resource.team_id, since_ms=since),)
        else:
            about = subjects.get((resource.resource_type, resource.resource_id or 0), ())
            found[resource.id] = tuple(course for course in about if course.team_id == resource.team_id)
    return found


def _subjects(
    tx: Tx, wanted: Mapping[ResourceType, set[int]], period: Interval
) -> dict[tuple[ResourceType, int], list[Course]]:
    found: dict[tuple[ResourceType, int], list[Course]] = {}

    def note(one: ResourceType, group: ResourceType, courses: Iterable[Course]) -> None:
        for course in courses:
            if course.id in wanted[one]:
                found.setdefault((one, course.id), []).append(course)
            if course.group_id in wanted[group]:
                found.setdefault((group, course.group_id or 0), []).append(course)

    one, group = ResourceType.MONITOR, ResourceType.MONITOR_GROUP
    if wanted[one] or wanted[group]:
        note(one, group, monitors.courses(tx, wanted[one], wanted[group], period))
    one, group = ResourceType.HEARTBEAT, ResourceType.HEARTBEAT_GROUP
    if wanted[one] or wanted[group]:
        note(one, group, heartbeats.courses(tx, wanted[one], wanted[group], period))
    ids = {id for kind in _INTEGRATIONS for id in wanted[kind]}
    for word, course in inbound.courses(tx, ids, period) if ids else ():
        kind = ResourceType(word)
        if course.id in wanted[kind]:
            found.setdefault((kind, course.id), []).append(course)
    return found
