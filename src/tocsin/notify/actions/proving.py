"""What can be shown to whoever asks whether a page arrived: each message with its instants, and the whole ledger."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from sqlalchemy import ColumnElement

from tocsin.kernel.clock import to_wire
from tocsin.notify.actions.looking import log
from tocsin.notify.model import DeliveryEvent, Proof, State
from tocsin.notify.store import reading
from tocsin.storage import Tx

MAX_LINES = 20_000
"""Ledger lines that one page of proofs reads: a message that was tried for a month has some ten thousand."""
COLUMNS = ("at", "message", "kind", "channel", "recipient", "user_id", "target_id", "address", "state", "attempt",
           "detail")  # fmt: skip
_LAST = frozenset({State.FAILED})
"""Of these the newest instant says more than the first."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run (OWASP, CSV Injection)."""


def told(user_id: int, incident_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether that person was paged about an incident, as a condition for another concept's query."""
    return reading.told(user_id, incident_id)


def proofs(tx: Tx, incident_id: int, *, page: int, per_page: int) -> tuple[list[Proof], int]:
    """The messages about an incident as their ledgers prove them, and how many there are in all."""
    rows, total = reading.messages(tx, incident_id, offset=(page - 1) * per_page, limit=per_page)
    reached: dict[int, dict[str, datetime]] = {row.id: {} for row in rows}
    reasons: dict[int, str] = {}
    for line in reading.lines_of(tx, list(reached), MAX_LINES):
        if line.state in _LAST or line.state not in reached[line.delivery_id]:
            reached[line.delivery_id][line.state] = line.at
        if line.state in reading.ACCEPTED:  # a receipt that was quicker than our own note proves the acceptance too
            reached[line.delivery_id].setdefault(State.SENT, line.at)
        reasons[line.delivery_id] = line.detail
    found = [
        Proof(
            id=row.id,
            kind=row.kind,
            channel=row.channel,
            user_id=row.user_id or None,
            target_id=row.target_id or None,
            recipient=row.recipient,
            address=row.address,
            state=row.state,
            planned_at=row.planned_at,
            attempts=row.attempts,
            provider_id=row.provider_id,
            reason=reasons.get(row.id, ""),
            reached=reached[row.id],
        )
        for row in rows
    ]
    return found, total


def ledger_csv(tx: Tx, incident_id: int) -> bytes:
    """The ledger of an incident as a table (RFC 4180, UTF-8), one line for each thing that happened, oldest first."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for event in log(tx, incident_id):
        writer.writerow([_cell(value) for value in _values(event)])
    return text.getvalue().encode()


def _values(event: DeliveryEvent) -> tuple[object, ...]:
    return (
        to_wire(event.at), event.delivery_id, event.kind, event.channel, event.recipient, event.user_id or "",
        event.target_id or "", event.address, event.state, event.attempt, event.detail,
    )  # fmt: skip


def _cell(value: object) -> object:
    """A name or a server's words must stay words when somebody opens the table."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
