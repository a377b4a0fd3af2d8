"""Lines of the ledger: what happened to a message, in the transaction in which it happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.notify.model import State
from tocsin.storage import Tx

MAX_DETAIL_CHARACTERS = 500
"""Of a server's words; some send whole pages."""


def line(
    tx: Tx, delivery_id: int, state: State, attempt: int, detail: str, at: datetime | None = None
) -> dict[str, Any]:  # fmt: skip
    """One line, for `store.sending.append`. `at`: when it happened, where that is not now."""
    return {
        "delivery_id": delivery_id,
        "at": at or tx.now,
        "state": state.value,
        "attempt": attempt,
        "detail": detail[:MAX_DETAIL_CHARACTERS],
    }
