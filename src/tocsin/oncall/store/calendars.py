"""Calendars on the shelf, and when somebody must look who is on call in them next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tocsin.oncall.model import Calendar
from tocsin.oncall.store.tables import calendars, imports, layers, on_call_events
from tocsin.storage import Tx


def add(tx: Tx, *, team_id: int, name: str | None, default_calendar: bool) -> int:
    """Insert a calendar in which nobody is on call yet; returns its id."""
    return tx.insert(
        insert(calendars).values(
            team_id=team_id, name=name, default_calendar=default_calendar, handoff_notices=True,
            handoff_notice_minutes=None, look_at=None, told_user_ids=[], announced_until=None, created_at=tx.now,
        )
    )  # fmt: skip


def find(tx: Tx, id: int) -> Calendar | None:
    """The calendar of that id, whosever it is."""
    return _first(tx, select(calendars).where(calendars.c.id == id))


def default(tx: Tx, team_id: int) -> Calendar | None:
    """The calendar of a team that is meant when none is named."""
    return _first(tx, select(calendars).where(calendars.c.team_id == team_id, calendars.c.default_calendar.is_(True)))


def of_team(tx: Tx, team_id: int, limit: int) -> list[Calendar]:
    """A team's calendars, the oldest first."""
    statement = select(calendars).where(calendars.c.team_id == team_id).order_by(calendars.c.id).limit(limit)
    return [_calendar(row) for row in tx.execute(statement)]


def page(tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[Calendar], int]:
    """One page by id ascending, and how many there are in all."""
    conditions = [] if team_ids is None else [calendars.c.team_id.in_(team_ids)]
    total = tx.execute(select(func.count()).select_from(calendars).where(*conditions)).scalar_one()
    statement = select(calendars).where(*conditions).order_by(calendars.c.id)
    rows = tx.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return [_calendar(row) for row in rows], int(total)


def count(tx: Tx, team_id: int) -> int:
    """How many a team has."""
    counted = select(func.count()).select_from(calendars).where(calendars.c.team_id == team_id)
    return int(tx.execute(counted).scalar_one())


def without_default(tx: Tx, team_ids: Collection[int]) -> list[int]:
    """Which of the teams have no default calendar yet."""
    found = tx.execute(select(calendars.c.team_id).where(calendars.c.default_calendar.is_(True))).scalars()
    return sorted(set(team_ids) - set(found))


def change(tx: Tx, id: int, *, name: str | None, notices: bool, minutes: int | None) -> None:
    """Replace what was set."""
    tx.execute(
        update(calendars)
        .where(calendars.c.id == id)
        .values(name=name, handoff_notices=notices, handoff_notice_minutes=minutes)
    )


def remove(tx: Tx, id: int) -> None:
    """Delete the calendar itself; what hangs on it must be gone."""
    tx.execute(delete(calendars).where(calendars.c.id == id))


def look_again(tx: Tx, id: int, at: datetime) -> None:
    """Somebody must look at `at`: whoever is looking just now, at what was there before, claims it in vain."""
    tx.execute(update(calendars).where(calendars.c.id == id).values(look_at=at))


def due(tx: Tx, limit: int) -> list[tuple[int, datetime]]:
    """(id, planned instant) of the calendars that are to be looked at, those that have waited longest first."""
    statement = select(calendars.c.id, calendars.c.look_at).where(calendars.c.look_at <= tx.now)
    return [(row.id, row.look_at) for row in tx.execute(statement.order_by(calendars.c.look_at).limit(limit))]


def next_look(tx: Tx) -> datetime | None:
    """When the next calendar is to be looked at."""
    found: datetime | None = tx.execute(select(func.min(calendars.c.look_at))).scalar()
    return found


def claim(tx: Tx, id: int, seen: datetime, next_at: datetime | None) -> bool:
    """Plan the next look if nobody else has done so since `seen`."""
    claimed = tx.execute(
        update(calendars).where(calendars.c.id == id, calendars.c.look_at == seen).values(look_at=next_at)
    )
    return claimed.rowcount == 1


def told(tx: Tx, id: int) -> tuple[tuple[int, ...], datetime | None]:
    """(who was on call at the last look, up to when changes were announced)"""
    row = tx.execute(select(calendars.c.told_user_ids, calendars.c.announced_until).where(calendars.c.id == id)).one()
    return tuple(row.told_user_ids), row.announced_until


def tell(tx: Tx, id: int, *, user_ids: Sequence[int], announced_until: datetime | None) -> None:
    """Note who is on call at this look, and up to when changes are announced."""
    tx.execute(
        update(calendars)
        .where(calendars.c.id == id)
        .values(told_user_ids=list(user_ids), announced_until=announced_until)
    )


def holds_anything(tx: Tx, id: int) -> bool:
    """Whether anything is planned in the calendar that is not over yet."""
    planned = (
        select(on_call_events.c.id).where(on_call_events.c.calendar_id == id, on_call_events.c.ends_at > tx.now),
        select(layers.c.id).where(layers.c.calendar_id == id),
        select(imports.c.id).where(imports.c.calendar_id == id),
    )
    return any(tx.execute(each.limit(1)).first() is not None for each in planned)


def was_used(tx: Tx, id: int) -> bool:
    """Whether anything is, or was, planned in the calendar."""
    return any(
        tx.execute(select(table.c.id).where(table.c.calendar_id == id).limit(1)).first() is not None
        for table in (layers, imports, on_call_events)
    )


def _first(tx: Tx, statement: Any) -> Calendar | None:
    row = tx.execute(statement).first()
    return None if row is None else _calendar(row)


def _calendar(row: Any) -> Calendar:
    return Calendar(
        id=row.id, team_id=row.team_id, name=row.name, default_calendar=bool(row.default_calendar),
        created_at=row.created_at, handoff_notices=bool(row.handoff_notices),
        handoff_notice_minutes=row.handoff_notice_minutes,
    )  # fmt: skip
