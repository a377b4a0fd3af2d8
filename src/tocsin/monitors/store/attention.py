"""What of a team's monitors may deserve a second look: by what they page, and since when they are paused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import select

from tocsin.monitors.store.tables import monitors
from tocsin.storage import Tx


class _Paging(msgspec.Struct, frozen=True):
    policy_id: int | None = None


_decode = msgspec.json.Decoder(_Paging).decode


def policies_of(tx: Tx, team_id: int, *, paused: bool = False) -> Iterator[tuple[int, str, int | None]]:
    """(id, name, policy id) of every monitor that is not paused; `paused`: of those that are, too."""
    column = monitors.c
    statement = select(column.id, column.pronounceable_name, column.settings).where(column.team_id == team_id)
    if not paused:
        statement = statement.where(column.paused_at.is_(None))
    for row in tx.execute(statement.order_by(column.id)):
        try:
            yield row.id, row.pronounceable_name, _decode(row.settings).policy_id
        except msgspec.MsgspecError:  # told elsewhere: it is checked by nobody
            continue


def paused_before(tx: Tx, team_id: int, before: datetime, limit: int) -> list[tuple[int, str, datetime]]:
    """(id, name, instant) of those that were paused before `before`, the longest first."""
    column = monitors.c
    rows = tx.execute(
        select(column.id, column.pronounceable_name, column.paused_at)
        .where(column.team_id == team_id, column.paused_at < before)
        .order_by(column.paused_at, column.id)
        .limit(limit)
    )
    return [(row.id, row.pronounceable_name, row.paused_at) for row in rows]
