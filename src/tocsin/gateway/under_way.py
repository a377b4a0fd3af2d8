"""Calls that had left for somebody else's house when this process was killed: what became of them, nobody knows."""

from __future__ import annotations

from sqlalchemy import select

from tocsin.gateway import audit
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.identity import Actor
from tocsin.registry import Catalogue
from tocsin.storage import Tx

FORWARDED = "forwarded"
"""The outcome of an entry that is written before a call leaves; what came of it is an entry of its own."""
LOOKED_AT = 5_000
"""Entries from the newest on: a call is under way for half a minute at most, and few at a time."""


def settle(tx: Tx, catalogue: Catalogue) -> int:
    """Write down of each that its end is not known; returns how many there were."""
    column = audit_entries.c
    rows = tx.execute(
        select(
            column.request_id, column.outcome, column.surface, column.actor_id, column.actor_name, column.team_id,
            column.operation, column.target, column.client_address,
        ).where(column.actor_kind == "agent").order_by(column.id.desc()).limit(LOOKED_AT)
    ).all()  # fmt: skip
    settled: set[tuple[str, int | None]] = set()
    found = 0
    for row in rows:
        key = row.request_id, row.actor_id
        if row.outcome != FORWARDED:
            settled.add(key)
            continue
        if key in settled or row.operation not in catalogue:
            continue
        settled.add(key)
        operation = catalogue[row.operation]
        team_ids = () if row.team_id is None else (row.team_id,)
        audit.write(
            tx,
            audit.Entry(
                actor=Actor(kind="agent", id=row.actor_id, name=row.actor_name, team_ids=team_ids),
                operation=operation,
                surface=row.surface,
                request_id=row.request_id,
                outcome="failed" if operation.reads else "ambiguous",
                reason="Tocsin ended before an answer came: whether it was done is not known",
                target=row.target,
                team_id=row.team_id,
                client_address=row.client_address,
            ),
        )
        found += 1
    return found
