"""Integrations on the shelf: found by id when they are managed, by the hash of their token when they receive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update

from tocsin.inbound.model import KINDS, Integration, Outline, Settings
from tocsin.inbound.store.tables import confirmations, integrations, payloads
from tocsin.storage import Tx


def add(tx: Tx, *, team_id: int, kind: str, name: str, token: str, paused: bool, settings: Settings) -> int:
    """Insert an integration; returns its id."""
    return tx.insert(
        insert(integrations).values(
            team_id=team_id, kind=kind, name=name, token_hash=token_hash(tx, token), sealed_token=tx.vault.seal(token),
            paused=paused, settings=settings, revision=1, created_at=tx.now, updated_at=tx.now,
        )
    )  # fmt: skip


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None, kind: str | None = None) -> Integration | None:
    """The integration if it exists, is of that kind (None = any) and belongs to one of the teams (None = any)."""
    statement = select(integrations).where(integrations.c.id == id)
    if team_ids is not None:
        statement = statement.where(integrations.c.team_id.in_(team_ids))
    if kind is not None:
        statement = statement.where(integrations.c.kind == kind)
    row = tx.execute(statement).first()
    return None if row is None else _integration(tx, row)


def find_by_token(tx: Tx, token: str) -> Integration | None:
    """Whose token this is."""
    row = tx.execute(select(integrations).where(integrations.c.token_hash == token_hash(tx, token))).first()
    return None if row is None else _integration(tx, row)


def page(
    tx: Tx, *, kind: str | None, team_ids: tuple[int, ...] | None, page: int, per_page: int
) -> tuple[list[Integration], int]:
    """One page by id ascending, and how many there are in all."""
    conditions = [] if kind is None else [integrations.c.kind == kind]
    if team_ids is not None:
        conditions.append(integrations.c.team_id.in_(team_ids))
    total = tx.execute(select(func.count()).select_from(integrations).where(*conditions)).scalar_one()
    statement = select(integrations).where(*conditions).order_by(integrations.c.id)
    rows = tx.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return [_integration(tx, row) for row in rows], int(total)


def outlines(tx: Tx, ids: Sequence[int]) -> list[Outline]:
    """Some hundreds of integrations without what is set on them."""
    column = integrations.c
    rows = tx.execute(select(column.id, column.team_id, column.kind, column.paused, column.created_at)
                      .where(column.id.in_(ids)))  # fmt: skip
    return [Outline(row.id, row.team_id, KINDS[row.kind], bool(row.paused), row.created_at) for row in rows]


def count(tx: Tx, team_id: int) -> int:
    """How many a team has."""
    counted = select(func.count()).select_from(integrations).where(integrations.c.team_id == team_id)
    return int(tx.execute(counted).scalar_one())


def policies_of(tx: Tx, team_id: int) -> Iterator[tuple[int, str, int]]:
    """(id, name, policy id) of every integration whose incidents are paged by a policy."""
    column = integrations.c
    rows = tx.execute(select(column.id, column.name, column.settings).where(column.team_id == team_id).order_by("id"))
    for row in rows:
        policy_id = msgspec.convert(row.settings, Settings, strict=False).policy_id
        if policy_id is not None:
            yield row.id, row.name, policy_id


def change(tx: Tx, id: int, *, name: str, paused: bool, settings: Settings) -> None:
    """Replace what was set."""
    tx.execute(
        update(integrations)
        .where(integrations.c.id == id)
        .values(
            name=name, paused=paused, settings=settings, revision=integrations.c.revision + 1, updated_at=tx.now
        )
    )  # fmt: skip


def remove(tx: Tx, id: int) -> None:
    """Delete an integration and its messages; its alerts stay, for the incidents that they belong to."""
    for table in (payloads, confirmations):
        tx.execute(delete(table).where(table.c.integration_id == id))
    tx.execute(delete(integrations).where(integrations.c.id == id))


def token_hash(tx: Tx, token: str) -> str:
    """The keyed hash under which a token is found: whoever reads the database alone cannot send with it."""
    return tx.vault.sign(f"inbound:{token.lower()}")


def _integration(tx: Tx, row: Any) -> Integration:
    try:
        token = tx.vault.open(row.sealed_token)
    except ValueError:
        token = ""
    return Integration(
        id=row.id, team_id=row.team_id, kind=KINDS[row.kind], name=row.name, token=token, paused=bool(row.paused),
        settings=msgspec.convert(row.settings, Settings, strict=False), revision=row.revision,
        created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip
