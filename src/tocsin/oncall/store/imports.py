"""Calendars kept elsewhere, on the shelf: where they are read, when next, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update

from tocsin.oncall.model import Import
from tocsin.oncall.store import planned
from tocsin.oncall.store.tables import imported, imports
from tocsin.storage import Tx


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed reading of a calendar elsewhere."""

    id: int
    calendar_id: int
    url: str
    timezone: str
    etag: str
    failures: int
    """In a row, before this one."""
    warning: str | None
    read_at: datetime | None


def add(tx: Tx, *, calendar_id: int, name: str, url: str, timezone: str) -> int:
    """Insert an import that is read at once; returns its id."""
    return tx.insert(
        insert(imports).values(
            calendar_id=calendar_id, name=name, sealed_url=tx.vault.seal(url), timezone=timezone, poll_at=tx.now,
            tried_at=None, read_at=None, warning=None, failures=0, etag="", created_at=tx.now,
        )
    )  # fmt: skip


def of_calendar(tx: Tx, calendar_id: int, limit: int) -> list[Import]:
    """A calendar's imports, the oldest first."""
    statement = select(imports).where(imports.c.calendar_id == calendar_id).order_by(imports.c.id).limit(limit)
    return _imports(tx, tx.execute(statement).all())


def find(tx: Tx, calendar_id: int, id: int) -> Import | None:
    """One import of the calendar."""
    rows = tx.execute(select(imports).where(imports.c.calendar_id == calendar_id, imports.c.id == id)).all()
    return next(iter(_imports(tx, rows)), None)


def change(tx: Tx, id: int, *, name: str, url: str, timezone: str) -> None:
    """Replace what was set, and read it at once."""
    tx.execute(
        update(imports)
        .where(imports.c.id == id)
        .values(name=name, sealed_url=tx.vault.seal(url), timezone=timezone, poll_at=tx.now, etag="", failures=0)
    )


def remove(tx: Tx, id: int) -> None:
    """Delete an import and what was read by it."""
    tx.execute(delete(imported).where(imported.c.import_id == id))
    tx.execute(delete(imports).where(imports.c.id == id))


def claim(tx: Tx, limit: int, next_at: datetime) -> list[Poll]:
    """Take those that are to be read now: nobody else does before `next_at`."""
    statement = select(imports).where(imports.c.poll_at <= tx.now).order_by(imports.c.poll_at).limit(limit)
    taken = []
    for row in tx.execute(statement).all():
        mine = update(imports).where(imports.c.id == row.id, imports.c.poll_at == row.poll_at).values(poll_at=next_at)
        if tx.execute(mine).rowcount:
            taken.append(
                Poll(
                    id=row.id, calendar_id=row.calendar_id, url=_opened(tx, row.sealed_url), timezone=row.timezone,
                    etag=row.etag, failures=row.failures, warning=row.warning, read_at=row.read_at,
                )
            )  # fmt: skip
    return taken


def settle(
    tx: Tx, id: int, *, poll_at: datetime, read: bool, warning: str | None, failures: int, etag: str | None
) -> None:
    """Note how a reading went, and when the next one is due; `etag` None: as it was."""
    values: dict[str, Any] = {"poll_at": poll_at, "tried_at": tx.now, "warning": warning, "failures": failures}
    if read:
        values["read_at"] = tx.now
    if etag is not None:
        values["etag"] = etag
    tx.execute(update(imports).where(imports.c.id == id).values(**values))


def next_poll(tx: Tx) -> datetime | None:
    """When the next one is to be read."""
    found: datetime | None = tx.execute(select(func.min(imports.c.poll_at))).scalar()
    return found


def forget(tx: Tx, calendar_id: int) -> None:
    """Delete all imports of a calendar."""
    tx.execute(delete(imported).where(imported.c.calendar_id == calendar_id))
    tx.execute(delete(imports).where(imports.c.calendar_id == calendar_id))


def _imports(tx: Tx, rows: Sequence[Any]) -> list[Import]:
    counts = planned.count_imported(tx, [row.id for row in rows])
    return [
        Import(
            id=row.id, calendar_id=row.calendar_id, team_id=0, name=row.name, url=_opened(tx, row.sealed_url),
            timezone=row.timezone, read_at=row.read_at, tried_at=row.tried_at, events_count=counts.get(row.id, 0),
            warning=row.warning, created_at=row.created_at,
        )
        for row in rows
    ]  # fmt: skip


def _opened(tx: Tx, sealed: str) -> str:
    try:
        return tx.vault.open(sealed)
    except ValueError:
        return ""
