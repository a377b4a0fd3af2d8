"""Decides what may happen to an incident and in which words its story is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from tocsin.escalation.model import Paging
from tocsin.escalation.rules import wanted_channels
from tocsin.incidents.model import Act, Incident, IncidentStatus, Kind

REOPEN_WITHIN = timedelta(hours=24)
"""How long after its end an incident can be reopened (contract part 2, 1.6)."""
MAX_RESPONSE_CONTENT_BYTES = 500
"""Answers shorter than this stand in the incident itself (contract part 2, 1.3)."""
EVIDENCE_KEPT = timedelta(days=90)
"""How long after the end of an incident the failing server's answer is kept: a quarter's review can still show it."""
WHOLE_ANSWERS_PER_OWNER = 100
"""The newest answers of one owner that keep body and headers: a site that flaps says the same thing again and again."""
WITHDRAWN_KEPT = timedelta(days=30)
"""Suspicions that nobody was told of; a month shows whether a confirmation period is well chosen."""

STORM_SIZE = 5
"""So many outages of a team within `STORM_WINDOW` have one cause, or are at least one thing to look at."""
STORM_WINDOW = timedelta(seconds=60)
"""Within which they must be confirmed; most checks come round in that time."""
STORM_LASTS = timedelta(minutes=15)
"""How long a storm takes others in. After that a new one begins, with pages of its own: who took on the old one did not
take on what fails later."""
JOIN_WITHIN = timedelta(minutes=5)
"""How long after its own alert an outage still is taken for a consequence of what it leans on, which fails only now."""
SUSPECT_WAIT = timedelta(minutes=2)
"""How long an outage waits for a cause that is not sure: one that fails but is unconfirmed, or looks well again."""
WELL_LASTS = timedelta(minutes=5)
"""How long a cause that looks well still stands for others that do not: its own recovery may be believed only a day
later, and what goes on without it by then has another cause. Longer than the usual recovery period with `SETTLE`, so
that what recovers together is paged about once."""
SETTLE = timedelta(seconds=60)
"""How long after their cause has ended the others have to recover before somebody is alerted about them."""
NEWS_FIRST = timedelta(seconds=30)
"""How long after the first has joined people hear how many there are."""
NEWS_EVERY = timedelta(minutes=10)
"""How long after that they hear of more, while there are more."""
LAPSE = timedelta(hours=24)
"""A reopened incident whose owner does not fail anew for so long is over."""

AGENT_ACKNOWLEDGEMENTS = 3
"""How often agents, all together, may acknowledge one incident. Each time people are paged again after a lease at the
latest; were there no end to it, a program in a loop could keep everybody but the first of a policy asleep."""

ALREADY_ACKNOWLEDGED = "Incident was already acknowledged"
ALREADY_RESOLVED = "Incident was already resolved"
NOT_CONFIRMED = "Incident was not confirmed yet"
ONLY_A_PERSON = (
    f"Agents have acknowledged this incident {AGENT_ACKNOWLEDGEMENTS} times and nobody confirmed it, "
    "so only a person can acknowledge it now"
)
NOT_RESOLVED = "Incident is not resolved, so it can't be reopened"
TOO_LATE = "Incident was resolved more than 24 hours ago, so it can't be reopened"


class Move(msgspec.Struct, frozen=True):
    """The act happens; the incident then has this status."""

    status: IncidentStatus


class Refusal(msgspec.Struct, frozen=True):
    """The act is a mistake of the caller, who is told so."""

    message: str


class Ignored(msgspec.Struct, frozen=True):
    """Nothing is left to do: checks may say the same thing twice."""


Outcome = Move | Refusal | Ignored


class _Then(StrEnum):
    BACK = "back"
    """Whichever of Started and Acknowledged it was before it looked well again."""


_U, _S, _A = IncidentStatus.UNCONFIRMED, IncidentStatus.STARTED, IncidentStatus.ACKNOWLEDGED
_R, _V = IncidentStatus.RESOLVED, IncidentStatus.VALIDATING
_NOTHING = Ignored()
_UNSURE, _TAKEN = Refusal(NOT_CONFIRMED), Refusal(ALREADY_ACKNOWLEDGED)
_OVER, _RUNNING = Refusal(ALREADY_RESOLVED), Refusal(NOT_RESOLVED)

TABLE: dict[Act, dict[IncidentStatus, IncidentStatus | _Then | Refusal | Ignored]] = {
    Act.CONFIRM: {_U: _S, _S: _NOTHING, _A: _NOTHING, _V: _NOTHING, _R: _NOTHING},
    Act.WITHDRAW: {_U: _R, _S: _NOTHING, _A: _NOTHING, _V: _NOTHING, _R: _NOTHING},
    Act.VALIDATE: {_U: _NOTHING, _S: _V, _A: _V, _V: _NOTHING, _R: _NOTHING},
    Act.FAIL_AGAIN: {_U: _NOTHING, _S: _NOTHING, _A: _NOTHING, _V: _Then.BACK, _R: _NOTHING},
    Act.RELAPSE: {_U: _NOTHING, _S: _S, _A: _S, _V: _S, _R: _NOTHING},
    Act.RECOVER: {_U: _R, _S: _R, _A: _R, _V: _R, _R: _NOTHING},
    Act.ACKNOWLEDGE: {_U: _UNSURE, _S: _A, _A: _TAKEN, _V: _V, _R: _OVER},
    Act.RESOLVE: {_U: _UNSURE, _S: _R, _A: _R, _V: _R, _R: _OVER},
    Act.REOPEN: {_U: _RUNNING, _S: _RUNNING, _A: _RUNNING, _V: _RUNNING, _R: _S},
    Act.ESCALATE: {_U: _UNSURE, _S: _S, _A: _A, _V: _V, _R: _OVER},
    Act.TAKE_OVER: {_U: _UNSURE, _S: _A, _A: _A, _V: _V, _R: _OVER},
    Act.EXPIRE: {_U: _NOTHING, _S: _NOTHING, _A: _S, _V: _V, _R: _NOTHING},
}
"""What each act does in each status: every pair is decided."""


def decide(status: IncidentStatus, acknowledged: bool, act: Act) -> Outcome:
    """What `act` does to an incident in this state. `acknowledged`: whether somebody has taken it on."""
    outcome = TABLE[act][status]
    if isinstance(outcome, (Refusal, Ignored)):
        return outcome
    if act is Act.ACKNOWLEDGE and acknowledged:
        return _TAKEN
    if act is Act.EXPIRE and not acknowledged:
        return _NOTHING
    if isinstance(outcome, _Then):
        return Move(_A if acknowledged else _S)
    return Move(outcome)


def acknowledging(incident: Incident, by_agent: bool) -> Outcome:
    """What becomes of an acknowledgement: a person's takes over what only an agent has, an agent's is never renewed."""
    if incident.acknowledged_by_agent_id is not None and not by_agent:
        return decide(incident.status, incident.acknowledged, Act.TAKE_OVER)
    outcome = decide(incident.status, incident.acknowledged, Act.ACKNOWLEDGE)
    if by_agent and isinstance(outcome, Move) and incident.agent_acknowledgements >= AGENT_ACKNOWLEDGEMENTS:
        return Refusal(ONLY_A_PERSON)
    return outcome


def reopenable(incident: Incident, now: datetime) -> Outcome:
    """Whether a resolved incident may still be reopened: within 24 hours, and only if it was ever confirmed."""
    outcome = decide(incident.status, incident.acknowledged, Act.REOPEN)
    if isinstance(outcome, Move) and incident.resolved_at is not None:
        if incident.confirmed_at is None:
            return Refusal("Incident was never confirmed, so it can't be reopened")
        if now - incident.resolved_at > REOPEN_WITHIN:
            return Refusal(TOO_LATE)
    return outcome


def family(kind: str) -> str | None:
    """What kinds of incidents can be one storm together; None = it is never taken for part of one."""
    if kind == Kind.MANUAL:
        return None
    return "outage" if kind in (Kind.CHECK, Kind.ALERT) else kind


def covers(cause: Paging, child: Paging) -> bool:
    """Whether whoever is on call, and the team if `child` would alert it, is alerted by `cause`, as loudly, not later.

    A critical alert is never hidden by one that is not, and with policies it must be the same one. Who that is, is
    another question: `escalation.actions.reaches` answers it.
    """
    if child.policy_id is not None or cause.policy_id is not None:
        return child.policy_id == cause.policy_id and cause.critical_alert >= child.critical_alert
    if not set(wanted_channels(child)) <= set(wanted_channels(cause)) or child.critical_alert > cause.critical_alert:
        return False
    if child.team_wait is None:
        return True
    return cause.team_wait is not None and cause.team_wait <= child.team_wait


def explains(cause: Incident, child: Incident) -> bool:
    """Whether `child` may be left to those who are alerted about `cause`: same team, same people, both open.

    One that was reopened and has not failed since explains nothing: as far as checks go, it is well.
    """
    return (
        cause.id != child.id
        and cause.team_id == child.team_id
        and cause.open
        and cause.lapses_at is None
        and covers(cause.paging, child.paging)
    )


def failing(incident: Incident) -> bool:
    """Whether it is sure, and as far as we know has not recovered."""
    return incident.status in (_S, _A)


def short_text(body: bytes) -> str | None:
    """The body as text when it is short enough to stand in the incident itself and is text; else None."""
    if not body or len(body) >= MAX_RESPONSE_CONTENT_BYTES:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def readable(body: bytes) -> str:
    """A body as text for people to read; what is not UTF-8 shows as replacement characters."""
    return body.decode("utf-8", errors="replace").replace("\x00", "\ufffd")


def say_instant(instant: datetime) -> str:
    """`2 Mar 2026, 12:00:00 UTC`: an instant for people."""
    return f"{instant.day} " + instant.astimezone(UTC).strftime("%b %Y, %H:%M:%S UTC")


def say_duration(duration: timedelta) -> str:
    """`45 seconds`, `12 minutes`, `3 hours 5 minutes`, `2 days 4 hours`: the two largest parts."""
    seconds = max(0, int(duration.total_seconds()))
    parts = []
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {word}" + ("" if count == 1 else "s"))
    return " ".join(parts[:2]) or "less than a second"
