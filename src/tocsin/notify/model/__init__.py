"""The nouns of telling people: what is to be said, to whom it goes, and what became of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

import msgspec


class Kind(StrEnum):
    """Why somebody is told. Only a page asks for an answer."""

    PAGE = "page"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    NOTICE = "notice"
    DIGEST = "digest"
    """All pages of one person that were held back, in one message; as durable as a page."""
    CALL_OFF = "call_off"
    """No message: a call that rings or speaks, or a push that repeats itself, is ended: nobody needs to answer it."""


class State(StrEnum):
    """Where a delivery stands; `rules.TABLE` says how it moves."""

    QUEUED = "queued"
    SENDING = "sending"
    """Leased by a worker. When the lease ends without an answer, the message is sent again."""
    SENT = "sent"
    """A server took responsibility for it; `detail` holds its words."""
    FAILED = "failed"
    """The last attempt failed; another one is planned."""
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"
    HELD = "held"
    """Not sent by itself, because its person has had so many pages already: it stands in the next digest."""
    DELIVERED = "delivered"
    """It reached the person's own device, or a human picked up: the provider said so after it had accepted it."""
    SEEN = "seen"
    """The person looked: opened the answer page in a browser, tapped the notification."""
    ACKNOWLEDGED = "acknowledged"
    """The person answered through this very message."""
    UNDELIVERED = "undelivered"
    """Accepted by the provider, and yet it did not arrive: it said so, or said nothing within the channel's limit."""


class Receipt(StrEnum):
    """What can become known of a message after a provider has accepted it, each a step further than the one before."""

    DELIVERED = "delivered"
    SEEN = "seen"
    ANSWERED = "answered"
    """The person acknowledged, resolved or escalated through it: the delivery is then `acknowledged`."""
    UNDELIVERED = "undelivered"
    """It will not arrive after all; whoever comes next is paged at once."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many pages may leave before the rest is held back for a digest; 0 = as many as there are.

    A critical alert is never held back.
    """

    pages_per_hour: int = 60
    """To one person, by all channels together."""
    sms_per_day: int = 100
    """Of one team."""
    calls_per_day: int = 50
    """Of one team."""

    def of_team(self, channel: str) -> int:
        """Messages a day that one team may send by this channel."""
        return {"sms": self.sms_per_day, "call": self.calls_per_day}.get(channel, 0)


UNLIMITED = Limits(pages_per_hour=0, sms_per_day=0, calls_per_day=0)

Place = tuple[int, int]
"""To whom a message goes: (person, target), one of them 0."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a channel one place may take: a server that is silent must not hold up those beside it."""

    most: int
    """Messages to one place at once."""
    busy: Mapping[Place, int]
    """How many are on their way now, by place."""

    @property
    def full(self) -> frozenset[Place]:
        """The places to which nothing more is to leave now."""
        return frozenset(place for place, number in self.busy.items() if number >= self.most and place != (0, 0))


EVERYTHING = Share(most=sys.maxsize, busy={})
"""No place is kept to anything."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said, in words that any channel can use; stamped on the delivery when it is queued."""

    kind: str
    """A `Kind`: page, acknowledged, resolved or notice."""
    incident_id: int
    """0 = about no incident, e.g. a code that verifies an address."""
    team_id: int
    subject: str
    """One line, e.g. `[Tocsin] Down: shop.example.com (Status 503)`."""
    headline: str
    """The first thing to read, e.g. `shop.example.com is down`."""
    cause: str
    facts: list[tuple[str, str]] = []
    """(label, value) pairs, most telling first, e.g. `("Response code", "503")`."""
    url: str = ""
    """Where to see the incident."""
    thread_key: str = ""
    """Equal for everything that belongs together, e.g. `incident-25`: mail programs show it as one conversation."""
    critical: bool = False
    actions: tuple[str, ...] = ()
    """What the person may answer: `acknowledge`, `resolve`; to a question of an agent `approve`, `deny`."""
    question_id: int = 0
    """Which question of an agent it puts, if it does."""
    link_text: str = ""
    """What `url` leads to when that is no incident, e.g. `Join the team`."""
    secret: str = ""
    """Sealed: what `{secret}` stands for in the texts and in `url` when the message is sent, so that no table shows
    it."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed delivery as a channel sees it: all that is needed to send it, nothing that needs the database."""

    delivery_id: int
    attempt: int
    """1 for the first. The answer to an older attempt never undoes what a newer one found."""
    channel: str
    address: str
    """What may be shown: a mail address, a number, the name of a chat channel."""
    recipient: str
    """The person's name, or an empty text."""
    notice: Notice
    key: str
    """The same for every attempt of this delivery and for no other one: the idempotency key, e.g. the Message-ID."""
    thread: str
    """The same for every message of one conversation, unique to this installation."""
    answer_url: str | None
    """The secret link behind which this one person answers; None when there is nothing to answer."""
    at: datetime
    """When this attempt began."""
    endpoint: str = ""
    """What the channel really uses, e.g. a push subscription as JSON; the address where that is no secret. Empty when
    it was sealed with a key that is lost."""
    answer_token: str | None = None
    """The last part of `answer_url`, `<delivery id>-<signature>`: what a button or a key press gives back."""
    code: str | None = None
    """Four digits with which a text message acknowledges, unique among this person's pages of late."""
    state_url: str | None = None
    """The secret address at which the provider says what became of it: `…/callbacks/<delivery id>-<signature>`."""
    target: Mapping[str, Any] | None = None
    """The settings of the team's target, secrets in the clear; None when it goes to a person."""
    target_name: str = ""
    parent: str | None = None
    """The provider's id of the first message about this incident to the same target, or to the same person by the same
    channel: what a thread hangs on, and what an update changes. None when this is the first. Of a `call_off`, what
    is to end."""
    place: Place = (0, 0)
    """To whom it goes."""
    late: bool = False
    """Whether something newer has arrived there or is on its way: what shows how things stand is not to change back."""


class Sent(msgspec.Struct, frozen=True):
    """A server accepted it; `detail` begins with `accepted by …`."""

    detail: str
    provider_id: str | None = None
    """What the provider calls the message, e.g. a Twilio SID: its receipts and our updates name it."""


class Retry(msgspec.Struct, frozen=True):
    """It did not go through, and may later. `after_seconds=None` leaves the wait to `rules.wait_seconds`."""

    why: str
    after_seconds: float | None = None
    elsewhere: bool = False
    """Do not wait for it any longer: the person's next way is taken now, while this one is still tried."""
    refused: bool = False
    """Only this recipient was refused: the server that we hand over to works."""


class GiveUp(msgspec.Struct, frozen=True):
    """It will never go through as it is, e.g. there is no such mailbox."""

    why: str
    endpoint_gone: bool = False
    """The address itself is dead for good, e.g. a browser that has withdrawn its push subscription."""


Answer: TypeAlias = Sent | Retry | GiveUp
"""All that a channel may say: the closed vocabulary between Tocsin and the outer world's failures."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was planned or taken back, and to whom it was to go."""

    taken_back: bool
    kind: str
    """Why they are told: a `Kind`."""
    due_at: datetime
    incident_id: int
    channel: str
    recipient: str
    address: str
    user_id: int
    target_id: int
    critical: bool


class DeliveryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger: what happened to a delivery, and when. Never changed, never removed."""

    at: datetime
    delivery_id: int
    user_id: int
    recipient: str
    address: str
    channel: str
    kind: str
    state: str
    attempt: int
    detail: str
    target_id: int = 0


class Paged(NamedTuple):
    """Someone who has, or may have, received a page of an incident."""

    user_id: int
    channel: str
    address: str
    target_id: int = 0
    endpoint: str = ""
    """As it is stored: sealed. Empty where the address is no secret."""


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """No provider had accepted a page of this incident within five minutes of the instant of its first one."""

    incident_id: int
    started_at: datetime
    """For when the first page was planned."""
    recorded_at: datetime
    accepted_at: datetime | None
    """When the first one was accepted after all; None = not yet, or never."""
    why: str
    """What had become of a page by then, as a sentence."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One message about an incident as its ledger proves it: where it stands, and when it got there."""

    id: int
    kind: str
    channel: str
    user_id: int | None
    target_id: int | None
    recipient: str
    address: str
    state: str
    planned_at: datetime
    attempts: int
    provider_id: str | None
    reason: str
    """The newest words of the ledger: a server's, or ours."""
    reached: Mapping[str, datetime]
    """By `State`, when it came into that state first (`failed`: last)."""


class AnswerLink(msgspec.Struct, frozen=True):
    """Whom a secret answer link was sent to, and about what."""

    delivery_id: int
    team_id: int
    """The incident's team, which need not be one of the person's: teams are called for help across their borders."""
    incident_id: int
    user_id: int
    """0 = it went to a team's target: whoever answers there says who they are."""
    channel: str = "email"
    target_id: int = 0
    question_id: int = 0
    """Of the question that it puts; 0 = it is about an incident."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker sees when it looks up: which channels have work now, and when there is more."""

    due: tuple[str, ...]
    """The channels with something due now."""
    next_at: datetime | None
    """When the next one that is not due yet becomes due."""
    oldest_page_due_at: datetime | None
    """Since when the page that has waited longest is overdue."""
    watch_at: datetime | None = None
    """When a page is next to be looked at: whether it was accepted, or received, in time."""
    oldest_tried_page_at: datetime | None = None
    """For when the oldest page was planned that has been tried and has not gone through."""
