"""The nouns of identity: a team, a person, a membership, an API token."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a member may do in a team (contract part 2, section 6)."""

    ADMIN = "admin"
    BILLING_ADMIN = "billing_admin"
    TEAM_LEAD = "team_lead"
    RESPONDER = "responder"
    MEMBER = "member"


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns monitors and is paged for them. Its name is unique: programs name teams by it."""

    id: int
    name: str
    created_at: datetime


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person."""

    id: int
    email: str
    first_name: str
    last_name: str
    created_at: datetime

    @property
    def name(self) -> str:
        """How the person is shown: the full name, or the address when no name was given."""
        return f"{self.first_name} {self.last_name}".strip() or self.email


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """A program's credential. `team_id` None = a global token, which speaks for every team."""

    id: int
    team_id: int | None
    name: str
    created_at: datetime
    last_used_at: datetime | None
