"""Forgets what nobody will ask for again: old evidence, and suspicions that came to nothing."""

from __future__ import annotations

from tocsin.escalation import actions as escalation
from tocsin.incidents import rules, store
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType
from tocsin.notify import actions as notify
from tocsin.storage import Tx

ROWS_PER_INCIDENT = 10
"""An incident that nobody heard of, with its facts, evidence and story: how many fit into one bounded clean-up."""


def prune(tx: Tx, *, at_most: int) -> int:
    """Forget a bounded part (rows) of what is past its time; returns how much, 0 = nothing is left to forget.

    Nothing of an incident that is not resolved is ever touched.
    """
    doomed = store.withdrawn(tx, tx.now - rules.WITHDRAWN_KEPT, at_most // ROWS_PER_INCIDENT)
    if doomed:
        return notify.forget(tx, doomed, at_most=at_most) or _remove(tx, doomed)
    old = store.old_responses(tx, tx.now - rules.EVIDENCE_KEPT, at_most)
    if old:
        store.drop_responses(tx, old)
        return len(old)
    surplus = store.surplus_responses(tx, rules.WHOLE_ANSWERS_PER_OWNER, at_most)
    if surplus:
        store.shorten_responses(tx, surplus)
    return len(surplus)


def unresolved(tx: Tx, limit: int) -> list[int]:
    """Ids of the incidents that are not over: whoever forgets things must leave theirs alone."""
    return store.unresolved(tx, limit)


def _remove(tx: Tx, incident_ids: list[int]) -> int:
    metadata.forget(tx, OwnerType.INCIDENT, incident_ids)
    for id in incident_ids:
        escalation.forget(tx, id, "the incident was withdrawn")
        store.remove(tx, id)
    return len(incident_ids) * ROWS_PER_INCIDENT
