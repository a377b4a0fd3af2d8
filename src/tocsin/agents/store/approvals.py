"""The shelf of what agents have asked people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update

from tocsin.agents.model import Approval, ApprovalState, Grant
from tocsin.agents.store.tables import agents, approvals
from tocsin.storage import Tx


def insert_approval(tx: Tx, values: Mapping[str, Any]) -> int:
    return tx.insert(insert(approvals).values(asked_at=tx.now, state=ApprovalState.PENDING, **values))


def approval(tx: Tx, id: int) -> Approval | None:
    row = tx.execute(_named().where(approvals.c.id == id)).first()
    return None if row is None else _approval(row, tx.now)


def latest(tx: Tx, agent_id: int, digest: str) -> Approval | None:
    """The newest question about exactly this call."""
    mine = (approvals.c.agent_id == agent_id, approvals.c.digest == digest)
    row = tx.execute(_named().where(*mine).order_by(approvals.c.id.desc()).limit(1)).first()
    return None if row is None else _approval(row, tx.now)


def count_pending(tx: Tx, agent_id: int) -> int:
    mine = (
        approvals.c.agent_id == agent_id,
        approvals.c.state == ApprovalState.PENDING,
        approvals.c.expires_at > tx.now,
    )
    return int(tx.execute(select(func.count()).select_from(approvals).where(*mine)).scalar_one())


def waiting(tx: Tx, agent_ids: Collection[int]) -> dict[int, int]:
    """How many questions of each agent wait for a person; an agent without any is left out."""
    mine = (
        approvals.c.agent_id.in_(agent_ids),
        approvals.c.state == ApprovalState.PENDING,
        approvals.c.expires_at > tx.now,
    )
    rows = tx.execute(select(approvals.c.agent_id, func.count()).where(*mine).group_by(approvals.c.agent_id))
    return {int(id): int(count) for id, count in map(tuple, rows)}


def count_waiting(tx: Tx, team_id: int) -> int:
    """How many questions wait for the people of a team."""
    mine = (
        approvals.c.team_id == team_id,
        approvals.c.state == ApprovalState.PENDING,
        approvals.c.expires_at > tx.now,
    )
    return int(tx.execute(select(func.count()).select_from(approvals).where(*mine)).scalar_one())


def count_asked(tx: Tx, agent_id: int, since: datetime) -> int:
    """How many questions it has asked since then, whatever became of them."""
    mine = (approvals.c.agent_id == agent_id, approvals.c.asked_at > since)
    return int(tx.execute(select(func.count()).select_from(approvals).where(*mine)).scalar_one())


def move(tx: Tx, id: int, seen: ApprovalState, values: Mapping[str, Any]) -> bool:
    """Change it if it still stands where it was seen; False when somebody was faster."""
    mine = (approvals.c.id == id, approvals.c.state == seen, approvals.c.expires_at > tx.now)
    return tx.execute(update(approvals).where(*mine).values(**values)).rowcount == 1


def page(
    tx: Tx,
    team_ids: Collection[int] | None,
    *,
    agent_id: int | None,
    states: Collection[ApprovalState],
    offset: int,
    limit: int,
) -> tuple[list[Approval], int]:
    """The newest first, and how many there are; without `states`: whatever became of them."""
    chosen: list[ColumnElement[bool]] = []
    if team_ids is not None:
        chosen.append(approvals.c.team_id.in_(team_ids))
    if agent_id is not None:
        chosen.append(approvals.c.agent_id == agent_id)
    if states:
        chosen.append(or_(*(and_(*_in_state(state, tx.now)) for state in states)))
    total = tx.execute(select(func.count()).select_from(approvals).where(*chosen)).scalar_one()
    rows = tx.execute(_named().where(*chosen).order_by(approvals.c.id.desc()).offset(offset).limit(limit))
    return [_approval(row, tx.now) for row in rows], int(total)


def prune(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete a bounded number of questions that were asked before then; returns how many."""
    old = select(approvals.c.id).where(approvals.c.asked_at < before).order_by(approvals.c.id).limit(at_most)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(approvals).where(approvals.c.id.in_(ids)))
    return len(ids)


def _named() -> Select[Any]:
    """Questions, with what the agent that asked is called, also after it was removed."""
    asking = approvals.join(agents, agents.c.id == approvals.c.agent_id)
    return select(*approvals.c, agents.c.name.label("agent_name")).select_from(asking)


def _in_state(state: ApprovalState, now: datetime) -> list[Any]:
    waiting = approvals.c.state.in_([ApprovalState.PENDING, ApprovalState.APPROVED])
    if state is ApprovalState.EXPIRED:
        return [waiting, approvals.c.expires_at <= now]
    if state in (ApprovalState.PENDING, ApprovalState.APPROVED):
        return [approvals.c.state == state, approvals.c.expires_at > now]
    return [approvals.c.state == state]


def _approval(row: Row[Any], now: datetime) -> Approval:
    values = dict(row._mapping)
    grant = values.pop("requested_grant")
    state = ApprovalState(row.state)
    if state in (ApprovalState.PENDING, ApprovalState.APPROVED) and row.expires_at <= now:
        state = ApprovalState.EXPIRED
    return Approval(**{**values, "state": state, "grant": None if grant is None else msgspec.convert(grant, Grant)})
