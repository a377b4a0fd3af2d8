"""Trying a team's target out: a real message through the real outbox, and what became of the latest ones."""

from __future__ import annotations

from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.errors import Conflict
from tocsin.notify.actions.planning import queue
from tocsin.notify.actions.targets import TYPE, open_target
from tocsin.notify.model import Kind, Notice
from tocsin.notify.model.targets import TargetDelivery
from tocsin.notify.store import targets as shelf
from tocsin.storage import Tx, events


def test(tx: Tx, id: int, team_ids: tuple[int, ...] | None, by: str) -> TargetDelivery:
    """Send a message about no incident, at once. `by`: who asked for it, in words. Raises NotFound, Conflict."""
    target = open_target(tx, id, team_ids).target
    notice = Notice(
        kind=Kind.NOTICE,
        incident_id=0,
        team_id=target.team_id,
        subject=f"[Tocsin] A test of {target.name}",
        headline=f"This is a test of {target.name}",
        cause="Nothing is wrong. Whoever reads this will read about incidents here, too.",
        facts=[("Asked for by", by)],
        thread_key=f"target-{id}-test-{to_milliseconds(tx.now)}",
    )
    delivery_id = queue(
        tx, notice, user_id=0, target_id=id, channel=target.kind, address=target.name, planned_at=tx.now
    )  # fmt: skip
    found = None if delivery_id is None else shelf.delivery(tx, delivery_id)
    if found is None:
        raise Conflict("A test of this target was asked for at this very instant: look at its deliveries.")
    events.record(tx, f"{TYPE}.tested", team_id=target.team_id, resource_type=TYPE, resource_id=id)
    return found


def deliveries(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[TargetDelivery], int]:
    """One page of what was sent to a target, newest first, and how much there is in all. Raises NotFound."""
    open_target(tx, id, team_ids)
    return shelf.deliveries_to(tx, id, offset=(page - 1) * per_page, limit=per_page)
