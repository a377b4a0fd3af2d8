"""The nouns of agents: an agent, what it is granted, its tokens, and what it has asked a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

AREAS = (
    "monitors",
    "monitor_groups",
    "heartbeats",
    "incidents",
    "on_call",
    "policies",
    "status_pages",
    "metadata",
    "integrations",
    "webhooks",
    "team",
    "telemetry",
)
"""The parts of the product, as grants name them."""
SWITCHES = ("acknowledge", "resolve", "page", "publish", "notify", "delete")
"""The risky acts, each allowed for itself."""


class Level(StrEnum):
    """How far an agent may go in one area."""

    OFF = "off"
    READ = "read"
    WRITE = "write"
    """Create and change."""
    FULL = "full"
    """Delete too, if the switch for it is on."""

    @property
    def rank(self) -> int:
        """The higher, the more."""
        return _RANKS[self.value]

    def reaches(self, needed: Level) -> bool:
        """Whether it is as much as is needed, or more."""
        return self.rank >= needed.rank


_RANKS = {"off": 0, "read": 1, "write": 2, "full": 3}


class Setting(StrEnum):
    """Where a switch stands."""

    OFF = "off"
    ASK = "ask"
    """A person must approve each time."""
    ON = "on"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent may do, where, and until when. A call must be allowed by one grant alone."""

    id: int = 0
    levels: Mapping[str, Level] = {}
    """By area; what is not named is off."""
    switches: Mapping[str, Setting] = {}
    """By risky act; what is not named is off."""
    monitor_ids: tuple[int, ...] = ()
    """Good for these monitors, their incidents and their heartbeats alone; empty (with the next two) = for all."""
    monitor_group_ids: tuple[int, ...] = ()
    metadata: Mapping[str, str] = {}
    """Good for what carries all these facts alone, e.g. `{"env": "staging"}`."""
    expires_at: datetime | None = None
    incident_id: int | None = None
    """Good while this incident is open."""
    reason: str | None = None
    granted_by: str = ""
    base: bool = False
    """The one that the agent was made with; the others were added, for a time or for a cause."""
    created_at: datetime | None = None

    @property
    def narrowed(self) -> bool:
        """Whether it is good for some things only."""
        return bool(self.monitor_ids or self.monitor_group_ids or self.metadata)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is about, as far as grants can be narrowed to it."""

    monitor_id: int | None = None
    monitor_group_id: int | None = None
    facts: Mapping[str, frozenset[str]] = {}
    """Its metadata: every value of every key."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a call needs to be granted."""

    area: str
    level: Level
    acts: frozenset[str] = frozenset()


class Decision(msgspec.Struct, frozen=True):
    """Whether grants allow a call: on, ask or off; why, in words; and which grant said so."""

    setting: Setting
    reason: str
    grant_id: int | None = None


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """How much of people's attention an agent may spend by itself; beyond it a person is asked. None = no bound."""

    pages_per_hour: int | None = 10
    """People woken or told to act."""
    night_calls_per_day: int | None = 2
    """Phone calls between 22:00 and 7:00 where the called person is."""
    subscriber_mails_per_day: int | None = 1_000
    requests_per_minute: int = 600
    """Beyond it the agent is told to come back later."""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A program with an identity of its own, owned by a person, in one team."""

    id: int
    team_id: int
    owner_id: int
    name: str
    purpose: str | None
    budgets: Budgets
    acknowledgement_lease_seconds: int | None
    """After it acknowledged, a person must confirm within this time, else people are paged again; None = never."""
    drafts_only: bool
    """What it writes for status pages waits as a draft until a person publishes it."""
    suspended_at: datetime | None
    suspended_by: str | None
    created_at: datetime
    grants: tuple[Grant, ...] = ()

    @property
    def known_as(self) -> str:
        """How it is named where people are, e.g. `Triage-bot (an agent)`."""
        return f"{self.name} (an agent)"


class AgentShown(Agent, frozen=True, kw_only=True):
    """An agent with how it stands at this moment, for people who look after agents."""

    owner_name: str | None = None
    owner_left: bool = False
    """Whether its owner is in the team no more: then it does nothing until somebody takes it over."""
    tokens: int = 0
    """Good at this moment, however it came by them."""
    last_seen_at: datetime | None = None
    """When one of its tokens was used last, to five minutes."""
    waiting: int = 0
    """Questions of its that wait for a person."""
    left: Mapping[str, int | None] = {}
    """What is left of its budgets, by kind; None = without bound."""


class TokenKind(StrEnum):
    """How an agent came by a token."""

    TOKEN = "token"  # noqa: S105 - a word
    """Made for it by a person, for good or until a day."""
    ACCESS = "access"
    """By OAuth, for an hour."""
    REFRESH = "refresh"
    """By OAuth: only good for getting the next access token."""


class AgentToken(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of an agent, stored as a fingerprint."""

    id: int
    agent_id: int
    kind: str
    name: str
    last4: str
    """The end of the secret, by which people tell tokens apart."""
    allowed_addresses: tuple[str, ...]
    """Networks from which it is good; empty = from anywhere."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None = None
    client_id: str | None = None
    """The OAuth client to which it was given."""
    family: str | None = None
    """The consent from which it comes: all of it is revoked together."""
    resource: str | None = None
    """The server for which alone it is good (RFC 8707)."""


class ApprovalState(StrEnum):
    """Where a question to a person stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    """Approved, and the call has been made."""
    EXPIRED = "expired"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent wants to do and may not by itself: good for exactly this call, once, for a while."""

    id: int
    team_id: int
    agent_id: int
    agent_name: str = ""
    """What the agent is called, or was."""
    operation: str
    digest: str
    """Of operation, address and exact arguments."""
    sentence: str
    """What it wants, in words."""
    arguments: Mapping[str, Any]
    """As far as people may see them."""
    preview: Mapping[str, Any]
    """Who would be woken, how many would be mailed."""
    why: str
    """Why a person is asked: which switch, which budget, or the agent's own reason."""
    grant: Grant | None
    """What it asks to be granted, when that is what it asks."""
    state: ApprovalState
    asked_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
