"""Lines of the ledger: what happened to a message, in the transaction in which it happened."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from tocsin.notify.model import State
from tocsin.storage import Tx

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
