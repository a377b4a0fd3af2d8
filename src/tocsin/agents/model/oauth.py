"""The nouns of signing in with OAuth: a program that asks, what it asks for, and what a person let it have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tocsin.agents.model import Level, Setting

ACCESS_TOKEN_LIFETIME = timedelta(hours=1)
REFRESH_TOKEN_LIFETIME = timedelta(days=30)
"""From the last use: a client that is in use never has to ask the person again."""
CODE_LIFETIME = timedelta(seconds=60)


class ClientKind(StrEnum):
    """How we came to know a client."""

    REGISTERED = "registered"
    """It registered itself (RFC 7591): what it says of itself is not proved."""
    DOCUMENT = "document"
    """Its id is the address of a document about it: it is who has that address."""
    SERVICE = "service"
    """A person made it for an agent that works without anybody at the keyboard."""


class AuthMethod(StrEnum):
    """How a client proves who it is at the token endpoint."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A program that may ask a person to let it in."""

    id: int = 0
    client_id: str
    kind: ClientKind
    name: str
    redirect_uris: tuple[str, ...] = ()
    auth_method: AuthMethod = AuthMethod.NONE
    secret_fingerprint: str | None = None
    agent_id: int | None = None
    """For services: as which agent it acts."""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    """When a person last let it in; None = never."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization request that is in order: what is still missing is a person's word."""

    client: Client
    redirect_uri: str
    redirect_uri_sent: bool
    """Whether it named one: then it must name the same one again for its token (RFC 6749, 4.1.3)."""
    state: str | None
    scope: tuple[str, ...]
    """The scopes that it asked for and that there are; empty = it named none."""
    challenge: str
    """PKCE, S256 (RFC 7636)."""
    resource: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person lets an agent do: by area, and by risky act."""

    team_id: int
    levels: Mapping[str, Level] = {}
    switches: Mapping[str, Setting] = {}

    @property
    def nothing(self) -> bool:
        """Whether it would be let in and could do nothing at all."""
        return not any(level is not Level.OFF for level in self.levels.values())


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What a client gets through the person's browser, to be exchanged for tokens once and at once."""

    id: int
    client_id: str
    agent_id: int
    user_id: int
    redirect_uri: str | None
    """None = the client named none when it asked."""
    challenge: str
    resource: str
    scope: str
    family: str
    expires_at: datetime
    used_at: datetime | None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """Fresh tokens: the only time that they can be seen."""

    agent_id: int
    access_token: str
    refresh_token: str | None
    scope: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a client gets nothing, in the words of RFC 6749 and its kin. Returned, not raised: what it caused is kept."""

    code: str
    """E.g. `invalid_grant`."""
    description: str
    agent_id: int | None = None
    """Whose tokens it is about, where that is known."""
    reused: bool = False
    """A code or a token was shown a second time, and what came of it and still lived was ended: somebody has a copy."""
