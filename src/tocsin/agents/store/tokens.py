"""The shelf of agents' tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Row, and_, bindparam, case, delete, func, insert, or_, select, type_coerce, update

from tocsin.agents.model import AgentToken, TokenKind
from tocsin.agents.store.tables import agent_tokens
from tocsin.kernel.clock import from_milliseconds
from tocsin.storage import Prepared, Tx

_COLUMNS = tuple(column for column in agent_tokens.c if column.name != "fingerprint")


def insert_token(tx: Tx, **values: Any) -> int:
    return tx.insert(insert(agent_tokens).values(created_at=tx.now, **values))


def by_fingerprint(tx: Tx, fingerprint: str) -> AgentToken | None:
    """The token, also when it has ended."""
    row = _BY_FINGERPRINT.first(tx, {"fingerprint": fingerprint})
    if row is None:
        return None
    instants = [None if value is None else from_milliseconds(value) for value in row[6:10]]
    created_at = instants[0]
    assert created_at is not None
    return AgentToken(
        id=row[0], agent_id=row[1], kind=row[2], name=row[3], last4=row[4],
        allowed_addresses=tuple(msgspec.json.decode(row[5])), created_at=created_at, expires_at=instants[1],
        last_used_at=instants[2], revoked_at=instants[3], client_id=row[10], family=row[11], resource=row[12],
    )  # fmt: skip


def token(tx: Tx, id: int) -> AgentToken | None:
    row = tx.execute(select(*_COLUMNS).where(agent_tokens.c.id == id)).first()
    return None if row is None else _token(row)


def page(tx: Tx, agent_id: int, *, offset: int, limit: int) -> tuple[list[AgentToken], int]:
    """The tokens of an agent that have not been revoked, oldest first, and how many there are."""
    mine = (agent_tokens.c.agent_id == agent_id, agent_tokens.c.revoked_at.is_(None))
    total = tx.execute(select(func.count()).select_from(agent_tokens).where(*mine)).scalar_one()
    rows = tx.execute(select(*_COLUMNS).where(*mine).order_by(agent_tokens.c.id).offset(offset).limit(limit))
    return [_token(row) for row in rows], int(total)


def count_made(tx: Tx, agent_id: int) -> int:
    """How many that a person made for it are good still."""
    column = agent_tokens.c
    good = or_(column.expires_at.is_(None), column.expires_at > tx.now)
    mine = (column.agent_id == agent_id, column.kind == TokenKind.TOKEN, column.revoked_at.is_(None), good)
    return int(tx.execute(select(func.count()).select_from(agent_tokens).where(*mine)).scalar_one())


def standing(tx: Tx, agent_ids: Collection[int]) -> dict[int, tuple[int, datetime | None]]:
    """By agent: how many of its tokens let it in at this moment, and when any was used last."""
    column = agent_tokens.c
    good = (
        column.revoked_at.is_(None),
        or_(column.expires_at.is_(None), column.expires_at > tx.now),
        column.kind != TokenKind.REFRESH,
    )
    counted = func.coalesce(func.sum(case((and_(*good), 1), else_=0)), 0)
    rows = tx.execute(
        select(column.agent_id, counted, func.max(column.last_used_at))
        .where(column.agent_id.in_(agent_ids))
        .group_by(column.agent_id)
    )
    return {int(id): (int(count), seen) for id, count, seen in map(tuple, rows)}


def revoke(tx: Tx, id: int) -> None:
    tx.execute(update(agent_tokens).where(agent_tokens.c.id == id).values(revoked_at=tx.now))


def revoke_of_agent(tx: Tx, agent_id: int) -> None:
    standing = (agent_tokens.c.agent_id == agent_id, agent_tokens.c.revoked_at.is_(None))
    tx.execute(update(agent_tokens).where(*standing).values(revoked_at=tx.now))


def revoke_family(tx: Tx, family: str) -> int:
    standing = (agent_tokens.c.family == family, agent_tokens.c.revoked_at.is_(None))
    return tx.execute(update(agent_tokens).where(*standing).values(revoked_at=tx.now)).rowcount


def touch(tx: Tx, ids: Sequence[int], *, unless_within: timedelta) -> None:
    stale = or_(agent_tokens.c.last_used_at.is_(None), agent_tokens.c.last_used_at < tx.now - unless_within)
    tx.execute(update(agent_tokens).where(agent_tokens.c.id.in_(ids), stale).values(last_used_at=tx.now))


def prune(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete a bounded number of tokens that ended by themselves before then; returns how many."""
    ids = list(tx.execute(select(agent_tokens.c.id).where(agent_tokens.c.expires_at < before).limit(at_most)).scalars())
    if ids:
        tx.execute(delete(agent_tokens).where(agent_tokens.c.id.in_(ids)))
    return len(ids)


def _token(row: Row[Any]) -> AgentToken:
    return AgentToken(**{**row._mapping, "allowed_addresses": tuple(row.allowed_addresses)})


_BY_FINGERPRINT = Prepared(
    select(
        agent_tokens.c.id, agent_tokens.c.agent_id, agent_tokens.c.kind, agent_tokens.c.name, agent_tokens.c.last4,
        agent_tokens.c.allowed_addresses,
        type_coerce(agent_tokens.c.created_at, BigInteger), type_coerce(agent_tokens.c.expires_at, BigInteger),
        type_coerce(agent_tokens.c.last_used_at, BigInteger), type_coerce(agent_tokens.c.revoked_at, BigInteger),
        agent_tokens.c.client_id, agent_tokens.c.family, agent_tokens.c.resource,
    ).where(agent_tokens.c.fingerprint == bindparam("fingerprint"))
)  # fmt: skip
"""Asked for with every call of an agent."""
