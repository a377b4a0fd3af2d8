"""The nouns of identity: a team, a person, a membership, an API token, and by what people are known."""

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

    @property
    def id(self) -> int:
        """The number under which the API knows it."""
        return list(Role).index(self) + 1

    @property
    def words(self) -> str:
        """What people call it, e.g. `Team lead`."""
        return self.value.replace("_", " ").capitalize()


INVITED = (Role.RESPONDER, Role.MEMBER, Role.TEAM_LEAD, Role.BILLING_ADMIN)
"""What somebody can be invited as: an admin cannot be invited (contract part 2, section 6)."""


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


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person in a team."""

    user: User
    team_id: int
    role: Role
    joined_at: datetime


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has been asked to join a team, by a mail to their address."""

    id: int
    team_id: int
    email: str
    role: Role
    invited_by: str
    invited_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    withdrawn_at: datetime | None = None


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """A program's credential. `team_id` None = a global token, which speaks for every team."""

    id: int
    team_id: int | None
    name: str
    created_at: datetime
    last_used_at: datetime | None
    created_by: str | None = None
    """None = made on the command line, or not asked for."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which a person is signed in to the console."""

    id: int
    user_id: int
    team_id: int | None
    """The team at which the person looks now; None = the first of theirs."""
    means: str
    """By what they proved to be the one, e.g. `password`."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    client_address: str | None = None
    client_name: str | None = None
    """The browser, as it calls itself."""
    proved_at: datetime | None = None
    """When they last proved to be the one; None = when it began."""

    @property
    def proved(self) -> datetime:
        """Since when we know for sure that it is they who sit there."""
        return self.proved_at or self.created_at


class Authenticator(msgspec.Struct, frozen=True, kw_only=True):
    """A person's program for codes of six digits (TOTP)."""

    user_id: int
    secret: str
    """Sealed."""
    created_at: datetime
    confirmed_at: datetime | None
    """None = no code of it was given yet: it counts for nothing."""
    last_step: int | None
    """Of the last code that was taken."""


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A key in a person's device that signs for them (WebAuthn)."""

    id: int
    user_id: int
    credential_id: str
    public_key: str
    """Both in base64url."""
    sign_count: int
    transports: tuple[str, ...]
    name: str
    created_at: datetime
    last_used_at: datetime | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A person as a provider of single sign-on knows them."""

    id: int
    user_id: int
    issuer: str
    subject: str
    created_at: datetime
    last_used_at: datetime


class AccessLink(msgspec.Struct, frozen=True, kw_only=True):
    """A secret address that lets one person do one thing once."""

    id: int
    user_id: int
    expires_at: datetime


class Factors(msgspec.Struct, frozen=True, kw_only=True):
    """What a person proves themselves with."""

    password: bool
    code_since: datetime | None
    """Since when codes of an authenticator count; None = they have none."""
    passkeys: tuple[Passkey, ...]
    recovery_codes: int
    """Those that are left."""

    @property
    def second(self) -> bool:
        """Whether a password alone does not let them in."""
        return self.code_since is not None or bool(self.passkeys)
