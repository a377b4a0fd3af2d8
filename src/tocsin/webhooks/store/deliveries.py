"""Messages on the shelf: planned once for each event and webhook, leased to one sender, kept until they are old."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, exists, func, insert, select, update

from tocsin.storage import Tx
from tocsin.webhooks.model import Attempt, Delivery, State
from tocsin.webhooks.store.tables import attempts, deliveries, webhooks

_WEBHOOKS_LOOKED_AT = 10_000
"""Webhooks with messages that are looked at for one that is gone: far more than there are."""
_ROWS_AT_ONCE = 500
"""Values per INSERT: bounds what one statement holds in memory."""


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Plan messages: webhook_id, event_id, event and subject of each; they are due at once."""
    fresh = {
        "copy": 0, "state": State.QUEUED.value, "attempts": 0, "refusals": 0, "planned_at": tx.now, "due_at": tx.now,
        "finished_at": None,
    }  # fmt: skip
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        tx.execute(insert(deliveries), [{**fresh, **row} for row in rows[start : start + _ROWS_AT_ONCE]])


def planned(tx: Tx, event_id: int, webhook_ids: Collection[int]) -> set[int]:
    """Which of these webhooks have a message about that event already."""
    column = deliveries.c
    mine = select(column.webhook_id).where(column.event_id == event_id, column.webhook_id.in_(webhook_ids))
    return set(tx.execute(mine).scalars())


def newest(tx: Tx) -> int:
    """The id of the last message; 0 when there is none."""
    return tx.execute(select(func.max(deliveries.c.id))).scalar() or 0


def since(tx: Tx, id: int, limit: int) -> list[tuple[int, str]]:
    """(webhook id, event) of the messages after this one."""
    column = deliveries.c
    later = select(column.webhook_id, column.event).where(column.id > id).order_by(column.id).limit(limit)
    return [(row.webhook_id, row.event) for row in tx.execute(later)]


def add_copy(tx: Tx, *, webhook_id: int, event_id: int, event: str) -> int:
    """Plan a message once more (or a test): it waits for no other and holds none up. Returns its id."""
    mine = (deliveries.c.webhook_id == webhook_id) & (deliveries.c.event_id == event_id)
    last = tx.execute(select(func.max(deliveries.c.copy)).where(mine)).scalar_one()
    return tx.insert(
        insert(deliveries).values(
            webhook_id=webhook_id, event_id=event_id, copy=0 if last is None else last + 1, event=event, subject=None,
            state=State.QUEUED.value, attempts=0, refusals=0, planned_at=tx.now, due_at=tx.now, finished_at=None,
        )
    )  # fmt: skip


def take(tx: Tx, webhook_id: int, limit: int, max_refusals: int, lease_until: datetime) -> Sequence[Row[Any]]:
    """Lease up to `limit` due messages of a webhook, each to one caller only.

    One about a subject waits while an earlier one about it is unfinished, unless that was refused `max_refusals` times.
    """
    column, earlier = deliveries.c, deliveries.alias("earlier")
    blocked = exists().where(
        earlier.c.webhook_id == webhook_id,
        earlier.c.subject == column.subject,
        earlier.c.id < column.id,
        earlier.c.due_at.is_not(None),
        earlier.c.refusals < max_refusals,
    )
    due = (
        select(column.id)
        .where(column.webhook_id == webhook_id, column.due_at <= tx.now, ~blocked)
        .order_by(column.due_at, column.id)
        .limit(limit)
    )
    ids = list(tx.execute(due).scalars())
    if not ids:
        return []
    lease = (
        update(deliveries)
        .where(column.id.in_(ids), column.due_at <= tx.now)
        .values(state=State.SENDING.value, attempts=column.attempts + 1, due_at=lease_until)
        .returning(*column)
    )
    return sorted(tx.execute(lease).all(), key=lambda row: int(row.id))


def change(tx: Tx, moved: Mapping[int, tuple[State, datetime | None, bool]]) -> None:
    """Move messages on, as (state, when due next, whether refused) by id; one with nothing more to come is finished
    now."""
    alike: dict[tuple[State, datetime | None, bool], list[int]] = {}
    for id, to in moved.items():
        alike.setdefault(to, []).append(id)
    for (state, due_at, refused), ids in alike.items():
        values: dict[str, Any] = {"state": state.value, "due_at": due_at}
        if due_at is None:
            values["finished_at"] = tx.now
        if refused:
            values["refusals"] = deliveries.c.refusals + 1
        tx.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(**values))


def hasten(tx: Tx, id: int | None = None) -> int:
    """Make due now what was tried before and is unfinished: one message, or all (after a crash). Returns how many."""
    column = deliveries.c
    waiting = update(deliveries).where(column.due_at > tx.now)
    waiting = waiting.where(column.state == State.SENDING.value) if id is None else waiting.where(column.id == id)
    return tx.execute(waiting.values(due_at=tx.now)).rowcount


def add_attempts(tx: Tx, made: Sequence[tuple[int, Attempt]]) -> None:
    """Write down attempts, as (delivery id, attempt); they are never changed."""
    rows = [{"delivery_id": id, **msgspec.structs.asdict(attempt)} for id, attempt in made]
    if rows:
        tx.execute(insert(attempts), rows)


def find(tx: Tx, webhook_id: int, id: int, log_limit: int) -> Delivery | None:
    """One message of a webhook, with the newest lines of its log."""
    row = tx.execute(select(deliveries).where(deliveries.c.id == id, deliveries.c.webhook_id == webhook_id)).first()
    if row is None:
        return None
    mine = select(attempts).where(attempts.c.delivery_id == id).order_by(attempts.c.id.desc()).limit(log_limit)
    return _delivery(row, tx.execute(mine).all())


def standing(tx: Tx, ids: Collection[int]) -> dict[int, Row[Any]]:
    """(id, webhook_id, state, attempts, planned_at, failures, held_until) of messages and their endpoints, by id."""
    column = deliveries.c
    statement = (
        select(
            column.id, column.webhook_id, column.state, column.attempts, column.planned_at,
            webhooks.c.failures, webhooks.c.held_until,
        )
        .join(webhooks, webhooks.c.id == column.webhook_id)
        .where(column.id.in_(ids))
    )  # fmt: skip
    return {row.id: row for row in tx.execute(statement)}


def page(
    tx: Tx, webhook_id: int, state: State | None, *, offset: int, limit: int
) -> tuple[list[Delivery], int]:  # fmt: skip
    """One page of a webhook's messages, newest first, each with its last attempt, and how many there are in all."""
    mine = [deliveries.c.webhook_id == webhook_id]
    if state is not None:
        mine.append(deliveries.c.state == state.value)
    total: int = tx.execute(select(func.count()).select_from(deliveries).where(*mine)).scalar_one()
    statement = select(deliveries).where(*mine).order_by(deliveries.c.id.desc()).offset(offset).limit(limit)
    rows = tx.execute(statement).all()
    last = _last_attempts(tx, [row.id for row in rows])
    return [_delivery(row, last.get(row.id, [])) for row in rows], total


def waiting(tx: Tx, limit: int) -> Sequence[Row[Any]]:
    """(id, failures, held_until, due_at of the oldest message, of the next one not due yet) of webhooks that wait.

    A jump of an index for each webhook, however long the queue is.
    """
    column = deliveries.c
    of_this = (column.webhook_id == webhooks.c.id) & column.due_at.is_not(None)
    first = select(func.min(column.due_at)).where(of_this).scalar_subquery()
    following = select(func.min(column.due_at)).where(of_this, column.due_at > tx.now).scalar_subquery()
    found = (
        select(
            webhooks.c.id,
            webhooks.c.failures,
            webhooks.c.held_until,
            first.label("first"),
            following.label("following"),
        )
        .order_by("first", webhooks.c.id)
        .where(exists().where(of_this))
        .limit(limit)
    )
    return tx.execute(found).all()


def expired(tx: Tx, before: datetime, limit: int) -> list[tuple[int, str]]:
    """(id, words of the last attempt) of unfinished messages that were planned before then and are not being sent."""
    column = deliveries.c
    old = (
        select(column.id)
        .where(column.planned_at < before, column.due_at.is_not(None), column.state != State.SENDING.value)
        .order_by(column.planned_at)
        .limit(limit)
    )
    ids = list(tx.execute(old).scalars())
    last = _last_attempts(tx, ids)
    return [(id, last[id][0].detail if id in last else "it was never its turn") for id in ids]


def count_by_state(tx: Tx, since: datetime) -> dict[str, int]:
    """How many messages stand in each state, of those planned since then and those that are unfinished."""
    column = deliveries.c
    counted: dict[str, int] = {}
    for these in (column.planned_at >= since, (column.planned_at < since) & column.due_at.is_not(None)):
        statement = select(column.state, func.count().label("number")).where(these).group_by(column.state)
        for row in tx.execute(statement):
            counted[row.state] = counted.get(row.state, 0) + row.number
    return counted


def old(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Finished messages that were planned before then, the oldest first."""
    column = deliveries.c
    statement = select(column.id).where(column.planned_at < before, column.due_at.is_(None)).order_by(column.planned_at)
    return list(tx.execute(statement.limit(limit)).scalars())


def orphans(tx: Tx, limit: int) -> list[int]:
    """Some messages of a webhook that is gone: nobody sends or reads them. Found by a jump of an index per webhook."""
    column = deliveries.c
    last = 0
    for _ in range(_WEBHOOKS_LOOKED_AT):
        following = select(func.min(column.webhook_id)).where(column.webhook_id > last)
        last = tx.execute(following).scalar_one()
        if last is None:
            break
        if tx.execute(select(webhooks.c.id).where(webhooks.c.id == last)).first() is None:
            return list(tx.execute(select(column.id).where(column.webhook_id == last).limit(limit)).scalars())
    return []


def remove(tx: Tx, ids: Collection[int], at_most: int) -> int:
    """Delete messages with their attempts, in all at most so many rows; returns how many rows."""
    mine = select(attempts.c.id).where(attempts.c.delivery_id.in_(ids)).order_by(attempts.c.delivery_id, attempts.c.id)
    room = max(0, at_most - len(ids))
    lines = list(tx.execute(mine.limit(room + 1)).scalars())
    if lines:
        tx.execute(delete(attempts).where(attempts.c.id.in_(lines[:room])))
    if len(lines) > room:  # a long log goes in several rounds, its message with the last
        return room
    tx.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))
    return len(lines) + len(ids)


def _last_attempts(tx: Tx, ids: Collection[int]) -> dict[int, list[Row[Any]]]:
    newest = select(func.max(attempts.c.id)).where(attempts.c.delivery_id.in_(ids)).group_by(attempts.c.delivery_id)
    if not ids:
        return {}
    return {row.delivery_id: [row] for row in tx.execute(select(attempts).where(attempts.c.id.in_(newest)))}


def _delivery(row: Row[Any], log: Iterable[Row[Any]]) -> Delivery:
    return Delivery(
        id=row.id,
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        copy=row.copy,
        event=row.event,
        subject=row.subject,
        state=State(row.state),
        attempts=row.attempts,
        refusals=row.refusals,
        planned_at=row.planned_at,
        due_at=row.due_at,
        finished_at=row.finished_at,
        log=tuple(
            Attempt(
                attempt=line.attempt, at=line.at, duration_ms=line.duration_ms, status_code=line.status_code,
                detail=line.detail, response_excerpt=line.response_excerpt,
            )
            for line in log
        ),
    )  # fmt: skip
