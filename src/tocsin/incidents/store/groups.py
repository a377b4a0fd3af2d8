"""Incidents with one cause: who belongs together, and what is due about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, and_, delete, func, insert, select, update

from tocsin.escalation.model import Paging
from tocsin.incidents.model import Group, Incident, IncidentStatus, Kind, Reason
from tocsin.incidents.store.incidents import FIELDS, incident_of
from tocsin.incidents.store.tables import OPEN, incident_changes, incident_dependencies, incident_groups, incidents
from tocsin.storage import Tx

_SURE = incidents.c.confirmed_at.is_not(None)

# --- What incidents lean on ----------------------------------------------------------------------------------------


def add_dependencies(tx: Tx, incident_id: int, owners: Sequence[tuple[str, int]]) -> None:
    """Write down what an incident's owner leans on, the nearest first."""
    rows = [{"incident_id": incident_id, "owner_type": type, "owner_id": id} for type, id in owners]
    if rows:
        tx.execute(insert(incident_dependencies), rows)


def forget_dependencies(tx: Tx, incident_id: int) -> None:
    """It has ended: nothing will be its cause any more."""
    tx.execute(delete(incident_dependencies).where(incident_dependencies.c.incident_id == incident_id))


def failing_dependencies(tx: Tx, incident_id: int, limit: int) -> list[Incident]:
    """The open outages of what an incident's owner leans on, the nearest first."""
    leans, column = incident_dependencies.c, incidents.c
    statement = (
        select(*FIELDS)
        .join(
            incident_dependencies,
            and_(leans.owner_type == column.owner_type, leans.owner_id == column.owner_id),
        )
        .where(leans.incident_id == incident_id, column.id != incident_id, column.kind == Kind.CHECK, OPEN)
        .order_by(leans.id)
        .limit(limit)
    )
    return _incidents(tx, statement)


def dependants(tx: Tx, owner_type: str, owner_id: int, limit: int) -> list[Incident]:
    """The open outages of what leans on an owner, the oldest first."""
    leans, column = incident_dependencies.c, incidents.c
    statement = (
        select(*FIELDS)
        .join(incident_dependencies, leans.incident_id == column.id)
        .where(leans.owner_type == owner_type, leans.owner_id == owner_id, _SURE, OPEN)
        .order_by(column.id)
        .limit(limit)
    )
    return _incidents(tx, statement)


# --- Groups --------------------------------------------------------------------------------------------------------


def group(tx: Tx, id: int) -> Group | None:
    """The group with that id."""
    row = tx.execute(select(incident_groups).where(incident_groups.c.id == id)).first()
    return None if row is None else _group(row)


def add_group(tx: Tx, *, team_id: int, reason: Reason, cause_id: int, settle_until: datetime | None) -> int:
    """Found a group; returns its id."""
    values = {"team_id": team_id, "reason": reason, "cause_id": cause_id, "settle_until": settle_until}
    return tx.insert(insert(incident_groups).values(started_at=tx.now, **values))


def change_group(tx: Tx, id: int, **values: Any) -> None:
    """Set columns of a group."""
    tx.execute(update(incident_groups).where(incident_groups.c.id == id).values(**values))


def put_into_group(tx: Tx, incident_id: int, group_id: int | None) -> None:
    """Let an incident belong to a group, or to none."""
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(incident_group_id=group_id))


def move_members(tx: Tx, from_id: int, to_id: int, paging: Paging | None = None) -> None:
    """Let all open members of one group (those with that paging) belong to another."""
    where = [incidents.c.incident_group_id == from_id, OPEN]
    if paging is not None:
        where.append(incidents.c.paging == paging)
    tx.execute(update(incidents).where(*where).values(incident_group_id=to_id))


def running_storms(tx: Tx, team_id: int, since: datetime, limit: int) -> list[Group]:
    """The storms of a team that began after then and have not ended, the newest first."""
    column = incident_groups.c
    lately = and_(column.started_at > since, column.started_at <= tx.now)  # not what a clock that ran ahead has written
    mine = and_(column.team_id == team_id, column.reason == Reason.STORM, lately)
    rows = tx.execute(
        select(incident_groups).where(mine, column.ended_at.is_(None)).order_by(column.started_at.desc()).limit(limit)
    )
    return [_group(row) for row in rows]


def lately_joined(tx: Tx, group_id: int, since: datetime, limit: int) -> int:
    """How many open members of a group were confirmed after then; counts no further than `limit`."""
    column = incidents.c
    lately = and_(column.confirmed_at > since, column.confirmed_at <= tx.now)
    some = select(column.id).where(column.incident_group_id == group_id, OPEN, lately).limit(limit)
    return int(tx.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def lately_alone(tx: Tx, team_id: int, since: datetime, limit: int) -> list[Incident]:
    """Open incidents of a team that were confirmed after then and belong to no group, the oldest first."""
    column = incidents.c
    lately = and_(column.confirmed_at > since, column.confirmed_at <= tx.now)
    alone = and_(column.team_id == team_id, lately, column.incident_group_id.is_(None), OPEN)
    return _incidents(tx, select(*FIELDS).where(alone).order_by(column.confirmed_at, column.id).limit(limit))


def open_members(tx: Tx, group_id: int, limit: int) -> list[Incident]:
    """Members of a group that are not over, the oldest first."""
    mine = and_(incidents.c.incident_group_id == group_id, OPEN)
    return _incidents(tx, select(*FIELDS).where(mine).order_by(incidents.c.id).limit(limit))


def open_pagings(tx: Tx, group_id: int, limit: int) -> list[tuple[Paging, int]]:
    """In which ways people are to be paged about a group's open members, and about how many; the most first."""
    column, number = incidents.c, func.count().label("number")
    statement = select(column.paging, number).where(column.incident_group_id == group_id, OPEN).group_by(column.paging)
    rows = tx.execute(statement.order_by(number.desc(), func.min(column.id)).limit(limit))
    return [(msgspec.convert(row.paging, Paging, strict=False), row.number) for row in rows]


def speaker(tx: Tx, group_id: int, but: int) -> Incident | None:
    """Who is to speak for a group, `but` that one: the newest that fails and that nobody has taken on.

    The newest, because checks come round in the same order: what failed last is seen to be well last. When none fails,
    one that looks well, or that somebody has taken on; None when all are over.
    """
    column = incidents.c
    mine = and_(column.incident_group_id == group_id, OPEN, column.id != but)
    for best in (column.status == IncidentStatus.STARTED, column.acknowledged_at.is_(None), column.id.is_not(None)):
        found = _incidents(tx, select(*FIELDS).where(mine, best).order_by(column.id.desc()).limit(1))
        if found:
            return found[0]
    return None


def joined_since(tx: Tx, group_id: int, since: datetime) -> bool:
    """Whether anything has joined a group at that instant or later that is still open."""
    column, change = incidents.c, incident_changes.c
    joined = select(change.id).join(incidents, column.id == change.incident_id)
    mine = and_(column.incident_group_id == group_id, OPEN, change.act == "join", change.at >= since)
    return tx.execute(joined.where(mine).limit(1)).first() is not None


def count_some(tx: Tx, group_id: int, limit: int) -> int:
    """How many open incidents a group holds; counts no further than `limit`."""
    column = incidents.c
    some = select(column.id).where(column.incident_group_id == group_id, OPEN).limit(limit)
    return int(tx.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def children(
    tx: Tx, incident: Incident, *, offset: int, limit: int, newest_first: bool = True, still_open: bool = False
) -> tuple[list[Incident], int]:
    """One page of those whose cause an incident is, and how many there are."""
    column = incidents.c
    mine = select(incident_groups.c.id).where(incident_groups.c.cause_id == incident.id)
    where = [column.incident_group_id.in_(mine), column.id != incident.id, *([OPEN] if still_open else [])]
    total = tx.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()
    order = column.id.desc() if newest_first else column.id
    statement = select(*FIELDS).where(*where).order_by(order).offset(offset).limit(limit)
    return (_incidents(tx, statement) if offset < total else []), total


def causes_of(tx: Tx, group_ids: Sequence[int]) -> dict[int, int]:
    """The incident that people are alerted about, by group."""
    column = incident_groups.c
    rows = tx.execute(select(column.id, column.cause_id).where(column.id.in_(group_ids)))
    return {row.id: row.cause_id for row in rows}


def count_groups(tx: Tx) -> int:
    """How many groups have not ended."""
    running = select(func.count()).select_from(incident_groups).where(incident_groups.c.ended_at.is_(None))
    return int(tx.execute(running).scalar_one())


# --- What is due ---------------------------------------------------------------------------------------------------


def due_news(tx: Tx, now: datetime, limit: int) -> list[int]:
    """Groups about which people are to be told how many there are by now."""
    column = incident_groups.c
    return list(
        tx.execute(select(column.id).where(column.news_at <= now).order_by(column.news_at).limit(limit)).scalars()
    )


def claim_news(tx: Tx, group: Group) -> bool:
    """Take the news of a group for ourselves; False when another worker was there first."""
    column = incident_groups.c
    mine = update(incident_groups).where(column.id == group.id, column.news_at == group.news_at)
    return tx.execute(mine.values(news_at=None, told_at=tx.now)).rowcount == 1


def due_lapses(tx: Tx, now: datetime, limit: int) -> list[int]:
    """Reopened incidents whose time has come."""
    column = incidents.c
    return list(
        tx.execute(select(column.id).where(column.lapses_at <= now).order_by(column.lapses_at).limit(limit)).scalars()
    )


def earliest_due(tx: Tx) -> datetime | None:
    """When the next of all these is due."""
    news, lapse = func.min(incident_groups.c.news_at), func.min(incidents.c.lapses_at)
    confirmed = func.min(incidents.c.confirm_by)
    found = [
        tx.execute(select(news).where(incident_groups.c.news_at.is_not(None))).scalar_one(),
        tx.execute(select(lapse).where(incidents.c.lapses_at.is_not(None))).scalar_one(),
        tx.execute(select(confirmed).where(incidents.c.confirm_by.is_not(None))).scalar_one(),
    ]
    return min((at for at in found if at is not None), default=None)


def forget_groups(tx: Tx, incident_id: int) -> None:
    """The incident is deleted: nobody's cause is it any more."""
    tx.execute(delete(incident_groups).where(incident_groups.c.cause_id == incident_id))
    forget_dependencies(tx, incident_id)


def _incidents(tx: Tx, statement: Select[Any]) -> list[Incident]:
    return [incident_of(row) for row in tx.execute(statement)]


def _group(row: Any) -> Group:
    return Group(**{**row._mapping, "reason": Reason(row.reason)})
