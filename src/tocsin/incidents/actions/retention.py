"""Forgets what nobody will ask for again: old evidence, and suspicions that came to nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.escalation import actions as escalation
from tocsin.incidents import rules, store
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType
from tocsin.notify import actions as notify
from tocsin.storage import Tx

MAX_CROWDED = 100
"""Owners with too many answers that one round looks after; the next round has those that are left."""
ROWS_PER_INCIDENT = 10
"""An incident that nobody heard of, with its facts, evidence and story: how many fit into one bounded clean-up."""


def prune(tx: Tx, *, at_most: int) -> int:
    """Forget a bounded part (rows) of what is past its time; returns how much, 0 = nothing is left to forget.

    Nothing of an incident that is not resolved is ever touched. For what there is too much of, see `surplus`.
    """
    doomed = store.withdrawn(tx, tx.now - rules.WITHDRAWN_KEPT, at_most // ROWS_PER_INCIDENT)
    if doomed:
        return notify.forget(tx, doomed, at_most=at_most) or _remove(tx, doomed)
    old = store.old_responses(tx, tx.now - rules.EVIDENCE_KEPT, at_most)
    if old:
        store.drop_responses(tx, old)
        return len(old)
    return 0


def surplus(tx: Tx, *, at_most: int) -> list[int]:
    """Incidents whose stored answer is to be shortened: of one owner only the newest ones stay whole.

    For a reading transaction: with a hundred thousand answers it takes a tenth of a second, for which no page must
    wait. `shorten` then writes: what is surplus once stays so.
    """
    found: list[int] = []
    for owner in store.crowded_owners(tx, rules.WHOLE_ANSWERS_PER_OWNER, MAX_CROWDED):
        found += store.surplus_responses(tx, owner, rules.WHOLE_ANSWERS_PER_OWNER, at_most - len(found))
        if len(found) >= at_most:
            break
    return found


def shorten(tx: Tx, incident_ids: Sequence[int]) -> None:
    """Forget body and headers of the answers that `surplus` named; source, status and timings stay."""
    store.shorten_responses(tx, incident_ids)


def unresolved(tx: Tx, limit: int) -> list[int]:
    """Ids of the incidents that are not over: whoever forgets things must leave theirs alone."""
    return store.unresolved(tx, limit)


def _remove(tx: Tx, incident_ids: list[int]) -> int:
    metadata.forget(tx, OwnerType.INCIDENT, incident_ids)
    for id in incident_ids:
        escalation.forget(tx, id, "the incident was withdrawn")
        store.remove(tx, id)
    return len(incident_ids) * ROWS_PER_INCIDENT
