"""Who is calling: a token of a team, a person, or a link that we sent to a person."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents import actions as agents
from tocsin.agents import rules as grants
from tocsin.agents.model import Agent, TokenKind
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import Unauthenticated
from tocsin.storage import Tx

UNAUTHENTICATED = (
    "Invalid Team API token. How to find your Team API token: "
    "https://betterstack.com/docs/uptime/api/getting-started-with-uptime-api/#get-an-uptime-api-token"
)
"""The contract's sentence, to the letter: clients test for its beginning (part 1, section 1)."""

OWNERLESS = "Tocsin: its owner has left the team, somebody else must take it over (owner_email)"
"""Nobody answers for it."""
INVITED = "invitation link"
"""Through which somebody comes who is not in a team yet."""
PUBLIC_PAGE = "public page"
"""Through which anybody comes who reads a status page."""
SUBSCRIPTION_LINK = "subscription link"
"""Through which a subscriber comes: it was sent to them."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """One record of one team, as a link in a message names it."""

    team_id: int
    id: int


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller shows at the door. Exactly one of the first three is set, or none (nobody)."""

    token: str | None = None
    """The secret of an API token."""
    user_id: int | None = None
    """A person whom a surface has recognised already: by a signed link, or by a session."""
    team_id: int | None = None
    """The one of the person's teams at which they look; None = all of them."""
    guest: str | None = None
    """In whose words somebody answers whom we cannot tell, e.g. `Ann (Slack)`: only ever about one record."""
    through: str = "token"
    """In words for the audit log: `token`, `e-mail link`."""
    only: frozenset[str] | None = None
    """The operations that this credential is good for; None = all that the person may do."""
    about: About | None = None
    """The one record that this credential is good for; None = all that the person may reach."""
    delivery_id: int | None = None
    """Of the message whose link this is: what is done through it stands in its ledger."""
    client_address: str | None = None
    client_name: str | None = None
    """The program that calls, as it calls itself: User-Agent, or `clientInfo` of MCP."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A recognised caller."""

    kind: str
    """`token`, `global_token`, `person`, `agent`, or `guest`: somebody who reads what was posted, or has a link."""
    id: int | None
    name: str
    team_ids: tuple[int, ...] | None
    """None = every team."""
    user_id: int | None = None
    role: Role | None = None
    """As what a person is in the one team at which they look; None where that does not count (a link)."""
    through: str = "token"
    only: frozenset[str] | None = None
    agent: Agent | None = None
    """For an agent: itself, with the grants that count at this instant."""
    token_id: int | None = None
    last4: str | None = None
    """The end of the agent's token."""
    resource: str | None = None
    """The server for which alone the agent's token is good (RFC 8707)."""
    record_id: int | None = None
    """The one record whose id this caller may name; None = any of their teams."""

    @property
    def key(self) -> str:
        """Tells callers apart, e.g. for idempotency keys."""
        return f"{self.kind}:{self.id}"


NOBODY = Actor(kind="nobody", id=None, name="somebody without a valid token", team_ids=())


def is_agents(token: str | None) -> bool:
    """Whether this is an agent's token, by its looks alone."""
    return token is not None and token.startswith(agents.TOKEN_PREFIX)


def recognise(tx: Tx, credential: Credential) -> Actor:
    """The actor behind a credential. Raises Unauthenticated."""
    if credential.user_id is not None:
        user = accounts.user(tx, credential.user_id)
        about = credential.about
        role = None
        if credential.team_id is not None:
            role = accounts.role_in(tx, credential.team_id, user.id)
            team_ids: tuple[int, ...] = () if role is None else (credential.team_id,)
        else:
            team_ids = tuple(accounts.team_ids_of(tx, user.id))
            if about is not None and team_ids:  # who helps another team out is in some team here, or has left us
                team_ids = (about.team_id,)
        return Actor(
            kind="person",
            id=user.id,
            name=user.name,
            team_ids=team_ids,
            user_id=user.id,
            role=role,
            through=credential.through,
            only=credential.only,
            record_id=None if about is None else about.id,
        )
    if credential.guest is not None and credential.about is not None:
        return Actor(
            kind="guest",
            id=None,
            name=credential.guest,
            team_ids=(credential.about.team_id,),
            through=credential.through,
            only=credential.only,
            record_id=credential.about.id,
        )
    if credential.token is not None and is_agents(credential.token):
        return _agent(tx, credential)
    token = accounts.authenticate(tx, credential.token) if credential.token else None
    if token is None:
        raise Unauthenticated(UNAUTHENTICATED)
    return Actor(
        kind="token" if token.team_id is not None else "global_token",
        id=token.id,
        name=token.name,
        team_ids=None if token.team_id is None else (token.team_id,),
        only=credential.only,
    )


def _agent(tx: Tx, credential: Credential) -> Actor:
    """The agent with this token; its grants are those that count now. Raises Unauthenticated."""
    found = agents.authenticate(tx, credential.token or "", credential.client_address)
    if found is None:
        raise Unauthenticated(UNAUTHENTICATED)
    token, agent = found
    owned = accounts.is_member(tx, agent.team_id, agent.owner_id)
    if not owned and token.kind == TokenKind.ACCESS:
        # It acts by the consent of somebody who has left the team since: that ends now, not when the token does.
        raise Unauthenticated(UNAUTHENTICATED)
    return msgspec.structs.replace(
        as_agent(tx, agent, owned=owned), token_id=token.id, last4=token.last4, resource=token.resource,
        only=credential.only,
    )  # fmt: skip


def as_agent(tx: Tx, agent: Agent, *, owned: bool | None = None) -> Actor:
    """An agent as a caller; its grants are those that count now. `owned`: whether its owner is in the team, if that is
    known."""
    if owned is None:
        owned = accounts.is_member(tx, agent.team_id, agent.owner_id)
    if not owned and agent.suspended_at is None:
        agent = msgspec.structs.replace(agent, suspended_at=tx.now, suspended_by=OWNERLESS)
    tied = {grant.incident_id for grant in agent.grants if grant.incident_id is not None}
    still_open = {id for id in tied if incidents.is_open(tx, id, agent.team_id)}
    return Actor(
        kind="agent",
        id=agent.id,
        name=agent.known_as,
        team_ids=(agent.team_id,),
        agent=msgspec.structs.replace(agent, grants=grants.live(agent.grants, tx.now, still_open)),
    )
