"""Agents' credentials: shown once, kept as fingerprints, ended at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.agents import rules, store
from tocsin.agents.actions import agents
from tocsin.agents.model import Agent, AgentToken, TokenKind
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.storage import Tx, events

TOKEN_PREFIX = "agt_"  # noqa: S105 - no secret: what each begins with
LAST_USED_RESOLUTION = timedelta(minutes=5)
MAX_TOKENS = 20
"""That a person made for one agent: two are enough for a rotation."""


def issue_token(
    tx: Tx,
    agent: Agent,
    *,
    name: str = "Token",
    kind: TokenKind = TokenKind.TOKEN,
    expires_at: datetime | None = None,
    allowed_addresses: Sequence[str] = (),
    client_id: str | None = None,
    family: str | None = None,
    resource: str | None = None,
) -> tuple[AgentToken, str]:
    """A new token and its secret, the only time it can be seen. Raises Invalid."""
    networks = rules.checked_networks(allowed_addresses)
    if expires_at is not None and expires_at <= tx.now:
        raise Invalid.fields(expires_at="must be in the future")
    if kind is TokenKind.TOKEN and store.tokens.count_made(tx, agent.id) >= MAX_TOKENS:
        raise Invalid(f"An agent can have at most {MAX_TOKENS} tokens: revoke one.")
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid.fields(name="must have 1 to 100 printable characters")
    secret = new_token(TOKEN_PREFIX)
    id = store.tokens.insert_token(
        tx, agent_id=agent.id, kind=kind, name=name.strip(), fingerprint=fingerprint(secret), last4=secret[-4:],
        allowed_addresses=networks, expires_at=expires_at, client_id=client_id, family=family, resource=resource,
    )  # fmt: skip
    if kind is TokenKind.TOKEN:
        events.record(tx, "agent.token_created", team_id=agent.team_id, resource_type="agent", resource_id=agent.id)
    made = store.tokens.token(tx, id)
    assert made is not None
    return made, secret


def authenticate(tx: Tx, secret: str, address: str | None) -> tuple[AgentToken, Agent] | None:
    """The agent behind a live token that may be used from this address, or None. A suspended agent is found too."""
    token = store.tokens.by_fingerprint(tx, fingerprint(secret))
    if token is None or token.revoked_at is not None or token.kind == TokenKind.REFRESH:
        return None
    if token.expires_at is not None and token.expires_at <= tx.now:
        return None
    if not rules.address_allowed(token.allowed_addresses, address):
        return None
    agent = store.agents.agent(tx, token.agent_id)
    return None if agent is None else (token, agent)


def list_tokens(
    tx: Tx, agent_id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[AgentToken], int]:
    """A page of an agent's tokens, and how many there are. Raises NotFound."""
    agents.find(tx, agent_id, team_ids)
    return store.tokens.page(tx, agent_id, offset=(page - 1) * per_page, limit=per_page)


def revoke_token(tx: Tx, agent_id: int, id: int, team_ids: tuple[int, ...] | None) -> None:
    """End a token, and all that came from the same consent. Raises NotFound."""
    agent = agents.find(tx, agent_id, team_ids)
    token = store.tokens.token(tx, id)
    if token is None or token.agent_id != agent_id or token.revoked_at is not None:
        raise NotFound("agent_token", id)
    store.tokens.revoke(tx, id)
    if token.family is not None:
        store.tokens.revoke_family(tx, token.family)
    events.record(tx, "agent.token_revoked", team_id=agent.team_id, resource_type="agent", resource_id=agent.id)


def revoke_family(tx: Tx, family: str) -> int:
    """End all tokens that came from one consent; returns how many."""
    return store.tokens.revoke_family(tx, family)


def touch_tokens(tx: Tx, ids: Sequence[int]) -> None:
    """Note that these tokens were in use lately."""
    store.tokens.touch(tx, ids, unless_within=LAST_USED_RESOLUTION)
