"""Messages on the shelf, the newest of each integration, and subscriptions that are to be confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tocsin.inbound.model import Confirmation, Payload
from tocsin.inbound.store.tables import confirmations, payloads
from tocsin.storage import Tx

KEPT = 50
"""Messages kept per integration: enough to build rules from, and bounded whatever is sent."""
PRUNE_EVERY = 10
"""The surplus is deleted when it has grown to so many: `KEPT` and so many more may lie there for a while."""


def add(tx: Tx, **values: Any) -> int:
    """Keep a message, forget the oldest beyond the limit; returns its id."""
    id = tx.insert(insert(payloads).values(at=tx.now, **values))
    _prune(tx, values["integration_id"])
    return id


def change(tx: Tx, id: int, *, outcome: str) -> None:
    """Say what became of a message later on."""
    tx.execute(update(payloads).where(payloads.c.id == id).values(outcome=outcome))


def find(tx: Tx, integration_id: int, id: int) -> Payload | None:
    """One message of an integration."""
    statement = select(payloads).where(payloads.c.id == id, payloads.c.integration_id == integration_id)
    row = tx.execute(statement).first()
    return None if row is None else _payload(row)


def newest(tx: Tx, integration_ids: Sequence[int]) -> dict[int, Payload]:
    """The newest message of each integration that has any."""
    if not integration_ids:
        return {}
    last = (
        select(func.max(payloads.c.id))
        .where(payloads.c.integration_id.in_(integration_ids))
        .group_by(payloads.c.integration_id)
    )
    rows = tx.execute(select(payloads).where(payloads.c.id.in_(last)))
    return {row.integration_id: _payload(row) for row in rows}


def page(tx: Tx, integration_id: int, *, page: int, per_page: int) -> tuple[list[Payload], int]:
    """One page of the newest messages, the newest first, and how many there are in all (at most `KEPT`)."""
    where = payloads.c.integration_id == integration_id
    counted = tx.execute(select(func.count()).select_from(payloads).where(where)).scalar_one()
    total = min(int(counted), KEPT)
    offset = (page - 1) * per_page
    if offset >= total:
        return [], total
    statement = select(payloads).where(where).order_by(payloads.c.id.desc())
    rows = tx.execute(statement.offset(offset).limit(min(per_page, total - offset)))
    return [_payload(row) for row in rows], total


def _prune(tx: Tx, integration_id: int) -> None:
    where = payloads.c.integration_id == integration_id
    newest_first = select(payloads.c.id).where(where).order_by(payloads.c.id.desc()).limit(1)
    if tx.execute(newest_first.offset(KEPT + PRUNE_EVERY - 1)).scalar() is None:
        return
    last = tx.execute(newest_first.offset(KEPT)).scalar()
    tx.execute(delete(payloads).where(where, payloads.c.id <= last))


def _payload(row: Any) -> Payload:
    return Payload(
        id=row.id, integration_id=row.integration_id, at=row.at, method=row.method, path=row.path,
        query=tuple((name, value) for name, value in row.query),
        headers=tuple((name, value) for name, value in row.headers),
        body=bytes(row.body), truncated=bool(row.truncated), outcome=row.outcome, alerts=row.alerts,
    )  # fmt: skip


# --- Subscriptions to be confirmed -----------------------------------------------------------------------------------


def add_confirmation(tx: Tx, *, integration_id: int, payload_id: int, url: str) -> None:
    """Plan to fetch a URL now."""
    tx.execute(
        insert(confirmations).values(
            integration_id=integration_id, payload_id=payload_id, url=tx.vault.seal(url), due_at=tx.now, attempts=0
        )
    )


def open_confirmations(tx: Tx, integration_id: int) -> int:
    """How many of an integration are still to be done."""
    where = (confirmations.c.integration_id == integration_id, confirmations.c.due_at.is_not(None))
    return int(tx.execute(select(func.count()).select_from(confirmations).where(*where)).scalar_one())


def claim_confirmations(tx: Tx, limit: int, lease_until: datetime) -> list[Confirmation]:
    """Take what is due; what is not settled by `lease_until` is due again."""
    due = select(confirmations).where(confirmations.c.due_at <= tx.now).order_by(confirmations.c.due_at).limit(limit)
    taken = []
    for row in tx.execute(due).all():
        claimed = tx.execute(
            update(confirmations)
            .where(confirmations.c.id == row.id, confirmations.c.due_at == row.due_at)
            .values(due_at=lease_until, attempts=row.attempts + 1)
        )
        if claimed.rowcount == 1:
            taken.append(_confirmation(tx, row))
    return taken


def settle_confirmation(tx: Tx, id: int, due_at: datetime | None) -> None:
    """Done or given up (None), or to be tried again at that instant."""
    tx.execute(update(confirmations).where(confirmations.c.id == id).values(due_at=due_at))


def forget_confirmations(tx: Tx, limit: int) -> None:
    """Forget a bounded number of those that are done or given up."""
    done = select(confirmations.c.id).where(confirmations.c.due_at.is_(None)).limit(limit)
    ids = list(tx.execute(done).scalars())
    if ids:
        tx.execute(delete(confirmations).where(confirmations.c.id.in_(ids)))


def next_confirmation(tx: Tx) -> datetime | None:
    """When the next one is due."""
    found: datetime | None = tx.execute(
        select(confirmations.c.due_at).where(confirmations.c.due_at.is_not(None)).order_by(confirmations.c.due_at)
    ).scalar()
    return found


def _confirmation(tx: Tx, row: Any) -> Confirmation:
    try:
        url = tx.vault.open(row.url)
    except ValueError:
        url = ""
    return Confirmation(
        id=row.id, integration_id=row.integration_id, payload_id=row.payload_id, url=url, due_at=row.due_at,
        attempts=row.attempts + 1,
    )  # fmt: skip
