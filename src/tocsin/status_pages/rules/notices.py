"""How a message to a subscriber moves from queued to sent, and when nothing more is sent to somebody."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.status_pages.model import RESOLVED, Affected, ReportType
from tocsin.status_pages.model.notices import Bounce, Kind, Outcome, State, Verdict

LEASE_SECONDS = 180
"""How long a worker may hold a message; after a crash it goes out again at the latest this much later."""
LIFETIME = {Kind.UPDATE: timedelta(hours=12), Kind.CONFIRM: timedelta(hours=24)}
"""How long a message is tried: news of this morning is no news tomorrow."""
KEPT_FOR = timedelta(days=30)
"""How long finished messages are kept."""

FIRST_WAIT_SECONDS = 30
LONGEST_WAIT_SECONDS = 1_800
"""30 s, 1 min, 2 min … 30 min between the attempts of one message."""
LONGEST_ASKED_WAIT_SECONDS = 3_600
"""A receiver may ask for patience, but for no more than an hour."""
JITTER = 0.25
"""At most this part of a wait is taken off, so that what failed together does not come back together."""

MAX_FAILURES = 5
"""Messages in a row that could not be delivered, after which a subscriber is unsubscribed."""
QUIET = timedelta(days=7)
"""A mail that was accepted may still bounce: only after so long without a failure is an address well again."""
TROUBLE_IN_A_ROW = 3
"""Failures of our own in a row after which a channel is left alone for a while."""
LONGEST_PAUSE_SECONDS = 60
MAX_DETAIL_CHARACTERS = 500

_WORST = ("downtime", "degraded", "maintenance")
"""The words of resources, the worst first."""
_FAILED = re.compile(r"^action:\s*failed\b", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"^status:\s*5\.(\d{1,3})\.(\d{1,3})\b", re.IGNORECASE | re.MULTILINE)
"""Of a delivery report about a permanent failure (RFC 3464, 2.3.3 and 2.3.4)."""
_REFUSAL = re.compile(r" 5\d\d[ -]5\.(\d{1,3}\.\d{1,3})\b")
_NO_SUCH_MAILBOX = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""Enhanced codes that say that the address is wrong, has moved, or takes no mail at all (RFC 3463, RFC 7505)."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an outcome does to a message, and to its subscriber."""

    state: State
    due_at: datetime | None
    detail: str
    counts: bool = False
    """Whether it counts as one more message that could not be delivered."""
    gone: bool = False
    """Whether nothing will ever go there again."""


def settled(
    kind: Kind, *, notice_id: int, attempt: int, planned_at: datetime, outcome: Outcome, now: datetime
) -> Change:
    """What the outcome of attempt `attempt` makes of a message."""
    detail = outcome.detail[:MAX_DETAIL_CHARACTERS]
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return Change(state=State.SENT, due_at=None, detail=detail)
        case Verdict.DROPPED:
            return Change(state=State.DROPPED, due_at=None, detail=detail)
        case Verdict.GONE:
            return Change(state=State.GIVEN_UP, due_at=None, detail=detail, counts=True, gone=True)
        case Verdict.REFUSED:
            return Change(state=State.GIVEN_UP, due_at=None, detail=detail, counts=True)
    due_at = now + timedelta(seconds=_wait_seconds(notice_id, attempt, outcome.after_seconds))
    if due_at > planned_at + LIFETIME[kind]:
        return Change(state=State.GIVEN_UP, due_at=None, detail=detail, counts=outcome.verdict is Verdict.LATER)
    return Change(state=State.WAITING, due_at=due_at, detail=detail)


def too_old(kind: Kind, planned_at: datetime, now: datetime) -> bool:
    """Whether a message is history before it was ever its turn."""
    return now > planned_at + LIFETIME[kind]


def pause_seconds(failures_in_a_row: int) -> float:
    """How long a channel is left alone that fails through our own fault; 0 = not at all."""
    if failures_in_a_row < TROUBLE_IN_A_ROW:
        return 0.0
    return float(min(LONGEST_PAUSE_SECONDS, 2 ** min(failures_in_a_row - TROUBLE_IN_A_ROW + 1, 10)))


def concerned(chosen: Collection[int], affected: Collection[int]) -> bool:
    """Whether somebody who chose these resources (none = all) wants to hear of what affects those."""
    return not chosen or any(id in affected for id in chosen)


def resource_ids(*lists: Sequence[Affected]) -> frozenset[int]:
    """The resources that a report or an update names."""
    return frozenset(
        int(each.status_page_resource_id)
        for affected in lists
        for each in affected
        if each.status_page_resource_id.isascii() and each.status_page_resource_id.isdigit()
    )


def standing(
    report_type: ReportType,
    affected: Sequence[Affected],
    *,
    starts_at: datetime,
    ends_at: datetime | None,
    at: datetime,
) -> str:
    """How a report stands after an update at that instant, as a key of the words for it."""
    words = {each.status for each in affected}
    if report_type is ReportType.MAINTENANCE:
        if (ends_at is not None and ends_at <= at) or words == {RESOLVED}:
            return "completed"
        return "scheduled" if starts_at > at else "maintenance"
    worst = next((word for word in _WORST if word in words), None)
    if worst is not None:
        return worst
    return RESOLVED if words or (ends_at is not None and ends_at <= at) else "update"


def no_such_mailbox(refusal: str) -> bool:
    """Whether a refusal names the address as its reason (`… 550 5.1.1 no such user`). Without such a code it may as
    well be ours: some servers say a plain 550 to whoever is not signed in."""
    code = _REFUSAL.search(refusal)
    return code is not None and code[1] in _NO_SUCH_MAILBOX


def bounced(content_type: str, report: str) -> Bounce | None:
    """What a mail that came back says of an address, from its headers and its delivery report (RFC 3464).

    None: nothing for ever, e.g. a delay, or a holiday reply.
    """
    if "multipart/report" not in content_type.lower() or not _FAILED.search(report):
        return None
    status = _STATUS.search(report)
    if status is None:
        return None
    code = f"{status[1]}.{status[2]}"
    return Bounce(gone=code in _NO_SUCH_MAILBOX, detail=f"came back: 5.{code}")


def _wait_seconds(notice_id: int, attempt: int, asked_seconds: float | None) -> float:
    doublings = min(max(attempt, 1) - 1, 16)
    full: float = min(FIRST_WAIT_SECONDS * 2.0**doublings, LONGEST_WAIT_SECONDS)
    draw = int.from_bytes(hashlib.blake2b(f"{notice_id}:{attempt}".encode(), digest_size=4).digest()) / 2**32
    wait = full * (1 - JITTER * draw)
    return wait if asked_seconds is None else max(wait, min(asked_seconds, LONGEST_ASKED_WAIT_SECONDS))
