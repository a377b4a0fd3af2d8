"""Says which integrations page people by a policy, before anybody takes that policy away."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.escalation.model.forecast import Use
from tocsin.inbound.store import integrations as shelf
from tocsin.storage import Tx


def uses(tx: Tx, team_id: int) -> Iterator[tuple[int, Use]]:
    """(policy id, which integration) for every integration of a team whose incidents are paged by a policy."""
    for id, name, policy_id in shelf.policies_of(tx, team_id):
        yield policy_id, Use("integration", id, name)
