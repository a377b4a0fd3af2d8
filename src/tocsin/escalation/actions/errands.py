"""Instructions that plans have come to: handed to whoever writes them into the incident and reminds people of them."""

from __future__ import annotations

from datetime import datetime

from tocsin.escalation.model import Errand
from tocsin.escalation.store import errands as shelf
from tocsin.storage import Tx

TOPIC = "errands"
"""Rung when instructions are to be written."""
BATCH = 50
"""Errands of one look; the rest is due at the next, at once."""


def due(tx: Tx) -> list[int]:
    """Ids of what is to be written or looked at by now."""
    return shelf.due(tx, tx.now, BATCH)


def earliest(tx: Tx) -> datetime | None:
    """When the next of them is due."""
    return shelf.earliest(tx)


def find(tx: Tx, id: int) -> Errand | None:
    """The errand with that id."""
    return shelf.find(tx, id)


def claim(tx: Tx, seen: Errand, *, due_at: datetime | None) -> bool:
    """Take it on, to be looked at again at `due_at` (None = never); False when somebody else was faster."""
    return shelf.claim(tx, seen, due_at=due_at, comment_id=seen.comment_id)


def written(tx: Tx, id: int, comment_id: int) -> None:
    """Note the comment in which the instructions stand."""
    shelf.write_down(tx, id, comment_id)
