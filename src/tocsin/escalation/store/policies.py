"""The shelf of what teams have decided beforehand: policies, severities, and the groups they are sorted into."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from tocsin.escalation.model.policies import Group, Policy, PolicyStep, Urgency
from tocsin.storage import Instant, Json, Tx, metadata
from tocsin.storage.tables import Id


def _groups(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", Id, primary_key=True),
        Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
        Column("name", Text, nullable=False),
        Column("sort_index", Integer, nullable=True),
        Column("created_at", Instant, nullable=False),
        Column("updated_at", Instant, nullable=False),
        Index(f"ix_{name}_team_id", "team_id", "id"),
        sqlite_autoincrement=True,
    )


policy_groups = _groups("policy_groups")
urgency_groups = _groups("urgency_groups")

policies = Table(
    "policies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("repeat_count", Integer, nullable=False),
    Column("repeat_delay", Integer, nullable=False),
    Column("fallback_policy_id", Id, nullable=True),
    Column("policy_group_id", Id, ForeignKey("policy_groups.id"), nullable=True),
    Column("incident_token", Text, nullable=False),
    Column("incident_token_fingerprint", Text, nullable=False, unique=True),
    Column("steps", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_policies_team_id", "team_id", "id"),
    Index("ix_policies_policy_group_id", "policy_group_id", "id"),
    sqlite_autoincrement=True,
)

urgencies = Table(
    "urgencies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("sms", Boolean, nullable=False),
    Column("call", Boolean, nullable=False),
    Column("email", Boolean, nullable=False),
    Column("push", Boolean, nullable=False),
    Column("critical_alert", Boolean, nullable=False),
    Column("urgency_group_id", Id, ForeignKey("urgency_groups.id"), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_urgencies_team_id", "team_id", "id"),
    Index("ix_urgencies_urgency_group_id", "urgency_group_id", "id"),
    sqlite_autoincrement=True,
)

_TABLES = {"policy": policies, "urgency": urgencies, "policy_group": policy_groups, "urgency_group": urgency_groups}
_MEMBERS_OF = {"policy_group": policies.c.policy_group_id, "urgency_group": urgencies.c.urgency_group_id}
TeamIds = tuple[int, ...] | None


def add(tx: Tx, kind: str, **values: Any) -> int:
    """Put a `policy`, `urgency`, `policy_group` or `urgency_group` onto the shelf; returns its id."""
    return tx.insert(insert(_TABLES[kind]).values(created_at=tx.now, updated_at=tx.now, **_stored(tx, values)))


def change(tx: Tx, kind: str, id: int, **values: Any) -> None:
    table = _TABLES[kind]
    tx.execute(update(table).where(table.c.id == id).values(updated_at=tx.now, **_stored(tx, values)))


def remove(tx: Tx, kind: str, id: int) -> None:
    """Delete it; what was in a group that goes belongs to none."""
    if kind in _MEMBERS_OF:
        column = _MEMBERS_OF[kind]
        tx.execute(update(column.table).where(column == id).values({column: None}))
    table = _TABLES[kind]
    tx.execute(delete(table).where(table.c.id == id))


def find(tx: Tx, kind: str, id: int, team_ids: TeamIds) -> Any:
    """The record if it exists and belongs to one of the teams (None = whichever); `team_name` is left empty."""
    table = _TABLES[kind]
    statement = select(table).where(table.c.id == id)
    if team_ids is not None:
        statement = statement.where(table.c.team_id.in_(team_ids))
    row = tx.execute(statement).first()
    return None if row is None else _record(kind, row)


def several(tx: Tx, kind: str, ids: Collection[int]) -> list[Any]:
    """Those of these ids that exist, in no order."""
    if not ids:
        return []
    table = _TABLES[kind]
    return [_record(kind, row) for row in tx.execute(select(table).where(table.c.id.in_(list(ids))))]


def page(
    tx: Tx, kind: str, *, team_ids: TeamIds, page: int, per_page: int, group_id: int | None = None
) -> tuple[list[Any], int]:
    """One page by id ascending, of one group if it is given, and how many there are in all."""
    table = _TABLES[kind]
    conditions: list[ColumnElement[bool]] = [] if team_ids is None else [table.c.team_id.in_(team_ids)]
    if group_id is not None:
        conditions.append(table.c[f"{kind}_group_id"] == group_id)
    total = tx.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
    rows = tx.execute(
        select(table).where(*conditions).order_by(table.c.id).limit(per_page).offset((page - 1) * per_page)
    )
    return [_record(kind, row) for row in rows], int(total)


def incident_tokens(tx: Tx, policy_ids: Collection[int]) -> dict[int, str]:
    """The secrets of these policies' forms. Kept apart from `find`: paging must not fail for the want of a key."""
    column = policies.c
    rows = tx.execute(select(column.id, column.incident_token).where(column.id.in_(list(policy_ids))))
    return {row.id: tx.vault.open(row.incident_token) for row in rows}


def count(tx: Tx, kind: str, team_id: int) -> int:
    """How many a team has."""
    table = _TABLES[kind]
    return int(tx.execute(select(func.count()).select_from(table).where(table.c.team_id == team_id)).scalar_one())


def _stored(tx: Tx, values: dict[str, Any]) -> dict[str, Any]:
    stored = dict(values)
    if "incident_token" in stored:
        stored["incident_token"] = tx.vault.seal(stored["incident_token"])
    return stored


def _record(kind: str, row: Row[Any]) -> Policy | Urgency | Group:
    if kind == "policy":
        return Policy(
            id=row.id, team_id=row.team_id, name=row.name, repeat_count=row.repeat_count,
            repeat_delay=row.repeat_delay, fallback_policy_id=row.fallback_policy_id,
            policy_group_id=row.policy_group_id,
            steps=msgspec.convert(row.steps, tuple[PolicyStep, ...]), created_at=row.created_at,
            updated_at=row.updated_at,
        )  # fmt: skip
    if kind == "urgency":
        return Urgency(
            id=row.id, team_id=row.team_id, name=row.name, sms=bool(row.sms), call=bool(row.call),
            email=bool(row.email), push=bool(row.push), critical_alert=bool(row.critical_alert),
            urgency_group_id=row.urgency_group_id, created_at=row.created_at, updated_at=row.updated_at,
        )  # fmt: skip
    return Group(
        id=row.id, team_id=row.team_id, name=row.name, sort_index=row.sort_index, created_at=row.created_at,
        updated_at=row.updated_at,
    )  # fmt: skip
