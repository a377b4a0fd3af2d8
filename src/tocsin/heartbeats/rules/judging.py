"""When a job is late, when it takes too long, and what one of its calls changes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from tocsin.heartbeats.model import Absence, HeartbeatStatus, Kind, Run, Settings, Standing
from tocsin.heartbeats.rules import words
from tocsin.heartbeats.rules.schedule import expected_after
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.maintenance import has_window, in_maintenance, next_change

MAX_RUNS = 50
"""Runs of one job at once; of more, the oldest is forgotten."""
MAX_RUN_MS = 7 * 86_400_000
"""An end that comes later than this after its start says nothing about how long the run took."""
ABSENCES_COUNTED = 3
"""Of our own absences the latest so many: a Tocsin that is restarted for ever must not keep silent for ever."""
SHORTEST_ALLOWANCE_MS, LONGEST_ALLOWANCE_MS = 60_000, 3_600_000
"""What a job gets after our absence to call again: its period and grace, within these. Whoever calls once a day cannot
be waited for."""
EARLY_MS = 60_000
"""A beat expected so shortly after our absence may have come a little early, and so got lost."""
_PIECES = 16
"""Maintenance windows that touch each other."""

UP, DOWN, PENDING = HeartbeatStatus.UP, HeartbeatStatus.DOWN, HeartbeatStatus.PENDING


class Deed(StrEnum):
    """What must be done about the incident, in the same transaction."""

    OPEN = "open"
    """It was fine, and now it is not."""
    INSIST = "insist"
    """It still is not: open an incident if a person has closed the last one."""
    RECOVER = "recover"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What one ping says, as far as judging goes."""

    kind: Kind
    at_ms: int
    exit_code: int | None = None
    run_id: str | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The new standing and what follows."""

    standing: Standing
    deed: Deed | None = None
    cause: str = ""
    started_ms: int | None = None
    """Since when it is wrong; None: since now."""
    duration_ms: int | None = None
    overlapping: int = 0


class Due(msgspec.Struct, frozen=True):
    """The next instant at which a job is late."""

    at_ms: int
    expected_ms: int
    """When the call was expected, without grace."""
    run: Run | None = None
    """The run that takes too long; None: the call itself is missing."""


def take(standing: Standing, call: Call, settings: Settings, absences: Sequence[Absence] = ()) -> Judgement:
    """Where a job stands after one of its calls. A paused one is not judged at all: the caller sees to that."""
    if call.kind is Kind.LOG:
        return Judgement(standing=standing)
    if call.kind is Kind.START:
        others = tuple(run for run in standing.runs if run.id != (call.run_id or ""))
        runs = (*others[-(MAX_RUNS - 1) :], Run(call.run_id or "", call.at_ms))
        started = msgspec.structs.replace(standing, runs=runs)
        return Judgement(standing=rearmed(started, settings, absences), overlapping=len(others))
    runs, duration_ms = _ended(standing.runs, call)
    ended = msgspec.structs.replace(standing, runs=runs)
    if call.kind is Kind.SUCCESS:
        last_beat_ms = call.at_ms if standing.last_beat_ms is None else max(standing.last_beat_ms, call.at_ms)
        well = msgspec.structs.replace(ended, status=UP, last_beat_ms=last_beat_ms, since_ms=None)
        deed = Deed.RECOVER if standing.status is DOWN else None
        return Judgement(standing=rearmed(well, settings, absences), deed=deed, duration_ms=duration_ms)
    if in_maintenance(settings, from_milliseconds(call.at_ms)):
        return Judgement(standing=rearmed(ended, settings, absences), duration_ms=duration_ms)
    failed = msgspec.structs.replace(ended, status=DOWN, since_ms=call.at_ms)
    return Judgement(
        standing=rearmed(failed, settings, absences),
        deed=Deed.INSIST if standing.status is DOWN else Deed.OPEN,
        cause=words.failed(call.exit_code),
        duration_ms=duration_ms,
    )


def look(standing: Standing, settings: Settings, now_ms: int, absences: Sequence[Absence] = ()) -> Judgement:
    """Whether a job is late at this instant; the new standing says when to look again.

    A job that stays silent is late anew with every further call that it misses, so that an incident which a person has
    closed too early does not hide the next night's failure.
    """
    due = next_due(standing, settings, absences)
    if due is None or due.at_ms > now_ms:
        return Judgement(standing=msgspec.structs.replace(standing, due_ms=None if due is None else due.at_ms))
    if due.run is not None:
        told = tuple(msgspec.structs.replace(run, told=True) if run.id == due.run.id else run for run in standing.runs)
        cause = words.running(due.run.started_ms, run_limit_seconds(settings), now_ms)
        late = msgspec.structs.replace(standing, status=DOWN, runs=told)
    else:
        cause = words.silent(settings, standing.last_beat_ms, now_ms)
        behind = due.expected_ms + settings.period * 1000 < now_ms
        late = msgspec.structs.replace(standing, status=DOWN, since_ms=now_ms if behind else due.expected_ms)
    return Judgement(
        standing=rearmed(late, settings, absences),
        deed=Deed.INSIST if standing.status is DOWN else Deed.OPEN,
        cause=cause,
        started_ms=due.at_ms,
    )


def rearmed(standing: Standing, settings: Settings, absences: Sequence[Absence] = ()) -> Standing:
    """The standing with the instant of the next look."""
    due = next_due(standing, settings, absences)
    return msgspec.structs.replace(standing, due_ms=None if due is None else due.at_ms)


def next_due(standing: Standing, settings: Settings, absences: Sequence[Absence] = ()) -> Due | None:
    """When the job is late, if it says nothing more: its next call is missing, or a run takes too long.

    None: nothing is expected. Time of our own absence, and maintenance, do not count against it.
    """
    limit_ms = run_limit_seconds(settings) * 1000
    found = [Due(run.started_ms + limit_ms, run.started_ms, run) for run in standing.runs if not run.told]
    base_ms = _latest(standing.last_beat_ms, standing.since_ms)
    if standing.status is not PENDING and base_ms is not None:
        expected = expected_after(settings, from_milliseconds(base_ms))
        if expected is not None:
            expected_ms = to_milliseconds(expected)
            found.append(Due(expected_ms + settings.grace * 1000, expected_ms))
    moved = [_moved(due, settings, absences) for due in found]
    return min((due for due in moved if due is not None), key=lambda due: due.at_ms, default=None)


def run_limit_seconds(settings: Settings) -> int:
    """How long a run may take: the grace period; without one, the period."""
    return settings.grace or settings.period


def allowance_ms(settings: Settings) -> int:
    """How long after our own absence a job gets to call again."""
    wanted = (settings.period + settings.grace) * 1000
    return min(max(wanted, SHORTEST_ALLOWANCE_MS), LONGEST_ALLOWANCE_MS)


def excused(due: Due, absences: Sequence[Absence]) -> bool:
    """Whether the call may have got lost through our own fault."""
    return any(
        due.expected_ms <= absence.to_ms + EARLY_MS and due.at_ms > absence.from_ms
        for absence in absences[-ABSENCES_COUNTED:]
    )


def _moved(due: Due, settings: Settings, absences: Sequence[Absence]) -> Due | None:
    """Put off for our own absences, then to the end of maintenance; None: maintenance never ends."""
    at_ms = due.at_ms
    for absence in absences[-ABSENCES_COUNTED:]:
        if due.expected_ms <= absence.to_ms + EARLY_MS and at_ms > absence.from_ms:
            at_ms = max(at_ms, absence.to_ms + allowance_ms(settings))
    if has_window(settings):
        for _ in range(_PIECES):
            at = from_milliseconds(at_ms)
            if not in_maintenance(settings, at):
                break
            change = next_change(settings, at)
            if change is None:
                return None
            at_ms = to_milliseconds(change)
    return msgspec.structs.replace(due, at_ms=at_ms)


def _ended(runs: tuple[Run, ...], call: Call) -> tuple[tuple[Run, ...], int | None]:
    """The runs that go on after an end, and how long the ended one took. An end without an id ends them all."""
    id = call.run_id or ""
    duration_ms = next((call.at_ms - run.started_ms for run in runs if run.id == id), None)
    if duration_ms is not None and not 0 <= duration_ms <= MAX_RUN_MS:
        duration_ms = None
    return (() if call.run_id is None else tuple(run for run in runs if run.id != id)), duration_ms


def _latest(*instants: int | None) -> int | None:
    return max((instant for instant in instants if instant is not None), default=None)
