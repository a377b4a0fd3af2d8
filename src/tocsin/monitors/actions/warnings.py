"""What about a team's monitors will cost somebody a page one day: for the list of what should be mended."""

from __future__ import annotations

from datetime import timedelta

from tocsin.contacts.model import Shortcoming
from tocsin.escalation.actions import policies
from tocsin.monitors.store import attention
from tocsin.storage import Tx

LONG_PAUSE = timedelta(days=7)
"""Who pauses a monitor for a deployment has ended it by then; what is still paused was forgotten."""
MOST = 100
"""Monitors that are named for one reason; a team with more of them mends these first."""


def warnings(tx: Tx, team_id: int) -> list[Shortcoming]:
    """Monitors without a policy, with one that is gone, and those that have been paused for over a week."""
    known: dict[int, bool] = {}
    without, gone = [], []
    for id, name, policy_id in attention.policies_of(tx, team_id):
        if policy_id is None:
            without.append((id, name))
            continue
        if policy_id not in known:
            known[policy_id] = policies.team_of(tx, policy_id) is not None
        if not known[policy_id]:
            gone.append((id, name, policy_id))
    found = []
    for id, name, policy in gone[:MOST]:
        sentence = f"{name} names policy {policy}, which is gone: the whole team is paged."
        found.append(Shortcoming("policy_gone", sentence, "monitor", id))
    for id, name in without[:MOST]:
        sentence = f"{name} has no escalation policy: only its own switches say who is paged."
        found.append(Shortcoming("no_policy", sentence, "monitor", id))
    for id, name, since in attention.paused_before(tx, team_id, tx.now - LONG_PAUSE, MOST):
        days = (tx.now - since).days
        found.append(Shortcoming("long_paused", f"{name} has been paused for {days} days.", "monitor", id))
    return found
