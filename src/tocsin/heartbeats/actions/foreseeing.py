"""Says what a job's silence would mean for people, before it has fallen silent."""

from __future__ import annotations

from tocsin.escalation.model import Paging
from tocsin.escalation.model.forecast import Subject
from tocsin.heartbeats.actions.heartbeats import find
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
