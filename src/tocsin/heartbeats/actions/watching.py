"""What the passing of time does: deadlines are looked at, and our own absences are not held against anybody."""

from __future__ import annotations

from collections import Counter

import structlog

from tocsin.heartbeats.actions.pinging import TOPIC, absences, follow
from tocsin.heartbeats.model import Absence
from tocsin.heartbeats.rules.judging import Due, excused, look, next_due
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.heartbeats.store import states as state_shelf
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.storage import Tx, events

BATCH = 500
"""Deadlines looked at in one go."""
ABSENCES_KEPT = 100
"""More than are ever counted: for people who ask."""
COUNTED_AT_MOST = 20_000
"""Heartbeats looked through to say how many an absence concerned."""
RETRY_MS = 5_000
"""After which a deadline is tried again that could not be judged."""
_SHELF_AT_ONCE = 500

log = structlog.get_logger()


def due(tx: Tx) -> list[tuple[int, int]]:
    """(heartbeat id, instant in ms) of what must be looked at now, the longest overdue first."""
    return state_shelf.due(tx, to_milliseconds(tx.now), BATCH)


def earliest(tx: Tx) -> int | None:
    """The instant (ms) at which the next one must be looked at."""
    return state_shelf.earliest(tx)


def put_off(tx: Tx, seen: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Move on the looks at jobs that have called meanwhile, and return those that seem late: `miss` judges them."""
    ours = absences(tx)
    now_ms = to_milliseconds(tx.now)
    heartbeats = {heartbeat.id: heartbeat for heartbeat in shelf.by_ids(tx, [id for id, _ in seen])}
    later: list[tuple[int, int, int | None]] = []
    late: list[tuple[int, int]] = []
    for id, due_ms in seen:
        heartbeat = heartbeats.get(id)
        if heartbeat is None or heartbeat.standing.due_ms != due_ms:
            continue
        next = None if heartbeat.paused_at else next_due(heartbeat.standing, heartbeat.settings, ours)
        if next is not None and next.at_ms <= now_ms:
            late.append((id, due_ms))
        else:
            later.append((id, due_ms, None if next is None else next.at_ms))
    state_shelf.put_off(tx, later)
    return late


def miss(tx: Tx, heartbeat_id: int, due_ms: int, base_url: str) -> bool:
    """Judge one deadline; whoever claims it does what follows in the same transaction. True: the job is late."""
    if not state_shelf.claim(tx, heartbeat_id, due_ms):
        return False
    heartbeat = shelf.find(tx, heartbeat_id)
    if heartbeat is None or heartbeat.paused_at is not None:
        return False
    judgement = look(heartbeat.standing, heartbeat.settings, to_milliseconds(tx.now), absences(tx))
    state_shelf.save(tx, heartbeat_id, judgement.standing)
    follow(tx, heartbeat, judgement, base_url)
    return judgement.deed is not None


def try_again(tx: Tx, heartbeat_id: int, due_ms: int) -> None:
    """A deadline could not be judged: one broken heartbeat must not keep the others waiting."""
    state_shelf.push_back(tx, heartbeat_id, due_ms, to_milliseconds(tx.now) + RETRY_MS)


def note_alive(tx: Tx, silence_ms: int) -> Absence | None:
    """Pings can be taken now. When that was not so for longer than `silence_ms`, it is an absence, and is told once.

    A job whose call was expected meanwhile gets time to call again; if it does not, that is an ordinary incident.
    """
    now_ms = to_milliseconds(tx.now)
    last_ms = state_shelf.alive(tx)
    state_shelf.mark_alive(tx, now_ms)
    if last_ms is None or now_ms - last_ms <= silence_ms:
        return None
    absence = Absence(last_ms, now_ms)
    state_shelf.add_absence(tx, absence, ABSENCES_KEPT)
    concerned = _concerned(tx, absence)
    for team_id, count in sorted(concerned.items()):
        events.record(
            tx, "heartbeats.unwatched", team_id=team_id, resource_type="team", resource_id=team_id,
            from_ms=absence.from_ms, to_ms=absence.to_ms, heartbeats=count,
        )  # fmt: skip
    tx.ring(TOPIC)
    return absence


def _concerned(tx: Tx, absence: Absence) -> Counter[int]:
    """How many heartbeats of each team were expected to call during the absence."""
    concerned: Counter[int] = Counter()
    ids = [id for id, _ in state_shelf.due(tx, absence.to_ms, COUNTED_AT_MOST)]
    for start in range(0, len(ids), _SHELF_AT_ONCE):
        for heartbeat in shelf.by_ids(tx, ids[start : start + _SHELF_AT_ONCE]):
            expected: Due | None = next_due(heartbeat.standing, heartbeat.settings)
            if heartbeat.paused_at is None and expected is not None and excused(expected, [absence]):
                concerned[heartbeat.team_id] += 1
    if concerned:
        log.warning(
            "heartbeats could not be taken; their deadlines are put off",
            since=from_milliseconds(absence.from_ms).isoformat(), until=from_milliseconds(absence.to_ms).isoformat(),
            heartbeats=concerned.total(),
        )  # fmt: skip
    return concerned
