"""Every monitor of a team at a glance: narrow rows, read all at once, for a list to be searched, counted and sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, or_, select, type_coerce

from tocsin.kernel.maintenance import in_maintenance
from tocsin.metadata import actions as metadata_of
from tocsin.metadata.model import OwnerType, Value
from tocsin.monitors.model import DAYS, Line, MonitorStatus
from tocsin.monitors.store.monitors import within
from tocsin.monitors.store.tables import groups, monitors, states
from tocsin.registry import Bounds
from tocsin.storage import Tx


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """Of a monitor's settings only what a list shows, and its maintenance window."""

    monitor_type: str = "status"
    check_frequency: int = 180
    maintenance_from: str | None = None
    maintenance_to: str | None = None
    maintenance_timezone: str | None = "UTC"
    maintenance_days: tuple[str, ...] | None = DAYS


_UNREADABLE = _Kind()
_decode = msgspec.json.Decoder(_Kind).decode
_STATUSES = {status.value: status for status in MonitorStatus}
_COLUMNS = (
    monitors.c.id, monitors.c.team_id, monitors.c.pronounceable_name, monitors.c.url, monitors.c.monitor_group_id,
    *(type_coerce(column, BigInteger) for column in (
        monitors.c.created_at, monitors.c.paused_at, states.c.last_checked_at,
    )),
    monitors.c.settings, states.c.status, states.c.incident_id, states.c.degraded_since_ms, states.c.degraded_reason,
    states.c.last_response_us,
)  # fmt: skip


def lines(
    tx: Tx,
    team_ids: Sequence[int] | None,
    *,
    reach: Sequence[Bounds] | None = None,
    facts: Mapping[str, Sequence[Value]] | None = None,
) -> list[Line]:
    """All monitors of these teams (None = of every team), in no order, with the status that they show.

    `reach`: those alone that the caller was granted; `facts`: those that carry all of these (no values: the key).
    """
    conditions: list[ColumnElement[bool]] = [] if team_ids is None else [monitors.c.team_id.in_(team_ids)]
    if reach is not None:
        conditions.append(or_(False, *(within(bounds) for bounds in reach)))
    conditions += [monitors.c.id.in_(owners) for owners in metadata_of.owners_having(OwnerType.MONITOR, facts or {})]
    statement = select(*_COLUMNS).join(states, states.c.monitor_id == monitors.c.id).where(*conditions)
    rows: Any = tx.execute(statement)
    return [_line(row, tx.now) for row in rows]


def group_names(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """What some hundreds of groups are called."""
    rows: Any = tx.execute(select(groups.c.id, groups.c.name).where(groups.c.id.in_(ids)))
    return {row.id: row.name for row in rows}


def _line(row: Any, now: datetime) -> Line:
    (id, team_id, name, url, group_id, created_ms, paused_ms, checked_ms, settings, status, incident_id,
     degraded_since_ms, degraded_reason, response_us) = row  # fmt: skip
    kind = _kind(settings)
    shown = _STATUSES[status]
    if paused_ms is not None:
        shown = MonitorStatus.PAUSED
    elif kind.maintenance_from is not None and in_maintenance(kind, now):
        shown = MonitorStatus.MAINTENANCE
    worse = shown is MonitorStatus.UP or shown is MonitorStatus.VALIDATING
    return Line(
        id=id, team_id=team_id, name=name, url=url, monitor_type=kind.monitor_type,
        check_frequency=kind.check_frequency, group_id=group_id, status=shown, created_ms=created_ms,
        paused_ms=paused_ms, checked_ms=checked_ms, response_us=response_us, incident_id=incident_id,
        degraded_since_ms=degraded_since_ms if worse else None, degraded_reason=degraded_reason if worse else None,
    )  # fmt: skip


def _kind(settings: str) -> _Kind:
    """Settings that cannot be read are told of elsewhere: such a monitor is not checked."""
    try:
        return _decode(settings)
    except msgspec.MsgspecError:
        return _UNREADABLE
