"""Says what a job's silence would mean for people, before it has fallen silent."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.escalation.model import Paging
from tocsin.escalation.model.forecast import Subject, Use
from tocsin.heartbeats.actions.heartbeats import find
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.storage import Tx


def subject(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Subject:
    """A heartbeat whose failure is to be played through. Raises NotFound."""
    heartbeat = find(tx, id, team_ids)
    return Subject(
        team_id=heartbeat.team_id,
        name=heartbeat.name,
        paging=Paging.of(heartbeat.settings),
        owner_kind="heartbeat",
        owner_id=heartbeat.id,
    )


def uses(tx: Tx, team_id: int) -> Iterator[tuple[int, Use]]:
    """(policy id, which heartbeat) for every heartbeat of a team that is paged by a policy."""
    for id, name, policy_id in shelf.policies_of(tx, team_id):
        yield policy_id, Use("heartbeat", id, name)
