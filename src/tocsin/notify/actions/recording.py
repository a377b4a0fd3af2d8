"""Lines of the ledger: what happened to a message, in the transaction in which it happened."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import Row

from tocsin.notify.model import Kind, Notice, State
from tocsin.storage import Tx

log = structlog.get_logger()

MAX_DETAIL_CHARACTERS = 500
"""Of a server's words; some send whole pages."""
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""What a text in a database cannot hold (PostgreSQL refuses the character 0, as in UTF-16), or nobody sees."""


def line(
    tx: Tx, delivery_id: int, state: State, attempt: int, detail: str, at: datetime | None = None
) -> dict[str, Any]:  # fmt: skip
    """One line, for `store.sending.append`. `at`: when it happened, where that is not now."""
    return {
        "delivery_id": delivery_id,
        "at": at or tx.now,
        "state": state.value,
        "attempt": attempt,
        "detail": writable(detail),
    }


def writable(words: str) -> str:
    """Somebody else's words so that they can be kept whatever they are: an answer that cannot be written down would be
    asked for again and again."""
    return _UNWRITABLE.sub(" ", words[:MAX_DETAIL_CHARACTERS])


def notice_of(stored: Any, *, kind: str, incident_id: int, team_id: int, critical: bool = False) -> Notice:
    """What is to be said, as it was stored. When that cannot be read (a damaged row, a downgrade), the page goes out
    all the same, with the little that is known: one row must hold up neither itself nor the others."""
    try:
        return msgspec.convert(stored, Notice)
    except msgspec.ValidationError as error:
        log.error("a stored message cannot be read", incident_id=incident_id, kind=kind, why=str(error))
    words = f"Incident {incident_id} needs attention" if kind == Kind.PAGE else f"News of incident {incident_id}"
    return Notice(
        kind=kind,
        incident_id=incident_id,
        team_id=team_id,
        subject=f"[Tocsin] {words}",
        headline=words,
        cause="What this message was to say could not be read; the incident has it.",
        thread_key=f"incident-{incident_id}",
        critical=critical,
        actions=("acknowledge", "resolve") if kind == Kind.PAGE else (),
    )


def notice_in(row: Row[Any]) -> Notice:
    """The words of a row of `deliveries`."""
    return notice_of(
        row.notice, kind=row.kind, incident_id=row.incident_id, team_id=row.team_id, critical=bool(row.critical)
    )
