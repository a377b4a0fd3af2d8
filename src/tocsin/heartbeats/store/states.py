"""Where heartbeats stand, when each is due, and when nobody could take pings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update

from tocsin.heartbeats.model import Absence, HeartbeatStatus, Standing
from tocsin.heartbeats.store.tables import absences, heartbeats, marks, states
from tocsin.storage import Tx

_PROCESS = "pings"
_encode = msgspec.json.encode


def save(tx: Tx, heartbeat_id: int, standing: Standing) -> None:
    tx.execute(
        update(states)
        .where(states.c.heartbeat_id == heartbeat_id)
        .values(
            status=standing.status.value, plain=standing.plain, last_beat_ms=standing.last_beat_ms,
            since_ms=standing.since_ms, due_ms=standing.due_ms, runs=_encode(standing.runs).decode(),
        )
    )  # fmt: skip


def begin_anew(tx: Tx, ids: Sequence[int]) -> None:
    """Back to waiting for the first beat; when the last one came stays known. A paused one is never plain."""
    tx.execute(
        update(states)
        .where(states.c.heartbeat_id.in_(ids))
        .values(status=HeartbeatStatus.PENDING.value, plain=False, since_ms=None, due_ms=None, runs="[]")
    )


def due(tx: Tx, now_ms: int, limit: int) -> list[tuple[int, int]]:
    """(heartbeat id, the instant at which it was due), the longest overdue first."""
    rows: Any = tx.execute(
        select(states.c.heartbeat_id, states.c.due_ms)
        .where(states.c.due_ms.is_not(None), states.c.due_ms <= now_ms)
        .order_by(states.c.due_ms)
        .limit(limit)
    )
    return [(id, due_ms) for id, due_ms in rows]


def earliest(tx: Tx) -> int | None:
    """When the next one is due."""
    statement = select(states.c.due_ms).where(states.c.due_ms.is_not(None)).order_by(states.c.due_ms).limit(1)
    return tx.execute(statement).scalar()


def put_off(tx: Tx, later: Iterable[tuple[int, int, int | None]]) -> None:
    """Compare-and-set for many: (heartbeat id, due as seen, due from now on)."""
    rows = [(new, id, seen) for id, seen, new in later]
    if not rows:
        return
    sql = "UPDATE heartbeat_states SET due_ms = {0} WHERE heartbeat_id = {0} AND due_ms = {0}"
    tx.connection.exec_driver_sql(sql.format("?" if tx.dialect == "sqlite" else "%s"), rows)


def claim(tx: Tx, heartbeat_id: int, seen_ms: int) -> bool:
    """Compare-and-set: True for the one worker that may judge this deadline."""
    done = tx.execute(
        update(states).where(states.c.heartbeat_id == heartbeat_id, states.c.due_ms == seen_ms).values(due_ms=None)
    )
    return done.rowcount == 1


def push_back(tx: Tx, heartbeat_id: int, seen_ms: int, due_ms: int) -> None:
    """Try again later what could not be judged."""
    put_off(tx, [(heartbeat_id, seen_ms, due_ms)])


def alive(tx: Tx) -> int | None:
    """The last instant (ms) at which pings are known to have been taken."""
    return tx.execute(select(marks.c.alive_ms).where(marks.c.name == _PROCESS)).scalar()


def mark_alive(tx: Tx, at_ms: int) -> None:
    done = tx.execute(update(marks).where(marks.c.name == _PROCESS).values(alive_ms=at_ms))
    if done.rowcount == 0:
        tx.execute(insert(marks).values(name=_PROCESS, alive_ms=at_ms))


def add_absence(tx: Tx, absence: Absence, kept: int) -> None:
    """Write down an absence and forget all but the newest."""
    id = tx.insert(insert(absences).values(from_ms=absence.from_ms, to_ms=absence.to_ms))
    tx.execute(delete(absences).where(absences.c.id <= id - kept))


def latest_absences(tx: Tx, limit: int) -> list[Absence]:
    """The latest ones, oldest first."""
    rows: Any = tx.execute(select(absences.c.from_ms, absences.c.to_ms).order_by(absences.c.id.desc()).limit(limit))
    return [Absence(from_ms, to_ms) for from_ms, to_ms in rows][::-1]


def teams_of(tx: Tx, ids: Sequence[int]) -> dict[int, int]:
    """The team of each heartbeat."""
    rows: Any = tx.execute(select(heartbeats.c.id, heartbeats.c.team_id).where(heartbeats.c.id.in_(ids)))
    return {id: team_id for id, team_id in rows}  # noqa: C416 - rows are not pairs to the type checker
