"""What of a team's monitors may deserve a second look: by what they page, and since when they are paused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select

from tocsin.monitors.store.tables import monitors
from tocsin.storage import Prepared, Tx


class _Paging(msgspec.Struct, frozen=True):
    policy_id: int | None = None


_decode = msgspec.json.Decoder(_Paging).decode


_PAGING = (
    select(monitors.c.id, monitors.c.pronounceable_name, monitors.c.settings)
    .where(monitors.c.team_id == bindparam("team"))
    .order_by(monitors.c.id)
)
_ALL, _AWAKE = Prepared(_PAGING), Prepared(_PAGING.where(monitors.c.paused_at.is_(None)))


def policies_of(tx: Tx, team_id: int, *, paused: bool = False) -> Iterator[tuple[int, str, int | None]]:
    """(id, name, policy id) of every monitor that is not paused; `paused`: of those that are, too."""
    for id, name, settings in (_ALL if paused else _AWAKE).rows(tx, {"team": team_id}):
        try:
            yield id, name, _decode(settings).policy_id
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
