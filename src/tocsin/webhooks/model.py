"""The nouns of telling other systems: a webhook, its template, a message to it and every attempt to send it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Trigger(StrEnum):
    """What a webhook is about; chosen once (contract part 2, 8.1)."""

    INCIDENT = "incident_change"
    ON_CALL = "on_call_change"
    MONITOR = "monitor_change"


INCIDENT_EVENTS = ("started", "acknowledged", "resolved", "reopened", "comment")
"""What can happen to an incident, in the order of the attributes `on_incident_…`."""
DEFAULT_EVENTS = ("started", "acknowledged", "resolved")
"""What a webhook about incidents is told when nothing is said: what the oldest receivers know."""
MONITOR_EVENTS = ("created", "updated", "paused", "unpaused", "deleted")
"""What can happen to a monitor; a webhook about monitors is told of all."""
TEST_EVENT = "outgoing_webhook.tested"
"""The event behind a sample message that somebody asked for."""

METHODS = ("get", "post", "put", "patch", "head")
DEFAULT_METHOD = "post"
BODILESS_METHODS = frozenset({"get", "head"})
"""Methods whose requests carry no body (RFC 9110, 9.3.1 and 9.3.2)."""


class Header(msgspec.Struct, frozen=True):
    """A request header; its value may hold variables."""

    name: str
    value: str


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """How a webhook's requests look when they are not the default ones."""

    id: int = 0
    http_method: str = DEFAULT_METHOD
    auth_username: str | None = None
    auth_password: str | None = None
    headers_template: tuple[Header, ...] = ()
    body_template: str | None = None
    """Text with variables, usually JSON; None = the default body."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a webhook that somebody chooses."""

    name: str | None = None
    url: str = ""
    events: tuple[str, ...] = DEFAULT_EVENTS
    notify_alongside_primary_responder: bool = True
    signing_secret: str | None = None
    template: Template | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Another system that wants to be told."""

    id: int
    team_id: int
    team_name: str = ""
    name: str | None
    url: str
    trigger_type: Trigger
    events: tuple[str, ...]
    """Which of `INCIDENT_EVENTS` it wants; empty for the other triggers."""
    notify_alongside_primary_responder: bool
    signing_secret: str | None
    """`whsec_…`: the key of the signature header; None = requests are not signed."""
    template: Template | None
    after_event_id: int
    """Events up to this one happened before it existed and do not concern it."""
    failures: int
    held_until: datetime | None
    created_at: datetime
    updated_at: datetime
    unreadable: str = ""
    """Why its sealed parts cannot be read (the secret key was replaced); empty = they can."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """What of a webhook decides whether it is told of an event."""

    id: int
    team_id: int
    trigger_type: Trigger
    events: tuple[str, ...]
    after_event_id: int
    notify_alongside_primary_responder: bool = True


class State(StrEnum):
    """Where a delivery stands; `rules.delivering.TABLE` says how it moves."""

    QUEUED = "queued"
    SENDING = "sending"
    """Leased by a worker. When the lease ends without an answer, it is sent again."""
    DELIVERED = "delivered"
    """The endpoint answered 2xx."""
    FAILED = "failed"
    """The last attempt failed; another one is planned."""
    GIVEN_UP = "given_up"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what came of it."""

    attempt: int
    """1 for the first."""
    at: datetime
    duration_ms: int
    status_code: int | None
    """None = there was no answer."""
    detail: str
    """What came of it, in words."""
    response_excerpt: str
    """The beginning of the answer's body."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one webhook about one event."""

    id: int
    webhook_id: int
    event_id: int
    copy: int
    event: str
    """E.g. `incident.started`."""
    subject: str | None
    state: State
    attempts: int
    refusals: int
    planned_at: datetime
    due_at: datetime | None
    finished_at: datetime | None
    team_id: int = 0
    log: tuple[Attempt, ...] = ()
    """Newest first; in a list only the newest."""

    @property
    def message_id(self) -> str:
        """The same for every attempt and every replay: by it a receiver knows what it has seen."""
        return message_id(self.webhook_id, self.event_id)


def message_id(webhook_id: int, event_id: int) -> str:
    """`msg_<webhook>_<event>`; also the header `webhook-id`."""
    return f"msg_{webhook_id}_{event_id}"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed delivery: all that is needed to make the request, nothing that needs the database."""

    delivery_id: int
    attempt: int
    webhook: Webhook
    event_id: int
    event: str
    sent_at: datetime
    """When this attempt began."""
    resource_id: int
    data: dict[str, Any]
    """What the event wrote down about its subject."""
    metadata: dict[str, list[dict[str, Any]]]
    """The incident's facts in their wire form; read only when the template asks for them."""
    base_url: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt."""

    verdict: Verdict
    status_code: int | None = None
    detail: str = ""
    response_excerpt: str = ""
    duration_ms: int = 0
    after_seconds: float | None = None
    """How long the endpoint asked us to wait."""


class Verdict(StrEnum):
    """The closed vocabulary between us and an endpoint."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """A server answered, and did not take this message; another one it might take."""
    UNAVAILABLE = "unavailable"
    """Nobody answered, or somebody said that the endpoint cannot answer now."""
    GONE = "gone"
    """It will never take this message: sending it again is pointless."""
    OURS = "ours"
    """Our own failure: says nothing about the endpoint."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the sending worker sees when it looks up."""

    due: tuple[int, ...]
    """Webhooks with something to send now, the one that has waited longest first."""
    probing: frozenset[int]
    """Those of them whose endpoint has failed of late: asked one at a time."""
    next_at: datetime | None
    oldest_due_at: datetime | None
    """Since when the oldest message waits that nothing but we holds up."""
