"""Pings on the shelf: written by the hundred in a few statements, read fifty at a time, forgotten in good time.

A statement for many rows at once, and not one for each: the driver gives the interpreter away with every statement, and
under load another thread keeps it for milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import delete, select, update

from tocsin.heartbeats.model import KeptPing, Kind
from tocsin.heartbeats.store.tables import bodies, pings, states
from tocsin.kernel.clock import from_milliseconds
from tocsin.storage import Tx

MAX_ROWS = 64
"""Rows per statement: few enough that every number of them has its own prepared statement."""

Row = tuple[int, int, str, int | None, str | None, int | None, int, str, str | None, str | None, int]
"""In the order of `_COLUMNS`."""

_COLUMNS = (
    "heartbeat_id, at_ms, kind, exit_code, run_id, duration_ms, overlapping, method, remote_ip, user_agent, body_size"
)
_WIDTH = _COLUMNS.count(",") + 1
_NULLABLE = ("exit_code", "run_id", "duration_ms", "remote_ip", "user_agent")
_NOTHING = -1
"""Stands for NULL on the way to SQLite, and for nothing else: no number of ours is below 0, and a text is no number. Of
a real None the driver asks at length whether somebody has an adapter for it; four of them cost more than the row."""
_ARRAYS = ("bigint", "bigint", "text", "bigint", "text", "bigint", "bigint", "text", "text", "text", "bigint")


def note_beats(tx: Tx, at_ms: int, beats: Sequence[tuple[int, int, int]]) -> set[int]:
    """Good beats of heartbeats of which nothing else changes: (heartbeat id, pings, bodies), each heartbeat once.

    Returns the ids of those that are not `plain`, or not there at all; nothing was written about them.
    """
    done = 0
    for start in range(0, len(beats), MAX_ROWS):
        some = beats[start : start + MAX_ROWS]
        if tx.dialect == "sqlite":
            values: Any = (at_ms, *(value for beat in some for value in beat))
            done += tx.connection.exec_driver_sql(_beats_sql(len(some)), values).rowcount
        else:
            columns = [_array("bigint", column) for column in zip(*some, strict=True)]
            done += tx.connection.exec_driver_sql(_BEATS_SQL, (at_ms, *columns)).rowcount
    if done == len(beats):
        return set()
    wanted = {beat[0] for beat in beats}
    plain = select(states.c.heartbeat_id).where(states.c.heartbeat_id.in_(wanted), states.c.plain)
    return wanted.difference(tx.execute(plain).scalars())


def count(tx: Tx, heartbeat_id: int, pinged: int, kept: int) -> None:
    """Note how many pings and bodies are stored more (or fewer) than before."""
    tx.execute(
        update(states)
        .where(states.c.heartbeat_id == heartbeat_id)
        .values(pings=states.c.pings + pinged, bodies=states.c.bodies + kept)
    )


def add(tx: Tx, rows: Sequence[Row]) -> None:
    """Pings without bodies."""
    for start in range(0, len(rows), MAX_ROWS):
        some = rows[start : start + MAX_ROWS]
        if tx.dialect == "sqlite":
            values = tuple([_NOTHING if value is None else value for row in some for value in row])
            tx.connection.exec_driver_sql(_insert_sql(len(some)), values)
        else:
            columns = [_array(kind, column) for kind, column in zip(_ARRAYS, zip(*some, strict=True), strict=True)]
            tx.connection.exec_driver_sql(_INSERT_SQL, tuple(columns))


def add_with_body(tx: Tx, row: Row, body: bytes) -> None:
    """One ping and what was sent with it."""
    mark = "?" if tx.dialect == "sqlite" else "%s"
    places = ", ".join([mark] * _WIDTH)
    sql = f"INSERT INTO heartbeat_pings ({_COLUMNS}) VALUES ({places}) RETURNING id"  # noqa: S608 - no value in it
    ping_id = tx.connection.exec_driver_sql(sql, row).scalar_one()
    sql = f"INSERT INTO heartbeat_bodies (ping_id, heartbeat_id, body) VALUES ({mark}, {mark}, {mark})"  # noqa: S608
    tx.connection.exec_driver_sql(sql, (ping_id, row[0], body))


def page(tx: Tx, heartbeat_id: int, *, page: int, per_page: int) -> tuple[list[KeptPing], int]:
    """One page, the newest first, and how many are stored in all."""
    total = tx.execute(select(states.c.pings).where(states.c.heartbeat_id == heartbeat_id)).scalar() or 0
    rows = tx.execute(
        select(pings, bodies.c.body)
        .outerjoin(bodies, bodies.c.ping_id == pings.c.id)
        .where(pings.c.heartbeat_id == heartbeat_id)
        .order_by(pings.c.id.desc())
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return [_kept(row) for row in rows], int(total)


def latest(tx: Tx, heartbeat_id: int) -> KeptPing | None:
    found, _ = page(tx, heartbeat_id, page=1, per_page=1)
    return found[0] if found else None


def crowded(tx: Tx, *, pings_over: int, bodies_over: int, limit: int) -> list[tuple[int, int, int]]:
    """(heartbeat id, pings, bodies) of some heartbeats of which more than that is stored."""
    rows: Any = tx.execute(
        select(states.c.heartbeat_id, states.c.pings, states.c.bodies)
        .where((states.c.pings > pings_over) | (states.c.bodies > bodies_over))
        .limit(limit)
    )
    return [(id, pinged, kept) for id, pinged, kept in rows]


def drop_oldest(tx: Tx, heartbeat_id: int, at_most: int) -> int:
    """Delete so many of a heartbeat's oldest pings, with their bodies; returns how many went."""
    oldest = select(pings.c.id).where(pings.c.heartbeat_id == heartbeat_id).order_by(pings.c.id)
    last = tx.execute(oldest.offset(at_most - 1).limit(1)).scalar()
    if last is None:
        return 0
    kept = tx.execute(delete(bodies).where(bodies.c.heartbeat_id == heartbeat_id, bodies.c.ping_id <= last)).rowcount
    gone = tx.execute(delete(pings).where(pings.c.heartbeat_id == heartbeat_id, pings.c.id <= last)).rowcount
    count(tx, heartbeat_id, -gone, -kept)
    return gone


def drop_oldest_bodies(tx: Tx, heartbeat_id: int, at_most: int) -> int:
    """Forget so many of a heartbeat's oldest bodies; the pings stay."""
    found = tx.execute(
        select(bodies.c.ping_id).where(bodies.c.heartbeat_id == heartbeat_id).order_by(bodies.c.ping_id).limit(at_most)
    )
    ids = list(found.scalars())
    if ids:
        tx.execute(delete(bodies).where(bodies.c.ping_id.in_(ids)))
        count(tx, heartbeat_id, 0, -len(ids))
    return len(ids)


def _kept(row: Any) -> KeptPing:
    return KeptPing(
        id=row.id, heartbeat_id=row.heartbeat_id, at=from_milliseconds(row.at_ms), kind=Kind(row.kind),
        exit_code=row.exit_code, run_id=row.run_id, duration_ms=row.duration_ms, overlapping=row.overlapping,
        method=row.method, remote_ip=row.remote_ip, user_agent=row.user_agent, body_size=row.body_size, body=row.body,
    )  # fmt: skip


def _array(kind: str, column: Sequence[Any]) -> Any:
    """A column for PostgreSQL. Numbers are put into its words here: the driver looks at each value of a list."""
    if kind != "bigint":
        return list(column)
    return "{" + ",".join(["NULL" if value is None else str(value) for value in column]) + "}"


@lru_cache(maxsize=MAX_ROWS)
def _beats_sql(rows: int) -> str:
    return _BEATS_SQLITE.replace("VALUES", "VALUES " + ", ".join(["(?, ?, ?)"] * rows))


_BEATS_SQLITE = (
    "UPDATE heartbeat_states SET last_beat_ms = max(coalesce(last_beat_ms, 0), ?1), pings = pings + beat.column2,"
    " bodies = bodies + beat.column3 FROM (VALUES) AS beat WHERE heartbeat_id = beat.column1 AND plain"
)
_BEATS_SQL = (
    "UPDATE heartbeat_states SET last_beat_ms = greatest(coalesce(last_beat_ms, 0), %s::bigint),"
    " pings = pings + beat.pinged, bodies = bodies + beat.kept"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS beat(id, pinged, kept)"
    " WHERE heartbeat_id = beat.id AND plain"
)


@lru_cache(maxsize=MAX_ROWS)
def _insert_sql(rows: int) -> str:
    row = (
        f"({', '.join([f'nullif(?, {_NOTHING})' if column in _NULLABLE else '?' for column in _COLUMNS.split(', ')])})"
    )
    return f"INSERT INTO heartbeat_pings ({_COLUMNS}) VALUES {', '.join([row] * rows)}"  # noqa: S608


_INSERT_SQL = (
    f"INSERT INTO heartbeat_pings ({_COLUMNS}) SELECT * FROM"  # noqa: S608
    f" unnest({', '.join(f'%s::{kind}[]' for kind in _ARRAYS)})"
)
