"""What leans on what: a shop on its database, a server on its router. When the lower fails, the upper is bound to."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.monitors.rules.settings import Errors
from tocsin.monitors.store import dependencies as shelf
from tocsin.storage import Tx

MAX_LEANED_ON = 500
"""Monitors that one may lean on through others: what is further away than that explains nothing."""


def put(tx: Tx, monitor_id: int, depends_on: Sequence[int]) -> None:
    """Write down what it leans on, as checked by `complain`."""
    shelf.put(tx, monitor_id, depends_on)


def of(tx: Tx, monitor_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """What each of them (some hundreds) leans on and still exists; those that lean on nothing are left out."""
    return shelf.of(tx, monitor_ids)


def forget(tx: Tx, monitor_id: int) -> None:
    """A monitor is deleted: what leaned on it stands alone."""
    shelf.forget(tx, monitor_id)


def below(tx: Tx, depends_on: Sequence[int]) -> tuple[int, ...]:
    """These and everything that they lean on in turn, the nearest first, at most `MAX_LEANED_ON`."""
    found: dict[int, None] = {}
    level = list(depends_on)
    while level and len(found) < MAX_LEANED_ON:
        new = [id for id in dict.fromkeys(level) if id not in found][: MAX_LEANED_ON - len(found)]
        found.update(dict.fromkeys(new))
        level = [id for ids in shelf.of(tx, new).values() for id in ids] if new else []
    return tuple(found)


def complain(tx: Tx, monitor_id: int | None, team_id: int, depends_on: Sequence[int], errors: Errors) -> None:
    """Say under `depends_on` what is wrong with it: what is no monitor of the team, and what would close a circle."""
    known = shelf.in_team(tx, depends_on, team_id)
    foreign = [id for id in depends_on if id not in known]
    if foreign:
        errors["depends_on"] = [f"has no monitor with id {', '.join(map(str, foreign))}"]
        return
    reached = below(tx, depends_on)
    if monitor_id is not None and monitor_id in reached:
        errors["depends_on"] = ["would close a circle: a monitor may not lean on itself, nor on what leans on it"]
    elif len(reached) >= MAX_LEANED_ON:
        errors["depends_on"] = [f"leads to {MAX_LEANED_ON} monitors or more: name those alone that it needs itself"]
