"""Where monitors stand, when nobody watched, and what is due about domain names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from tocsin.kernel.clock import from_milliseconds
from tocsin.monitors.model import Domain, Gap, Standing
from tocsin.monitors.store.tables import domains, gaps, marks, monitors, states
from tocsin.storage import Tx

_PROCESS = "engine"


def save_standing(tx: Tx, monitor_id: int, standing: Standing) -> None:
    """The start of the latest check judged is kept as `last_checked_at`: none before it is judged again."""
    checked_at = from_milliseconds(standing.observed_ms) if standing.observed_ms else None  # never checked: not 1970
    tx.execute(
        update(states)
        .where(states.c.monitor_id == monitor_id)
        .values(
            status=standing.status.value, last_checked_at=checked_at,
            failing_since_ms=standing.failing_since_ms,
            recovering_since_ms=standing.recovering_since_ms, incident_id=standing.incident_id,
            degraded_since_ms=standing.degraded_since_ms, degraded_reason=standing.degraded_reason,
            outages=" ".join(map(str, standing.outages)) or None, flapping_since_ms=standing.flapping_since_ms,
        )
    )  # fmt: skip


def begin_anew(tx: Tx, monitor_ids: Sequence[int]) -> None:
    """Back to the first check still to be done; when they were checked last, and failed last, stays known."""
    start = Standing()
    tx.execute(
        update(states)
        .where(states.c.monitor_id.in_(monitor_ids))
        .values(
            status=start.status.value, failing_since_ms=start.failing_since_ms,
            recovering_since_ms=start.recovering_since_ms, incident_id=start.incident_id,
            degraded_since_ms=start.degraded_since_ms, degraded_reason=start.degraded_reason,
        )
    )  # fmt: skip


def note_checked(tx: Tx, checked: Mapping[int, tuple[int, int | None]]) -> None:
    """The start (ms) of the latest steady check of each monitor, and how long it took (microseconds; None: not known).

    One round trip, whatever their number.
    """
    if tx.connection.dialect.name == "sqlite":
        tx.connection.exec_driver_sql(
            "UPDATE monitor_states SET last_checked_at = ?1, last_response_us = COALESCE(?2, last_response_us)"
            " WHERE monitor_id = ?3 AND (last_checked_at IS NULL OR last_checked_at < ?1)",
            [(at, took, id) for id, (at, took) in checked.items()],
        )
    else:
        tx.connection.exec_driver_sql(
            "UPDATE monitor_states SET last_checked_at = seen.at,"
            " last_response_us = COALESCE(seen.took, last_response_us)"
            " FROM (SELECT unnest(%s::bigint[]) AS id, unnest(%s::bigint[]) AS at, unnest(%s::bigint[]) AS took)"
            " AS seen"
            " WHERE monitor_id = seen.id AND (last_checked_at IS NULL OR last_checked_at < seen.at)",
            (list(checked), [at for at, _ in checked.values()], [took for _, took in checked.values()]),
        )


def note_response(tx: Tx, monitor_id: int, microseconds: int) -> None:
    """How long a good check took that had to be judged."""
    tx.execute(update(states).where(states.c.monitor_id == monitor_id).values(last_response_us=microseconds))


def last_response_us(tx: Tx, monitor_id: int) -> int | None:
    """How long its latest good check took, in microseconds."""
    return tx.execute(select(states.c.last_response_us).where(states.c.monitor_id == monitor_id)).scalar()


def alive(tx: Tx) -> int | None:
    """The last instant (ms) at which the engine is known to have watched."""
    return tx.execute(select(marks.c.alive_ms).where(marks.c.name == _PROCESS)).scalar()


def mark_alive(tx: Tx, at_ms: int) -> None:
    done = tx.execute(update(marks).where(marks.c.name == _PROCESS).values(alive_ms=at_ms))
    if done.rowcount == 0:
        tx.execute(insert(marks).values(name=_PROCESS, alive_ms=at_ms))


def add_gap(tx: Tx, monitor_id: int | None, from_ms: int, to_ms: int | None, reason: str) -> None:
    tx.execute(insert(gaps).values(monitor_id=monitor_id, from_ms=from_ms, to_ms=to_ms, reason=reason))


def add_gaps(tx: Tx, monitor_ids: Sequence[int], from_ms: int, reason: str) -> None:
    """The same gap for each of the monitors, still open."""
    rows = [{"monitor_id": id, "from_ms": from_ms, "to_ms": None, "reason": reason} for id in monitor_ids]
    tx.execute(insert(gaps), rows)


def close_gaps(tx: Tx, monitor_ids: Sequence[int], to_ms: int, reason: str) -> None:
    tx.execute(
        update(gaps)
        .where(gaps.c.monitor_id.in_(monitor_ids), gaps.c.reason == reason, gaps.c.to_ms.is_(None))
        .values(to_ms=to_ms)
    )


def gaps_of(tx: Tx, monitor_id: int, from_ms: int, to_ms: int) -> list[Gap]:
    """The stretches that touch the period, the monitor's own and everybody's."""
    rows: Any = tx.execute(
        select(gaps.c.from_ms, gaps.c.to_ms, gaps.c.reason).where(
            or_(gaps.c.monitor_id == monitor_id, gaps.c.monitor_id.is_(None)),
            gaps.c.from_ms < to_ms,
            or_(gaps.c.to_ms.is_(None), gaps.c.to_ms > from_ms),
        )
    )
    return [Gap(*row) for row in rows]


def open_gaps(tx: Tx, reason: str) -> list[int]:
    """The monitors that are in an open gap of that reason."""
    found = tx.execute(select(gaps.c.monitor_id).where(gaps.c.to_ms.is_(None), gaps.c.reason == reason)).scalars()
    return [id for id in found if id is not None]


def delete_gaps(tx: Tx, *, monitor_id: int | None = None, before_ms: int | None = None) -> None:
    if monitor_id is not None:
        tx.execute(delete(gaps).where(gaps.c.monitor_id == monitor_id))
    if before_ms is not None:
        tx.execute(delete(gaps).where(gaps.c.to_ms < before_ms))


def save_certificate(tx: Tx, monitor_id: int, expires_at: datetime) -> None:
    tx.execute(update(states).where(states.c.monitor_id == monitor_id).values(certificate_expires_at=expires_at))


def announced(tx: Tx, monitor_id: int, kind: str) -> datetime | None:
    """The end for which an incident of that kind was opened last."""
    column = states.c.certificate_announced_at if kind == "ssl_expiration" else states.c.domain_announced_at
    return tx.execute(select(column).where(states.c.monitor_id == monitor_id)).scalar()


def announce(tx: Tx, monitor_id: int, kind: str, expires_at: datetime | None) -> None:
    """None: none is announced any more, so that the same end may be announced again."""
    column = "certificate_announced_at" if kind == "ssl_expiration" else "domain_announced_at"
    tx.execute(update(states).where(states.c.monitor_id == monitor_id).values({column: expires_at}))


def watch_domain(tx: Tx, domain: str) -> datetime | None:
    """Have the domain's registration looked up now and then. Returns its end, when that is known already."""
    row: Any = tx.execute(select(domains.c.expires_at).where(domains.c.domain == domain)).first()
    if row is None:
        tx.execute(insert(domains).values(domain=domain, next_at=tx.now))
        return None
    expires_at: datetime | None = row.expires_at
    return expires_at


def due_domains(tx: Tx, now: datetime, limit: int) -> list[tuple[str, datetime]]:
    """(domain, the instant at which it was due), longest overdue first."""
    rows: Any = tx.execute(
        select(domains.c.domain, domains.c.next_at).where(domains.c.next_at <= now).order_by(domains.c.next_at)
        .limit(limit)
    )  # fmt: skip
    return [(domain, next_at) for domain, next_at in rows]


def next_domain_at(tx: Tx) -> datetime | None:
    found = tx.execute(select(domains.c.next_at).order_by(domains.c.next_at).limit(1)).first()
    return None if found is None else found.next_at


def claim_domain(tx: Tx, domain: str, seen: datetime, next_at: datetime) -> bool:
    """Compare-and-set: True for the one worker that may look this domain up now."""
    done = tx.execute(
        update(domains).where(domains.c.domain == domain, domains.c.next_at == seen).values(next_at=next_at)
    )
    return done.rowcount == 1


def save_domain(
    tx: Tx, domain: str, *, next_at: datetime, expires_at: datetime | None, failure: str | None
) -> datetime | None:
    """Write down what a lookup found; a failed one keeps the end that was known. Returns the end that holds now."""
    values: dict[str, object] = {"next_at": next_at, "checked_at": tx.now, "failure": failure}
    if expires_at is not None:
        values["expires_at"] = expires_at
    tx.execute(update(domains).where(domains.c.domain == domain).values(values))
    found = tx.execute(select(domains.c.expires_at).where(domains.c.domain == domain)).first()
    return None if found is None else found.expires_at


def domain(tx: Tx, domain: str) -> Domain | None:
    """What is known of a domain's registration; None: it is not looked up."""
    row: Any = tx.execute(
        select(domains.c.checked_at, domains.c.expires_at, domains.c.failure).where(domains.c.domain == domain)
    ).first()
    return None if row is None else Domain(domain, row.checked_at, row.expires_at, row.failure)


def drop_unused_domain(tx: Tx, domain: str) -> bool:
    """Forget a domain below which nothing is watched any more."""
    used = tx.execute(select(monitors.c.id).where(monitors.c.domain == domain).limit(1)).first()
    if used is None:
        tx.execute(delete(domains).where(domains.c.domain == domain))
    return used is None
