"""Says what a monitor's failure would mean for people, before it has failed."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.escalation.model import Paging
from tocsin.escalation.model.forecast import Subject, Use
from tocsin.monitors.actions.monitors import find
from tocsin.monitors.store import attention
from tocsin.storage import Tx


def subject(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Subject:
    """A monitor whose failure is to be played through. Raises NotFound."""
    monitor = find(tx, id, team_ids)
    return Subject(
        team_id=monitor.team_id,
        name=monitor.pronounceable_name,
        paging=Paging.of(monitor.settings),
        owner_kind="monitor",
        owner_id=monitor.id,
        confirmation_seconds=monitor.settings.confirmation_period,
    )


def uses(tx: Tx, team_id: int) -> Iterator[tuple[int, Use]]:
    """(policy id, which monitor) for every monitor of a team that is paged by a policy, paused ones too."""
    for id, name, policy_id in attention.policies_of(tx, team_id, paused=True):
        if policy_id is not None:
            yield policy_id, Use("monitor", id, name)
