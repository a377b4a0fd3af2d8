"""Finds incidents and sets beside each what an answer must say about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from tocsin.accounts import actions as accounts
from tocsin.incidents import store
from tocsin.incidents.model import Filter, Incident, Kind, Response, Shown, Spell
from tocsin.incidents.store import evidence, groups
from tocsin.kernel.errors import NotFound
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType
from tocsin.storage import Tx

TYPE = "incident"
OWNERS_AT_ONCE = 400
"""In one statement: an old SQLite takes no more than 999 values."""
MAX_ALERTS = 1_000
"""Open alerts of one integration that are looked at in one go."""


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None = None) -> Incident:
    """The incident with that id, if it belongs to one of these teams (None = any). Raises NotFound."""
    incident = store.find(tx, id)
    if incident is None or (team_ids is not None and incident.team_id not in team_ids):
        raise NotFound(TYPE, id)
    return incident


def current(
    tx: Tx, owner_type: str, owner_id: int, kind: str = Kind.CHECK, alert_id: str | None = None
) -> Incident | None:
    """The open incident of an owner and kind (an alert: with that `alert_id`); there is at most one."""
    return store.current(tx, owner_type, owner_id, kind, alert_id)


def open_alerts(tx: Tx, owner_type: str, owner_id: int, limit: int = MAX_ALERTS) -> list[Incident]:
    """The open alerts of an integration, the newest first: whom a message without an alert id may mean."""
    return store.open_alerts(tx, owner_type, owner_id, limit)


def team_of(tx: Tx, id: int) -> int | None:
    """The team to which an incident belongs; None: there is no such incident."""
    incident = store.find(tx, id)
    return None if incident is None else incident.team_id


def is_open(tx: Tx, id: int, team_id: int) -> bool:
    """Whether there is such an incident in the team, and it is not over."""
    incident = store.find(tx, id)
    return incident is not None and incident.team_id == team_id and incident.open


def open_owners(tx: Tx, owner_type: str, owner_ids: Sequence[int]) -> set[int]:
    """Those of the owners (some hundreds: one query) about which an incident of any kind is open."""
    return store.open_owners(tx, owner_type, owner_ids)


def reopened_owners(tx: Tx, owner_type: str, kind: str = Kind.CHECK, limit: int = MAX_ALERTS) -> list[int]:
    """The owners about which an incident is open that somebody reopened: they are to be looked at closely again."""
    return store.reopened_owners(tx, owner_type, kind, limit)


def page(tx: Tx, wanted: Filter, *, page: int, per_page: int) -> tuple[list[Incident], int]:
    """One page of the matching incidents, newest first, and how many match in all."""
    having = metadata.owners_having(OwnerType.INCIDENT, wanted.metadata)
    return store.page(tx, wanted, having, offset=(page - 1) * per_page, limit=per_page)


def children(tx: Tx, incident: Incident, *, page: int, per_page: int) -> tuple[list[Incident], int]:
    """One page of the incidents whose cause this one is, the newest first, and how many there are."""
    return groups.children(tx, incident, offset=(page - 1) * per_page, limit=per_page)


def downtime(
    tx: Tx, owner_type: str, owner_id: int, since: datetime, until: datetime
) -> list[tuple[datetime, datetime | None]]:
    """(start, end or None) of the confirmed outages of an owner that touch this time, the oldest first."""
    return store.downtime(tx, owner_type, owner_id, Kind.CHECK, since, until)


def spells(tx: Tx, owners: Mapping[str, Collection[int]], since_ms: int, until_ms: int) -> list[Spell]:
    """The confirmed outages of many owners, by type, that touch this time: what checks found and what alerts said.

    Warnings that something will expire are no outages, nor is it one that we ourselves see nothing. A handful of
    queries, however many owners there are.
    """
    found: list[Spell] = []
    for owner_type, ids in owners.items():
        ordered = sorted(ids)
        for start in range(0, len(ordered), OWNERS_AT_ONCE):
            some = ordered[start : start + OWNERS_AT_ONCE]
            found += store.spells(tx, owner_type, some, (Kind.CHECK, Kind.ALERT), since_ms, until_ms)
    return found


def spells_by_id(tx: Tx, ids: Sequence[int]) -> dict[int, Spell]:
    """These incidents as stretches of time, by id; what was deleted is left out."""
    return {
        spell.id: spell
        for start in range(0, len(ids), OWNERS_AT_ONCE)
        for spell in store.spells_by_id(tx, ids[start : start + OWNERS_AT_ONCE])
    }


def response(tx: Tx, incident_id: int) -> Response | None:
    """The stored answer of the failing server, if there was one."""
    return store.response_of(tx, incident_id)


def screenshot(tx: Tx, incident_id: int) -> bytes | None:
    """What a failed browser check saw at its end (PNG), if there is a picture."""
    return store.screenshot_of(tx, incident_id)


def trace(tx: Tx, incident_id: int) -> bytes | None:
    """Everything that a failed browser check did (a zip of Playwright's), if it is there."""
    return evidence.trace_of(tx, incident_id)


def count_open(tx: Tx) -> int:
    """How many incidents are open now, for the metrics."""
    return store.count_open(tx)


def count_groups(tx: Tx) -> int:
    """How many groups of incidents with one cause there are now, for the metrics."""
    return groups.count_groups(tx)


def show(tx: Tx, incident: Incident, base_url: str) -> Shown:
    """An incident as it stands in an answer."""
    return show_all(tx, [incident], base_url)[0]


def show_all(tx: Tx, incidents: Sequence[Incident], base_url: str) -> list[Shown]:
    """Many incidents as they stand in a list, with one query for all their facts."""
    facts = metadata.of(tx, OwnerType.INCIDENT, [incident.id for incident in incidents])
    teams = {team_id: accounts.team(tx, team_id).name for team_id in {incident.team_id for incident in incidents}}
    in_groups = {incident.incident_group_id for incident in incidents if incident.incident_group_id is not None}
    causes = groups.causes_of(tx, sorted(in_groups)) if in_groups else {}

    def cause_of(incident: Incident) -> int | None:
        cause = None if incident.incident_group_id is None else causes.get(incident.incident_group_id)
        return None if cause == incident.id else cause

    return [
        Shown(
            incident=incident,
            team_name=teams[incident.team_id],
            metadata=facts[incident.id],
            base_url=base_url,
            cause_id=cause_of(incident),
        )
        for incident in incidents
    ]
