"""Finds, writes and counts incidents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    type_coerce,
    update,
)

from tocsin.escalation.model import Paging
from tocsin.incidents.model import UNSEEN, Filter, Incident, IncidentStatus, Kind, Spell
from tocsin.incidents.store.postmortems import incident_postmortems
from tocsin.incidents.store.tables import (
    OPEN,
    incident_changes,
    incident_comments,
    incident_responses,
    incidents,
)
from tocsin.metadata import actions as facts
from tocsin.metadata.model import OwnerType, Value
from tocsin.notify import actions as notify
from tocsin.registry import Bounds
from tocsin.storage import Tx

_SPELL = (
    incidents.c.id,
    incidents.c.owner_type,
    incidents.c.owner_id,
    *(
        type_coerce(column, BigInteger)
        for column in (incidents.c.started_at, incidents.c.resolved_at, incidents.c.reopened_at)
    ),
    incidents.c.incident_group_id,
    type_coerce(incidents.c.confirmed_at, BigInteger),
)
"""Instants come as the milliseconds that they are."""
_SEARCHED = (incidents.c.name, incidents.c.cause, incidents.c.url)
FIELDS = tuple(incidents.c[name] for name in Incident.__struct_fields__)


def add(tx: Tx, **values: Any) -> int:
    """Insert an incident; returns its id."""
    if values["kind"] != Kind.ALERT:
        values["alert_id"] = ""
    return tx.insert(insert(incidents).values(withdrawn=False, **values))


def find(tx: Tx, id: int) -> Incident | None:
    """The incident with that id."""
    row = tx.execute(select(*FIELDS).where(incidents.c.id == id)).first()
    return None if row is None else incident_of(row)


def current(tx: Tx, owner_type: str, owner_id: int, kind: str, alert_id: str | None) -> Incident | None:
    """The open incident of an owner, kind and alert: there is at most one. None for an alert without an id."""
    if kind == Kind.ALERT and alert_id is None:
        return None
    column = incidents.c
    mine = and_(column.owner_type == owner_type, column.owner_id == owner_id, column.kind == kind, OPEN)
    row = tx.execute(select(*FIELDS).where(mine, column.alert_id == (alert_id or ""))).first()
    return None if row is None else incident_of(row)


def open_alerts(tx: Tx, owner_type: str, owner_id: int, limit: int) -> list[Incident]:
    """The open alerts of an integration, the newest first."""
    column = incidents.c
    mine = and_(column.owner_type == owner_type, column.owner_id == owner_id, column.kind == Kind.ALERT, OPEN)
    rows = tx.execute(select(*FIELDS).where(mine).order_by(column.id.desc()).limit(limit))
    return [incident_of(row) for row in rows]


def open_owners(tx: Tx, owner_type: str, owner_ids: Sequence[int]) -> set[int]:
    """Those of the owners about which anything is open, of whatever kind."""
    statement = select(incidents.c.owner_id).where(
        incidents.c.owner_type == owner_type, incidents.c.owner_id.in_(owner_ids), OPEN
    )
    return set(tx.execute(statement).scalars())


def reopened_owners(tx: Tx, owner_type: str, kind: str, limit: int) -> list[int]:
    """Those about which an incident of that kind is open that somebody reopened."""
    column = incidents.c
    mine = and_(column.owner_type == owner_type, column.kind == kind, column.reopened_at.is_not(None), OPEN)
    found = tx.execute(select(column.owner_id).where(mine).order_by(column.id).limit(limit)).scalars()
    return [id for id in found if id is not None]


def change(tx: Tx, seen: Incident, **values: Any) -> bool:
    """Set columns if the incident still is in the state in which it was seen; False when somebody was faster."""
    answer = tx.execute(
        update(incidents)
        .where(
            incidents.c.id == seen.id,
            incidents.c.status == seen.status,
            incidents.c.acknowledged_at.is_not_distinct_from(seen.acknowledged_at),
            incidents.c.acknowledged_by_agent_id.is_not_distinct_from(seen.acknowledged_by_agent_id),
        )
        .values(**values)
    )
    return answer.rowcount == 1


def page(
    tx: Tx, wanted: Filter, having: Iterable[Select[tuple[int]]], *, offset: int, limit: int
) -> tuple[list[Incident], int]:
    """One page of the matching incidents, newest first, and how many match; only those that are in all of `having`."""
    where = _where(wanted) + [incidents.c.id.in_(ids) for ids in having]
    total = tx.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()
    if offset >= total:
        return [], total
    rows = tx.execute(select(*FIELDS).where(*where).order_by(incidents.c.id.desc()).offset(offset).limit(limit))
    return [incident_of(row) for row in rows], total


def downtime(
    tx: Tx, owner_type: str, owner_id: int, kind: str, since: datetime, until: datetime
) -> list[tuple[datetime, datetime | None]]:
    """(start, end or None) of the confirmed incidents of an owner that touch the time from `since` to `until`."""
    rows = tx.execute(
        select(incidents.c.started_at, incidents.c.resolved_at)
        .where(
            incidents.c.owner_type == owner_type,
            incidents.c.owner_id == owner_id,
            incidents.c.started_at < until,
            incidents.c.kind == kind,
            incidents.c.confirmed_at.is_not(None),
            or_(OPEN, incidents.c.resolved_at > since),
        )
        .order_by(incidents.c.started_at)
    )
    return [(row.started_at, row.resolved_at) for row in rows]


def spells(
    tx: Tx, owner_type: str, owner_ids: Sequence[int], kinds: Sequence[str], since_ms: int, until_ms: int
) -> list[Spell]:
    """The confirmed incidents of some hundreds of owners that touch this time, the oldest of each owner first."""
    column = incidents.c
    mine = and_(
        column.owner_type == owner_type,
        column.owner_id.in_(owner_ids),
        column.kind.in_(kinds),
        column.confirmed_at.is_not(None),
        not_(column.cause.startswith(UNSEEN, autoescape=True)),
        type_coerce(column.started_at, BigInteger) < until_ms,
        or_(OPEN, type_coerce(column.resolved_at, BigInteger) > since_ms),
    )
    rows: Any = tx.execute(select(*_SPELL).where(mine).order_by(column.owner_id, column.started_at)).all()
    return [Spell(*row) for row in rows]


def spells_by_id(tx: Tx, ids: Sequence[int]) -> list[Spell]:
    """These incidents, if they are confirmed and there still."""
    rows: Any = tx.execute(select(*_SPELL).where(incidents.c.id.in_(ids), incidents.c.confirmed_at.is_not(None)))
    return [Spell(*row) for row in rows]


def count_open(tx: Tx) -> int:
    """How many incidents are open in all."""
    return int(tx.execute(select(func.count()).select_from(incidents).where(OPEN)).scalar_one())


def due_confirmations(tx: Tx, now: datetime, limit: int) -> list[int]:
    """Incidents that an agent has acknowledged and of which no person has confirmed that by now, the oldest first."""
    column = incidents.c
    due = select(column.id).where(column.confirm_by <= now).order_by(column.confirm_by).limit(limit)
    return list(tx.execute(due).scalars())


def remove(tx: Tx, id: int) -> None:
    """Delete an incident and everything that hangs on it."""
    for table in (incident_responses, incident_comments, incident_changes, incident_postmortems):
        tx.execute(delete(table).where(table.c.incident_id == id))
    tx.execute(delete(incidents).where(incidents.c.id == id))


def unresolved(tx: Tx, limit: int) -> list[int]:
    """Ids of what is open, confirmed or not."""
    return list(tx.execute(select(incidents.c.id).where(OPEN).limit(limit)).scalars())


def withdrawn(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Ids of the incidents that were taken back before then."""
    column = incidents.c
    old = select(column.id).where(column.withdrawn.is_(True), column.resolved_at < before)
    return list(tx.execute(old.order_by(column.resolved_at).limit(limit)).scalars())


def incident_of(row: Any) -> Incident:
    """A row of `FIELDS` as a record."""
    values = dict(row._mapping)
    values["status"] = IncidentStatus(values["status"])
    values["paging"] = msgspec.convert(values["paging"], Paging, strict=False)
    values["alert_id"] = values["alert_id"] or None
    return Incident(**values)


def _within(bounds: Bounds) -> ColumnElement[bool]:
    """Whether an incident is within what a caller was granted: by what it is about, or by what it says itself."""
    column = incidents.c
    conditions: list[ColumnElement[bool]] = []
    for key, value in bounds.metadata.items():
        wanted = {key: [Value(value=value)]}
        own, monitors, heartbeats = (
            facts.owners_having(kind, wanted)[0]
            for kind in (OwnerType.INCIDENT, OwnerType.MONITOR, OwnerType.HEARTBEAT)
        )
        conditions.append(
            or_(
                column.id.in_(own),
                and_(column.owner_type == "monitor", column.owner_id.in_(monitors)),
                and_(column.owner_type == "heartbeat", column.owner_id.in_(heartbeats)),
            )
        )
    if bounds.monitor_ids is not None:
        conditions.append(and_(column.owner_type == "monitor", column.owner_id.in_(bounds.monitor_ids)))
    return and_(True, *conditions)


def _where(wanted: Filter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [incidents.c.withdrawn.is_(False)]
    if wanted.team_ids is not None:
        where.append(incidents.c.team_id.in_(wanted.team_ids))
    if wanted.reach is not None:
        where.append(or_(False, *(_within(bounds) for bounds in wanted.reach)))
    if wanted.since is not None:
        where.append(incidents.c.started_at >= wanted.since)
    if wanted.until is not None:
        where.append(incidents.c.started_at < wanted.until)
    if wanted.owner is not None:
        where += [incidents.c.owner_type == wanted.owner[0], incidents.c.owner_id == wanted.owner[1]]
    for column, asked in (
        (incidents.c.resolved_at, wanted.resolved),
        (incidents.c.acknowledged_at, wanted.acknowledged),
    ):
        if asked is not None:
            where.append(column.is_not(None) if asked else column.is_(None))
    if wanted.status is not None:
        where.append(incidents.c.status == wanted.status)
    if wanted.cause is not None:
        where.append(incidents.c.cause == wanted.cause)
    where += [or_(*(_holds(column, word) for column in _SEARCHED)) for word in wanted.words]
    if wanted.critical_alert is not None:
        critical = type_coerce(incidents.c.paging, Text).contains('"critical_alert":true')
        where.append(critical if wanted.critical_alert else not_(critical))
    if wanted.mine is not None and wanted.whose is not None:
        mine = incidents.c.acknowledged_by.is_not_distinct_from(wanted.whose.name)
        if wanted.whose.user_id is not None:
            mine = or_(mine, notify.told(wanted.whose.user_id, incidents.c.id))
        where.append(mine if wanted.mine else not_(mine))
    return where


def _holds(column: ColumnElement[Any], word: str) -> ColumnElement[bool]:
    return func.coalesce(func.lower(column).contains(word.lower(), autoescape=True), False)
