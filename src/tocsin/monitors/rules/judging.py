"""When a failed check is an outage, and when an outage is over."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tocsin.monitors.model import MonitorStatus, Standing, Verdict
from tocsin.monitors.rules.flapping import flapping, note_outage

UP, DOWN, PENDING, VALIDATING = (
    MonitorStatus.UP,
    MonitorStatus.DOWN,
    MonitorStatus.PENDING,
    MonitorStatus.VALIDATING,
)


FUTURE_MS = 60_000
"""What was observed further than this beyond now was written by a clock that ran ahead and has been set right since."""


class Deed(StrEnum):
    """What must be done about the incident, in the same transaction."""

    OPEN = "open"
    """Open an incident that is confirmed: somebody is paged."""
    SUSPECT = "suspect"
    """Open an unconfirmed incident: nobody is paged yet."""
    CONFIRM = "confirm"
    """The suspicion held for the confirmation period: now somebody is paged."""
    WITHDRAW = "withdraw"
    """The suspicion was wrong: close it, nobody ever hears of it."""
    VALIDATE = "validate"
    """Works again; the recovery period runs."""
    FAIL_AGAIN = "fail again"
    """Failed within the recovery period."""
    RECOVER = "recover"
    """The outage is over."""


class Facts(msgspec.Struct, frozen=True):
    """What one check found, as far as judging goes. Instants: milliseconds since 1970 UTC."""

    verdict: Verdict
    started_ms: int
    ended_ms: int
    degraded: str | None = None
    """Of a good one: why it is not as good as it should be."""


class Patience(msgspec.Struct, frozen=True):
    """How long a failure must last to be an outage, and a success to be the end of one. Seconds."""

    confirmation_period: int = 0
    recovery_period: int = 180


class Judgement(msgspec.Struct, frozen=True):
    """The new standing and the deed that follows, if any."""

    standing: Standing
    deed: Deed | None = None


def judge(standing: Standing, facts: Facts, patience: Patience, *, incident_open: bool) -> Judgement:
    """Where the monitor stands after one more check.

    `incident_open`: whether the standing's incident is still open; a person may have resolved it while the site went
    on failing, and then the next failure is judged anew. The caller puts the new incident's id into the standing.
    An unknown verdict, and an observation not newer than the last one judged, change nothing: replays are harmless.
    """
    if facts.verdict is Verdict.UNKNOWN or facts.started_ms <= standing.observed_ms:
        return Judgement(standing)
    if standing.incident_id is not None and not incident_open:
        standing = forget_incident(standing)
    standing = msgspec.structs.replace(standing, observed_ms=facts.started_ms)
    if facts.verdict is Verdict.UP:
        return _good(_graded(standing, facts), facts, patience)
    return _counted(_bad(standing, facts, patience), facts.ended_ms)


def forget_future(standing: Standing, now_ms: int) -> Standing:
    """The standing as it is to be judged now: a clock that was set back must not blind us until it catches up."""
    if standing.observed_ms <= now_ms + FUTURE_MS:
        return standing
    failing, recovering = standing.failing_since_ms, standing.recovering_since_ms
    return msgspec.structs.replace(
        standing,
        observed_ms=0,
        failing_since_ms=None if failing is None else min(failing, now_ms),
        recovering_since_ms=None if recovering is None else min(recovering, now_ms),
        outages=tuple(min(outage, now_ms) for outage in standing.outages),
    )


def forget_incident(standing: Standing) -> Standing:
    """The standing of a monitor whose incident was closed by somebody else: as if it had been fine."""
    return _settled(standing, PENDING if standing.status is PENDING else UP)


def adopt(standing: Standing, incident_id: int) -> Standing:
    """The standing of a monitor whose incident somebody reopened though it works: it is to prove itself once more."""
    return msgspec.structs.replace(_settled(standing, DOWN), incident_id=incident_id)


def stop_watching(standing: Standing, *, incident_open: bool) -> Judgement:
    """A suspicion does not outlive the watching: maintenance begins, and what was not confirmed is withdrawn."""
    if standing.failing_since_ms is None:
        return Judgement(standing)
    return Judgement(forget_incident(standing), Deed.WITHDRAW if incident_open else None)


def _good(standing: Standing, facts: Facts, patience: Patience) -> Judgement:
    up = _settled(standing, UP)
    if standing.status in (PENDING, UP):
        return Judgement(up, Deed.WITHDRAW if standing.failing_since_ms is not None else None)
    since = facts.started_ms if standing.recovering_since_ms is None else standing.recovering_since_ms
    if facts.ended_ms - since >= patience.recovery_period * 1000 and (
        standing.recovering_since_ms is not None or patience.recovery_period == 0
    ):
        return Judgement(up, Deed.RECOVER)
    validating = msgspec.structs.replace(standing, status=VALIDATING, recovering_since_ms=since)
    return Judgement(validating, Deed.VALIDATE if standing.status is DOWN else None)


def _bad(standing: Standing, facts: Facts, patience: Patience) -> Judgement:
    down = msgspec.structs.replace(_settled(standing, DOWN), incident_id=standing.incident_id)
    if standing.status is DOWN:
        return Judgement(standing)
    if standing.status is VALIDATING:
        return Judgement(down, Deed.FAIL_AGAIN)
    if patience.confirmation_period == 0 and standing.failing_since_ms is None:
        return Judgement(down, Deed.OPEN)
    if standing.failing_since_ms is None:
        suspected = msgspec.structs.replace(standing, failing_since_ms=facts.started_ms)
        return Judgement(suspected, Deed.SUSPECT)
    # From the start of the first failing check to the end of this one: a check that begins a few milliseconds early
    # must not cost a whole further round before anybody is paged.
    if facts.ended_ms - standing.failing_since_ms >= patience.confirmation_period * 1000:
        return Judgement(down, Deed.CONFIRM)
    return Judgement(standing)


def _settled(standing: Standing, status: MonitorStatus) -> Standing:
    """In that status with nothing in the air; what is known of its past stays."""
    return msgspec.structs.replace(
        standing, status=status, failing_since_ms=None, recovering_since_ms=None, incident_id=None
    )


def _graded(standing: Standing, facts: Facts) -> Standing:
    """Whether it is as good as it should be. What a failing check leaves as it was: it says nothing about that."""
    since = None
    if facts.degraded is not None:
        since = facts.started_ms if standing.degraded_since_ms is None else standing.degraded_since_ms
    return msgspec.structs.replace(standing, degraded_since_ms=since, degraded_reason=facts.degraded)


def _counted(judgement: Judgement, at_ms: int) -> Judgement:
    """With the outage counted, if it is one; an outage that goes on counts only to keep what flaps from being calm."""
    standing, deed = judgement.standing, judgement.deed
    if deed in (Deed.OPEN, Deed.CONFIRM) or (deed is Deed.FAIL_AGAIN and flapping(standing, at_ms)):
        return Judgement(note_outage(standing, at_ms), deed)
    return judgement
