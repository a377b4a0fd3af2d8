"""How a message moves from queued to delivered: when it is tried again, when its endpoint is left alone for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tocsin.kernel.clock import to_milliseconds
from tocsin.webhooks.model import Outcome, State, Verdict

TIMEOUT_SECONDS = 15.0
"""For one request with everything: a receiver should take a message first and work on it after."""
LEASE_SECONDS = 60
"""How long a worker may hold a message; after a crash it goes out again at the latest this much later."""
LIFETIME = timedelta(hours=24)
"""How long a message is tried; after that it is history, and the log says that it was given up."""

FIRST_WAIT_SECONDS = 5
LONGEST_WAIT_SECONDS = 600
"""5 s, 10 s, 20 s … 10 min between the attempts of one message: some 150 in a day."""
LONGEST_ASKED_WAIT_SECONDS = 3600
"""An endpoint may ask for patience by Retry-After, but for no more than an hour."""
OUR_WAIT_SECONDS = 30
"""After a failure of our own (no network, say), which says nothing about the endpoint."""
JITTER = 0.25
"""At most this part of a wait is taken off, so that what failed together does not come back together."""

FAILURES_UNTIL_HELD = 3
"""Attempts in a row that an endpoint has not taken, after which it is asked by one message at a time, with pauses."""
FIRST_HOLD_SECONDS = 10
LONGEST_HOLD_SECONDS = 300
"""10 s, 20 s … 5 min: a dead endpoint costs us one request in five minutes, however much waits for it."""
REFUSALS_UNTIL_PASSED = 6
"""How often an answering endpoint may refuse a message (some two minutes) before later ones about the same incident go
past it. An endpoint that is away refuses nothing: everything waits for it in order."""

KEPT_FOR = timedelta(days=30)
"""How long the log of finished messages is kept, and how long they can be sent again."""
MAX_EXCERPT_CHARACTERS = 1_000
"""Of an endpoint's answer."""
UNAVAILABLE_STATUSES = frozenset({408, 425, 429, 502, 503, 504})
"""What says "not now", and nothing about this message (RFC 9110, 15.5.9, 15.6.3 to 15.6.5; RFC 6585, 4; RFC 8470)."""
GONE_STATUS = 410
"""It will never take this again: no further attempt (RFC 9110, 15.5.11)."""


class Act(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"
    ACCEPTED = "accepted"
    FAILED = "failed"
    GIVE_UP = "give_up"
    REPLAY = "replay"


TABLE: Mapping[tuple[State, Act], State | None] = {
    (State.QUEUED, Act.CLAIM): State.SENDING,
    (State.QUEUED, Act.ACCEPTED): State.DELIVERED,
    (State.QUEUED, Act.FAILED): None,
    (State.QUEUED, Act.GIVE_UP): State.GIVEN_UP,
    (State.QUEUED, Act.REPLAY): State.QUEUED,
    (State.SENDING, Act.CLAIM): State.SENDING,  # its lease has ended
    (State.SENDING, Act.ACCEPTED): State.DELIVERED,
    (State.SENDING, Act.FAILED): State.FAILED,
    (State.SENDING, Act.GIVE_UP): State.GIVEN_UP,
    (State.SENDING, Act.REPLAY): State.SENDING,
    (State.FAILED, Act.CLAIM): State.SENDING,
    (State.FAILED, Act.ACCEPTED): State.DELIVERED,
    (State.FAILED, Act.FAILED): None,
    (State.FAILED, Act.GIVE_UP): State.GIVEN_UP,
    (State.FAILED, Act.REPLAY): State.FAILED,
    (State.DELIVERED, Act.CLAIM): None,
    (State.DELIVERED, Act.ACCEPTED): None,
    (State.DELIVERED, Act.FAILED): None,
    (State.DELIVERED, Act.GIVE_UP): None,
    (State.DELIVERED, Act.REPLAY): None,
    (State.GIVEN_UP, Act.CLAIM): None,
    (State.GIVEN_UP, Act.ACCEPTED): State.DELIVERED,
    (State.GIVEN_UP, Act.FAILED): None,
    (State.GIVEN_UP, Act.GIVE_UP): None,
    (State.GIVEN_UP, Act.REPLAY): None,
}
"""Every state and act decided; None = nothing changes (a replay of what is finished is a new delivery).

What an endpoint has accepted is delivered, whatever we believed meanwhile: a late acceptance is the truth.
"""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an outcome does to a delivery."""

    state: State
    due_at: datetime | None
    refused: bool
    """Whether an answering endpoint refused this very message."""
    detail: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint stands: failures in a row, and until when it is left alone."""

    failures: int
    held_until: datetime | None


def settled(
    state: State,
    *,
    delivery_id: int,
    attempt: int,
    attempts: int,
    planned_at: datetime,
    outcome: Outcome,
    now: datetime,
) -> Change | None:
    """What the outcome of attempt `attempt` makes of a delivery that has seen `attempts` of them; None = nothing."""
    accepted = outcome.verdict is Verdict.ACCEPTED
    after = TABLE[state, Act.ACCEPTED if accepted else Act.FAILED]
    if after is None or (attempt != attempts and not accepted):
        return None
    if accepted:
        return Change(state=after, due_at=None, refused=False, detail=outcome.detail)
    refused = outcome.verdict is Verdict.REFUSED
    if outcome.verdict is Verdict.GONE:
        return Change(state=State.GIVEN_UP, due_at=None, refused=refused, detail=outcome.detail)
    wait = OUR_WAIT_SECONDS if outcome.verdict is Verdict.OURS else wait_seconds(delivery_id, attempt)
    if outcome.after_seconds is not None:
        wait = max(wait, min(outcome.after_seconds, LONGEST_ASKED_WAIT_SECONDS))
    due_at = now + timedelta(seconds=wait)
    if due_at > planned_at + LIFETIME:
        return Change(state=State.GIVEN_UP, due_at=None, refused=refused, detail=given_up(outcome.detail))
    return Change(state=after, due_at=due_at, refused=refused, detail=outcome.detail)


def given_up(last_reason: str) -> str:
    """Why a message that has been tried long enough is given up."""
    hours = LIFETIME // timedelta(hours=1)
    return f"not delivered within {hours} hours; the last reason: {last_reason}"


def endpoint_after(webhook_id: int, standing: Standing, outcome: Outcome, now: datetime) -> Standing:
    """How an endpoint stands after an outcome. Our own failures say nothing about it, but we wait for ourselves."""
    if outcome.verdict is Verdict.OURS:
        return Standing(failures=standing.failures, held_until=now + timedelta(seconds=OUR_WAIT_SECONDS))
    if outcome.verdict in (Verdict.ACCEPTED, Verdict.GONE):  # both are an answer of a living endpoint
        return Standing(failures=0, held_until=None)
    failures = standing.failures + 1
    held = 0.0
    if failures >= FAILURES_UNTIL_HELD:
        doublings = min(failures - FAILURES_UNTIL_HELD, 16)
        full = min(FIRST_HOLD_SECONDS * 2.0**doublings, LONGEST_HOLD_SECONDS)
        held = full * (1 - JITTER * _draw(f"hold:{webhook_id}:{failures}"))
    if outcome.after_seconds is not None and outcome.verdict is Verdict.UNAVAILABLE:
        held = max(held, min(outcome.after_seconds, LONGEST_ASKED_WAIT_SECONDS))
    return Standing(failures=failures, held_until=now + timedelta(seconds=held) if held else None)


def wait_seconds(delivery_id: int, attempt: int) -> float:
    """Seconds from a failed attempt (1 = the first) to the next one; always the same for the same delivery."""
    doublings = min(max(attempt, 1) - 1, 16)  # 2 ** 16 waits are beyond the longest one already
    full: float = min(FIRST_WAIT_SECONDS * 2.0**doublings, LONGEST_WAIT_SECONDS)
    return full * (1 - JITTER * _draw(f"{delivery_id}:{attempt}"))


def verdict(status_code: int) -> Verdict:
    """What an answer's status means."""
    if 200 <= status_code < 300:
        return Verdict.ACCEPTED
    if status_code == GONE_STATUS:
        return Verdict.GONE
    return Verdict.UNAVAILABLE if status_code in UNAVAILABLE_STATUSES else Verdict.REFUSED


def timestamp(instant: datetime) -> int:
    """Whole seconds since 1970, as `webhook-timestamp` has them."""
    return to_milliseconds(instant) // 1000


def _draw(text: str) -> float:
    """From 0 to 1, the same for the same text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) / 2**32
