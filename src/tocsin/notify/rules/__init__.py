"""How a message moves from queued to sent: when it is tried again, and when trying any longer is pointless."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tocsin.notify.model import Answer, DeliveryEvent, GiveUp, Kind, Receipt, Retry, Sent, State

LEASE_SECONDS = 60
"""How long a worker may hold a delivery; after a crash the page goes out again at the latest this much later."""
SEND_LIMIT_SECONDS = 50
"""The longest one attempt may take: below the lease, so that a living worker never races its own successor."""

FIRST_WAIT_SECONDS = 5
LONGEST_WAIT_SECONDS = 300
"""5 s, 10 s, 20 s … 5 min: quick enough for a server that restarts, gentle enough for one that drowns."""
JITTER = 0.25
"""At most this part of a wait is taken off, so that what failed together does not come back together."""
LONGEST_ASKED_WAIT_SECONDS = 3600
"""A server may ask for patience, but not for more than an hour of somebody's outage."""

ACCEPTED_WITHIN = timedelta(minutes=5)
"""From the instant for which a page was planned: when no provider has taken any page of its incident by then, that is
a breach, which is recorded and shown."""

NOTICE_LIFETIME = timedelta(hours=6)
"""News of an incident that has ended is history by then. A page has no such end: it is tried for as long as its
incident is open and nobody has answered, because then it is cancelled."""

SILENCE = "there was no word of its arrival in time"
"""Why we call a message undelivered of which its provider has not said so."""

KEPT_FOR = timedelta(days=400)
"""Whom we told, when and through which server: a year, and the month in which somebody asks about it."""

TARGET_MESSAGES_PER_MINUTE = 60
"""To one place: what chats and ticket systems take from one sender (Slack: one a second). The rest waits its turn,
and nothing is left out: places are not people, and an incident that is over takes its pages back by itself."""
TARGET_TIME = timedelta(minutes=1)

ALLOWANCE_TIME = timedelta(hours=1)
"""Over which a person's pages are counted."""
BUDGET_TIME = timedelta(days=1)
"""Over which a team's messages by a channel that costs money are counted."""
DIGEST_EVERY = timedelta(minutes=5)
"""The first digest leaves at once; as long as more is held back, another at most so often."""
DIGEST_LISTS = 18
"""Held pages that a digest names, each with the link behind which it is answered; the rest is counted."""

LASTING = (Kind.PAGE, Kind.DIGEST)
"""What is tried for as long as it takes."""

URGENCY: Mapping[str, int] = dict.fromkeys(LASTING, 0)
"""Lower goes first."""
LEAST_URGENT = 1
URGENCIES = (0, LEAST_URGENT)
"""All there are, most urgent first."""


class Act(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"
    SENT = "sent"
    RETRY = "retry"
    GIVE_UP = "give_up"
    CANCEL = "cancel"
    HOLD = "hold"
    """Its person has had too many already."""
    LET_GO = "let go"
    """The digest in which it stands will never arrive: it goes out by itself after all."""
    DELIVERED = "delivered"
    SEEN = "seen"
    ANSWERED = "answered"
    UNDELIVERED = "undelivered"
    """These four are receipts: what became known after it was handed over."""


_LATE = (State.DELIVERED, State.SEEN, State.ACKNOWLEDGED, State.UNDELIVERED)
"""States that only a receipt brings about: a provider had the message, so no attempt changes anything any more."""
_BEFORE = (State.QUEUED, State.SENDING, State.SENT, State.FAILED, State.GIVEN_UP, State.CANCELLED, State.HELD,
           State.UNDELIVERED)  # fmt: skip
"""A receipt is the truth in every state: one that comes before our own note of the acceptance, or after we gave up."""


TABLE: Mapping[tuple[State, Act], State | None] = {
    (State.QUEUED, Act.CLAIM): State.SENDING,
    (State.QUEUED, Act.SENT): State.SENT,
    (State.QUEUED, Act.RETRY): None,
    (State.QUEUED, Act.GIVE_UP): None,
    (State.QUEUED, Act.CANCEL): State.CANCELLED,
    (State.SENDING, Act.CLAIM): State.SENDING,  # its lease has ended
    (State.SENDING, Act.SENT): State.SENT,
    (State.SENDING, Act.RETRY): State.FAILED,
    (State.SENDING, Act.GIVE_UP): State.GIVEN_UP,
    (State.SENDING, Act.CANCEL): State.CANCELLED,
    (State.FAILED, Act.CLAIM): State.SENDING,
    (State.FAILED, Act.SENT): State.SENT,
    (State.FAILED, Act.RETRY): None,
    (State.FAILED, Act.GIVE_UP): None,
    (State.FAILED, Act.CANCEL): State.CANCELLED,
    (State.SENT, Act.CLAIM): None,
    (State.SENT, Act.SENT): None,
    (State.SENT, Act.RETRY): None,
    (State.SENT, Act.GIVE_UP): None,
    (State.SENT, Act.CANCEL): None,
    (State.GIVEN_UP, Act.CLAIM): None,
    (State.GIVEN_UP, Act.SENT): State.SENT,
    (State.GIVEN_UP, Act.RETRY): None,
    (State.GIVEN_UP, Act.GIVE_UP): None,
    (State.GIVEN_UP, Act.CANCEL): None,
    (State.CANCELLED, Act.CLAIM): None,
    (State.CANCELLED, Act.SENT): State.SENT,
    (State.CANCELLED, Act.RETRY): None,
    (State.CANCELLED, Act.GIVE_UP): None,
    (State.CANCELLED, Act.CANCEL): None,
    (State.HELD, Act.CLAIM): None,
    (State.HELD, Act.SENT): State.SENT,
    (State.HELD, Act.RETRY): None,
    (State.HELD, Act.GIVE_UP): None,
    (State.HELD, Act.CANCEL): State.CANCELLED,
    (State.HELD, Act.HOLD): None,
    (State.HELD, Act.LET_GO): State.QUEUED,
    (State.QUEUED, Act.HOLD): State.HELD,
    **{(state, Act.HOLD): None for state in State if state not in (State.QUEUED, State.HELD)},
    **{(state, Act.LET_GO): None for state in State if state is not State.HELD},
    **{(state, act): None for state in _LATE for act in (Act.CLAIM, Act.SENT, Act.RETRY, Act.GIVE_UP, Act.CANCEL)},
    **{(state, act): None for state in State for act in (Act.DELIVERED, Act.SEEN, Act.ANSWERED, Act.UNDELIVERED)},
    **{(state, Act.DELIVERED): State.DELIVERED for state in _BEFORE},
    **{(state, Act.SEEN): State.SEEN for state in (*_BEFORE, State.DELIVERED)},
    **{(state, Act.ANSWERED): State.ACKNOWLEDGED for state in (*_BEFORE, State.DELIVERED, State.SEEN)},
    (State.SENDING, Act.UNDELIVERED): State.UNDELIVERED,  # its receipt was quicker than our own note
    (State.SENT, Act.UNDELIVERED): State.UNDELIVERED,
}
"""Every state and act decided; None = nothing changes.

What a server has accepted is sent, whatever we believed meanwhile: a late acceptance is the truth in every state.
A late failure is news only while the delivery is still being sent.
"""


class Change(msgspec.Struct, frozen=True):
    """What an answer does to a delivery: its new state, when it is due again (None = never), and the ledger's words."""

    state: State
    due_at: datetime | None
    detail: str


def settled(
    state: State, attempts: int, *, delivery_id: int, attempt: int, kind: str, planned_at: datetime, answer: Answer,
    now: datetime, worth: timedelta | None = None,
) -> Change | None:  # fmt: skip
    """What `answer` to attempt `attempt` makes of a delivery that has seen `attempts` of them; None = nothing.

    `worth`: for how long it is worth trying, where the channel says so.
    """
    act = {Sent: Act.SENT, Retry: Act.RETRY, GiveUp: Act.GIVE_UP}[type(answer)]
    after = TABLE[state, act]
    if after is None or (attempt != attempts and act is not Act.SENT):
        return None
    if isinstance(answer, Sent):
        return Change(after, None, answer.detail)
    if isinstance(answer, GiveUp):
        return Change(after, None, answer.why)
    wait = wait_seconds(delivery_id, attempt, answer.after_seconds)
    due_at = now + timedelta(seconds=wait)
    if worth is not None and due_at > planned_at + worth:
        minutes = worth // timedelta(minutes=1)
        return Change(State.GIVEN_UP, None, f"not possible within {minutes} min; the last reason: {answer.why}")
    if kind not in LASTING and due_at > planned_at + NOTICE_LIFETIME:
        hours = NOTICE_LIFETIME // timedelta(hours=1)
        return Change(State.GIVEN_UP, None, f"not delivered within {hours} hours; the last reason: {answer.why}")
    return Change(after, due_at, f"{answer.why}; trying again in {_say(wait)}")


def received(state: State, receipt: Receipt) -> State | None:
    """What a receipt makes of a delivery; None = nothing that was not known, or known better."""
    return TABLE[state, Act(receipt.value)]


def wait_seconds(delivery_id: int, attempt: int, asked_seconds: float | None = None) -> float:
    """Seconds from a failed attempt (1 = the first) to the next one; always the same for the same delivery."""
    if asked_seconds is not None:
        return min(max(asked_seconds, 0.0), LONGEST_ASKED_WAIT_SECONDS)
    doublings = min(max(attempt, 1) - 1, 16)  # 2 ** 16 waits are beyond the longest one already
    full: float = min(FIRST_WAIT_SECONDS * 2.0**doublings, LONGEST_WAIT_SECONDS)
    draw = int.from_bytes(hashlib.blake2b(f"{delivery_id}:{attempt}".encode(), digest_size=4).digest()) / 2**32
    return full * (1 - JITTER * draw)


def allowed(left: Mapping[int, int], wanted: Sequence[tuple[int, int]]) -> set[int]:
    """Which of the wanted pages may leave: (page, whose allowance it uses), in order; `left` says how many each has."""
    used: dict[int, int] = {}
    may = set()
    for page, whose in wanted:
        used[whose] = used.get(whose, 0) + 1
        if used[whose] <= left[whose]:
            may.add(page)
    return may


def urgency(kind: str) -> int:
    """Pages go before everything else."""
    return URGENCY.get(kind, LEAST_URGENT)


def _say(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


_CHANNEL_WORDS = {
    "email": "e-mail", "sms": "text message", "call": "call", "push": "push notification", "slack": "Slack message",
    "telegram": "Telegram message", "microsoft_teams": "Microsoft Teams message", "discord": "Discord message",
    "mattermost": "Mattermost message", "pagerduty": "PagerDuty event", "splunk_on_call": "Splunk On-Call event",
    "jira": "Jira issue", "linear": "Linear issue", "zapier": "Zapier message", "ntfy": "ntfy message",
    "pushover": "Pushover message", "apprise": "apprise message",
}  # fmt: skip


def sentence(event: DeliveryEvent) -> str:
    """A ledger line for the incident's timeline: `E-mail to Ann (ann@x.org) accepted by mail.x.org: 250 Ok`."""
    what = _CHANNEL_WORDS.get(event.channel, event.channel)
    if event.kind not in (Kind.PAGE, Kind.CALL_OFF):
        what = f"“{event.kind.capitalize()}” {what}"
    whom = f"{event.recipient} ({event.address})" if event.recipient else event.address
    subject = f"{what[0].upper()}{what[1:]} to {whom}"
    if event.kind == Kind.CALL_OFF:
        return f"{subject} {_called_off(event)}"
    match event.state:
        case State.QUEUED:
            return f"{subject} queued" + (f" {event.detail}" if event.detail else "")
        case State.SENDING:
            return f"{subject} being sent" + (f", attempt {event.attempt}" if event.attempt > 1 else "")
        case State.SENT:
            return f"{subject} {event.detail}"
        case State.FAILED:
            return f"{subject} failed: {event.detail}"
        case State.GIVEN_UP:
            return f"{subject} given up: {event.detail}"
        case State.CANCELLED:
            return f"{subject} cancelled: {event.detail}"
        case State.DELIVERED | State.SEEN:
            return f"{subject} {event.state}" + (f": {event.detail}" if event.detail else "")
        case State.ACKNOWLEDGED:
            return f"{subject} answered: {event.detail}"
        case State.UNDELIVERED:
            return f"{subject} did not arrive: {event.detail}"
        case State.HELD:
            return f"{subject} held back: {event.detail}"
        case _:
            return f"{subject}: {event.detail}"


def _called_off(event: DeliveryEvent) -> str:
    """What became of a call, or of what repeats itself, that was to end, after the words for whose it was."""
    ended = "hung up" if event.channel == "call" else "called off"
    match event.state:
        case State.QUEUED:
            return f"to be {ended}: {event.detail}"
        case State.SENDING:
            return f"being {ended}"
        case State.FAILED:
            return f"not {ended} yet: {event.detail}"
        case State.GIVEN_UP:
            return f"not {ended}: {event.detail}"
        case _:
            return event.detail
