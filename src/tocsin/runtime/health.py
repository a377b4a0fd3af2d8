"""Is Tocsin itself well? Not "does the process exist", but "do checks and pages still move"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

STALLED_SECONDS = 60.0
"""A worker that has not finished a look for so long has stopped: it looks at least every 15 s, and a look is short."""
MAX_FAILURES_IN_A_ROW = 3
"""One failure is a hiccup that is tried again; so many mean that the work is not being done."""
MAX_LAG_SECONDS = {"engine": 60.0, "heartbeats": 60.0, "escalations": 60.0, "deliveries": 120.0}
"""How late each may be that stands between a failing check and a person: without these no page goes out. The others
(packing, domain names, tidying) may be late for hours; only their end makes us unready, a failure is shown."""
STALLED_QUIETLY_SECONDS = 900.0
"""The same as STALLED_SECONDS for those others: looking up names at slow registries takes its time."""
MAX_PROBE_LAG_SECONDS = 30.0
"""A check that starts half a minute late is no longer the check that was promised."""
PROBE_TIMEOUT_SECONDS = 3.0
"""The check engine's thread answers in milliseconds, even when it is busy."""
DATABASE_TIMEOUT_SECONDS = 5.0
"""A write that takes longer to come back means that pages cannot be planned."""


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's state at this moment; ages in seconds."""

    name: str
    alive: bool
    idle_seconds: float
    """Since it last finished a look."""
    running_seconds: float | None
    """How long the present look has taken; None = it sleeps."""
    lag_seconds: float
    failures_in_a_row: int = 0
    last_error: str = ""


class ProbeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The check engine's state at this moment."""

    alive: bool
    lag_seconds: float
    blind: int = 0
    """Monitors that cannot be checked through our own fault."""
    overrun: int = 0
    """Checks since the start that did not end by themselves."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `/readyz`."""

    ok: bool
    why: str = ""
    """Empty when ok."""
    lag_seconds: float | None = None
    blind_monitors: int | None = None
    checks_overrun: int | None = None
    last_progress_seconds: float | None = None


class Report(msgspec.Struct, frozen=True):
    """The body of `/readyz`."""

    ready: bool
    checks: dict[str, Finding]


def judge(
    workers: list[WorkerFacts],
    probe: ProbeFacts,
    database_seconds: float | None,
    *,
    needed: Mapping[str, Finding] = {},
    shown: Mapping[str, Finding] = {},
) -> Report:
    """Ready only when everything moves that stands between a failing check and a person.

    A slow registry or a packing that fails is shown, and no reason to take a healthy pager out of service.
    `database_seconds` = how long a write took; None = it did not come back. `needed`: further findings, by name, that
    must be ok; `shown`: ones that need not.
    """
    checks = {f"worker:{facts.name}": _worker(facts) for facts in workers}
    checks["probe"] = _probe(probe)
    checks["database"] = (
        Finding(ok=True)
        if database_seconds is not None
        else Finding(ok=False, why=f"a write did not come back within {DATABASE_TIMEOUT_SECONDS:.0f} s")
    )
    quiet = {f"worker:{facts.name}" for facts in workers if facts.alive and facts.name not in MAX_LAG_SECONDS}
    checks |= needed
    ready = all(finding.ok for name, finding in checks.items() if name not in quiet)
    return Report(ready=ready, checks={**checks, **shown})


def tried_out(results: Sequence[tuple[str, bool | None, str]]) -> tuple[Finding, bool]:
    """What the pager's own tests say, from (channel, passed, why) of each, and whether that makes us unready.

    One way that fails is shown; when every way that is tried out fails, no page can be expected to arrive.
    """
    failed = [f"{channel}: {why}" for channel, passed, why in results if passed is False]
    return Finding(ok=not failed, why="; ".join(failed)), bool(failed) and len(failed) == len(results)


def _worker(facts: WorkerFacts) -> Finding:
    limit = MAX_LAG_SECONDS.get(facts.name)
    stalled = STALLED_QUIETLY_SECONDS if limit is None else STALLED_SECONDS
    why = ""
    if not facts.alive:
        why = "its task has ended"
    elif facts.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
        why = f"it has failed {facts.failures_in_a_row} times in a row: {facts.last_error}"
    elif (facts.running_seconds or 0) > stalled:
        why = f"its present look has taken {facts.running_seconds:.0f} s"
    elif facts.running_seconds is None and facts.idle_seconds > stalled:
        why = f"it has not finished a look for {facts.idle_seconds:.0f} s"
    elif limit is not None and facts.lag_seconds > limit:
        why = f"its oldest due work is {facts.lag_seconds:.0f} s late (at most {limit:.0f} s is well)"
    return Finding(
        ok=not why,
        why=why,
        lag_seconds=round(facts.lag_seconds, 3),
        last_progress_seconds=round(facts.idle_seconds, 3),
    )


def _probe(facts: ProbeFacts) -> Finding:
    why = ""
    if not facts.alive:
        why = "the check engine's thread does not answer"
    elif facts.lag_seconds > MAX_PROBE_LAG_SECONDS:
        why = f"checks start {facts.lag_seconds:.0f} s late: more is asked for than this machine can check"
    return Finding(
        ok=not why,
        why=why,
        lag_seconds=round(facts.lag_seconds, 3),
        blind_monitors=facts.blind,
        checks_overrun=facts.overrun,
    )
