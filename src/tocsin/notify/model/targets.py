"""A place that a whole team reads: a chat channel, a ticket system, another pager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

ACTIVE = "active"
INACTIVE = "account_inactive"
"""The place itself has refused us for good: the word of Better Stack's `slack_status` (contract part 2, 9.3)."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One place that belongs to a team, without its secrets."""

    id: int
    team_id: int
    kind: str
    """The channel's KIND, e.g. `slack`."""
    name: str
    notify_alongside_primary_responder: bool = True
    """Whether it is told together with the first responder when no policy is set."""
    on_call_notifications: bool = False
    """Whether it hears of who is on call next."""
    status: str = ACTIVE


class OpenTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target with all that is known of it, secrets in the clear."""

    target: Target
    settings: Mapping[str, Any]
    """By the names of the channel's `Target`; empty when the key that opens them is lost."""
    team_name: str
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> int:
        return self.target.id

    @property
    def team_id(self) -> int:
        return self.target.team_id


class TargetDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to a target, and how it stands."""

    id: int
    incident_id: int
    """0 = about no incident: a test, a hand-off notice."""
    kind: str
    state: str
    detail: str
    """What was said last about it, e.g. by the provider."""
    attempts: int
    planned_at: datetime
    changed_at: datetime
