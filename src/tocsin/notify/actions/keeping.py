"""Messages that are past their time go, with their ledger."""

from __future__ import annotations

from collections.abc import Collection

from tocsin.notify import rules
from tocsin.notify.store import keeping as shelf
from tocsin.storage import Tx

ROWS_PER_DELIVERY = 4
"""A message and the usual lines of its ledger: how many messages fit into one bounded clean-up."""


def prune(tx: Tx, *, at_most: int, unresolved: Collection[int]) -> int:
    """Delete messages that are past their time, with their ledger; returns how many rows went, never over `at_most`.

    What is still to be sent stays, and so does everything about the incidents (ids) that are `unresolved`.
    """
    ids = shelf.finished(tx, tx.now - rules.KEPT_FOR, unresolved, at_most // ROWS_PER_DELIVERY)
    gone = shelf.remove(tx, ids, at_most) if ids else 0
    return gone + shelf.remove_breaches(tx, tx.now - rules.KEPT_FOR, unresolved, at_most - gone)


def forget(tx: Tx, incident_ids: Collection[int], *, at_most: int) -> int:
    """Delete the messages about incidents that are deleted themselves; returns how many rows went, 0 = none is left."""
    ids = shelf.deliveries_of(tx, incident_ids, at_most // ROWS_PER_DELIVERY)
    gone = shelf.remove(tx, ids, at_most) if ids else 0
    return gone or shelf.remove_breaches_of(tx, incident_ids)
