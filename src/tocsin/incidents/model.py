"""An outage and its story: what is broken, since when, who has taken it on, and when it was over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from tocsin.escalation.model import Paging
from tocsin.metadata.model import Metadata


class IncidentStatus(StrEnum):
    """Where an incident stands; the wire's words (contract part 2, 1.3)."""

    UNCONFIRMED = "Unconfirmed"
    """Something failed, but it may be nothing: nobody is told before the confirmation period has passed."""
    STARTED = "Started"
    ACKNOWLEDGED = "Acknowledged"
    """Somebody has said "I am on it": nobody else is paged."""
    RESOLVED = "Resolved"
    VALIDATING = "Validating"
    """It looks well again; it must stay so for the recovery period."""


class Act(StrEnum):
    """What can happen to an incident. The first six are done by checks, the others by people."""

    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    VALIDATE = "validate"
    FAIL_AGAIN = "fail again"
    RELAPSE = "relapse"
    """It was well, and now it fails once more, while an earlier incident was still open (somebody had reopened it)."""
    RECOVER = "recover"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    ESCALATE = "escalate"
    TAKE_OVER = "take over"
    """A person acknowledges what only an agent has acknowledged so far."""
    EXPIRE = "expire"
    """No person has confirmed in time that an agent has it."""


class Kind(StrEnum):
    """What about the owner is wrong. One owner has at most one open incident of each kind, but for alerts."""

    CHECK = "check"
    SSL_EXPIRATION = "ssl_expiration"
    DOMAIN_EXPIRATION = "domain_expiration"
    MANUAL = "manual"
    """Reported by a person or a program."""
    ALERT = "alert"
    """Said by another system. An integration has as many open incidents of this kind as there are alert ids."""


class Evidence(Protocol):
    """What the failing server answered (the monitors' own record fits)."""

    @property
    def url(self) -> str: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def body_truncated(self) -> bool: ...
    @property
    def remote_ip(self) -> str | None: ...
    @property
    def screenshot(self) -> bytes | None: ...
    @property
    def trace(self) -> bytes | None: ...


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known at the moment when something fails."""

    team_id: int
    owner_type: str | None
    """The wire's type of what is broken, in the singular: `monitor`, `heartbeat`, `incoming_webhook`,
    `email_integration`, `prometheus_integration` …; None for what a person reports."""
    owner_id: int | None
    name: str
    cause: str
    paging: Paging
    confirmed: bool
    """False opens it `Unconfirmed`: nobody is paged until `confirm`."""
    kind: str = Kind.CHECK
    alert_id: str | None = None
    """The sender's own name for one trouble, for `Kind.ALERT`; None = it gave none, so nothing is the same as this."""
    description: str | None = None
    """More about it than fits into the cause; shown in the story."""
    depends_on: tuple[tuple[str, int], ...] = ()
    """(owner_type, owner_id) of everything that the owner leans on, directly or through others, the nearest first."""
    url: str | None = None
    http_method: str | None = None
    regions: list[str] | None = None
    evidence: Any = None
    """None or an `Evidence`."""
    timings: dict[str, float | None] = {}
    """Seconds by phase, e.g. `total`, `name_lookup`, `connection`, `tls_handshake`, `data_transfer`."""
    metadata: dict[str, str] = {}
    """Facts that are plain texts, as alerts bring them."""
    facts: Metadata = {}
    """Typed facts, as `metadata.actions.read_facts` gives them; they win over texts under the same key."""
    ssl_certificate_expires_at: datetime | None = None
    domain_expires_at: datetime | None = None
    started_at: datetime | None = None
    """When it began to fail; None = now. Paging always begins now."""
    origin_url: str | None = None
    requester_email: str | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One outage, as stored."""

    id: int
    team_id: int
    owner_type: str | None
    owner_id: int | None
    kind: str
    alert_id: str | None
    name: str
    url: str | None
    http_method: str | None
    cause: str
    status: IncidentStatus
    started_at: datetime
    confirmed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    reopened_at: datetime | None
    reopened_by: str | None
    incident_group_id: int | None
    regions: list[str] | None
    origin_url: str | None
    requester_email: str | None
    lapses_at: datetime | None
    """When a reopened incident ends by itself, unless its owner fails anew before that."""
    paging: Paging
    ssl_certificate_expires_at: datetime | None
    domain_expires_at: datetime | None
    response_content: str | None
    response_options: str | None
    has_response: bool
    has_screenshot: bool = False
    has_trace: bool = False
    acknowledged_by_agent_id: int | None = None
    """The agent that has acknowledged it, while no person has."""
    confirm_by: datetime | None = None
    """Until when a person must confirm what the agent said; after it people are paged again. None = nobody must."""
    agent_acknowledgements: int = 0
    """How often agents have acknowledged it."""

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def open(self) -> bool:
        return self.status is not IncidentStatus.RESOLVED


UNSEEN = "Cannot be checked, through our own fault"
"""How the cause of an incident begins that says only that we ourselves see nothing: our people must know, and nobody
else may take it for an outage."""


class Spell(msgspec.Struct, frozen=True):
    """A confirmed outage of something, as a stretch of time. Milliseconds since 1970 UTC."""

    id: int
    owner_type: str
    owner_id: int
    from_ms: int
    to_ms: int | None
    """None: it lasts."""
    reopened_ms: int | None
    group_id: int | None
    """The group of incidents with one cause, if it belongs to one."""
    confirmed_ms: int = 0


class Reason(StrEnum):
    """Why incidents were taken together."""

    DEPENDENCY = "dependency"
    """What they lean on has failed."""
    STORM = "storm"
    """Many failed within a minute."""
    MERGE = "merge"
    """A person said so."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents with one cause: people are alerted about the cause alone."""

    id: int
    team_id: int
    reason: Reason
    cause_id: int
    """The incident that people are alerted about."""
    started_at: datetime
    ended_at: datetime | None
    settle_until: datetime | None
    """After the cause has ended: whoever speaks for the rest pages at this instant, not before."""
    told_at: datetime | None
    """When people last heard how many there are."""
    news_at: datetime | None
    """When they are to hear it next; None = there is nothing new."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with what stands beside it in an answer."""

    incident: Incident
    team_name: str
    metadata: Metadata
    base_url: str
    cause_id: int | None = None
    """The incident through which people hear of this one; None when it speaks for itself."""

    @property
    def id(self) -> int:
        return self.incident.id

    @property
    def team_id(self) -> int:
        return self.incident.team_id


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The stored answer of the failing server, whole."""

    incident_id: int
    url: str
    status_code: int | None
    headers: list[tuple[str, str]]
    body: bytes
    body_truncated: bool
    remote_ip: str | None
    timings: dict[str, float | None]
    at: datetime
    screenshot: bytes | None = None
    """A PNG of what a browser check saw at its end."""
    trace: bytes | None = None
    """A zip of Playwright's: everything that it did."""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote about an incident, in Markdown."""

    id: int
    incident_id: int
    content: str
    user_id: int | None
    user_email: str | None
    author_name: str
    created_at: datetime
    updated_at: datetime


class Postmortem(msgspec.Struct, frozen=True, kw_only=True):
    """What a team has learned of an incident, in Markdown."""

    id: int
    incident_id: int
    content: str
    edited_by: str
    edited_by_user_id: int | None
    created_at: datetime
    updated_at: datetime


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an incident's state, for its timeline."""

    id: int
    incident_id: int
    at: datetime
    act: str
    actor: str | None
    title: str
    content: str


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an incident's story, in the wire's form (contract part 2, 1.9)."""

    id: str
    item_type: str
    at: datetime
    data: dict[str, Any]


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something to an incident: a person we know, an agent, or just a name."""

    name: str
    user_id: int | None = None
    agent_id: int | None = None
    """Set for an agent: what it says must be confirmed by a person."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents a list shows; None = whatever it is."""

    team_ids: tuple[int, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    owner: tuple[str, int] | None = None
    resolved: bool | None = None
    acknowledged: bool | None = None
    words: tuple[str, ...] = ()
    """Each must be found in the name, the cause or the address."""
    status: IncidentStatus | None = None
    cause: str | None = None
    critical_alert: bool | None = None
    mine: bool | None = None
    """Whether those are meant that `whose` was paged about or has acknowledged, or the others."""
    whose: Author | None = None
    metadata: Metadata = {}
    """Keys are AND-ed, the values of one key OR-ed."""
    reach: Any = None
    """The `registry.Bounds` within which the caller may see incidents; None = whichever."""
