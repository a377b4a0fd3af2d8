"""The nouns of telling subscribers: one message to one of them, what it says, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from tocsin.status_pages.model import ReportType, StatusPage, Subscriber


class State(StrEnum):
    """How a message stands."""

    QUEUED = "queued"
    SENDING = "sending"
    """Leased to a worker."""
    WAITING = "waiting"
    """It did not go through, and is tried again."""
    SENT = "sent"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"
    """It was not true any more when its turn came."""


class Kind(StrEnum):
    """What a message is about."""

    UPDATE = "update"
    CONFIRM = "confirm"
    """Asks for a confirmation, or tells who is subscribed already that they are."""


class Verdict(StrEnum):
    """What came of an attempt."""

    ACCEPTED = "accepted"
    LATER = "later"
    """Not now, says the receiver."""
    OURS = "ours"
    """Not now, through our own fault or our mail server's: says nothing about the receiver."""
    REFUSED = "refused"
    """Never this message."""
    GONE = "gone"
    """Nothing will ever go there again."""
    DROPPED = "dropped"
    """It was not sent: not true any more."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt, in words for people that name no secret."""

    verdict: Verdict
    detail: str
    after_seconds: float | None = None
    """The patience that the receiver asks for."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One update, as it stands in messages that carry the whole report."""

    id: int
    message: str
    published_at: datetime


class News(msgspec.Struct, frozen=True, kw_only=True):
    """An update of a report, as subscribers are told of it."""

    update_id: int
    report_id: int
    title: str
    report_type: ReportType
    message: str
    """Markdown."""
    published_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    """Of the report, as is `updated_at`."""
    updated_at: datetime
    standing: str
    """How it stands after this update: a key of the words for it, e.g. `downtime`, `resolved`, `scheduled`."""
    affected: tuple[tuple[str, str], ...]
    """(public name, word) of each resource that is named."""
    parts: tuple[Part, ...] = ()
    """All updates up to this one, the newest first; only for receivers that take them."""

    @property
    def maintenance(self) -> bool:
        return self.report_type is ReportType.MAINTENANCE


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one subscriber, claimed and ready to be sent."""

    id: int
    attempt: int
    kind: Kind
    channel: str
    planned_at: datetime
    at: datetime
    """When it was claimed."""
    page: StatusPage
    subscriber: Subscriber
    root: str
    """The page's own address."""
    subscription_token: str
    """Of the link behind which they can leave or choose."""
    confirmation_token: str = ""
    """Of what asks for a confirmation; empty when they are subscribed already."""
    signing_secret: str = ""
    """Of a webhook: what its messages are signed with."""
    return_path: str = ""
    """The local part of the address to which a mail that cannot be delivered returns."""
    leave_path: str = ""
    """The same of the address that unsubscribes whoever writes to it."""
    page_state: str = "operational"
    """How the whole page stands; only for receivers that are told."""
    news: News | None = None
    """None: it asks for a confirmation."""

    @property
    def key(self) -> str:
        """The same for every attempt: by it a receiver drops what comes twice."""
        return f"status-notice-{self.id}"

    @property
    def thread(self) -> str:
        """The same for all that is said about one report."""
        if self.news is None:
            return f"status-subscriber-{self.subscriber.id}"
        return f"status-report-{self.news.report_id}"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do now, and when there is more."""

    telling: tuple[int, ...]
    """Updates that are still to be planned for subscribers, at most one of each page."""
    due: Mapping[str, list[int]]
    """The messages that may be sent now, by channel."""
    next_at: datetime | None
    oldest_due_at: datetime | None


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail server reports later of a mail that it had accepted."""

    gone: bool
    """There is no such mailbox; else it could not be delivered for another lasting reason."""
    detail: str
