"""The shelf of agents and of what they are granted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Row, bindparam, delete, func, insert, select, type_coerce, update

from tocsin.agents.model import Agent, Budgets, Grant
from tocsin.agents.store.tables import agent_grants, agent_spendings, agents
from tocsin.kernel.clock import from_milliseconds
from tocsin.storage import Prepared, Tx

_COLUMNS = tuple(column for column in agents.c if column.name != "removed_at")
_GRANT = tuple(column for column in agent_grants.c if column.name != "agent_id")


def insert_agent(tx: Tx, values: Mapping[str, Any]) -> int:
    return tx.insert(insert(agents).values(created_at=tx.now, **values))


def update_agent(tx: Tx, id: int, values: Mapping[str, Any]) -> None:
    tx.execute(update(agents).where(agents.c.id == id).values(**values))


def set_suspended(tx: Tx, team_ids: Collection[int] | None, by: str | None) -> list[tuple[int, int]]:
    """Suspend all that are not, or (`by` None) let all go on that are: (agent, team) of those that changed."""
    chosen = [agents.c.removed_at.is_(None)]
    chosen.append(agents.c.suspended_at.is_not(None) if by is None else agents.c.suspended_at.is_(None))
    if team_ids is not None:
        chosen.append(agents.c.team_id.in_(team_ids))
    changed = update(agents).where(*chosen).values(suspended_at=None if by is None else tx.now, suspended_by=by)
    return [(row.id, row.team_id) for row in tx.execute(changed.returning(agents.c.id, agents.c.team_id))]


def agent(tx: Tx, id: int) -> Agent | None:
    """With all its grants, dead or alive."""
    row = _AGENT.first(tx, {"id": id})
    if row is None:
        return None
    suspended_at = None if row[8] is None else from_milliseconds(row[8])
    return Agent(
        id=row[0], team_id=row[1], owner_id=row[2], name=row[3], purpose=row[4],
        budgets=msgspec.json.decode(row[5], type=Budgets), acknowledgement_lease_seconds=row[6],
        drafts_only=bool(row[7]), suspended_at=suspended_at, suspended_by=row[9],
        created_at=from_milliseconds(row[10]), grants=tuple(_fast_grant(each) for each in _GRANTS.rows(tx, {"id": id})),
    )  # fmt: skip


def by_name(tx: Tx, team_id: int, name: str) -> int | None:
    mine = (agents.c.team_id == team_id, agents.c.name == name, agents.c.removed_at.is_(None))
    found = tx.execute(select(agents.c.id).where(*mine)).scalar_one_or_none()
    return None if found is None else int(found)


def name_of(tx: Tx, id: int) -> str | None:
    """Its name, also when it has been removed."""
    name: str | None = tx.execute(select(agents.c.name).where(agents.c.id == id)).scalar_one_or_none()
    return name


def page(tx: Tx, team_ids: Collection[int] | None, *, offset: int, limit: int) -> tuple[list[Agent], int]:
    """Agents in the order in which they were made, with their grants, and how many there are."""
    standing = [agents.c.removed_at.is_(None)]
    if team_ids is not None:
        standing.append(agents.c.team_id.in_(team_ids))
    total = tx.execute(select(func.count()).select_from(agents).where(*standing)).scalar_one()
    rows = tx.execute(select(*_COLUMNS).where(*standing).order_by(agents.c.id).offset(offset).limit(limit)).all()
    grants: dict[int, list[Grant]] = {}
    chosen = agent_grants.c.agent_id.in_([row.id for row in rows])
    for row in tx.execute(select(agent_grants).where(chosen).order_by(agent_grants.c.id)):
        grants.setdefault(row.agent_id, []).append(_grant(row))
    return [_agent(row, grants.get(row.id, [])) for row in rows], int(total)


def count(tx: Tx, team_id: int) -> int:
    mine = (agents.c.team_id == team_id, agents.c.removed_at.is_(None))
    return int(tx.execute(select(func.count()).select_from(agents).where(*mine)).scalar_one())


def insert_grant(tx: Tx, agent_id: int, grant: Grant) -> int:
    return tx.insert(insert(agent_grants).values(agent_id=agent_id, created_at=tx.now, **_columns(grant)))


def replace_grant(tx: Tx, id: int, grant: Grant) -> None:
    tx.execute(update(agent_grants).where(agent_grants.c.id == id).values(**_columns(grant)))


def remove_grant(tx: Tx, id: int) -> None:
    tx.execute(delete(agent_grants).where(agent_grants.c.id == id))


def prune_grants(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete a bounded number of grants that ended before then; returns how many."""
    old = select(agent_grants.c.id).where(agent_grants.c.expires_at < before).limit(at_most)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(agent_grants).where(agent_grants.c.id.in_(ids)))
    return len(ids)


def spend(tx: Tx, agent_id: int, kind: str, amount: int) -> None:
    tx.execute(insert(agent_spendings).values(agent_id=agent_id, kind=kind, amount=amount, spent_at=tx.now))


def spent_by_each(tx: Tx, agent_ids: Collection[int], kind: str, since: datetime) -> dict[int, int]:
    """The same of several agents, by agent; who spent nothing is left out."""
    column = agent_spendings.c
    mine = (column.agent_id.in_(agent_ids), column.kind == kind, column.spent_at > since)
    rows = tx.execute(select(column.agent_id, func.sum(column.amount)).where(*mine).group_by(column.agent_id))
    return {int(id): int(amount) for id, amount in map(tuple, rows)}


def spent(tx: Tx, agent_id: int, kind: str, since: datetime) -> int:
    column = agent_spendings.c
    mine = (column.agent_id == agent_id, column.kind == kind, column.spent_at > since)
    return int(tx.execute(select(func.coalesce(func.sum(column.amount), 0)).where(*mine)).scalar_one())


def prune_spendings(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete a bounded number of spendings of before then; returns how many."""
    ids = list(
        tx.execute(select(agent_spendings.c.id).where(agent_spendings.c.spent_at < before).limit(at_most)).scalars()
    )
    if ids:
        tx.execute(delete(agent_spendings).where(agent_spendings.c.id.in_(ids)))
    return len(ids)


def _columns(grant: Grant) -> dict[str, Any]:
    values = {name: getattr(grant, name) for name in grant.__struct_fields__ if name not in ("id", "created_at")}
    return {**values, "levels": dict(grant.levels), "switches": dict(grant.switches), "metadata": dict(grant.metadata)}


def _agent(row: Row[Any], grants: list[Grant]) -> Agent:
    values = {**row._mapping, "budgets": msgspec.convert(row.budgets, Budgets), "grants": tuple(grants)}
    return Agent(**values)


def _grant(row: Row[Any]) -> Grant:
    values = {str(name): value for name, value in row._mapping.items() if name not in _APART}
    return msgspec.structs.replace(msgspec.convert(values, Grant), expires_at=row.expires_at, created_at=row.created_at)


_APART = ("agent_id", "expires_at", "created_at")
_decode_grant = msgspec.json.Decoder(Grant).decode


def _fast_grant(row: tuple[Any, ...]) -> Grant:
    """From the driver's own values, for every call of every agent."""
    id, base, levels, switches, monitors, groups, facts, expires_ms, incident_id, reason, granted_by, created_ms = row
    made = _decode_grant(
        f'{{"levels":{levels},"switches":{switches},"monitor_ids":{monitors},"monitor_group_ids":{groups},"metadata":{facts}}}'
    )
    return msgspec.structs.replace(
        made, id=id, base=bool(base), incident_id=incident_id, reason=reason, granted_by=granted_by,
        expires_at=None if expires_ms is None else from_milliseconds(expires_ms),
        created_at=from_milliseconds(created_ms),
    )  # fmt: skip


_AGENT = Prepared(
    select(
        agents.c.id, agents.c.team_id, agents.c.owner_id, agents.c.name, agents.c.purpose,
        agents.c.budgets, agents.c.acknowledgement_lease_seconds,
        agents.c.drafts_only, type_coerce(agents.c.suspended_at, BigInteger), agents.c.suspended_by,
        type_coerce(agents.c.created_at, BigInteger),
    ).where(agents.c.id == bindparam("id"), agents.c.removed_at.is_(None))
)  # fmt: skip
_GRANTS = Prepared(
    select(
        agent_grants.c.id, agent_grants.c.base, agent_grants.c.levels,
        agent_grants.c.switches, agent_grants.c.monitor_ids,
        agent_grants.c.monitor_group_ids, agent_grants.c.metadata,
        type_coerce(agent_grants.c.expires_at, BigInteger), agent_grants.c.incident_id, agent_grants.c.reason,
        agent_grants.c.granted_by, type_coerce(agent_grants.c.created_at, BigInteger),
    ).where(agent_grants.c.agent_id == bindparam("id")).order_by(agent_grants.c.id)
)  # fmt: skip
"""Both are asked for with every call of an agent."""
