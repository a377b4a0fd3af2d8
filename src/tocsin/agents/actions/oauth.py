"""Letting programs in by OAuth: they register, a person consents, and codes become tokens, which end all together."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.agents import store
from tocsin.agents.actions.tokens import issue_token
from tocsin.agents.model import Agent, AgentToken, TokenKind
from tocsin.agents.model.oauth import (
    ACCESS_TOKEN_LIFETIME,
    CODE_LIFETIME,
    REFRESH_TOKEN_LIFETIME,
    AuthMethod,
    Client,
    ClientKind,
    Issued,
    Problem,
    Wish,
)
from tocsin.agents.rules import scopes
from tocsin.agents.rules.authorizing import resource_problem
from tocsin.agents.rules.client_documents import MAX_NAME_CHARACTERS, Registration
from tocsin.agents.rules.proof_keys import proves
from tocsin.agents.store import oauth as shelf
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.storage import Tx

CODE_PREFIX, CLIENT_PREFIX, SECRET_PREFIX = "tocsin_code_", "tocsin-client-", "tocsin_secret_"
MAX_UNUSED_CLIENTS = 5_000
"""Registered and not let in by anybody: registering is open to strangers, and must not fill the disk."""
MAX_SERVICES_PER_AGENT = 10
UNUSED_CLIENTS_KEPT_FOR = timedelta(days=1)
CLIENTS_KEPT_FOR = timedelta(days=180)
"""Since a person last let it in, or it last came for a token."""
CODES_KEPT_FOR = timedelta(days=1)
"""After they expired, while nothing lives that came of them: who shows one again is found out."""


def find_client(tx: Tx, client_id: str) -> Client | None:
    """A client that has registered, was let in before, or was made for a service."""
    return shelf.client(tx, client_id)


def register(tx: Tx, registration: Registration) -> tuple[Client, str | None] | Problem:
    """Note what a client says of itself; with its secret, if it wants one, which can only be seen now."""
    if shelf.count_unused(tx) >= MAX_UNUSED_CLIENTS:
        return Problem(
            code="temporarily_unavailable", description="Too many clients have registered lately. Try again in an hour."
        )
    secret = None if registration.auth_method is AuthMethod.NONE else new_token(SECRET_PREFIX)
    client = Client(
        client_id=new_token(CLIENT_PREFIX, 24),
        kind=ClientKind.REGISTERED,
        name=registration.name,
        redirect_uris=registration.redirect_uris,
        auth_method=registration.auth_method,
        secret_fingerprint=None if secret is None else fingerprint(secret),
        created_at=tx.now,
    )
    shelf.insert_client(tx, client)
    return client, secret


def add_service(tx: Tx, agent: Agent, name: str) -> tuple[Client, str]:
    """A client with which an agent fetches tokens by itself, and its secret, which can only be seen now."""
    if len(shelf.services(tx, agent.id, MAX_SERVICES_PER_AGENT)) >= MAX_SERVICES_PER_AGENT:
        raise Invalid.fields(base=f"an agent has at most {MAX_SERVICES_PER_AGENT} OAuth clients: remove one first")
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise Invalid.fields(name=f"must have 1 to {MAX_NAME_CHARACTERS} printable characters")
    secret = new_token(SECRET_PREFIX)
    client = Client(
        client_id=new_token(CLIENT_PREFIX, 24),
        kind=ClientKind.SERVICE,
        name=name.strip(),
        auth_method=AuthMethod.BASIC,
        secret_fingerprint=fingerprint(secret),
        agent_id=agent.id,
        created_at=tx.now,
    )
    return msgspec.structs.replace(client, id=shelf.insert_client(tx, client)), secret


def services(tx: Tx, agent_id: int) -> list[Client]:
    """The clients with which an agent works by itself, oldest first."""
    return shelf.services(tx, agent_id, MAX_SERVICES_PER_AGENT)


def remove_service(tx: Tx, agent_id: int, id: int) -> None:
    """End a client of a service and every token that it has fetched. Raises NotFound."""
    client = shelf.service(tx, agent_id, id)
    if client is None:
        raise NotFound("agent_oauth_client", id)
    shelf.remove_client(tx, client.client_id)
    store.tokens.revoke_family(tx, _service_family(client))


def authenticated(tx: Tx, client_id: str, secret: str | None, method: AuthMethod) -> Client | Problem:
    """The client at the token endpoint, if it proves to be who it says (RFC 6749, 2.3)."""
    client = shelf.client(tx, client_id)
    if client is None:
        return Problem(code="invalid_client", description="This client is not known here.")
    if client.secret_fingerprint is None:
        if secret is None:
            return client
        return Problem(code="invalid_client", description="This client has no secret, and showed one.")
    # Either way of sending the secret will do: it is the secret that proves something.
    if method is AuthMethod.NONE or secret is None:
        return Problem(code="invalid_client", description="This client must show its secret.")
    if not hmac.compare_digest(client.secret_fingerprint, fingerprint(secret)):
        return Problem(code="invalid_client", description="The client's secret is wrong.")
    return client


def agent_for(tx: Tx, wish: Wish, user_id: int, team_id: int) -> int | None:
    """The agent as which this person has let this client into this team before, if it still is one."""
    return shelf.agent_of(tx, wish.client.client_id, user_id, team_id)


def let_in(tx: Tx, wish: Wish, user_id: int, agent: Agent, scope: str) -> str:
    """Note that a person has consented; returns the code, which the client exchanges for tokens within a minute."""
    client = wish.client
    if shelf.client(tx, client.client_id) is None:
        shelf.insert_client(tx, msgspec.structs.replace(client, last_used_at=tx.now))
    else:
        known = {"name": client.name, "redirect_uris": list(client.redirect_uris)}
        shelf.update_client(tx, client.client_id, last_used_at=tx.now, **known)
    code = new_token(CODE_PREFIX)
    shelf.insert_code(
        tx,
        fingerprint=fingerprint(code),
        client_id=client.client_id,
        agent_id=agent.id,
        user_id=user_id,
        redirect_uri=wish.redirect_uri if wish.redirect_uri_sent else None,
        challenge=wish.challenge,
        resource=wish.resource,
        scope=scope,
        family=new_token("", 24),
        expires_at=tx.now + CODE_LIFETIME,
    )
    return code


def exchange(
    tx: Tx, client: Client, *, code: str, redirect_uri: str | None, verifier: str | None, resources: Sequence[str]
) -> Issued | Problem:
    """Tokens for a code (RFC 6749, 4.1.3), once: a code that comes back ends all that it gave."""
    found = shelf.code(tx, fingerprint(code))
    if found is None or found.client_id != client.client_id:
        return _invalid_grant("This code is not known, or was given to another client.")
    if found.used_at is not None:
        return _reused(tx, found.family, found.agent_id, "This code was used before. All that it gave was ended.")
    if found.expires_at <= tx.now:
        return _invalid_grant("This code has expired.", found.agent_id)
    if redirect_uri != found.redirect_uri:
        return _invalid_grant("redirect_uri is not the one for which this code was given.", found.agent_id)
    if not proves(verifier, found.challenge):
        return _invalid_grant("code_verifier does not prove that this client asked for the code.", found.agent_id)
    wrong = resource_problem(resources, found.resource)
    if wrong is not None:
        return msgspec.structs.replace(wrong, agent_id=found.agent_id)
    agent = _standing(tx, found.agent_id)
    if isinstance(agent, Problem):
        return agent
    if not shelf.use_code(tx, found.id):
        return _reused(tx, found.family, found.agent_id, "This code was used before. All that it gave was ended.")
    return _pair(tx, client, agent, found.family, found.resource, found.scope)


def refresh(
    tx: Tx, client: Client, *, refresh_token: str, scope: str | None, resources: Sequence[str]
) -> Issued | Problem:
    """The next tokens for a refresh token, which is good once: one that comes back ends its whole family, for either
    the client or a thief has shown it, and nobody can tell which."""
    found = store.tokens.by_fingerprint(tx, fingerprint(refresh_token))
    if found is None or found.kind != TokenKind.REFRESH or found.client_id != client.client_id:
        return _invalid_grant("This refresh token is not known, or was given to another client.")
    family, resource = found.family or "", found.resource or ""
    if found.revoked_at is not None:
        return _reused(tx, family, found.agent_id, "This refresh token was used before, or was ended.")
    if found.expires_at is None or found.expires_at <= tx.now:
        return _invalid_grant("This refresh token has expired.", found.agent_id)
    wrong = resource_problem(resources, resource)
    if wrong is not None:
        return msgspec.structs.replace(wrong, agent_id=found.agent_id)
    consented = shelf.scope_of(tx, family) or ""
    if scope is not None and set(scope.split()) - set(consented.split()):
        return Problem(
            code="invalid_scope", description="More was asked for than was consented to.", agent_id=found.agent_id
        )
    agent = _standing(tx, found.agent_id)
    if isinstance(agent, Problem):
        return agent
    if not shelf.retire(tx, found.id):
        return _reused(tx, family, found.agent_id, "This refresh token was used before, or was ended.")
    shelf.update_client(tx, client.client_id, last_used_at=tx.now)
    return _pair(tx, client, agent, family, resource, consented)


def service_token(
    tx: Tx, client: Client, *, scope: str | None, resources: Sequence[str], ours: str
) -> Issued | Problem:
    """A token for a service, which fetches the next one when it has ended (RFC 6749, 4.4): it gets none to refresh."""
    if client.kind is not ClientKind.SERVICE or client.agent_id is None:
        return Problem(code="unauthorized_client", description="A person must make a client for an agent first.")
    wrong = resource_problem(resources, ours)
    if wrong is not None:
        return msgspec.structs.replace(wrong, agent_id=client.agent_id)
    asked = scopes.known(scope)
    if scope is not None and not asked:
        return Problem(code="invalid_scope", description="None of these scopes is known.", agent_id=client.agent_id)
    agent = _standing(tx, client.agent_id)
    if isinstance(agent, Problem):
        return agent
    shelf.update_client(tx, client.client_id, last_used_at=tx.now)
    access_token = _issue(tx, client, agent, TokenKind.ACCESS, _service_family(client), ours)
    return Issued(agent_id=agent.id, access_token=access_token, refresh_token=None, scope=" ".join(asked))


def revoke(tx: Tx, client: Client, token: str) -> AgentToken | Problem | None:
    """End a token (RFC 7009); one that refreshes ends its whole family. None = there was nothing to end."""
    found = store.tokens.by_fingerprint(tx, fingerprint(token))
    if found is None or found.kind not in (TokenKind.ACCESS, TokenKind.REFRESH):
        return None
    if found.client_id != client.client_id:
        return _invalid_grant("This token was given to another client.")
    if found.revoked_at is not None:
        return None
    if found.kind == TokenKind.REFRESH and found.family:
        store.tokens.revoke_family(tx, found.family)
    else:
        store.tokens.revoke(tx, found.id)
    return found


def prune(tx: Tx, at_most: int) -> int:
    """Delete a bounded number of clients and codes of which nothing lives any more; returns how many."""
    gone = shelf.prune_clients(tx, tx.now - UNUSED_CLIENTS_KEPT_FOR, tx.now - CLIENTS_KEPT_FOR, at_most)
    return gone + shelf.prune_codes(tx, tx.now - CODES_KEPT_FOR, at_most)


def _standing(tx: Tx, agent_id: int) -> Agent | Problem:
    """The agent, if it may still act: not removed, not suspended, and its owner still in the team."""
    agent = store.agents.agent(tx, agent_id)
    if agent is None:
        return _invalid_grant("The agent was removed.", agent_id)
    if agent.suspended_at is not None:
        return _invalid_grant("The agent is suspended.", agent_id)
    if not accounts.is_member(tx, agent.team_id, agent.owner_id):
        return _invalid_grant("The agent's owner is not in the team any more.", agent_id)
    return agent


def _pair(tx: Tx, client: Client, agent: Agent, family: str, resource: str, scope: str) -> Issued:
    return Issued(
        agent_id=agent.id,
        access_token=_issue(tx, client, agent, TokenKind.ACCESS, family, resource),
        refresh_token=_issue(tx, client, agent, TokenKind.REFRESH, family, resource),
        scope=scope,
    )


def _issue(tx: Tx, client: Client, agent: Agent, kind: TokenKind, family: str, resource: str) -> str:
    lifetime = ACCESS_TOKEN_LIFETIME if kind is TokenKind.ACCESS else REFRESH_TOKEN_LIFETIME
    _, secret = issue_token(
        tx,
        agent,
        name=client.name,
        kind=kind,
        expires_at=tx.now + lifetime,
        client_id=client.client_id,
        family=family,
        resource=resource,
    )
    return secret


def _service_family(client: Client) -> str:
    return f"service {client.client_id}"


def _reused(tx: Tx, family: str, agent_id: int, description: str) -> Problem:
    ended = store.tokens.revoke_family(tx, family)
    return Problem(code="invalid_grant", description=description, agent_id=agent_id, reused=ended > 0)


def _invalid_grant(description: str, agent_id: int | None = None) -> Problem:
    return Problem(code="invalid_grant", description=description, agent_id=agent_id)
