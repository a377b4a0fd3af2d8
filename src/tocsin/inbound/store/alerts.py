"""Alerts on the shelf: each trouble is one row from its first message to its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tocsin.inbound.model import AlertState
from tocsin.inbound.store.tables import IS_OPEN, alerts
from tocsin.storage import Tx

_AT_ONCE = 500
"""Values in one statement: an old SQLite takes no more than 999."""


def add(tx: Tx, **values: Any) -> AlertState:
    """Insert an alert that begins now."""
    beginning: dict[str, Any] = {
        "count": 1, "started_at": tx.now, "last_at": tx.now, "acknowledged_at": None, "recover_at": None,
        "resolved_at": None,
    }  # fmt: skip
    return AlertState(id=tx.insert(insert(alerts), values | beginning), **values, **beginning)


def open_by_keys(tx: Tx, integration_id: int, keys: Sequence[str]) -> dict[str, AlertState]:
    """The open alerts with one of these keys."""
    found: dict[str, AlertState] = {}
    for start in range(0, len(keys), _AT_ONCE):
        statement = select(alerts).where(
            alerts.c.integration_id == integration_id, alerts.c.key.in_(keys[start : start + _AT_ONCE]), IS_OPEN
        )
        found |= {row.key: _alert(row) for row in tx.execute(statement)}
    return found


def open_anonymous(tx: Tx, integration_id: int, limit: int) -> list[AlertState]:
    """The open alerts that came without an id of their sender's."""
    statement = select(alerts).where(alerts.c.integration_id == integration_id, alerts.c.alert_id.is_(None), IS_OPEN)
    return [_alert(row) for row in tx.execute(statement.order_by(alerts.c.id).limit(limit))]


def newest_in_group(tx: Tx, integration_id: int, group_key: str) -> AlertState | None:
    """The newest alert of a group that has an incident."""
    statement = select(alerts).where(
        alerts.c.integration_id == integration_id, alerts.c.group_key == group_key, alerts.c.incident_id.is_not(None)
    )
    row = tx.execute(statement.order_by(alerts.c.id.desc()).limit(1)).first()
    return None if row is None else _alert(row)


def newest_storm(tx: Tx, integration_id: int, since: datetime) -> AlertState | None:
    """The newest alert that opened an incident for a storm since then."""
    statement = select(alerts).where(
        alerts.c.integration_id == integration_id, alerts.c.started_at > since, alerts.c.joined == "storm_opener"
    )
    row = tx.execute(statement.order_by(alerts.c.started_at.desc(), alerts.c.id.desc()).limit(1)).first()
    return None if row is None else _alert(row)


def count_ungrouped(tx: Tx, integration_id: int, since: datetime, limit: int) -> int:
    """How many alerts began since then on their own account, counted up to a limit."""
    some = (
        select(alerts.c.id)
        .where(alerts.c.integration_id == integration_id, alerts.c.started_at > since, alerts.c.joined != "group")
        .limit(limit)
        .subquery()
    )
    return int(tx.execute(select(func.count()).select_from(some)).scalar_one())


def change(tx: Tx, id: int, **values: Any) -> None:
    """Set columns of an alert."""
    tx.execute(update(alerts).where(alerts.c.id == id).values(**values))


def resolve(tx: Tx, id: int, seen_recover_at: datetime | None) -> bool:
    """End an alert that still is as it was seen; False when somebody was faster."""
    answer = tx.execute(
        update(alerts)
        .where(alerts.c.id == id, IS_OPEN, alerts.c.recover_at.is_not_distinct_from(seen_recover_at))
        .values(resolved_at=tx.now, recover_at=None)
    )
    return answer.rowcount == 1


def resolve_all(tx: Tx, integration_id: int) -> None:
    """End whatever is open at an integration."""
    tx.execute(
        update(alerts)
        .where(alerts.c.integration_id == integration_id, IS_OPEN)
        .values(resolved_at=tx.now, recover_at=None)
    )


def open_incident_ids(tx: Tx, integration_id: int) -> list[int]:
    """The incidents to which the open alerts of an integration belong."""
    where = (alerts.c.integration_id == integration_id, alerts.c.incident_id.is_not(None), IS_OPEN)
    return list(tx.execute(select(alerts.c.incident_id).where(*where).distinct()).scalars())


def any_open(tx: Tx, incident_id: int) -> bool:
    """Whether any alert of an incident is still open."""
    statement = select(alerts.c.id).where(alerts.c.incident_id == incident_id, IS_OPEN)
    return tx.execute(statement.limit(1)).first() is not None


def any_failing(tx: Tx, incident_id: int) -> bool:
    """Whether any open alert of an incident has not been said to be over."""
    statement = select(alerts.c.id).where(alerts.c.incident_id == incident_id, IS_OPEN, alerts.c.recover_at.is_(None))
    return tx.execute(statement.limit(1)).first() is not None


def any_unacknowledged(tx: Tx, incident_id: int) -> bool:
    """Whether any open alert of an incident has not been acknowledged where it came from."""
    statement = select(alerts.c.id).where(
        alerts.c.incident_id == incident_id, IS_OPEN, alerts.c.acknowledged_at.is_(None)
    )
    return tx.execute(statement.limit(1)).first() is not None


def count_of(tx: Tx, incident_id: int) -> int:
    """How many alerts have come to an incident, open or over."""
    newest = select(alerts.c.ordinal).where(alerts.c.incident_id == incident_id).order_by(alerts.c.id.desc())
    return int(tx.execute(newest.limit(1)).scalar() or 0)


def page_of(tx: Tx, incident_id: int, *, page: int, per_page: int) -> tuple[list[AlertState], int]:
    """One page of an incident's alerts, in the order in which they began, and how many there are in all."""
    counted = select(func.count()).select_from(alerts).where(alerts.c.incident_id == incident_id)
    total = int(tx.execute(counted).scalar_one())
    statement = select(alerts).where(alerts.c.incident_id == incident_id).order_by(alerts.c.id)
    rows = tx.execute(statement.offset((page - 1) * per_page).limit(per_page))
    return [_alert(row) for row in rows], total


def due(tx: Tx, limit: int) -> list[AlertState]:
    """What has stayed resolved for long enough, the longest first."""
    statement = select(alerts).where(alerts.c.recover_at <= tx.now).order_by(alerts.c.recover_at, alerts.c.id)
    return [_alert(row) for row in tx.execute(statement.limit(limit))]


def next_recovery(tx: Tx) -> datetime | None:
    """When the next alert is over unless it starts again."""
    found: datetime | None = tx.execute(
        select(alerts.c.recover_at).where(alerts.c.recover_at.is_not(None)).order_by(alerts.c.recover_at).limit(1)
    ).scalar()
    return found


def silent_incident_ids(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Incidents with open alerts of which nothing was heard since then."""
    where = (alerts.c.last_at < before, alerts.c.incident_id.is_not(None), IS_OPEN)
    return list(tx.execute(select(alerts.c.incident_id).where(*where).distinct().limit(limit)).scalars())


def surplus_incident_ids(tx: Tx, at_most_kept: int, limit: int) -> list[int]:
    """Incidents with open alerts that are beyond the newest."""
    newest = tx.execute(select(func.max(alerts.c.id))).scalar() or 0
    where = (alerts.c.id <= newest - at_most_kept, alerts.c.incident_id.is_not(None), IS_OPEN)
    return list(tx.execute(select(alerts.c.incident_id).where(*where).distinct().limit(limit)).scalars())


def resolve_of(tx: Tx, incident_id: int) -> None:
    """End all open alerts of an incident."""
    where = (alerts.c.incident_id == incident_id, IS_OPEN)
    tx.execute(update(alerts).where(*where).values(resolved_at=tx.now, recover_at=None))


def prune(tx: Tx, before: datetime, at_most_kept: int, limit: int) -> int:
    """Forget a bounded number of alerts that were over before then, or are beyond the newest; returns how many."""
    newest = tx.execute(select(func.max(alerts.c.id))).scalar() or 0
    over = alerts.c.resolved_at.is_not(None)
    old = select(alerts.c.id).where(alerts.c.resolved_at < before).order_by(alerts.c.resolved_at).limit(limit)
    ids = set(tx.execute(old).scalars())
    surplus = select(alerts.c.id).where(alerts.c.id <= newest - at_most_kept, over).order_by(alerts.c.id).limit(limit)
    ids |= set(tx.execute(surplus).scalars())
    chosen = sorted(ids)[:limit]
    if chosen:
        tx.execute(delete(alerts).where(alerts.c.id.in_(chosen)))
    return len(chosen)


def _alert(row: Any) -> AlertState:
    return AlertState(**{name: row._mapping[name] for name in AlertState.__struct_fields__})
