"""The shelf of the places that teams are told at: one row each, what is secret in it sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Row,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy import update as sql_update

from tocsin.notify.model.targets import ACTIVE, Target, TargetDelivery
from tocsin.notify.store.tables import deliveries, delivery_events
from tocsin.storage import Instant, Tx, metadata
from tocsin.storage.tables import Id

targets = Table(
    "notification_targets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("notify_alongside_primary_responder", Boolean, nullable=False),
    Column("on_call_notifications", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_notification_targets_team_id", "team_id", "kind", "id"),
    sqlite_autoincrement=True,
)
Index(
    "ix_deliveries_target_id",
    deliveries.c.target_id,
    deliveries.c.id,
    sqlite_where=deliveries.c.target_id > 0,
    postgresql_where=deliveries.c.target_id > 0,
)
"""`secrets`: the settings as a whole, sealed JSON: what is no secret of one kind is one of another."""

_TARGET = (
    targets.c.id,
    targets.c.team_id,
    targets.c.kind,
    targets.c.name,
    targets.c.notify_alongside_primary_responder,
    targets.c.on_call_notifications,
    targets.c.status,
)


def add(
    tx: Tx, *, team_id: int, kind: str, name: str, settings: Mapping[str, Any], alongside: bool, on_call: bool
) -> int:
    """Insert a target; returns its id."""
    return tx.insert(
        insert(targets).values(
            team_id=team_id, kind=kind, name=name, secrets=_sealed(tx, settings), status=ACTIVE,
            notify_alongside_primary_responder=alongside, on_call_notifications=on_call,
            created_at=tx.now, updated_at=tx.now,
        )
    )  # fmt: skip


def find(tx: Tx, id: int) -> Target | None:
    row = tx.execute(select(*_TARGET).where(targets.c.id == id)).first()
    return None if row is None else target_of(row)


def row_of(tx: Tx, id: int) -> Row[Any] | None:
    """Everything that stands about a target, still sealed."""
    return tx.execute(select(targets).where(targets.c.id == id)).first()


def of_team(tx: Tx, team_id: int, *, kind: str | None, alongside: bool | None, on_call: bool | None) -> list[Target]:
    """The targets of a team by id; None = whatever it is."""
    conditions: list[ColumnElement[bool]] = [targets.c.team_id == team_id]
    if kind is not None:
        conditions.append(targets.c.kind == kind)
    if alongside is not None:
        conditions.append(targets.c.notify_alongside_primary_responder == alongside)
    if on_call is not None:
        conditions.append(targets.c.on_call_notifications == on_call)
    rows = tx.execute(select(*_TARGET).where(*conditions).order_by(targets.c.id))
    return [target_of(row) for row in rows]


def page(
    tx: Tx, *, kind: str | None, team_ids: tuple[int, ...] | None, offset: int, limit: int
) -> tuple[list[Row[Any]], int]:
    """Rows of one page by id, still sealed, and how many there are in all."""
    conditions: list[ColumnElement[bool]] = []
    if kind is not None:
        conditions.append(targets.c.kind == kind)
    if team_ids is not None:
        conditions.append(targets.c.team_id.in_(team_ids))
    total = tx.execute(select(func.count()).select_from(targets).where(*conditions)).scalar_one()
    rows = tx.execute(select(targets).where(*conditions).order_by(targets.c.id).limit(limit).offset(offset))
    return list(rows), int(total)


def count(tx: Tx, team_id: int) -> int:
    """How many a team has."""
    counted = select(func.count()).select_from(targets).where(targets.c.team_id == team_id)
    return int(tx.execute(counted).scalar_one())


def change(tx: Tx, id: int, *, name: str, settings: Mapping[str, Any], alongside: bool, on_call: bool) -> None:
    """Replace what was set. A place that was given up is tried again."""
    tx.execute(
        sql_update(targets)
        .where(targets.c.id == id)
        .values(
            name=name, secrets=_sealed(tx, settings), status=ACTIVE, notify_alongside_primary_responder=alongside,
            on_call_notifications=on_call, updated_at=tx.now,
        )
    )  # fmt: skip


def mark(tx: Tx, id: int, status: str) -> None:
    tx.execute(sql_update(targets).where(targets.c.id == id).values(status=status))


def remove(tx: Tx, id: int) -> None:
    tx.execute(delete(targets).where(targets.c.id == id))


def delivery(tx: Tx, delivery_id: int) -> TargetDelivery | None:
    """One message to a target."""
    found = _deliveries(tx, select(deliveries).where(deliveries.c.id == delivery_id))
    return found[0] if found else None


def deliveries_to(tx: Tx, target_id: int, *, offset: int, limit: int) -> tuple[list[TargetDelivery], int]:
    """One page of the messages to a target, newest first, and how many there are in all."""
    mine = (deliveries.c.target_id == target_id) & (deliveries.c.target_id > 0)
    total = tx.execute(select(func.count()).select_from(deliveries).where(mine)).scalar_one()
    statement = select(deliveries).where(mine).order_by(deliveries.c.id.desc())
    return _deliveries(tx, statement.limit(limit).offset(offset)), int(total)


def settings_in(tx: Tx, sealed: str) -> dict[str, Any]:
    """What was sealed; empty when it was sealed with another key."""
    try:
        opened = tx.vault.open(sealed)
    except ValueError:
        return {}
    return dict(msgspec.json.decode(opened)) if opened else {}


def target_of(row: Row[Any]) -> Target:
    """The target in a row."""
    return Target(
        id=row.id,
        team_id=row.team_id,
        kind=row.kind,
        name=row.name,
        notify_alongside_primary_responder=bool(row.notify_alongside_primary_responder),
        on_call_notifications=bool(row.on_call_notifications),
        status=row.status,
    )


def _deliveries(tx: Tx, statement: Select[Any]) -> list[TargetDelivery]:
    rows = list(tx.execute(statement))
    event = delivery_events.c
    newest = select(func.max(event.id)).where(event.delivery_id.in_([row.id for row in rows]))
    lines = tx.execute(
        select(event.delivery_id, event.at, event.detail).where(event.id.in_(newest.group_by(event.delivery_id)))
    )
    last = {line.delivery_id: line for line in lines}
    return [
        TargetDelivery(
            id=row.id, incident_id=row.incident_id, kind=row.kind, state=row.state, attempts=row.attempts,
            detail=last[row.id].detail, planned_at=row.planned_at, changed_at=last[row.id].at,
        )
        for row in rows
    ]  # fmt: skip


def _sealed(tx: Tx, settings: Mapping[str, Any]) -> str:
    return tx.vault.seal(msgspec.json.encode(settings).decode())
