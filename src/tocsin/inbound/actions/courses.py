"""How many integrations fared in a period, in a few queries whatever their number."""

from __future__ import annotations

from collections.abc import Collection

from tocsin.inbound.store import integrations as shelf
from tocsin.kernel.availability import Course, Interval
from tocsin.kernel.clock import to_milliseconds
from tocsin.storage import Tx

AT_ONCE = 400
"""Integrations in one statement: an old SQLite takes no more than 999 values."""


def courses(tx: Tx, ids: Collection[int], period: Interval) -> list[tuple[str, Course]]:
    """These integrations, each with the word by which metadata and status pages call its sort, e.g. `IncomingWebhook`.

    Nobody writes down when one was paused: what is paused now is paused from now on.
    """
    ordered = sorted(ids)
    found = []
    for start in range(0, len(ordered), AT_ONCE):
        for each in shelf.outlines(tx, ordered[start : start + AT_ONCE]):
            course = Course(
                owner_type=each.kind.type,
                id=each.id,
                team_id=each.team_id,
                since_ms=to_milliseconds(each.created_at),
                paused=((to_milliseconds(tx.now), period[1]),) if each.paused else (),
            )
            found.append((each.kind.metadata_owner, course))
    return found
